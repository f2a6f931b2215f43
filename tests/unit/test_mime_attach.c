/* mime_attach: files added to a written mail, the note before it, names and types of files. */
#include "tests/unit/fixture_mapping.h"

#include "mapping/mime/mime_attach.h"
#include "mapping/mime/sniff.h"

static void test_attach(void **state)
{
    static const char mail[] = "From: juliet@example.org\r\n"
                               "content-type: text/plain;\r\n charset=utf-8\r\n"
                               "MIME-Version: 1.0\r\n"
                               "Content-Transfer-Encoding: 8bit\r\n"
                               "Contents: none\r\n"
                               "\r\n"
                               "Rose\r\n-- \r\nJ";
    static const char want[] = "From: juliet@example.org\r\n"
                               "MIME-Version: 1.0\r\n"
                               "Contents: none\r\n"
                               "Content-Type: multipart/mixed;\r\n boundary=\"=_f.1_5\"\r\n"
                               "\r\n"
                               "--=_f.1_5\r\n"
                               "content-type: text/plain;\r\n charset=utf-8\r\n"
                               "Content-Transfer-Encoding: 8bit\r\n"
                               "\r\n"
                               "Rose\r\n-- \r\nJ\r\n"
                               "--=_f.1_5\r\n";
    struct attachment file = {
        .filename = "a.png", .media_type = "image/png", .content = "PNG", .size = 3};
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 20);
    mime_attach(&b, mail, sizeof mail - 1, &file, "f.1");
    assert_true(b.len > sizeof want);
    assert_memory_equal(b.data, want, sizeof want - 1);
    assert_non_null(strstr(b.data, "UE5H\r\n--=_f.1_5--\r\n"));
    buf_reset(&b);
    mime_attach(&b, mail, sizeof mail - 1, NULL, "f.1");
    assert_string_equal(b.data, mail);
    buf_clear(&b);
    buf_init(&b, sizeof mail + 10);
    mime_attach(&b, mail, sizeof mail - 1, &file, "f.1");
    assert_true(buf_failed(&b));
    buf_clear(&b);
}

static void test_note(void **state)
{
    struct attachment links[] = {
        {.url = "https://a.example/1"},
        {.url = "ftp://a.example/2"},
        {.url = "http://a.example/3 4"},
        {.url = "HTTP://a.example/5", .size = 100},
        {.url = "https://a.example/6", .size = 101},
        {.url = "https://a.example/\n7"},
        {.filename = "no url"},
    };
    struct fixture *f = *state;
    struct letter *l = letter_new(f->arena);
    struct attach_note note;
    struct buf b;
    size_t i;

    for (i = 0; i + 1 < sizeof links / sizeof links[0]; i++)
        links[i].next = &links[i + 1];
    l->attachments = links;
    buf_init(&b, 1 << 20);
    mime_attach_note(&b, l, "juliet@example.org", 100);
    i = b.len;
    buf_adds(&b, "From: a\r\nX-Postern-Fetch: x y\r\n\r\n");
    assert_int_equal(mime_attach_read(f->arena, b.data, b.len, &note), 0);
    assert_int_equal(note.count, 2);
    assert_int_equal(note.len, i);
    assert_string_equal(note.sender, "juliet@example.org");
    assert_string_equal(note.urls[0], "https://a.example/1");
    assert_string_equal(note.urls[1], "HTTP://a.example/5");
    /* However much of it there is. */
    for (; b.len > 0; buf_truncate(&b, b.len - 1))
        assert_int_equal(mime_attach_read(f->arena, b.data, b.len, &note), 0);
    l->encrypted = "x";
    mime_attach_note(&b, l, "juliet@example.org", 100);
    assert_int_equal(b.len, 0);
    buf_clear(&b);
}

static void test_names(void **state)
{
    static const struct {
        const char *url, *type, *name;
    } rows[] = {
        {"https://a.example/x/rose.png?y=z/a.exe#b", "image/png", "rose.png"},
        {"https://a.example/r%C3%B6se.png", "image/png", "r\303\266se.png"},
        {"https://a.example/", "image/png", "file.png"},
        {"https://a.example", "image/jpeg", "file.jpg"},
        {"https://a.example?x", "application/octet-stream", "file"},
        {"https://a.example/..", "application/octet-stream", "file"},
        {"https://a.example/a%00b%2", "application/octet-stream", NULL},
        {"https://a.example/%2e%2e%2fetc%2fpasswd", "application/octet-stream", NULL},
        {"https://a.example/a%0d%0aContent-Type:%20text%2fhtml", "text/x", NULL},
    };
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *name = mime_attach_name(f->arena, rows[i].url, rows[i].type);

        assert_non_null(name);
        print_message("%s: %s\n", rows[i].url, name);
        if (rows[i].name)
            assert_string_equal(name, rows[i].name);
        assert_null(strpbrk(name, "/\\\r\n"));
        assert_int_not_equal(name[0], '.');
    }
}

static void test_types(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *type;
    } rows[] = {
        {"\x89PNG\r\n\x1a\n...", 11, "image/png"},
        {"\x89PNG\r\n\x1a", 7, "application/octet-stream"},
        {"\xff\xd8\xff\xe0", 4, "image/jpeg"},
        {"RIFF1234WEBP", 12, "image/webp"},
        {"RIFF1234WEB", 11, "application/octet-stream"},
        {"RIFF1234AVI ", 12, "application/octet-stream"},
        {"\0\0\0\x1c"
         "ftypisom",
         12, "video/mp4"},
        {"\0\0\0\x1c"
         "ftypheic",
         12, "image/heic"},
        {"%PDF-1.7", 8, "application/pdf"},
        {"<!DOCTYPE html>", 15, "application/octet-stream"},
        {"<svg xmlns=", 11, "application/octet-stream"},
        {"", 0, "application/octet-stream"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(sniff_type(rows[i].bytes, rows[i].len), rows[i].type);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attach),
        cmocka_unit_test_setup_teardown(test_note, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_names, fixture_setup, fixture_teardown),
        cmocka_unit_test(test_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
