/*
 * text_words: the lists.  They only help: most quotes are found by their form (text_cut.c), so a
 * language that is missing here loses little.  Constant data; any thread.
 */
#include "mapping/text/text_words.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char *const wrote[] = {
    "wrote",
    "writes",
    "schrieb",
    "geschrieben",
    "a \xc3\xa9"
    "crit",
    "a ecrit",
    "escribi\xc3\xb3",
    "escribio",
    "ha scritto",
    "scrisse",
    "escreveu",
    "schreef",
    "geschreven",
    "skrev",
    "kirjoitti",
    "napisa\xc5\x82",
    "pisze",
    "napsal",
    "nap\xc3\xadsal",
    "nap\xc3\xadsala",
    "p\xc3\xad\xc5\xa1"
    "e",
    "\xc3\xadrta",
    "yazd\xc4\xb1",
    "\xc5\x9funu yazd\xc4\xb1",
    "a scris",
    "je napisao",
    "je napisala",
    "je napisal",
    "ra\xc5\xa1\xc4\x97",
    "rakst\xc4\xabja",
    "kirjutas",
    "menulis",
    "\xc4\x91\xc3\xa3 vi\xe1\xba\xbft",
    "va escriure",
    "idatzi du",
    "escribiu",
    "scr\xc3\xadobh",
    "shkroi",
    "\xd0\xbd\xd0\xb0\xd0\xbf\xd0\xb8\xd1\x81\xd0\xb0\xd0\xbb",     /* ru: napisal */
    "\xd0\xbf\xd0\xb8\xd1\x88\xd0\xb5\xd1\x82",                     /* ru: pishet */
    "\xd0\xbf\xd0\xb8\xd1\x81\xd0\xb0\xd0\xbb",                     /* ru: pisal */
    "\xd0\xbd\xd0\xb0\xd0\xbf\xd0\xb8\xd1\x81\xd0\xb0\xd0\xb2",     /* uk: napysav */
    "\xd0\xbf\xd0\xb8\xd1\x88\xd0\xb5",                             /* uk, bg: pyshe */
    "\xd0\xbd\xd0\xb0\xd0\xbf\xd0\xb8\xd1\x81\xd0\xb0",             /* bg, sr: napisa */
    "\xce\xad\xce\xb3\xcf\x81\xce\xb1\xcf\x88\xce\xb5",             /* el: egrapse */
    "\xd7\x9b\xd7\xaa\xd7\x91",                                     /* he: katav */
    "\xd9\x83\xd8\xaa\xd8\xa8",                                     /* ar: kataba */
    "\xd9\x86\xd9\x88\xd8\xb4\xd8\xaa",                             /* fa: nevesht */
    "\xe0\xa4\xb2\xe0\xa4\xbf\xe0\xa4\x96\xe0\xa4\xbe",             /* hi: likha */
    "\xe0\xb9\x80\xe0\xb8\x82\xe0\xb8\xb5\xe0\xb8\xa2\xe0\xb8\x99", /* th: khian */
    "\xe5\x86\x99\xe9\x81\x93",                                     /* zh-Hans: xie dao */
    "\xe5\xaf\xab\xe9\x81\x93",                                     /* zh-Hant: xie dao */
    "\xe6\x9b\xb8\xe3\x81\x8d\xe3\x81\xbe\xe3\x81\x97\xe3\x81\x9f", /* ja: kakimashita */
    "\xe3\x81\xae\xe3\x83\xa1\xe3\x83\x83\xe3\x82\xbb\xe3\x83\xbc\xe3\x82\xb8", /* ja: no messeji */
    "\xeb\x8b\x98\xec\x9d\xb4 \xec\x9e\x91\xec\x84\xb1", /* ko: nimi jakseong */
    "quoting",
    "تمت كتابة",
    "ezt írta",
    NULL,
};

static const char *const original[] = {
    "original message",
    "original-nachricht",
    "urspr\xc3\xbcngliche nachricht",
    "urspruengliche nachricht",
    "originalnachricht",
    "message d'origine",
    "message original",
    "mensaje original",
    "messaggio originale",
    "mensagem original",
    "oorspronkelijk bericht",
    "ursprungligt meddelande",
    "originalmeddelande",
    "oprindelig meddelelse",
    "opprinnelig melding",
    "alkuper\xc3\xa4inen viesti",
    "wiadomo\xc5\x9b\xc4\x87 oryginalna",
    "oryginalna wiadomo\xc5\x9b\xc4\x87",
    "p\xc5\xafvodn\xc3\xad zpr\xc3\xa1va",
    "eredeti \xc3\xbczenet",
    "orijinal ileti",
    "\xc3\xb6zg\xc3\xbcn ileti",
    "mesajul ini\xc8\x9bial",
    "missatge original",
    "original appointment",
    "\xd0\x98\xd1\x81\xd1\x85\xd0\xbe\xd0\xb4\xd0\xbd\xd0\xbe\xd0\xb5 "
    "\xd1\x81\xd0\xbe\xd0\xbe\xd0\xb1\xd1\x89\xd0\xb5\xd0\xbd\xd0\xb8\xd0\xb5",
    "\xd0\x98\xd1\x81\xd1\x85\xd0\xbe\xd0\xb4\xd0\xbd\xd0\xbe\xd0\xb5 "
    "\xd0\xbf\xd0\xb8\xd1\x81\xd1\x8c\xd0\xbc\xd0\xbe",
    "\xce\x91\xcf\x81\xcf\x87\xce\xb9\xce\xba\xcf\x8c "
    "\xce\xbc\xce\xae\xce\xbd\xcf\x85\xce\xbc\xce\xb1",
    "\xe5\x8e\x9f\xe5\xa7\x8b\xe9\x82\xae\xe4\xbb\xb6",
    "\xe5\x8e\x9f\xe5\xa7\x8b\xe9\x83\xb5\xe4\xbb\xb6",
    "\xe5\x85\x83\xe3\x81\xae\xe3\x83\xa1\xe3\x83\x83\xe3\x82\xbb\xe3\x83\xbc\xe3\x82\xb8",
    "\xec\x9b\x90\xeb\xb3\xb8 \xeb\xa9\x94\xec\x8b\x9c\xec\xa7\x80",
    NULL,
};

static const char *const forwarded[] = {
    "forwarded message",
    "begin forwarded",
    "forwarded by",
    "weitergeleitete nachricht",
    "anfang der weitergeleiteten",
    "message transf\xc3\xa9r\xc3\xa9",
    "d\xc3\xa9"
    "but du message",
    "mensaje reenviado",
    "inicio del mensaje",
    "messaggio inoltrato",
    "inizio messaggio",
    "mensagem encaminhada",
    "mensagem reencaminhada",
    "doorgestuurd bericht",
    "vidarebefordrat",
    "videresendt",
    "v\xc3\xa4litetty viesti",
    "przekazana wiadomo\xc5\x9b\xc4\x87",
    "p\xc5\x99"
    "eposlan\xc3\xa1 zpr\xc3\xa1va",
    "tov\xc3\xa1"
    "bb\xc3\xadtott \xc3\xbczenet",
    "iletilmi\xc5\x9f ileti",
    "y\xc3\xb6nlendirilmi\xc5\x9f",
    "mesaj redirec\xc8\x9bionat",
    "\xd0\x9f\xd0\xb5\xd1\x80\xd0\xb5\xd1\x81\xd1\x8b\xd0\xbb\xd0\xb0\xd0\xb5\xd0\xbc\xd0\xbe\xd0"
    "\xb5",
    "\xd0\x9f\xd0\xb5\xd1\x80\xd0\xb5\xd1\x81\xd0\xbb\xd0\xb0\xd0\xbd\xd0\xbd\xd0\xbe\xd0\xb5",
    "\xd0\x9f\xd0\xb5\xd1\x80\xd0\xb5\xd0\xbd\xd0\xb0\xd0\xbf\xd1\x80\xd0\xb0\xd0\xb2\xd0\xbb\xd0"
    "\xb5\xd0\xbd",
    "\xe8\xbd\xac\xe5\x8f\x91",
    "\xe8\xbd\x89\xe5\xaf\x84",
    "\xe8\xbb\xa2\xe9\x80\x81",
    "\xec\xa0\x84\xeb\x8b\xac",
    NULL,
};

static const char *const from[] = {
    "from",
    "von",
    "de",
    "da",
    "van",
    "fr\xc3\xa5n",
    "fra",
    "od",
    "l\xc3\xa4hett\xc3\xa4j\xc3\xa4",
    "kimden",
    "felad\xc3\xb3",
    "exp\xc3\xa9"
    "diteur",
    "remitente",
    "mittente",
    "remetente",
    "nadawca",
    "gesendet von",
    "absender",
    "\xd0\x9e\xd1\x82",
    "\xd0\x9e\xd1\x82 \xd0\xba\xd0\xbe\xd0\xb3\xd0\xbe",
    "\xd0\x92\xd1\x96\xd0\xb4",
    "\xce\x91\xcf\x80\xcf\x8c",
    "\xd7\x9e\xd7\x90\xd7\xaa",
    "\xd9\x85\xd9\x86",
    "\xe5\x8f\x91\xe4\xbb\xb6\xe4\xba\xba",
    "\xe5\xaf\x84\xe4\xbb\xb6\xe8\x80\x85",
    "\xe5\xb7\xae\xe5\x87\xba\xe4\xba\xba",
    "\xe9\x80\x81\xe4\xbf\xa1\xe8\x80\x85",
    "\xe5\x8f\x91\xe4\xbb\xb6",
    "\xeb\xb3\xb4\xeb\x82\xb8 \xec\x82\xac\xeb\x9e\x8c",
    "\xeb\xb0\x9c\xec\x8b\xa0",
    "t\xe1\xbb\xab",
    "de la",
    "Від",
    "Изпратено от",
    NULL,
};

static const char *const labels[] = {
    "to",
    "cc",
    "sent",
    "date",
    "subject",
    "reply-to",
    "sent on",
    "importance",
    "an",
    "gesendet",
    "datum",
    "betreff",
    "kopie",
    "antwort an",
    "\xc3\xa0",
    "envoy\xc3\xa9",
    "envoy\xc3\xa9 le",
    "objet",
    "para",
    "enviado",
    "enviado el",
    "fecha",
    "asunto",
    "data",
    "assunto",
    "a",
    "inviato",
    "oggetto",
    "aan",
    "verzonden",
    "onderwerp",
    "till",
    "skickat",
    "\xc3\xa4mne",
    "til",
    "sendt",
    "dato",
    "emne",
    "do",
    "wys\xc5\x82"
    "ano",
    "temat",
    "komu",
    "odesl\xc3\xa1no",
    "p\xc5\x99"
    "edm\xc4\x9bt",
    "c\xc3\xadmzett",
    "t\xc3\xa1rgy",
    "elk\xc3\xbcldve",
    "kime",
    "konu",
    "g\xc3\xb6nderme tarihi",
    "tarih",
    "vastaanottaja",
    "l\xc3\xa4hetetty",
    "aihe",
    "\xd0\x9a\xd0\xbe\xd0\xbc\xd1\x83",
    "\xd0\x9e\xd1\x82\xd0\xbf\xd1\x80\xd0\xb0\xd0\xb2\xd0\xbb\xd0\xb5\xd0\xbd\xd0\xbe",
    "\xd0\x94\xd0\xb0\xd1\x82\xd0\xb0",
    "\xd0\xa2\xd0\xb5\xd0\xbc\xd0\xb0",
    "\xd0\x9a\xd0\xbe\xd0\xbf\xd0\xb8\xd1\x8f",
    "\xe6\x94\xb6\xe4\xbb\xb6\xe4\xba\xba",
    "\xe6\x94\xb6\xe4\xbb\xb6\xe8\x80\x85",
    "\xe4\xb8\xbb\xe9\xa2\x98",
    "\xe4\xb8\xbb\xe6\x97\xa8",
    "\xe5\x8f\x91\xe9\x80\x81\xe6\x97\xb6\xe9\x97\xb4",
    "\xe6\x97\xa5\xe6\x9c\x9f",
    "\xe5\xae\x9b\xe5\x85\x88",
    "\xe4\xbb\xb6\xe5\x90\x8d",
    "\xe9\x80\x81\xe4\xbf\xa1\xe6\x97\xa5\xe6\x99\x82",
    "\xeb\xb0\x9b\xeb\x8a\x94 \xec\x82\xac\xeb\x9e\x8c",
    "\xec\xa0\x9c\xeb\xaa\xa9",
    "enviada em",
    "gönderildi",
    "gönderilen",
    "trimis",
    "către",
    "subiect",
    "Надіслано",
    "Στάλθηκε",
    "Προς",
    "Θέμα",
    "寄件日期",
    "收件者",
    "送信日時",
    "送信日",
    "보낸 날짜",
    "날짜",
    "נשלח",
    "אל",
    "נושא",
    "تم الإرسال",
    "إلى",
    "الموضوع",
    "À",
    "Ämne",
    "Envoyé",
    "Předmět",
    "Tárgy",
    "抄送",
    "副本",
    "参照",
    "发送日期",
    "日付",
    "时间",
    "date d'envoi",
    NULL,
};

static const char *const mobile[] = {
    "sent from my ",
    "sent from mail for",
    "sent from outlook for",
    "sent from yahoo mail",
    "get outlook for",
    "sent via ",
    "sent with ",
    "sent using ",
    "sent by my ",
    "gesendet von ",
    "gesendet mit ",
    "envoy\xc3\xa9 de mon",
    "envoy\xc3\xa9 depuis",
    "enviado desde mi",
    "enviado desde ",
    "enviado do meu",
    "enviado de meu",
    "inviato da ",
    "verstuurd vanaf",
    "verzonden vanaf",
    "skickat fr\xc3\xa5n min",
    "sendt fra min",
    "l\xc3\xa4hetetty ",
    "wys\xc5\x82"
    "ane z ",
    "wys\xc5\x82"
    "ano z ",
    "odesl\xc3\xa1no z ",
    "iphone'umdan",
    "\xd0\x9e\xd1\x82\xd0\xbf\xd1\x80\xd0\xb0\xd0\xb2\xd0\xbb\xd0\xb5\xd0\xbd\xd0\xbe \xd1\x81 ",
    "\xd0\x9e\xd1\x82\xd0\xbf\xd1\x80\xd0\xb0\xd0\xb2\xd0\xbb\xd0\xb5\xd0\xbd\xd0\xbe "
    "\xd0\xb8\xd0\xb7 ",
    "\xe5\x8f\x91\xe8\x87\xaa\xe6\x88\x91\xe7\x9a\x84",
    "\xe4\xbb\x8e\xe6\x88\x91\xe7\x9a\x84",
    "\xe5\xbe\x9e\xe6\x88\x91\xe7\x9a\x84",
    "trimis de pe ",
    "Надіслано з ",
    "Στάλθηκε από ",
    "נשלח מ",
    "發自我的",
    "sent from ",
    "来自我的",
    "來自我的",
    NULL,
};
static const char *const mobile_ends[] = {
    " gesendet",
    "\xe3\x81\x8b\xe3\x82\x89\xe9\x80\x81\xe4\xbf\xa1",
    "\xe5\x8f\x91\xe9\x80\x81",
    "\xe5\x82\xb3\xe9\x80\x81",
    "\xec\x97\x90\xec\x84\x9c \xeb\xb3\xb4\xeb\x83\x84",
    NULL,
};

/* A line is only taken for a program's signature when it names a device or a program. */
static const char *const devices[] = {
    "iphon",      "ipad",        "ipod",     "android",    "samsung",        "galaxy", "mobil",
    "phone",      "blackberry",  "huawei",   "xiaomi",     "nokia",          "pixel",  "windows",
    "outlook",    "mail",        "handy",    "tablet",     "http",           "proton", " app",
    "téléphone",  "телефон",     "手机",     "手機",       "スマートフォン", "携帯",   "from spark",
    "from front", "from nine",   "from aol", "superhuman", "from hey",       "canary", "fastmail",
    "k-9",        "thunderbird", NULL,
};

/* "Get Outlook for iOS": what the program asks its reader to do, in its languages. */
static const char *const invites[] = {
    "get ",       "aka.ms/",  "obten",  "obtén",    "obtê",    "obter",        "descargar",
    "télécharge", "beziehen", "holen",  "ottieni",  "scarica", "baixar",       "baixe",
    "download",   "hämta",    "hent ",  "skaff",    "lataa",   "hanki",        "pobierz",
    "získat",     "stáh",     "letölt", "beszerz",  "indir",   "edin",         "obține",
    "descărca",   "олучит",   "качать", "завантаж", "отрима",  "λήψη",         "获取",
    "获得",       "下载",     "取得",   "下載",     "入手",    "ダウンロード", "다운로드",
    "받기",       "dapatkan", "tải ",   NULL,
};

/* A blank of needle is any run of blanks and line ends, since text is wrapped. */
static bool is_at(const char *s, const char *end, const char *needle)
{
    for (; *needle; needle++) {
        if (s == end)
            return false;
        if (*needle == ' ' && isspace((unsigned char)*s)) {
            while (s < end && isspace((unsigned char)*s))
                s++;
        } else if (tolower((unsigned char)*s++) != tolower((unsigned char)*needle)) {
            return false;
        }
    }
    return true;
}

/* The next place with this letter, large or small.  Each line of a mail is asked for dozens of
 * words, and most do not even have the letter. */
static const char *next_letter(const char *p, const char *end, unsigned char c)
{
    const char *small = memchr(p, tolower(c), (size_t)(end - p));
    const char *large = memchr(p, toupper(c), (size_t)((small ? small : end) - p));

    return large ? large : small;
}

bool text_has(const char *s, size_t n, const char *needle)
{
    const char *end = s + n, *p = n > 0 ? s : NULL;

    for (; p && (p = next_letter(p, end, (unsigned char)needle[0])); p++)
        if (is_at(p, end, needle))
            return true;
    return false;
}

static bool any(const char *const *list, const char *s, size_t n)
{
    for (; *list; list++)
        if (text_has(s, n, *list))
            return true;
    return false;
}

static bool is_one(const char *const *list, const char *s, size_t n)
{
    for (; *list; list++)
        if (strlen(*list) == n && strncasecmp(s, *list, n) == 0)
            return true;
    return false;
}

bool words_wrote(const char *s, size_t n)
{
    return any(wrote, s, n);
}

bool words_original(const char *s, size_t n)
{
    return any(original, s, n);
}

bool words_forwarded(const char *s, size_t n)
{
    return any(forwarded, s, n);
}

bool words_from(const char *s, size_t n)
{
    return is_one(from, s, n);
}

bool words_label(const char *s, size_t n)
{
    return is_one(labels, s, n) || is_one(from, s, n);
}

/* A line of a few words that ends in the name of a system: "TypeApp for Android". */
static bool is_program(const char *s, size_t n)
{
    static const char *const systems[] = {" for android", " for ios", " for iphone", NULL};
    size_t i, words = 1, m;

    for (i = 0; i < n; i++)
        words += s[i] == ' ';
    for (i = 0; systems[i]; i++) {
        m = strlen(systems[i]);
        if (n > m && strncasecmp(s + n - m, systems[i], m) == 0)
            return words <= 3 && isupper((unsigned char)*s);
    }
    return false;
}

static bool is_invitation(const char *s, size_t n)
{
    return text_has(s, n, "outlook") && (text_has(s, n, "ios") || text_has(s, n, "android")) &&
           s[n - 1] != '?' && any(invites, s, n);
}

/* "sent from" may begin a sentence: of a program it is a few words, one of which names it. */
static bool is_long_sentence(const char *s, size_t n)
{
    size_t i, words = 1;

    for (i = 0; i < n; i++)
        words += s[i] == ' ' || s[i] == ',';
    return words > 7;
}

bool words_mobile(const char *s, size_t n)
{
    size_t i, m;

    if (n > 0 && (is_program(s, n) || is_invitation(s, n)))
        return true;
    if (n > 10 && strncasecmp(s, "sent from ", 10) == 0 && strncasecmp(s + 10, "my ", 3) != 0 &&
        is_long_sentence(s, n))
        return false;
    for (i = 0; mobile[i]; i++)
        if (n >= strlen(mobile[i]) && strncasecmp(s, mobile[i], strlen(mobile[i])) == 0)
            return any(devices, s, n);
    n -= n > 0 && s[n - 1] == '.';
    for (i = 0; mobile_ends[i]; i++) {
        m = strlen(mobile_ends[i]);
        if (n > m && memcmp(s + n - m, mobile_ends[i], m) == 0 && any(devices, s, n))
            return true;
    }
    return false;
}

bool words_list(const char *s, size_t n)
{
    return text_has(s, n, "mailing list") || text_has(s, n, "listinfo/") ||
           text_has(s, n, "unsubscribe") || text_has(s, n, "you are subscribed") ||
           text_has(s, n, "google groups") || text_has(s, n, "abbestellen") ||
           text_has(s, n, "mailingliste") || text_has(s, n, "liste de diffusion");
}

bool words_above(const char *s, size_t n)
{
    if (text_has(s, n, "antworten sie oberhalb dieser"))
        return true;
    return text_has(s, n, "above") &&
           (text_has(s, n, "reply above this line") || text_has(s, n, "reply above the line") ||
            text_has(s, n, "type your reply above") || text_has(s, n, "write above this line"));
}

/* One of list (with its colon, plain or full-width) at the start of a subject? */
static bool starts(const char *subject, const char *const *list)
{
    subject += strspn(subject, " ");
    for (; *list; list++) {
        size_t n = strlen(*list);
        const char *p = subject + n;

        if (strncasecmp(subject, *list, n) != 0)
            continue;
        if (*p == '[' || *p == '(') /* Re[2]: */
            p += strcspn(p, ")]") + 1;
        else if (*p == ' ') /* French */
            p++;
        if (*p == ':' || strncmp(p, "\xef\xbc\x9a", 3) == 0)
            return true;
    }
    return false;
}

bool words_is_reply(const char *subject)
{
    static const char *const list[] = {"re",
                                       "aw",
                                       "antw",
                                       "antwort",
                                       "sv",
                                       "rv",
                                       "rif",
                                       "r\xc3\xa9",
                                       "odp",
                                       "ynt",
                                       "vs",
                                       "res",
                                       "ref",
                                       "atb",
                                       "\xd0\x9d\xd0\xb0",
                                       "\xd0\x9e\xd1\x82\xd0\xb2",
                                       "\xce\x91\xcf\x80",
                                       "\xce\xa3\xcf\x87\xce\xb5\xcf\x84",
                                       "\xe5\x9b\x9e\xe5\xa4\x8d",
                                       "\xe7\xad\x94\xe5\xa4\x8d",
                                       "\xe5\x9b\x9e\xe8\xa6\x86",
                                       "\xeb\x8b\xb5\xec\x9e\xa5",
                                       NULL};

    return subject && starts(subject, list);
}

bool words_is_forward(const char *subject)
{
    static const char *const list[] = {"fwd",
                                       "fw",
                                       "wg",
                                       "tr",
                                       "rv",
                                       "enc",
                                       "vb",
                                       "vl",
                                       "vs",
                                       "doorst",
                                       "i",
                                       "pd",
                                       "fs",
                                       "trs",
                                       "\xc4\xb0lt",
                                       "ilt",
                                       "fyi",
                                       "\xd0\x9f\xd0\xb5\xd1\x80\xd0\xb5\xd1\x81\xd0\xbb",
                                       "\xe8\xbd\xac\xe5\x8f\x91",
                                       "\xe8\xbd\x89\xe5\xaf\x84",
                                       "\xe8\xbb\xa2\xe9\x80\x81",
                                       "\xec\xa0\x84\xeb\x8b\xac",
                                       NULL};

    return subject && starts(subject, list);
}
