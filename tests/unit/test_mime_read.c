/* mime_read: whole mails become letters; the bad ones too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "mapping/mime/mime_check.h"
#include "mapping/mime/mime_read.h"

static const char *homes[] = {"example.org"};
static struct conf_mailbox boxes[] = {{.name = "bridge", .address = "box@post.example"}};
static struct conf_map_rule rules[] = {
    {"juliet@capulet.example", "juliet.c@example.org", CONF_MAP_BOTH, "test:1"},
};
static struct address_map *map;
static struct context ctx;
static struct arena *arena;

static int set_up(void **state)
{
    struct conf conf = {.jid = "gw.example.org",
                        .mail_domain = "gw.example.org",
                        .home = homes,
                        .home_count = 1,
                        .mailboxes = boxes,
                        .mailbox_count = 1,
                        .map = rules,
                        .map_count = 1};

    (void)state;
    map = address_map_new(&conf, NULL);
    ctx.map = map;
    ctx.now_s = 1700000000;
    ctx.cut_quotes = true;
    arena = arena_new((size_t)1 << 28);
    return map && arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    address_map_free(map);
    return 0;
}

/* The header alone tells the same of where the mail goes. */
static void assert_same_envelope(const struct letter *l, const char *mail, size_t len,
                                 const struct mail_envelope *envelope)
{
    const struct party *p, *q;
    struct letter *head = NULL;
    struct err e = {0};

    assert_int_equal(mime_read_head(&ctx, arena, mail, len, envelope, &head, &e), 0);
    assert_int_equal(l->reverse_path != NULL, head->reverse_path != NULL);
    if (l->reverse_path)
        assert_string_equal(l->reverse_path, head->reverse_path);
    for (p = l->recipients, q = head->recipients; p && q; p = p->next, q = q->next) {
        assert_string_equal(addr_text(arena, &p->mail), addr_text(arena, &q->mail));
        assert_true(jid_is_same_bare(&p->jid, &q->jid));
        assert_int_equal(p->is_jabber, q->is_jabber);
    }
    assert_true(!p && !q);
}

/* The mail is handed over with no byte behind it, so that the sanitizers see a look too far. */
static const struct letter *read_as(const char *mail, size_t len,
                                    const struct mail_envelope *envelope)
{
    char *exact = malloc(len > 0 ? len : 1);
    struct letter *l = NULL;
    struct err e = {0};

    assert_non_null(exact);
    memcpy(exact, mail, len);
    assert_int_equal(mime_read(&ctx, arena, exact, len, envelope, &l, &e), 0);
    assert_non_null(l);
    assert_same_envelope(l, exact, len, envelope);
    free(exact);
    return l;
}

static const struct letter *read_mail(const char *mail)
{
    return read_as(mail, strlen(mail), NULL);
}

static const char *bare(const struct party *p)
{
    return p && p->jid.domain ? jid_bare(arena, &p->jid) : "";
}

static void reads_a_simple_mail(void **state)
{
    const struct letter *l = read_mail("Return-Path: <bounces@example.com>\r\n"
                                       "Delivered-To: romeo@gw.example.org\r\n"
                                       "From: Juliet <juliet@capulet.com>\r\n"
                                       "To: romeo@gw.example.org\r\nCc: nurse@example.com\r\n"
                                       "Subject: =?utf-8?q?Balcony_=E2=98=BD?=\r\n"
                                       "Message-ID: <m3@capulet.com>\r\nIn-Reply-To: <m2@x>\r\n"
                                       "References: <m1@x> <m2@x>\r\n"
                                       "Date: Mon, 2 Apr 2012 20:21:52 +0400\r\n"
                                       "Expires: Tue, 3 Apr 2012 16:21:52 GMT\r\n"
                                       "Content-Language: en\r\n\r\n"
                                       "O Romeo\r\n");

    (void)state;
    assert_string_equal(bare(&l->from), "juliet\\40capulet.com@gw.example.org");
    assert_string_equal(l->from.name, "Juliet");
    assert_false(l->from.is_jabber);
    assert_string_equal(l->reverse_path, "bounces@example.com");
    assert_string_equal(bare(l->recipients), "romeo@example.org");
    assert_true(l->recipients->is_jabber);
    assert_null(l->recipients->next);
    assert_int_equal(l->parties->role, PARTY_TO);
    assert_true(l->parties->is_jabber);
    assert_true(l->parties->delivered);
    assert_int_equal(l->parties->next->role, PARTY_CC);
    assert_false(l->parties->next->is_jabber);
    assert_string_equal(bare(l->parties->next), "nurse\\40example.com@gw.example.org");
    assert_null(l->parties->next->next);
    assert_string_equal(l->subject, "Balcony \xe2\x98\xbd");
    assert_string_equal(l->message_id, "m3@capulet.com");
    assert_string_equal(l->in_reply_to, "m2@x");
    assert_string_equal(l->references->message_id, "m1@x");
    assert_string_equal(l->references->next->message_id, "m2@x");
    assert_int_equal(l->date_s, 1333383712);
    assert_int_equal(l->expires_s, 1333470112);
    assert_string_equal(l->lang, "en");
    assert_string_equal(l->text, "O Romeo");
    assert_false(l->is_automatic);
    assert_false(l->no_reply);
    assert_null(l->notice);
    assert_null(l->report);
    assert_null(l->attachments);
}

static void finds_recipients(void **state)
{
    static const char *const rcpt[] = {"romeo@gw.example.org", "juliet.c@example.org",
                                       "x@elsewhere.example",
                                       "b+0000000000001.abc.0123456789@gw.example.org"};
    static const struct {
        const char *header;
        struct mail_envelope envelope;
        const char *first;
        size_t count;
    } cases[] = {
        {"To: romeo@gw.example.org", {0}, "romeo@example.org", 1},
        {"To: a@b.c, Romeo <ROMEO@gw.example.org>\r\nCc: romeo@gw.example.org, c@gw.example.org",
         {0},
         "romeo@example.org",
         2},
        {"To: juliet.c@example.org", {0}, "juliet@capulet.example", 1},
        {"Bcc: romeo@gw.example.org\r\nTo: list@lists.example", {0}, "romeo@example.org", 1},
        {"Resent-To: romeo@gw.example.org\r\nTo: list@lists.example", {0}, "romeo@example.org", 1},
        {"Delivered-To: romeo@gw.example.org\r\nTo: other@gw.example.org",
         {0},
         "romeo@example.org",
         1},
        {"X-Original-To: romeo@gw.example.org\r\nDelivered-To: box@post.example\r\nTo: "
         "other@gw.example.org",
         {0},
         "romeo@example.org",
         1},
        {"Delivered-To: bridge@host.example\r\nDelivered-To: victim@gw.example.org\r\nTo: "
         "romeo@gw.example.org",
         {0},
         "romeo@example.org",
         1},
        {"Envelope-To: romeo@gw.example.org, tybalt@gw.example.org\r\nTo: x@y.z",
         {0},
         "romeo@example.org",
         2},
        /* What the server noted is nobody's: an unknown user, not the one in To. */
        {"Delivered-To: \"a b\"@gw.example.org\r\nTo: romeo@gw.example.org", {0}, "", 1},
        {"Delivered-To: =@gw.example.org\r\nX-Original-To: romeo@gw.example.org\r\nTo: x@y.z",
         {0},
         "romeo@example.org",
         1},
        {"To: x@y.z", {0}, "", 0},
        {"To: x@y.z", {.mailbox_address = "juliet.c@example.org"}, "juliet@capulet.example", 1},
        {"To: other@gw.example.org",
         {.recipients = rcpt, .recipient_count = 3},
         "romeo@example.org",
         2},
        {"To: other@gw.example.org", {.recipients = rcpt + 3, .recipient_count = 1}, "", 1},
        {"To: romeo=montague.example@gw.example.org", {0}, "romeo@montague.example", 1},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *mail = arena_printf(arena, "From: a@b.c\r\n%s\r\n\r\nx\r\n", cases[i].header);
        const struct letter *l = read_as(mail, strlen(mail), &cases[i].envelope);
        const struct party *p;
        size_t n = 0;

        for (p = l->recipients; p; p = p->next)
            n++;
        if (n != cases[i].count)
            fprintf(stderr, "case %zu\n", i);
        assert_int_equal(n, cases[i].count);
        assert_string_equal(bare(l->recipients), cases[i].first);
    }
}

static void finds_the_sender(void **state)
{
    static const struct {
        const char *header, *reverse_path;
        const char *jid, *letter_path;
    } cases[] = {
        {"From: a@b.c", NULL, "a\\40b.c@gw.example.org", "a@b.c"},
        {"From: a@b.c", "x@y.z", "a\\40b.c@gw.example.org", "x@y.z"},
        {"From: a@b.c", "", "a\\40b.c@gw.example.org", ""},
        {"From: a@b.c\r\nReturn-Path: <>", NULL, "a\\40b.c@gw.example.org", ""},
        {"Sender: s@b.c\r\nFrom: nobody I know", NULL, "s\\40b.c@gw.example.org", "s@b.c"},
        {"Subject: x", "x@y.z", "x\\40y.z@gw.example.org", "x@y.z"},
        {"Subject: x", "", "mailer-daemon\\40gw.example.org@gw.example.org", ""},
        {"Subject: x", NULL, "mailer-daemon\\40gw.example.org@gw.example.org", NULL},
        /* A claim to be one of ours stays a contact at the gateway. */
        {"From: romeo@gw.example.org", NULL, "romeo\\40gw.example.org@gw.example.org",
         "romeo@gw.example.org"},
        {"From: \"a b\"@c.d", NULL, "\\22a\\20b\\22\\40c.d@gw.example.org", "\"a b\"@c.d"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *mail = arena_printf(arena, "%s\r\n\r\nx\r\n", cases[i].header);
        struct mail_envelope envelope = {.reverse_path = cases[i].reverse_path};
        const struct letter *l = read_as(mail, strlen(mail), &envelope);

        assert_string_equal(bare(&l->from), cases[i].jid);
        assert_false(l->from.is_jabber);
        if (cases[i].letter_path)
            assert_string_equal(l->reverse_path, cases[i].letter_path);
        else
            assert_null(l->reverse_path);
    }
}

static void tells_automatic_mail(void **state)
{
    static const struct {
        const char *header;
        bool is_automatic, no_reply;
        const char *list_id;
    } cases[] = {
        {"X-Plain: 1", false, false, NULL},
        {"Auto-Submitted: no", false, false, NULL},
        {"Auto-Submitted: auto-generated (x)", true, true, NULL},
        {"Precedence: bulk", true, false, NULL},
        {"Precedence: first-class", false, false, NULL},
        {"List-Id: The \"play\" <play.lists.example>", true, false, "play.lists.example"},
        {"List-Id: play", true, false, "play"},
        {"Return-Path: <>", true, true, NULL},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct letter *l =
            read_mail(arena_printf(arena, "From: a@b.c\r\n%s\r\n\r\nx\r\n", cases[i].header));

        assert_int_equal(l->is_automatic, cases[i].is_automatic);
        assert_int_equal(l->no_reply, cases[i].no_reply);
        if (cases[i].list_id)
            assert_string_equal(l->list_id, cases[i].list_id);
        else
            assert_null(l->list_id);
    }
}

static void tells_where_replies_go(void **state)
{
    const struct letter *l = read_mail("From: a@b.c\r\nReply-To: Other <o@b.c>\r\n\r\nx");

    (void)state;
    assert_string_equal(l->notice, "Replies go to o@b.c");
    assert_int_equal(l->parties->role, PARTY_REPLY_TO);
    assert_string_equal(bare(l->parties), "o\\40b.c@gw.example.org");
    l = read_mail("From: a@b.c\r\nReply-To: a@b.c\r\n\r\nx");
    assert_null(l->notice);
}

static void reads_resent_blocks(void **state)
{
    const struct letter *l =
        read_mail("Resent-From: second@b.c\r\nResent-To: romeo@gw.example.org, q@b.c\r\n"
                  "Resent-Date: Mon, 2 Apr 2012 16:21:52 GMT\r\nResent-Message-ID: <r2@b.c>\r\n"
                  "Received: from x by y; Mon, 2 Apr 2012 16:21:52 GMT\r\n"
                  "Resent-From: first@b.c\r\nResent-From: again@b.c\r\nResent-Date: bad\r\n"
                  "X: y\r\nResent-To: nobody@b.c\r\n"
                  "From: a@b.c\r\n\r\nx");
    const struct resent *r = l->resent;

    (void)state;
    assert_string_equal(r->by.mail.local, "second");
    assert_int_equal(r->date_s, 1333383712);
    assert_string_equal(r->message_id, "r2@b.c");
    assert_string_equal(bare(r->to), "romeo@example.org");
    assert_string_equal(r->to->next->mail.local, "q");
    r = r->next;
    assert_string_equal(r->by.mail.local, "first");
    assert_null(r->to);
    r = r->next;
    assert_string_equal(r->by.mail.local, "again");
    assert_int_equal(r->date_s, 0);
    assert_null(r->next);
}

static void takes_the_best_text(void **state)
{
    static const char alternative[] =
        "From: a@b.c\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n"
        "Content-Type: text/plain\r\n\r\n%s\r\n--b\r\nContent-Type: "
        "text/html\r\n\r\n%s\r\n--b--\r\n";
    static const char long_html[] =
        "<p>This is a rather long text in HTML, with much more to say than the other version of "
        "it, "
        "which is only there to please some old program that nobody has seen for years.</p>";
    const struct letter *l;

    (void)state;
    l = read_mail(arena_printf(arena, alternative, "plain words", "<p>html words"));
    assert_string_equal(l->text, "plain words");
    l = read_mail(
        arena_printf(arena, alternative, " ", "<p>html <a href='https://e.org/x'>words</a>"));
    assert_string_equal(l->text, "html words <https://e.org/x>");
    l = read_mail(arena_printf(arena, alternative, "Use HTML.", long_html));
    assert_memory_equal(l->text, "This is a rather long text", 26);
    l = read_mail(
        "From: a@b.c\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n<b>caf\xe9</b>");
    assert_string_equal(l->text, "caf\xc3\xa9");
    l = read_mail(
        "From: a@b.c\r\nContent-Type: text/plain; format=flowed\r\n\r\nsoft \r\nbreak\r\n");
    assert_string_equal(l->text, "soft break");
    l = read_mail("From: a@b.c\r\nContent-Type: text/plain; charset=x-none\r\n\r\nna\xefve\r\n");
    assert_string_equal(l->text, "na\xc3\xafve");
    l = read_mail("From: a@b.c\r\nContent-Transfer-Encoding: base64\r\n\r\nnot at all, really\r\n");
    assert_string_equal(l->text, "not at all, really");
    l = read_mail("From: a@b.c\r\n\r\n");
    assert_null(l->text);
}

static void cuts_replies(void **state)
{
    static const char mail[] =
        "From: a@b.c\r\nIn-Reply-To: <x@y>\r\nSubject: Re: z\r\n\r\nYes.\r\n\r\n"
        "On 2 Apr 2012, Romeo wrote:\r\n> Come?\r\n";
    const struct letter *l = read_mail(mail);

    (void)state;
    assert_string_equal(l->text, "Yes.");
    assert_true(l->is_cut);
    ctx.cut_quotes = false;
    l = read_mail(mail);
    ctx.cut_quotes = true;
    assert_string_equal(l->text, "Yes.\n\nOn 2 Apr 2012, Romeo wrote:\n> Come?\n");
    assert_false(l->is_cut);
}

static void collects_attachments(void **state)
{
    const struct letter *l = read_mail(
        "From: a@b.c\r\nContent-Type: multipart/mixed; boundary=\"o u t\"\r\n\r\npreamble\r\n--o u "
        "t\r\n"
        "Content-Type: multipart/related; boundary=in\r\n\r\n--in\r\nContent-Type: "
        "text/html\r\n\r\n"
        "see <img src='cid:rose@x' alt='the rose'>\r\n--in\r\n"
        "Content-Type: image/png\r\nContent-ID: <rose@x>\r\nContent-Transfer-Encoding: base64\r\n"
        "Content-Description: A =?utf-8?q?rose?=\r\n\r\niVBORw0K\r\n--in--\r\n--o u t\r\n"
        "Content-Type: application/pdf; name=\"ignored.pdf\"\r\n"
        "Content-Disposition: attachment; "
        "filename*=utf-8''..%2F..%2Fetc%2F%e2%82%ac.pdf\r\n\r\n%PDF\r\n--o u t\r\n"
        "Content-Type: message/rfc822\r\n\r\nSubject: inner/one\r\n\r\ninner text\r\n--o u t\r\n"
        "Content-Type: message/external-body; access-type=URL;\r\n "
        "URL=\"https://files.example/\r\n  big.zip\"\r\n\r\n"
        "Content-Type: application/zip\r\nContent-Description: big\r\n\r\n\r\n--o u t\r\n"
        "Content-Type: text/plain; name=notes.txt\r\n\r\nnotes\r\n--o u t\r\n\r\nKey: a body, not "
        "a header\r\n--o u t--\r\nepilogue\r\n");
    const struct attachment *att = l->attachments;

    (void)state;
    assert_string_equal(l->text, "see the rose\n\nKey: a body, not a header");
    assert_string_equal(att->filename, "attachment-1.png");
    assert_string_equal(att->media_type, "image/png");
    assert_string_equal(att->content_id, "rose@x");
    assert_string_equal(att->description, "A rose");
    assert_true(att->is_inline);
    assert_int_equal(att->size, 6);
    assert_memory_equal(att->content, "\x89PNG\r\n", 6);
    att = att->next;
    assert_string_equal(att->filename, "\xe2\x82\xac.pdf");
    assert_string_equal(att->media_type, "application/pdf");
    assert_int_equal(att->size, 4);
    assert_false(att->is_inline);
    att = att->next;
    assert_string_equal(att->filename, "inner_one.eml");
    assert_string_equal(att->media_type, "message/rfc822");
    assert_memory_equal(att->content, "Subject: inner/one\r\n\r\ninner text", 32);
    att = att->next;
    assert_string_equal(att->url, "https://files.example/big.zip");
    assert_string_equal(att->media_type, "application/zip");
    assert_string_equal(att->description, "big");
    assert_null(att->content);
    att = att->next;
    assert_string_equal(att->filename, "notes.txt");
    assert_null(att->next);
}

static void bears_bad_mail(void **state)
{
    static const struct {
        const char *mail, *text;
    } cases[] = {
        {"", NULL},
        {"\r\n", NULL},
        {"no header", "no header"},
        {"From: a@b.c", NULL},
        {"From: a@b.c\r\nContent-Type: multipart/mixed; "
         "boundary=\"\\\"\"\r\n\r\n--\"\r\n\r\nhi\r\n",
         NULL},
        {"From: a@b.c\r\nContent-Type: multipart/mixed\r\n\r\n--found\r\n\r\nhi\r\n--found--\r\n",
         "hi"},
        {"From: a@b.c\r\nContent-Type: multipart/mixed; boundary=none\r\n\r\nhi\r\n", "hi"},
        {"From: a@b.c\r\nContent-Type: multipart/mixed; boundary=\"\"\r\n\r\nhi\r\n", "hi"},
        {"From: a@b.c\r\nContent-Type: multipart/mixed; "
         "boundary=b\r\n\r\n--b\r\n--b\r\n\r\nhi\r\n--b\r\n\r\n--b--",
         "hi"},
        {"From: a@b.c\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\n",
         "hi"},
        {"From: a@b.c\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b",
         "hi"},
        {"From: a@b.c\n\n--b\nhi\n", "--b\nhi"},
        {"From: a@b.c\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nno end",
         "no end"},
        {"From: a@b.c\r\nContent-Type: ;;;===\"\r\n\r\nhi", "hi"},
        {"From: a@b.c\r\nContent-Type: text\r\n\r\nhi", "hi"},
        {"From: a@b.c\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nhi=C", "hi=C"},
        {"From: a@b.c\r\nSubject: x\r\nnonsense\r\nTo: d\r\n\r\nhi", "nonsense\nTo: d\n\nhi"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct letter *l = read_mail(cases[i].mail);

        if (!cases[i].text != !l->text && i != 4)
            fprintf(stderr, "case %zu\n", i);
        if (cases[i].text)
            assert_string_equal(l->text, cases[i].text);
        else if (i != 4) /* what becomes of a boundary that is a quote does not matter */
            assert_null(l->text);
    }
    assert_string_equal(read_as("From: a@b.c\r\nSub\0ject: x\r\n\r\n", 29, NULL)->from.mail.local,
                        "a");
    assert_string_equal(read_as("From: a@b.c\r\n\r\nh\0i", 18, NULL)->text, "hi");
}

/* What ends or stalls the parser when it gets to see it. */
static void bears_depth_and_number(void **state)
{
    static const struct {
        const char *head, *piece;
        size_t times;
    } cases[] = {
        {"From: a@b.c\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
         "Content-Type: message/rfc822\r\n\r\n", 20000},
        {"From: a@b.c\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
         "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", 20000},
        {"From: a@b.c\r\nContent-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n",
         "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n", 20000},
        {"From: a@b.c\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n", "--b\r\n\r\nx\r\n",
         30000},
        {"From: a@b.c\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n", "--b\r\n", 30000},
        {"From: a@b.c\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: "
         "text/plain ",
         "(", 400000},
        {"From: a@b.c\r\nContent-Type: text/plain ", "(", 400000},
        {"From: ", "(", 400000},
        {"From: ", "\"", 400000},
        {"From: a@b.c\r\nTo: ", "a,", 400000},
        {"From: a@b.c\r\nTo: ", "<\",", 300000},
        {"From: a@b.c\r\nSubject: ", "=?a?q?!", 140000},
        {"From: a@b.c\r\nReferences: ", "<a@b> ", 150000},
        {"From: a@b.c\r\nContent-Type: x/y; ", "a*1=b;", 150000},
        {"", "X: y\r\n", 150000},
        {"From: a@b.c\r\n\r\n", "\r", 1000000},
    };
    size_t i, j;

    (void)state;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf mail;

        buf_init(&mail, 1 << 24);
        buf_adds(&mail, cases[i].head);
        for (j = 0; j < cases[i].times; j++)
            buf_adds(&mail, cases[i].piece);
        assert_false(buf_failed(&mail));
        assert_non_null(read_as(mail.data, mail.len, NULL));
        buf_clear(&mail);
    }
}

static void refuses_beyond_limits(void **state)
{
    struct letter *l = NULL;
    struct buf mail;
    struct err e;

    (void)state;
    buf_init(&mail, 1 << 24);
    buf_adds(&mail, "From: a@b.c\r\nSubject: ");
    while (mail.len < MIME_HEADER_MAX)
        buf_adds(&mail, "a long one ");
    buf_adds(&mail, "\r\n\r\nx");
    err_clear(&e);
    assert_int_equal(mime_read(&ctx, arena, mail.data, mail.len, NULL, &l, &e), -1);
    assert_int_equal(e.class, ERR_PERMANENT);
    buf_clear(&mail);
}

static void keeps_many_parts_reachable(void **state)
{
    const struct letter *l;
    const struct attachment *att;
    struct buf mail;
    size_t i, n = 0;

    (void)state;
    buf_init(&mail, 1 << 20);
    buf_adds(&mail, "From: a@b.c\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n");
    for (i = 0; i < 300; i++)
        buf_adds(&mail, "--b\r\nContent-Type: image/png\r\n\r\nx\r\n");
    buf_adds(&mail, "--b--\r\n");
    l = read_as(mail.data, mail.len, NULL);
    for (att = l->attachments; att->next; att = att->next)
        n++;
    assert_int_equal(n, 200);
    assert_string_equal(att->filename, "whole-message.eml");
    assert_int_equal(att->size, mail.len);
    assert_non_null(l->notice);
    buf_clear(&mail);
}

static void makes_long_texts_files(void **state)
{
    const struct letter *l;
    struct buf mail;

    (void)state;
    buf_init(&mail, 1 << 20);
    buf_adds(&mail, "From: a@b.c\r\n\r\n");
    while (mail.len < 300000)
        buf_adds(&mail, "caf\xc3\xa9 and more\r\n");
    l = read_as(mail.data, mail.len, NULL);
    assert_in_range(strlen(l->text), 99990, 100000);
    assert_string_equal(l->attachments->filename, "message.txt");
    assert_true(l->attachments->size > 200000);
    assert_non_null(l->notice);
    buf_clear(&mail);
}

static void bears_a_full_arena(void **state)
{
    static const char mail[] =
        "From: J <a@b.c>\r\nTo: romeo@gw.example.org\r\nSubject: x\r\n"
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n"
        "--b\r\nContent-Type: image/png\r\n\r\nx\r\n--b--\r\n";
    size_t max;

    (void)state;
    for (max = 0; max < 20000; max += 48) {
        struct arena *small = arena_new(max);
        struct letter *l = NULL;
        struct err e;

        err_clear(&e);
        if (mime_read(&ctx, small, mail, sizeof mail - 1, NULL, &l, &e) < 0)
            assert_int_equal(e.class, ERR_RETRY);
        else
            assert_string_equal(l->text, "text");
        arena_free(small);
    }
}

/* A recipient for whom there is no memory is not one who is left out. */
static void asks_a_header_with_a_full_arena(void **state)
{
    static const char mail[] = "Return-Path: <a@b.c>\r\nDelivered-To: nobody@elsewhere.example\r\n"
                               "To: =?utf-8?q?R=C3=B6?= <romeo@gw.example.org>,\r\n"
                               " \"J\" <juliet@gw.example.org>\r\nCc: nurse@gw.example.org\r\n\r\n";
    size_t max, good = 0;

    (void)state;
    for (max = 0; max < 20000; max += 8) {
        struct arena *small = arena_new(max);
        struct letter *l = NULL;
        const struct party *p;
        struct err e;
        size_t n = 0;

        err_clear(&e);
        if (mime_read_head(&ctx, small, mail, sizeof mail - 1, NULL, &l, &e) < 0) {
            assert_int_equal(e.class, ERR_RETRY);
        } else {
            for (p = l->recipients; p; p = p->next)
                n++;
            assert_int_equal(n, 3);
            assert_string_equal(l->reverse_path, "a@b.c");
            good++;
        }
        arena_free(small);
    }
    assert_true(good > 0);
}

static const char threaded[] =
    "From: =?koi8-r?q?=E1?= <a@b.c>\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/html; charset=iso-8859-2\r\n\r\n<p>\xb1<a "
    "href='https://e.org/'>x</a>\r\n--b--\r\n";

static void *read_often(void *arg)
{
    size_t *good = arg, i;

    for (i = 0; i < 100; i++) {
        struct arena *a = arena_new(1 << 20);
        struct letter *l = NULL;
        struct err e;

        if (mime_read(&ctx, a, threaded, sizeof threaded - 1, NULL, &l, &e) == 0 && l->text)
            *good += strcmp(l->text, "\xc4\x85x <https://e.org/>") == 0;
        arena_free(a);
    }
    return NULL;
}

static void reads_on_many_threads(void **state)
{
    pthread_t threads[4];
    size_t good[4] = {0}, i;

    (void)state;
    for (i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_often, &good[i]), 0);
    for (i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (i = 0; i < 4; i++)
        assert_int_equal(good[i], 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_simple_mail),
        cmocka_unit_test(finds_recipients),
        cmocka_unit_test(finds_the_sender),
        cmocka_unit_test(tells_automatic_mail),
        cmocka_unit_test(tells_where_replies_go),
        cmocka_unit_test(reads_resent_blocks),
        cmocka_unit_test(takes_the_best_text),
        cmocka_unit_test(cuts_replies),
        cmocka_unit_test(collects_attachments),
        cmocka_unit_test(bears_bad_mail),
        cmocka_unit_test(bears_depth_and_number),
        cmocka_unit_test(refuses_beyond_limits),
        cmocka_unit_test(keeps_many_parts_reachable),
        cmocka_unit_test(makes_long_texts_files),
        cmocka_unit_test(bears_a_full_arena),
        cmocka_unit_test(asks_a_header_with_a_full_arena),
        cmocka_unit_test(reads_on_many_threads),
    };

    return cmocka_run_group_tests_name("mime_read", tests, set_up, tear_down);
}
