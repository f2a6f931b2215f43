/* OpenPGP in mails as letters: inline, in MIME, signed, and broken on the way. */
#include "fixture_mapping.h"

#include <stdlib.h>

#include "mapping/mime/mime_read.h"
#include "mapping/openpgp/openpgp.h"

#define HEAD  "From: r@m.example\r\nTo: juliet@mail.example.org\r\nMIME-Version: 1.0\r\n"
#define BEGIN "-----BEGIN PGP MESSAGE-----\r\n"
#define END   "-----END PGP MESSAGE-----\r\n"
#define BLOCK BEGIN "\r\nhQEM\r\n=abcd\r\n" END
#define LINE  "AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDD\r\n"
#define ENCRYPTED(rest)                                                                            \
    HEAD "Content-Type: multipart/encrypted; boundary=b\r\n\r\n"                                   \
         "--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n" rest

static struct letter *read_mail(struct fixture *f, const char *mail, size_t len)
{
    struct mail_envelope envelope = {0};
    struct letter *l;
    struct err e;

    if (mime_read(&f->ctx, f->arena, mail, len, &envelope, &l, &e) < 0)
        fail_msg("%s", e.text);
    return l;
}

static struct letter *read_text(struct fixture *f, const char *mail)
{
    return read_mail(f, mail, strlen(mail));
}

static size_t count_files(const struct letter *l)
{
    const struct attachment *att;
    size_t n = 0;

    for (att = l->attachments; att; att = att->next)
        n++;
    return n;
}

static void inline_message(void **state)
{
    struct letter *l = read_text(*state, HEAD "\r\n" BLOCK);

    assert_string_equal(l->encrypted, "hQEM\n=abcd");
    assert_null(l->text);
    assert_int_equal(count_files(l), 0);
    /* Said by the block's neighbours, so it is no lone block. */
    l = read_text(*state, HEAD "\r\n" BLOCK "list footer\r\n");
    assert_null(l->encrypted);
    assert_non_null(strstr(l->text, "list footer"));
    assert_non_null(strstr(l->text, "hQEM\n=abcd"));
    /* A file beside it stays a file. */
    l = read_text(*state, HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" BLOCK
                               "--b\r\nContent-Type: image/png; name=a.png\r\n\r\nx\r\n--b--\r\n");
    assert_string_equal(l->encrypted, "hQEM\n=abcd");
    assert_int_equal(count_files(l), 1);
}

static void check_long(struct fixture *f, size_t size, bool is_message)
{
    struct letter *l;
    struct buf mail;
    size_t head;

    buf_init(&mail, 8 << 20);
    buf_adds(&mail, HEAD "\r\n");
    head = mail.len;
    buf_adds(&mail, BEGIN "\r\n");
    while (mail.len < size)
        buf_adds(&mail, LINE);
    buf_adds(&mail, END);
    l = read_mail(f, mail.data, mail.len);
    assert_null(l->text);
    if (is_message) {
        assert_non_null(l->encrypted);
    } else {
        assert_null(l->encrypted);
        assert_int_equal(count_files(l), 1);
        /* whole, whatever its line ends */
        assert_non_null(strstr(l->attachments->content + l->attachments->size - 40, "END PGP"));
        assert_true(l->attachments->size > (mail.len - head) / 66 * 65);
    }
    buf_clear(&mail);
}

static void long_messages(void **state)
{
    check_long(*state, 90000, true);
    check_long(*state, 200000, false);
    check_long(*state, 3000000, false);
}

static void mime_encrypted(void **state)
{
    static const char mail[] =
        ENCRYPTED("--b\r\nContent-Type: application/octet-stream\r\n\r\n" BLOCK "--b--\r\n");
    struct fixture *f = *state;
    struct letter *l = read_text(f, mail);

    assert_null(l->encrypted);
    assert_null(l->text);
    assert_int_equal(count_files(l), 1);
    assert_string_equal(l->attachments->filename, "encrypted.asc");
    assert_non_null(strstr(l->notice, "OpenPGP"));
    f->ctx.pgp_mime_inline = true;
    l = read_text(f, mail);
    assert_string_equal(l->encrypted, "hQEM\n=abcd");
    assert_int_equal(count_files(l), 0);
    assert_null(l->notice);
    /* What is not armored is a file either way. */
    l = read_text(f, ENCRYPTED("--b\r\nContent-Type: application/octet-stream; name=x.gpg\r\n\r\n"
                               "\x84\x5e\r\n--b--\r\n"));
    assert_null(l->encrypted);
    assert_string_equal(l->attachments->filename, "x.gpg");
}

static void broken_encrypted(void **state)
{
    struct fixture *f = *state;

    read_text(f, ENCRYPTED(""));
    read_text(f, ENCRYPTED("--b--\r\n"));
    read_text(f,
              ENCRYPTED("--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n"
                        "--c--\r\n--b--\r\n"));
    f->ctx.pgp_mime_inline = true;
    read_text(f,
              ENCRYPTED("--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n"
                        "--c--\r\n--b--\r\n"));
}

#define SIGNED(part, type)                                                                         \
    HEAD "Content-Type: multipart/signed; protocol=\"" type "\"; boundary=b\r\n\r\n"               \
         "--b\r\n" part "\r\n--b\r\nContent-Type: " type "\r\n\r\nsignature\r\n--b--\r\n"

static void mime_signed(void **state)
{
    static const char part[] = "Content-Type: text/plain;\r\n charset=utf-8\r\n\r\nHello \r\n\r\n";
    struct letter *l = read_text(
        *state, SIGNED("Content-Type: text/plain;\r\n charset=utf-8\r\n\r\nHello \r\n\r\n",
                       "application/pgp-signature"));
    const struct attachment *att = l->attachments;

    assert_string_equal(l->text, "Hello");
    assert_null(l->signature);
    assert_int_equal(count_files(l), 2);
    assert_string_equal(att->filename, "signed.txt");
    assert_int_equal(att->size, sizeof part - 1);
    assert_memory_equal(att->content, part, sizeof part - 1);
    assert_string_equal(att->next->filename, "signed.txt.asc");
    assert_int_equal(memcmp(att->next->content, "signature", 9), 0);
    /* S/MIME is none of this. */
    l = read_text(*state, SIGNED("\r\nHello", "application/pkcs7-signature"));
    assert_string_equal(l->text, "Hello");
    assert_int_equal(count_files(l), 1);
    /* No header, no line ends of the wire. */
    l = read_text(*state, "From: r@m.example\nTo: juliet@mail.example.org\nContent-Type: "
                          "multipart/signed; boundary=b\n\n--b\n\na\nb\n--b\nContent-Type: "
                          "application/pgp-signature\n\nx\n--b--\n");
    assert_string_equal(l->attachments->content, "\r\na\r\nb");
}

static void clear_signed(void **state)
{
    struct letter *l =
        read_text(*state, HEAD "\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\n"
                               "- - Hello\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\niQEz\r\n"
                               "-----END PGP SIGNATURE-----\r\n");

    assert_string_equal(l->text, "- Hello");
    assert_int_equal(count_files(l), 1);
    assert_string_equal(l->attachments->filename, "signed.txt.asc");
    assert_int_equal(memcmp(l->attachments->content, "-----BEGIN PGP SIGNED", 21), 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(inline_message),   T(long_messages), T(mime_encrypted),
        T(broken_encrypted), T(mime_signed),   T(clear_signed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
