/* text_cut in the languages of the world, and texts that only look like quotes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "mapping/text_cut.h"

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
