/* text_cut in the languages of the world, and texts that only look like quotes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "mapping/text/text_cut.h"

static int bad;

/* want NULL: the text stays as it is. */
static void check(struct arena *a, const char *text, const char *want, struct text_hints hints)
{
    bool cut = false;
    const char *got = text_cut(a, text, &hints, &cut);

    assert_non_null(got);
    if (strcmp(got, want ? want : text) == 0 && cut == (want != NULL))
        return;
    bad++;
    fprintf(stderr, "---- of\n%s\n---- came\n%s\n", text, got);
}

/* What stands above an answered text; the answer is always "Yes." */
static const char *const introductions[] = {
    "On Mon, Apr 2, 2012 at 6:26 PM Juliet <j@example.org> wrote:",
    "On Mon, Apr 2, 2012 at 6:26 PM Juliet Capulet of the House of Capulet\n<j@example.org> wrote:",
    "On 2 Apr 2012, at 18:26, Juliet Capulet of Verona <juliet@example.org>\nwrote:",
    "Am Mo., 2. Apr. 2012 um 18:26 Uhr schrieb Julia <\nj@example.org>:",
    "Am Montag, 2. April 2012, 18:26:05 CEST schrieb Julia:",
    "Le lun. 2 avr. 2012 à 18:26, Juliette <j@example.org> a\nécrit :",
    "El lun, 2 abr 2012 a las 18:26, Julieta (<j@example.org>) escribió:",
    "Il giorno lun 2 apr 2012 alle ore 18:26 Giulietta <j@example.org> ha\nscritto:",
    "Em seg., 2 de abr. de 2012 às 18:26, Julieta <j@example.org>\nescreveu:",
    "Op ma 2 apr. 2012 om 18:26 schreef Julia <j@example.org>:",
    "Den mån 2 apr. 2012 kl 18:26 skrev Julia <j@example.org>:",
    "man. 2. apr. 2012 kl. 18:26 skrev Julie <j@example.org>:",
    "ma 2. huhtik. 2012 klo 18.26 Julia (j@example.org) kirjoitti:",
    "pon., 2 kwi 2012 o 18:26 Julia <j@example.org> napisał(a):",
    "po 2. 4. 2012 v 18:26 odesílatel Julie <j@example.org> napsal:",
    "Julia <j@example.org> ezt írta (időpont: 2012. ápr. 2., H, 18:26):",
    "Juliet <j@example.org>, 2 Nis 2012 Pzt, 18:26 tarihinde şunu yazdı:",
    "În lun., 2 apr. 2012 la 18:26, Julieta <j@example.org> a scris:",
    "пн, 2 апр. 2012 г. в 18:26, Джульетта <j@example.org>:",
    "2 апреля 2012 г., 18:26 пользователь Джульетта <j@example.org> написал:",
    "пн, 2 квіт. 2012 р. о 18:26 Джульєтта <j@example.org> пише:",
    "На пн, 2.04.2012 г. в 18:26 ч. Жулиета <j@example.org> написа:",
    "Στις Δευ 2 Απρ 2012 στις 18:26, ο χρήστης Ιουλιέτα <j@example.org>\nέγραψε:",
    "בתאריך 2 באפר׳ 2012 ב-18:26 מאת יוליה <j@example.org>:",
    "في الاثنين، 2 أبريل 2012 في 18:26 تمت كتابة ما يلي بواسطة جولييت <j@example.org>:",
    "Juliet <j@example.org> 于2012年4月2日周一 18:26写道：",
    "Juliet <j@example.org> 於 2012年4月2日 週一 下午6:26寫道：",
    "2012年4月2日(月) 18:26 Juliet <j@example.org>:",
    "2012/04/02 18:26、Juliet <j@example.org>のメール:",
    "2012년 4월 2일 (월) 오후 6:26, Juliet <j@example.org>님이 작성:",
    "Vào Th 2, 2 thg 4, 2012 vào lúc 18:26 Juliet <j@example.org> đã viết:",
    "Pada tanggal Sen, 2 Apr 2012 pukul 18.26 Juliet <j@example.org> menulis:",
    "ในวันที่ จ. 2 เม.ย. 2012 เวลา 18:26 Juliet <j@example.org> เขียนว่า:",
    "On 02/04/2012 18:26, Juliet wrote:",
    "Juliet Capulet <j@example.org> writes:",
    "* Juliet (j@example.org) [120402 18:26]:",
    "Quoting Juliet <j@example.org>:",
};

static const char *const headings[] = {
    "-----Original Message-----\nFrom: Juliet\nSent: Monday",
    "-----Ursprüngliche Nachricht-----\nVon: Julia\nGesendet: Montag",
    "-----Message d'origine-----\nDe : Juliette\nEnvoyé : lundi",
    "-----Mensaje original-----\nDe: Julieta\nEnviado el: lunes",
    "-----Messaggio originale-----\nDa: Giulietta",
    "-----Mensagem original-----\nDe: Julieta",
    "-----Oorspronkelijk bericht-----\nVan: Julia",
    "-----Ursprungligt meddelande-----\nFrån: Julia",
    "-----Oprindelig meddelelse-----\nFra: Julie",
    "-----Opprinnelig melding-----\nFra: Julie",
    "-----Alkuperäinen viesti-----\nLähettäjä: Julia",
    "-----Original Message-----\nOd: Julia",
    "-----Wiadomość oryginalna-----\nOd: Julia",
    "-----Původní zpráva-----\nOd: Julie",
    "-----Eredeti üzenet-----\nFeladó: Julia",
    "-----Исходное сообщение-----\nОт: Джульетта",
    "-----原始邮件-----\n发件人: Juliet",
    "------------------ 原始邮件 ------------------\n发件人: \"Juliet\"",
    "-----原始郵件-----\n寄件者: Juliet",
    "-----元のメッセージ-----\n差出人: Juliet",
    "-----원본 메시지-----\n보낸 사람: Juliet",
    "From: Juliet <j@example.org>\nSent: Monday, April 2, 2012 6:26 PM\nTo: Romeo\nSubject: S",
    "Von: Julia <j@example.org>\nGesendet: Montag, 2. April 2012 18:26\nAn: Romeo\nBetreff: S",
    "De : Juliette <j@example.org>\nEnvoyé : lundi 2 avril 2012 18:26\nÀ : Romeo\nObjet : S",
    "De: Julieta <j@example.org>\nEnviado: lunes, 2 de abril de 2012 18:26\nPara: R\nAsunto: S",
    "De: Julieta <j@example.org>\nEnviada em: segunda-feira, 2 de abril de 2012 18:26\nPara: R\n"
    "Assunto: S",
    "Da: Giulietta <j@example.org>\nInviato: lunedì 2 aprile 2012 18:26\nA: R\nOggetto: S",
    "Van: Julia <j@example.org>\nVerzonden: maandag 2 april 2012 18:26\nAan: R\nOnderwerp: S",
    "Från: Julia <j@example.org>\nSkickat: den 2 april 2012 18:26\nTill: R\nÄmne: S",
    "Fra: Julie <j@example.org>\nSendt: 2. april 2012 18:26\nTil: R\nEmne: S",
    "Lähettäjä: Julia <j@example.org>\nLähetetty: 2. huhtikuuta 2012 18:26\nVastaanottaja: R\n"
    "Aihe: S",
    "Od: Julia <j@example.org>\nWysłano: poniedziałek, 2 kwietnia 2012 18:26\nDo: R\nTemat: S",
    "Od: Julie <j@example.org>\nOdesláno: pondělí 2. dubna 2012 18:26\nKomu: R\nPředmět: S",
    "Feladó: Julia <j@example.org>\nElküldve: 2012. április 2. 18:26\nCímzett: R\nTárgy: S",
    "Kimden: Juliet <j@example.org>\nGönderildi: 2 Nisan 2012 Pazartesi 18:26\nKime: R\nKonu: S",
    "De la: Julieta <j@example.org>\nTrimis: luni, 2 aprilie 2012 18:26\nCătre: R\nSubiect: S",
    "От: Джульетта <j@example.org>\nОтправлено: 2 апреля 2012 г. 18:26\nКому: R\nТема: S",
    "Від: Джульєтта <j@example.org>\nНадіслано: 2 квітня 2012 р. 18:26\nКому: R\nТема: S",
    "Από: Ιουλιέτα <j@example.org>\nΣτάλθηκε: 2 Απριλίου 2012 18:26\nΠρος: R\nΘέμα: S",
    "发件人: Juliet <j@example.org>\n发送时间: 2012年4月2日 18:26\n收件人: R\n主题: S",
    "寄件者: Juliet <j@example.org>\n寄件日期: 2012年4月2日 18:26\n收件者: R\n主旨: S",
    "差出人: Juliet <j@example.org>\n送信日時: 2012年4月2日 18:26\n宛先: R\n件名: S",
    "보낸 사람: Juliet <j@example.org>\n보낸 날짜: 2012년 4월 2일 18:26\n받는 사람: R\n제목: S",
    "מאת: Juliet <j@example.org>\nנשלח: 2 אפריל 2012 18:26\nאל: R\nנושא: S",
    "من: Juliet <j@example.org>\nتم الإرسال: 2 أبريل 2012 18:26\nإلى: R\nالموضوع: S",
};

static const char *const mobiles[] = {
    "Sent from my iPhone",
    "Sent from my Samsung Galaxy smartphone.",
    "Get Outlook for Android",
    "Von meinem iPhone gesendet",
    "Von meinem Samsung Galaxy Smartphone gesendet.",
    "Gesendet mit der mobilen Mail App",
    "Envoyé de mon iPhone",
    "Enviado desde mi iPhone",
    "Enviado do meu iPhone",
    "Inviato da iPhone",
    "Verstuurd vanaf mijn iPhone",
    "Skickat från min iPhone",
    "Sendt fra min iPhone",
    "Lähetetty iPhonesta",
    "Wysłane z iPhone'a",
    "Odesláno z iPhonu",
    "iPhone'umdan gönderildi",
    "Trimis de pe iPhone-ul meu",
    "Отправлено с iPhone",
    "Отправлено из мобильной Почты Mail",
    "Надіслано з iPhone",
    "Στάλθηκε από το iPhone μου",
    "נשלח מה-iPhone שלי",
    "发自我的iPhone",
    "从我的 iPhone 发送",
    "發自我的 iPhone",
    "從我的iPhone傳送",
    "iPhoneから送信",
    "나의 iPhone에서 보냄",
    "Ottieni Outlook per Android",
    "Download Outlook voor iOS",
    "Hämta Outlook för iOS",
    "Obter o Outlook para iOS",
    "获取 Outlook for Android",
    "スマートフォンから送信",
    "Sent via BlackBerry by AT&T",
    "Sent from my BlackBerry 10 smartphone.",
    "Sent from my Huawei phone",
    "Sent from my mobile device",
    "Sent from my Verizon, Samsung Galaxy smartphone",
    "Sent from Gmail Mobile",
    "Sent from Samsung tablet",
    "Envoyé depuis mon appareil mobile Samsung.",
    "Enviado desde mi dispositivo Samsung",
    "Sent from AOL on Android",
    "Envoyé de mon mobile Orange",
    "Von meinem Huawei-Mobiltelefon gesendet",
    "Wysłano z telefonu Samsung Galaxy",
    "Отправлено с моего телефона Xiaomi",
    "Получить Outlook для Android",
    "Odesláno z Galaxy zařízení",
    "Skickat från min Samsung Galaxy-smartphone.",
    "Galaxy에서 보냄",
    "Sent from Spark",
    "Sent from Front",
    "来自我的华为手机",
    "Outlook for iOS を入手",
    "Sent from Nine",
};

/* Whole answers, as programs for phones and the web write them: "Yes." is all that is new. */
static const char *const answers[] = {
    "Yes.\n\n________________________________\nFrom: Juliet <j@example.org>\nSent: Monday, April "
    "2, 2012 6:26 PM\nTo: Romeo <r@example.org>\nSubject: S\n\nCome?\nSoon?\n",
    "Yes.\n\nGet Outlook for iOS<https://aka.ms/o0ukef>\n________________________________\nFrom: "
    "Juliet <j@example.org>\nSent: Monday, April 2, 2012 6:26:03 PM\nTo: Romeo "
    "<r@example.org>\nSubject: S\n\nCome?\nSoon?\n",
    "Yes.\n\n*From:* Juliet <j@example.org>\n*Sent:* Monday, April 2, 2012 6:26 PM\n*To:* "
    "Romeo\n*Subject:* S\n\nCome?\nSoon?\n",
    "Yes.\n\n*Von:* Julia <j@example.org>\n*Gesendet:* Montag, 2. April 2012 18:26\n*An:* "
    "Romeo\n*Betreff:* S\n\nCome?\nSoon?\n",
    "Yes.\n\n-------- Original Message --------\nSubject: S\nFrom: Juliet\nTo: Romeo\nDate: "
    "x\n\nCome?\nSoon?\n",
    "Yes.\n\n-------- Original message --------\nFrom: Juliet <j@example.org>\nDate: 02/04/2012 "
    "18:26 (GMT+01:00)\nTo: Romeo\nSubject: S\n\nCome?\nSoon?\n",
    "Yes.\n\n-------- Ursprüngliche Nachricht --------\nVon: Julia <j@example.org>\nDatum: "
    "02.04.12 18:26 (GMT+01:00)\nAn: Romeo\nBetreff: S\n\nCome?\nSoon?\n",
    "Yes.\n\n-------- Message d'origine --------\nDe : Juliette <j@example.org>\nDate : 02/04/2012 "
    "18:26 (GMT+01:00)\nÀ : Romeo\nObjet : S\n\nCome?\nSoon?\n",
    "Yes.\n\nSent from Yahoo Mail on Android\n\n  On Mon, 2 Apr 2012 at 18:26, "
    "Juliet<j@example.org> wrote:   Come?\nSoon?",
    "Yes.\n\nSent from Yahoo Mail for iPhone\n\n\nOn Monday, April 2, 2012, 6:26 PM, Juliet "
    "<j@example.org> wrote:\n\nCome?\nSoon?",
    "Yes.\n    On Monday, April 2, 2012, 06:26:05 PM GMT+2, Juliet <j@example.org> wrote:  \n \n "
    "Come?\nSoon?",
    "Yes.\n\nSent from Mail for Windows\n\nFrom: Juliet\nSent: Monday, April 2, 2012 6:26 PM\nTo: "
    "Romeo\nSubject: S\n\nCome?\nSoon?\n",
    "Yes.\n\nGesendet von Mail für Windows\n\nVon: Julia\nGesendet: Montag, 2. April 2012 "
    "18:26\nAn: Romeo\nBetreff: S\n\nCome?\nSoon?\n",
    "Yes.\n\nSent from Proton Mail Android\n\n\n-------- Original Message --------\nOn 02/04/2012 "
    "18:26, Juliet wrote:\n\n> Come?\n> Soon?",
    "Yes.\n\nSent with Proton Mail secure email.\n\nOn Monday, April 2nd, 2012 at 6:26 PM, Juliet "
    "<j@example.org> wrote:\n\n> Come?\n> Soon?",
    "Yes.\n\nSent from my Galaxy\n\n\n-------- Original message --------\nFrom: Juliet "
    "<j@example.org>\nDate: 4/2/12 6:26 PM (GMT-05:00)\nTo: Romeo\nSubject: S\n\nCome?\nSoon?\n",
    "Yes.\n\nSent from BlueMail\n\nOn 2 Apr 2012, 18:26, at 18:26, Juliet <j@example.org> "
    "wrote:\n>Come?\n>Soon?",
    "Yes.\n-- \nSent from my Android device with K-9 Mail. Please excuse my brevity.",
    "Yes.\n-- \nDiese Nachricht wurde von meinem Android-Gerät mit K-9 Mail gesendet.",
    "Yes.\n\nSent from my iPad\n\n> On 2 Apr 2012, at 18:26, Juliet <j@example.org> wrote:\n> \n> "
    "Come?\n",
    "Yes.\n\nVon meinem iPad gesendet\n\n> Am 02.04.2012 um 18:26 schrieb Julia "
    "<j@example.org>:\n> \n> Come?\n",
    "Yes.\n\nEnvoyé de mon iPad\n\n> Le 2 avr. 2012 à 18:26, Juliette <j@example.org> a écrit :\n> "
    "\n> Come?\n",
    "Yes.\n\nEnviado desde mi iPad\n\n> El 2 abr 2012, a las 18:26, Julieta <j@example.org> "
    "escribió:\n> \n> ¿Vienes?\n",
    "Yes.\n\nEnviado do meu iPhone\n\n> Em 2 de abr. de 2012, à(s) 18:26, Julieta <j@example.org> "
    "escreveu:\n> \n> Vens?\n",
    "Yes.\n\nInviato da iPad\n\n> Il giorno 2 apr 2012, alle ore 18:26, Giulietta <j@example.org> "
    "ha scritto:\n> \n> Vieni?\n",
    "Yes.\n\n发自我的小米手机\n在 Juliet <j@example.org>，2012年4月2日 18:26写道：\n\n来吗？",
    "Yes.\n\n\n\n\n\n发自我的iPhone\n\n\n------------------ Original ------------------\nFrom: "
    "Juliet <j@example.org>\nDate: Mon,Apr 2,2012 6:26 PM\nTo: Romeo <r@example.org>\nSubject: Re: "
    "S\n\n来吗？",
    "Yes.\n\n\n\n在 2012-04-02 18:26:05，\"Juliet\" <j@example.org> 写道：\n\n来吗？",
    "Yes.\n\n\nAt 2012-04-02 18:26:05, \"Juliet\" <j@example.org> wrote:\n>Come?\n",
    "Yes.\n\n----- Original Message ----- \nFrom: \"Juliet\" <j@example.org>\nTo: \"Romeo\" "
    "<r@example.org>\nSent: Monday, April 02, 2012 6:26 PM\nSubject: S\n\n\n> Come?\n",
    "Yes.\n\n---- On Mon, 02 Apr 2012 18:26:05 +0200 Juliet <j@example.org> wrote ---\n\nCome?\n",
    "Yes.\n\n--- Juliet <j@example.org> schrieb am Mo, 2.4.2012:\n\nVon: Julia "
    "<j@example.org>\nBetreff: S\nAn: r@example.org\nDatum: Montag, 2. April 2012\n\nKommst du?\n",
    "Yes.\n\nGesendet: Montag, 02. April 2012 um 18:26 Uhr\nVon: \"Julia\" <j@example.org>\nAn: "
    "\"Romeo\" <r@example.org>\nBetreff: S\n\nKommst du?\n",
    "Yes.\n\nПонедельник, 2 апреля 2012, 18:26 +03:00 от Джульетта <j@example.org>:\n>Придёшь?\n",
    "Yes.\n\n\n--\nОтправлено из Mail.ru для Android\n\nпонедельник, 2 апреля 2012 г., 18:26 +0300 "
    "от j@example.org <j@example.org>:\n>Придёшь?\n",
    "Yes.\n\n02.04.2012, 18:26, \"Джульетта\" <j@example.org>:\n> Придёшь?\n",
    "Yes.\n\n02.04.2012 18:26, Juliet пишет:\n> Придёшь?\n",
    "Yes.\n\nW dniu 02.04.2012 o 18:26, Julia pisze:\n> Przyjdziesz?\n",
    "Yes.\n\nDne 2.4.2012 v 18:26 Julie napsal(a):\n> Přijdeš?\n",
    "Yes.\n\n2012. 04. 02. 18:26 keltezéssel, Julia írta:\n> Jössz?\n",
    "Yes.\n\n2012年4月2日(月) 18:26、Juliet さんは書きました:\n> 来る？\n",
    "Yes.\n\n2012/04/02 18:26, Juliet wrote:\n> 来る？\n",
    "Yes.\n\nOn 02-04-12 18:26, Juliet wrote:\n> Come?\n",
    "Yes.\n\nOp 02-04-12 om 18:26 schreef Julia:\n> Kom je?\n",
    "Yes.\n\nLe 02/04/2012 à 18:26, Juliette a écrit :\n> Viens ?\n",
    "Yes.\n\nAm 02.04.12 um 18:26 schrieb Julia:\n> Kommst du?\n",
    "Yes.\n\nIl 02/04/2012 18:26, Giulietta ha scritto:\n> Vieni?\n",
    "Yes.\n\nEl 2/4/12 a las 18:26, Julieta escribió:\n> ¿Vienes?\n",
    "Yes.\n\nEm 02/04/2012 18:26, Julieta escreveu:\n> Vens?\n",
    "Yes.\n\nDen 2012-04-02 kl. 18:26, skrev Julia:\n> Kommer du?\n",
    "Yes.\n\nDen 02.04.2012 kl. 18.26 skrev Julie:\n> Kommer du?\n",
    "Yes.\n\nJulia kirjoitti 2.4.2012 klo 18.26:\n> Tuletko?\n",
    "Yes.\n\n2 Nisan 2012 Pazartesi tarihinde Juliet <j@example.org> yazdı:\n> Geliyor musun?\n",
    "Yes.\n\nJuliet <j@example.org> schrieb am Mo., 2. Apr. 2012, 18:26:\n\n> Kommst du?\n",
    "Yes.\n\nJulieta <j@example.org> escreveu no dia segunda, 2/04/2012 à(s) 18:26:\n\n> Vens?\n",
    "Yes.\n\n> Gesendet: Montag, 02. April 2012 um 18:26 Uhr\n> Von: Julia <j@example.org>\n> An: "
    "Romeo\n> Betreff: S\n>\n> Kommst du?\n",
    "Yes.\n\nTypeApp for Android\n\nOn Apr 2, 2012, 18:26, at 18:26, Juliet <j@example.org> "
    "wrote:\n>Come?\n",
    "Yes.\n\nSent from Outlook for "
    "Android<https://aka.ms/AAb9ysg>\n________________________________\nFrom: Juliet "
    "<j@example.org>\nSent: Monday\nTo: Romeo\nSubject: S\n\nCome?\nSoon?\n",
    "Yes.\n\nTélécharger Outlook pour "
    "iOS<https://aka.ms/o0ukef>\n________________________________\nDe : Juliette "
    "<j@example.org>\nEnvoyé : lundi 2 avril 2012 18:26\nÀ : Romeo\nObjet : S\n\nCome?\nSoon?\n",
    "Yes.\n\nOutlook für Android "
    "beziehen<https://aka.ms/AAb9ysg>\n________________________________\nVon: Julia "
    "<j@example.org>\nGesendet: Montag, 2. April 2012 18:26\nAn: Romeo\nBetreff: "
    "S\n\nCome?\nSoon?\n",
    "Yes.\n\nObtener Outlook para "
    "iOS<https://aka.ms/o0ukef>\n________________________________\nDe: Julieta "
    "<j@example.org>\nEnviado: lunes, 2 de abril de 2012 18:26\nPara: Romeo\nAsunto: "
    "S\n\nCome?\nSoon?\n",
};

static void reads_the_world(void **state)
{
    struct text_hints reply = {.is_reply = true};
    struct arena *a = arena_new((size_t)1 << 24);
    size_t i;

    (void)state;
    bad = 0;
    for (i = 0; i < sizeof introductions / sizeof *introductions; i++) {
        check(a, arena_printf(a, "Yes.\n\n%s\n\n> Come?\n> Soon?\n", introductions[i]), "Yes.",
              reply);
        check(a, arena_printf(a, "%s\n> Come?\n\nYes.", introductions[i]), "Yes.", reply);
    }
    for (i = 0; i < sizeof headings / sizeof *headings; i++)
        check(a, arena_printf(a, "Yes.\n\n%s\n\nCome?\nSoon?\n", headings[i]), "Yes.", reply);
    for (i = 0; i < sizeof mobiles / sizeof *mobiles; i++)
        check(a, arena_printf(a, "Yes.\n\n%s\n", mobiles[i]), "Yes.", reply);
    for (i = 0; i < sizeof answers / sizeof *answers; i++)
        check(a, answers[i], "Yes.", reply);
    arena_free(a);
    assert_int_equal(bad, 0);
}

/* What people really wrote. */
static const char *const real[] = {
    "From: here to there it is a long way.\nTo: be or not to be.\n\nThat is the question.",
    "Remember:\n\n> 3 is larger\n\nthan what I said, 2 < 3.",
    "> 3 is larger",
    "if (a\n  > b)\n    return;\n\nis what I mean",
    "> all of it\n> is a quote\n> and no more",
    "The code:\n\n    int x = 5;\n    x--;\n    --\n    y;\n\nand so on\n\nand more\n\nand "
    "more\n\nand still more\n\nand\n\nmore\n\nlines",
    "Shall I compare thee to a summer's day?\n  Thou art more lovely and more temperate:\nRough "
    "winds "
    "do shake the darling buds of May,\n  And summer's lease hath all too short a date:",
    "diff --git a/x.c b/x.c\n--- a/x.c\n+++ b/x.c\n@@ -1,3 +1,3 @@\n-int a;\n+int b;\n int c;",
    "Subject: I changed it\nDate: I will bring her at 18:26\n\nSee you",
    "Meeting 2012:\n10:00 Romeo\n11:00 Juliet\nPlace: Verona",
    "Here is what he wrote:\n\nI love thee.\n\nNice, is it not?",
    "In 1599 Shakespeare wrote:\n\nAll the world's a stage.\n\nI agree.",
    "-----\nA box\n-----\nand a text",
    "==== Original recipe ====\nFlour: 200 g\nSugar: 100 g\nEggs: 2",
    "Sent from my heart, with love and an iPhone-sized picture, which I took when we met in the "
    "garden on that evening.",
    "I have sent from my phone two pictures.\nDid they arrive?",
    "a\n\n--\n\nb\n\n--\n\nc\n\n--\n\nd e f g h\ni\nj\nk\nl\nm\nn\no\np",
    "Name: Romeo\nEmail: romeo@example.org\nDate: 2012-04-02\nPhone: 555",
    "Yours,\nRomeo",
    "1. one\n2. two\n-- three\n--- four",
    "Does it work in Outlook for iOS?",
    "I use it for Android",
    "We should get it for iOS and for Android",
    "Sent from Rome this morning, it should be with you by mail on Friday.",
    "The parcel was sent from my phone shop in Mantua.",
    "On Monday, 2 April 2012 at 18:26, Juliet <j@example.org> wrote: come at nine. Shall I?",
    "---- On time: what I wrote in 1599 ----\n\nAll the world's a stage.",
    "Please write me:\n\nFrom: where do you come?\nTo: where do you go?\n\nI want to know.",
    "来自我的朋友的问候，祝你好运。",
    "Hier ist der Link:\nhttps://example.org/outlook-for-android.html",
    "* From: Verona\n* To: Mantua\n\nThat is the way I took.",
    "The agenda:\n\nDate: Monday\nPlace: the tomb\n\nBring a rope.\n\nRomeo",
    "Download the programme from the web, it is good.",
    "Get well soon for iOS",
};

static void keeps_what_was_written(void **state)
{
    static const struct text_hints hints[] = {{.is_reply = true}, {.is_reply = false}};
    struct arena *a = arena_new((size_t)1 << 24);
    size_t i, j;

    (void)state;
    bad = 0;
    for (i = 0; i < sizeof real / sizeof *real; i++)
        for (j = 0; j < sizeof hints / sizeof *hints; j++)
            check(a, real[i], NULL, hints[j]);
    arena_free(a);
    assert_int_equal(bad, 0);
}

static void cuts_list_footers(void **state)
{
    static const char *const footers[] = {
        "_______________________________________________\nlovers mailing list\nlovers@example.org\n"
        "https://example.org/mailman/listinfo/lovers",
        "_______________________________________________\nlovers mailing list -- "
        "lovers@example.org\n"
        "To unsubscribe send an email to lovers-leave@example.org",
        "-- \nYou received this message because you are subscribed to the Google Groups \"lovers\" "
        "group.\nTo unsubscribe from this group, send an email to lovers+unsubscribe@example.org.",
        "--\nTo unsubscribe: https://example.org/leave",
        "---------------------------------------------------------------------\nTo unsubscribe, "
        "e-mail: lovers-unsubscribe@example.org",
    };
    struct text_hints list = {.is_list = true}, person = {.is_list = false};
    struct arena *a = arena_new((size_t)1 << 20);
    size_t i;

    (void)state;
    bad = 0;
    for (i = 0; i < sizeof footers / sizeof *footers; i++)
        check(a, arena_printf(a, "Hello all.\n\n%s\n", footers[i]), "Hello all.", list);
    check(a, arena_printf(a, "Hello.\n\n%s", footers[0]), NULL, person);
    check(a, "Hello.\n\n____________________\nA table that ends the mail\n1 2 3", NULL, list);
    arena_free(a);
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_world),
        cmocka_unit_test(keeps_what_was_written),
        cmocka_unit_test(cuts_list_footers),
    };

    return cmocka_run_group_tests_name("text_world", tests, NULL, NULL);
}
