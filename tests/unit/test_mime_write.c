/* mime_write: each header, the body, what a hostile letter may not do, and parts with content. */
#include "tests/unit/fixture_mapping.h"

#include <stdio.h>

#include "mapping/mime/mime_write.h"

static struct letter *new_letter(struct fixture *f)
{
    struct letter *l = letter_new(f->arena);
    struct party *p = letter_add_party(l, &l->recipients);

    l->message_id = "t1@mail.example.org";
    l->from.mail = (struct addr){"juliet", "mail.example.org"};
    l->from.jid = (struct jid){"juliet", "example.org", NULL};
    l->from.is_jabber = true;
    p->mail = (struct addr){"romeo", "montague.example"};
    l->text = "O Romeo";
    return l;
}

static struct party *add(struct letter *l, enum party_role role, const char *local,
                         const char *name)
{
    struct party *p = letter_add_party(l, &l->parties);

    p->role = role;
    p->name = name;
    p->mail = (struct addr){local, "x.example"};
    return p;
}

/* The mail, in the arena; every line is checked on the way. */
static const char *written(struct fixture *f, const struct letter *l)
{
    struct err e = {0};
    struct buf out;

    buf_init(&out, 1 << 20);
    if (mime_write(&f->ctx, l, &out, &e) < 0)
        fail_msg("%s", e.text);
    return fixture_mail(f, &out);
}

static void has(struct fixture *f, const struct letter *l, const char *what)
{
    const char *text = written(f, l);

    if (!strstr(text, what))
        fail_msg("no \"%s\" in\n%s", what, text);
}

static void has_not(struct fixture *f, const struct letter *l, const char *what)
{
    const char *text = written(f, l);

    if (strstr(text, what))
        fail_msg("\"%s\" in\n%s", what, text);
}

static void the_whole(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(written(f, new_letter(f)),
                        "Date: Mon, 21 Sep 2026 14:13:20 +0000\r\n"
                        "From: juliet@mail.example.org\r\n"
                        "To: romeo@montague.example\r\n"
                        "Subject: O Romeo\r\n"
                        "Message-ID: <t1@mail.example.org>\r\n"
                        "Jabber-ID: juliet@example.org\r\n"
                        "MIME-Version: 1.0\r\n"
                        "Content-Type: text/plain; charset=utf-8; format=flowed\r\n"
                        "Content-Transfer-Encoding: 7bit\r\n"
                        "\r\n"
                        "O Romeo\r\n");
}

static void what_must_be_there(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);
    struct err e = {0};
    struct buf out;

    buf_init(&out, 1 << 16);
    l->message_id = NULL;
    assert_int_equal(mime_write(&f->ctx, l, &out, &e), -1);
    assert_int_equal(e.class, ERR_BUG);
    l->message_id = "a b";
    assert_int_equal(mime_write(&f->ctx, l, &out, &e), -1);
    l->message_id = "t1@x";
    l->from.mail.domain = NULL;
    assert_int_equal(mime_write(&f->ctx, l, &out, &e), -1);
    assert_int_equal(e.class, ERR_PERMANENT);
    assert_int_equal(out.len, 0);
    buf_clear(&out);
    l = new_letter(f);
    buf_init(&out, 100);
    assert_int_equal(mime_write(&f->ctx, l, &out, &e), -1);
    assert_int_equal(e.class, ERR_RETRY);
    buf_clear(&out);
}

static void people(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);

    add(l, PARTY_CC, "cc", NULL);
    has_not(f, l, "\r\nTo:");
    add(l, PARTY_BCC, "secret", NULL);
    add(l, PARTY_TO, "to", "To Name");
    add(l, PARTY_REPLY_TO, "answers", NULL);
    has(f, l,
        "\r\nTo: To Name <to@x.example>\r\nCc: cc@x.example\r\nReply-To: answers@x.example\r\n");
    has_not(f, l, "secret");
    l->no_reply = true;
    has_not(f, l, "Reply-To");
    has(f, l, "\r\nAuto-Submitted: auto-generated\r\n");
    l = new_letter(f);
    l->recipients->role = PARTY_BCC;
    has(f, l, "\r\nTo: undisclosed-recipients:;\r\n");
    has_not(f, l, "romeo");
    l->claimed_from = letter_add_party(l, &l->claimed_from);
    l->claimed_from->mail = (struct addr){"prince", "verona.example"};
    has(f, l, "\r\nX-Jabber-Envelope-From: prince@verona.example\r\n");
}

static void subjects(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"\n  first line\nsecond", "Subject: first line\r\n"},
        {"This text is a good deal longer than what fits into a subject line",
         "Subject: This text is a good deal longer than what fits into a...\r\n"},
        {"exactly sixty characters stand in this line, which ends here.....",
         "Subject: exactly sixty characters stand in this line, which ends...\r\n"},
        {"See https://verona.example/a/path/that/is/longer/than/a/line/of/text",
         "Subject: See https://verona.example/a/path/that/is/longer/than/a/line...\r\n"},
        {NULL, "Subject: A rose\r\n"},
    };
    struct fixture *f = *state;
    struct letter *l = new_letter(f);
    size_t i;

    letter_add_attachment(l)->description = "A rose";
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        l->text = rows[i].text;
        has(f, l, rows[i].want);
    }
    l->attachments = NULL;
    has(f, l, "Subject: (no subject)\r\n");
    l->subject = "Its own";
    has(f, l, "Subject: Its own\r\n");
}

static void threads(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);
    const char *text, *p;
    unsigned i, n = 0;

    l->in_reply_to = "p@x.example";
    has(f, l, "\r\nIn-Reply-To: <p@x.example>\r\nReferences: <p@x.example>\r\n");
    letter_add_reference(l, "root@x.example");
    letter_add_reference(l, "bad id");
    letter_add_reference(l, "p@x.example");
    has(f, l, "\r\nReferences: <root@x.example> <p@x.example>\r\n");
    for (i = 0; i < 40; i++)
        letter_add_reference(l, arena_printf(f->arena, "r%u@x.example", i));
    text = strstr(written(f, l), "References: <root@x.example>");
    assert_non_null(text);
    for (p = text; p < strstr(text, "\r\nJabber-ID"); p++)
        n += *p == '<';
    assert_int_equal(n, 20);
    assert_non_null(strstr(text, "<r39@x.example>\r\n"));
    assert_null(strstr(text, "<r20@x.example>"));
    assert_non_null(strstr(text, "<r21@x.example>"));
    l->references = NULL;
    l->in_reply_to = "bad\r\nid";
    has_not(f, l, "In-Reply-To");
    has_not(f, l, "References");
}

static void times(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);

    l->date_s = 1789894800;
    l->expires_s = 1790003600;
    has(f, l, "Date: Sun, 20 Sep 2026 09:00:00 +0000\r\n");
    has(f, l, "\r\nExpires: Mon, 21 Sep 2026 15:13:20 +0000\r\n");
}

static void resent_blocks(void **state)
{
    static const char want[] = "Resent-Date: Mon, 21 Sep 2026 14:13:20 +0000\r\n"
                               "Resent-From: b@x.example\r\n"
                               "Resent-To: romeo@montague.example\r\n"
                               "Resent-Message-ID: <r1.t1@mail.example.org>\r\n"
                               "Resent-Date: Sun, 20 Sep 2026 09:00:00 +0000\r\n"
                               "Resent-From: a@x.example\r\n"
                               "Resent-To: b@x.example\r\n"
                               "Resent-Message-ID: <own@x.example>\r\n"
                               "Date:";
    const char *text;
    struct fixture *f = *state;
    struct letter *l = new_letter(f);
    struct resent older = {.by = {.mail = {"a", "x.example"}}};
    struct resent newer = {.by = {.mail = {"b", "x.example"}}, .next = &older};

    newer.to = l->recipients;
    older.to = &newer.by;
    older.date_s = 1789894800;
    older.message_id = "own@x.example";
    l->resent = &newer;
    l->recipients->role = PARTY_CC;
    text = written(f, l);
    assert_memory_equal(text, want, sizeof want - 1);
}

static void jabber_ids(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);

    l->from.jid = (struct jid){"a\\20b\xc3\xa4%", "x.example", "resource"};
    has(f, l, "\r\nJabber-ID: a%5C20b%C3%A4%25@x.example\r\n");
    l->from.is_jabber = false;
    has_not(f, l, "Jabber-ID");
}

static void links(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);
    struct attachment *att = letter_add_attachment(l);

    att->url = "https://x.example/a";
    att->description = "desc";
    att->filename = "name";
    att = letter_add_attachment(l);
    att->url = "https://x.example/b";
    att->filename = "name";
    letter_add_attachment(l)->url = "https://x.example/c";
    has(f, l,
        "\r\nO Romeo\r\n\r\ndesc: https://x.example/a\r\nname: https://x.example/b\r\n"
        "https://x.example/c\r\n");
    l->text = " https://x.example/b\n";
    has(f, l,
        "\r\n\r\n  https://x.example/b\r\n\r\ndesc: "
        "https://x.example/a\r\nhttps://x.example/c\r\n");
    l->text = NULL;
    has(f, l, "\r\n\r\ndesc: https://x.example/a\r\n");
}

static void encodings(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);
    char *line = arena_alloc(f->arena, 2001);

    l->text = "s\xc3\xbc\xc3\x9f is the parting, but not too s\xc3\xbc\xc3\x9f";
    has(f, l,
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        "s=C3=BC=C3=9F is the parting, but not too s=C3=BC=C3=9F\r\n");
    memset(line, 'x', 2000);
    l->text = line;
    has(f, l, "Content-Transfer-Encoding: quoted-printable\r\n\r\nxxx");
    l->text = "\xd0\xaf";
    has(f, l, "Content-Transfer-Encoding: base64\r\n\r\n0K8NCg==\r\n");
    l->text = "From me\n.\nbye";
    has(f, l, "\r\n\r\n From me\r\n .\r\nbye\r\n");
    l->lang = "de-AT";
    has(f, l, "\r\nContent-Language: de-AT\r\n");
    l->lang = "de\r\nX: y";
    has_not(f, l, "Content-Language");
}

/* Every string of a letter tries to start a header of its own. */
static void no_field_becomes_another(void **state)
{
    static const char evil[] = "x\r\nEvil: 1\nEvil: 2\rEvil: 3\r\n\r\nEvil: 4";
    struct fixture *f = *state;
    struct letter *l = new_letter(f);
    struct attachment *att = letter_add_attachment(l);
    const char *text, *p;

    l->from.name = evil;
    add(l, PARTY_TO, "to", evil);
    add(l, PARTY_REPLY_TO, "r", evil);
    l->claimed_from = letter_add_party(l, &l->claimed_from);
    l->claimed_from->mail = (struct addr){"prince", "verona.example"};
    l->claimed_from->name = evil;
    l->subject = evil;
    l->in_reply_to = evil;
    letter_add_reference(l, evil);
    l->lang = evil;
    l->from.jid.node = evil;
    att->content = "c";
    att->size = 1;
    att->filename = evil;
    att->media_type = evil;
    att->description = evil;
    att->content_id = evil;
    text = written(f, l);
    for (p = text; (p = strstr(p, "Evil")); p++)
        assert_true(p > text && p[-1] != '\n');
}

static void parts(void **state)
{
    struct fixture *f = *state;
    struct letter *l = new_letter(f);
    struct attachment *att = letter_add_attachment(l);

    l->text = "see\n--=_t1_5\nand";
    att->content = "\0\1\2";
    att->size = 3;
    att->filename = "a b.bin";
    att->media_type = "image/png";
    att->description = "A rose";
    att->content_id = "c@x";
    att = letter_add_attachment(l);
    att->content = "x";
    att->size = 1;
    att->media_type = "message/rfc822";
    has(f, l,
        "\r\nContent-Type: multipart/mixed;\r\n boundary=\"=_t1_5\"\r\n\r\n"
        "--=_t1_5\r\n"
        "Content-Type: text/plain; charset=utf-8; format=flowed\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        "see\r\n--=3D_t1_5\r\nand\r\n"
        "--=_t1_5\r\n"
        "Content-Type: image/png\r\n"
        "Content-Disposition: attachment; filename=\"a b.bin\"\r\n"
        "Content-Description: A rose\r\n"
        "Content-ID: <c@x>\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n"
        "--=_t1_5\r\n"
        "Content-Type: application/octet-stream\r\n"
        "Content-Disposition: attachment\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\neA==\r\n"
        "--=_t1_5--\r\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_whole),
        TEST(what_must_be_there),
        TEST(people),
        TEST(subjects),
        TEST(threads),
        TEST(times),
        TEST(resent_blocks),
        TEST(jabber_ids),
        TEST(links),
        TEST(encodings),
        TEST(no_field_becomes_another),
        TEST(parts),
    };

    return cmocka_run_group_tests_name("mime_write", tests, NULL, NULL);
}
