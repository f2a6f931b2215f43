#define _GNU_SOURCE /* memmem */
/*
 * test_letter_pack: every letter that the golden mails and the corpora make comes out of its packed
 * form as it went in, and bytes that nobody packed are refused or harmless.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/conf.h"
#include "mapping/letter_pack.h"
#include "mapping/mime/mime_read.h"
#include "mapping/stanza/stanza_write.h"

enum { FILE_MAX = 4 << 20, PACKED_MAX = 64 << 20 };

static struct conf *conf;
static struct address_map *map;
static struct context ctx;
static unsigned mails;

static int set_up(void **state)
{
    (void)state;
    conf = conf_sample(NULL);
    map = conf ? address_map_new(conf, NULL) : NULL;
    ctx = (struct context){
        .map = map, .now_s = 1900000000, .cut_quotes = true, .lead_with_subject = true};
    return map ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    address_map_free(map);
    conf_free(conf);
    return 0;
}

/* Exactly of its size, so that the sanitizers see a look too far. */
static struct letter *unpack(struct arena *a, const char *data, size_t len, struct err *e)
{
    char *copy = arena_strndup(a, data, len);
    struct letter *l;

    assert_non_null(copy);
    return letter_unpack(a, copy, len, &l, e) == 0 ? l : NULL;
}

/* The stanzas that it becomes, as one text. */
static void write_stanzas(struct arena *a, const struct letter *l, struct buf *out)
{
    const struct party *r;

    buf_init(out, PACKED_MAX);
    for (r = l->recipients; r; r = r->next) {
        const struct xml_node *stanza = r->jid.domain ? stanza_write(&ctx, a, l, r) : NULL;

        if (stanza)
            xml_write(out, stanza, NULL);
    }
}

static void check_letter(const char *name, struct letter *l)
{
    struct arena *a = arena_new(256 << 20);
    struct buf packed, again, before, after;
    struct letter *copy;
    struct err e;

    assert_non_null(a);
    buf_init(&packed, PACKED_MAX);
    letter_pack(&packed, l);
    assert_false(buf_failed(&packed));
    copy = unpack(a, packed.data, packed.len, &e);
    if (!copy) {
        fail_msg("%s: %s", name, e.text);
        return;
    }
    buf_init(&again, PACKED_MAX);
    letter_pack(&again, copy);
    assert_int_equal(copy->portrait != NULL, l->portrait != NULL);
    assert_int_equal(packed.len, again.len);
    assert_memory_equal(packed.data, again.data, packed.len);
    write_stanzas(a, l, &before);
    write_stanzas(a, copy, &after);
    if (strcmp(before.data, after.data) != 0)
        fail_msg("%s: %s\nbecomes\n%s", name, before.data, after.data);
    buf_clear(&before);
    buf_clear(&after);
    buf_clear(&packed);
    buf_clear(&again);
    arena_free(a);
}

static void check_mail(const char *name, const char *mail, size_t len)
{
    struct arena *a = arena_new(mime_read_arena_max(len));
    struct letter *l;
    struct err e;

    assert_non_null(a);
    if (mime_read(&ctx, a, mail, len, NULL, &l, &e) == 0) {
        check_letter(name, l);
        mails++;
    }
    arena_free(a);
}

static void check_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *data = malloc(FILE_MAX);
    size_t len;

    assert_non_null(f);
    assert_non_null(data);
    len = fread(data, 1, FILE_MAX, f);
    fclose(f);
    check_mail(path, data, len);
    free(data);
}

static void check_folder(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *d;

    if (!folder)
        skip();
    while (folder && (d = readdir(folder))) {
        char inner[1024];
        struct stat st;

        snprintf(inner, sizeof inner, "%s/%s", path, d->d_name);
        if (d->d_name[0] == '.' || stat(inner, &st) < 0)
            continue;
        if (S_ISDIR(st.st_mode))
            check_folder(inner);
        else
            check_file(inner);
    }
    if (folder)
        closedir(folder);
}

static void test_golden(void **state)
{
    (void)state;
    mails = 0;
    check_folder("tests/golden/to-jabber");
    assert_true(mails > 50);
}

static void test_corpora(void **state)
{
    const char *named = getenv("POSTERN_CORPORA");

    (void)state;
    check_folder(named ? named : "../shared/corpora");
}

static const char rich[] =
    "From: \"A. Friend\" <friend@example.net>\r\nTo: Romeo <romeo@mail.example.org>,\r\n"
    " juliet@mail.example.org\r\nCc: other@example.com\r\nReply-To: list@example.net\r\n"
    "Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@example.net>\r\n"
    "In-Reply-To: <0@example.net>\r\nReferences: <00@example.net> <0@example.net>\r\n"
    "List-Id: <l.example.net>\r\nKeywords: a, b\r\nMIME-Version: 1.0\r\n"
    "Resent-From: third@example.com\r\nResent-To: romeo@mail.example.org\r\n"
    "Disposition-Notification-To: friend@example.net\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n"
    "hello\r\n--b\r\nContent-Type: image/png; name=x.png\r\nContent-ID: <p@x>\r\n\r\n"
    "bytes\r\n--b\r\nContent-Type: text/vcard\r\n\r\n"
    "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:T\r\nEMAIL:t@example.com\r\nCATEGORIES:a,b\r\nEND:VCARD\r\n"
    "--b--\r\n";

static void pack_rich(struct arena *a, struct buf *out)
{
    struct letter *l;
    struct err e;

    assert_int_equal(mime_read(&ctx, a, rich, sizeof rich - 1, NULL, &l, &e), 0);
    buf_init(out, PACKED_MAX);
    letter_pack(out, l);
    assert_false(buf_failed(out));
}

/* A letter cut at any byte is none, and one with bytes behind it neither. */
static void test_cut(void **state)
{
    struct arena *a = arena_new(64 << 20);
    struct buf packed;
    struct err e;
    size_t n;

    (void)state;
    pack_rich(a, &packed);
    for (n = 0; n < packed.len; n++) {
        struct arena *b = arena_new(1 << 20);

        assert_null(unpack(b, packed.data, n, &e));
        assert_int_equal(e.class, ERR_BUG);
        arena_free(b);
    }
    buf_addc(&packed, '\0');
    assert_null(unpack(a, packed.data, packed.len, &e));
    buf_clear(&packed);
    arena_free(a);
}

static bool is_clean(const char *s)
{
    for (; s && *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return false;
    return true;
}

/* Whatever was changed: a letter that is taken has nothing in it that ends a line or a command, and
 * its lists end. */
static void look_through(struct letter *l)
{
    struct arena *a = arena_new(64 << 20);
    const struct attachment *at;
    struct buf stanzas, packed;
    const struct party *p;
    struct addr again;
    struct err e;

    assert_true(is_clean(l->subject) && is_clean(l->message_id) && is_clean(l->reverse_path));
    assert_true(!l->reverse_path || !*l->reverse_path ||
                addr_parse(a, l->reverse_path, &again, &e) == 0);
    for (p = l->recipients; p; p = p->next)
        if (p->mail.domain)
            assert_int_equal(addr_from_parts(a, p->mail.local, p->mail.domain, &again, &e), 0);
    for (at = l->attachments; at; at = at->next)
        assert_true(is_clean(at->filename) && is_clean(at->media_type));
    write_stanzas(a, l, &stanzas);
    buf_init(&packed, PACKED_MAX);
    letter_pack(&packed, l);
    buf_clear(&packed);
    buf_clear(&stanzas);
    arena_free(a);
}

static void test_changed(void **state)
{
    static const unsigned char values[] = {0, 1, 2, 10, 13, 127, 128, 0xc3, 0xfe, 0xff};
    struct arena *a = arena_new(64 << 20);
    unsigned taken = 0;
    struct buf packed;
    size_t n, v;

    (void)state;
    pack_rich(a, &packed);
    for (n = 0; n < packed.len; n++) {
        char before = packed.data[n];

        for (v = 0; v < sizeof values; v++) {
            struct arena *b = arena_new(1 << 20);
            struct letter *l;
            struct err e;

            packed.data[n] = (char)values[v];
            l = unpack(b, packed.data, packed.len, &e);
            if (l) {
                look_through(l);
                taken++;
            }
            arena_free(b);
        }
        packed.data[n] = before;
    }
    assert_true(taken > 0);
    buf_clear(&packed);
    arena_free(a);
}

/* What the table forbids is refused, however well it is packed. */
static void test_unsound(void **state)
{
    struct arena *a = arena_new(64 << 20);
    struct letter *l;
    struct buf packed;
    struct err e;
    unsigned i;

    (void)state;
    for (i = 0; i < 15; i++) {
        assert_int_equal(mime_read(&ctx, a, rich, sizeof rich - 1, NULL, &l, &e), 0);
        switch (i) {
        case 0:
            break; /* the letter itself is fine */
        case 1:
            l->from.mail.local = "two words>\\";
            l->from.mail.domain = "not a domain";
            break;
        case 2:
            l->reverse_path = "a@b.example> RCPT TO:<c@d.example";
            break;
        case 3:
            l->recipients->jid.domain = "bad domain";
            break;
        case 4:
            l->text = "QQQQ";
            break;
        case 5:
            l->text = "QQQQ";
            break;
        case 6:
            l->notice_kind = 77;
            break;
        case 7:
            l->recipients->mail.local = NULL;
            break;
        case 8:
            l->recipients->jid.node = "a@b";
            break;
        case 9:
            l->expires_s = INT64_MIN;
            break;
        case 10: /* bytes that came, and an address of the reader's own for them */
            l->attachments->url = "https://example.net/x.png";
            break;
        case 11:
            l->attachments->sha256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
            break;
        case 12:
            l->attachments->content = NULL;
            l->attachments->size = 0;
            l->attachments->url = "javascript:alert(1)";
            break;
        case 13:
            l->attachments->content = NULL;
            l->attachments->size = 0;
            l->attachments->url = "";
            break;
        case 14: /* what may be: it lies elsewhere */
            l->attachments->content = NULL;
            l->attachments->size = 0;
            l->attachments->url = "https://example.net/x.png";
            break;
        }
        buf_init(&packed, PACKED_MAX);
        letter_pack(&packed, l);
        if (i == 4 || i == 5) {
            char *text = memmem(packed.data, packed.len, "QQQQ", 4);

            assert_non_null(text);
            text[0] = i == 4 ? '\x01' : '\xff';
        }
        if (i == 0 || i == 14) {
            assert_non_null(unpack(a, packed.data, packed.len, &e));
        } else {
            assert_null(unpack(a, packed.data, packed.len, &e));
            assert_int_equal(e.class, ERR_BUG);
        }
        buf_clear(&packed);
    }
    arena_free(a);
}

/* A line that ends in the middle is one line again, so that nothing a mail says makes its letter
 * unreadable. */
static void test_lines(void **state)
{
    struct arena *a = arena_new(64 << 20);
    struct letter *l, *copy;
    struct buf packed;
    struct err e;

    (void)state;
    assert_int_equal(mime_read(&ctx, a, rich, sizeof rich - 1, NULL, &l, &e), 0);
    l->subject = "one\r\nBcc: two\x7f";
    l->text = "a\nb\x01\xff\xef\xbf\xbe\xc3\xbc";
    buf_init(&packed, PACKED_MAX);
    letter_pack(&packed, l);
    copy = unpack(a, packed.data, packed.len, &e);
    assert_non_null(copy);
    assert_string_equal(copy->subject, "one  Bcc: two ");
    assert_string_equal(copy->text, "a\nb     \xc3\xbc");
    buf_clear(&packed);
    arena_free(a);
}

/* A picture goes to clients as what its type says: the reader is not believed. */
static void test_portrait(void **state)
{
    static const struct {
        struct portrait p;
        bool is_sound;
    } rows[] = {
        {{"image/png", "\x89PNG\r\n\x1a\n", 8}, true},
        {{"image/gif", "\x89PNG\r\n\x1a\n", 8}, false},
        {{"text/html", "<script>", 8}, false},
        {{NULL, "\x89PNG\r\n\x1a\n", 8}, false},
        {{"image/png", NULL, 0}, false},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena *a = arena_new(1 << 20);
        struct portrait portrait = rows[i].p;
        struct letter *l = letter_new(a), *copy;
        struct buf packed;
        struct err e;

        l->portrait = &portrait;
        buf_init(&packed, PACKED_MAX);
        letter_pack(&packed, l);
        copy = unpack(a, packed.data, packed.len, &e);
        assert_int_equal(copy != NULL, rows[i].is_sound);
        if (copy)
            assert_memory_equal(copy->portrait->image, portrait.image, 8);
        buf_clear(&packed);
        arena_free(a);
    }
}

/* A stranger's list may have members without what everybody takes for granted in them. */
static void test_hollow(void **state)
{
    struct reference reference = {0};
    struct contact contact = {.mail = "a@example.net"};
    struct variant variant = {.lang = "cs"};
    struct extra_header extra = {.name = "Keywords"};
    const struct letter hollow[] = {
        {.references = &reference},
        {.contacts = &contact},
        {.variants = &variant},
        {.extra_headers = &extra},
    };
    struct arena *a = arena_new(16 << 20);
    size_t i;

    (void)state;
    for (i = 0; i < sizeof hollow / sizeof *hollow; i++) {
        struct buf packed;
        struct err e;

        buf_init(&packed, PACKED_MAX);
        letter_pack(&packed, &hollow[i]);
        assert_false(buf_failed(&packed));
        if (unpack(a, packed.data, packed.len, &e))
            fail_msg("letter %zu was taken", i);
        assert_int_equal(e.class, ERR_BUG);
        buf_clear(&packed);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),  cmocka_unit_test(test_corpora),
        cmocka_unit_test(test_cut),     cmocka_unit_test(test_hollow),
        cmocka_unit_test(test_changed), cmocka_unit_test(test_unsound),
        cmocka_unit_test(test_lines),   cmocka_unit_test(test_portrait),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
