/*
 * memory: every allocation fails once, one after the other, in the translation both ways and in the
 * store.  Whatever runs out, nothing crashes, nothing leaks, and what is told to have succeeded is
 * what comes out when memory is plenty: never something else.
 *
 * This program has malloc and its kin of its own, which all libraries use, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "mapping/card/contacts.h"
#include "mapping/mime/mime_read.h"
#include "mapping/mime/mime_write.h"
#include "mapping/text/page_write.h"
#include "mapping/address/reverse_path.h"
#include "mapping/stanza/stanza_read.h"
#include "mapping/stanza/stanza_write.h"
#include "store/links.h"
#include "store/queue.h"
#include "tests/unit/fixture_mapping.h"

/* ---- an allocator that fails on demand ---- */

#if defined __SANITIZE_ADDRESS__
#define REAL(name) __interceptor_##name
/* They run before the sanitizer is there. */
#define EARLY __attribute__((no_sanitize("address", "undefined")))
#else
#define REAL(name) __libc_##name
#define EARLY
#endif
void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *old, size_t size);

static long countdown = -1; /* -1: nothing fails; 0: the next one does */

/* These read from NULL when memory is out: they are spared here, and what they do for strangers is
 * done in a process that may die. */
static const char *const careless[] = {"libetpan.so", "libxml2.so"};
enum { CARELESS = sizeof careless / sizeof careless[0] };
static struct {
    uintptr_t from, to;
} spared[CARELESS];

static void find_spared(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned long from, to;
    char line[512];
    size_t i;

    while (maps && fgets(line, sizeof line, maps))
        for (i = 0; i < CARELESS; i++)
            if (strstr(line, careless[i]) && sscanf(line, "%lx-%lx", &from, &to) == 2) {
                spared[i].from = spared[i].from ? spared[i].from : from;
                spared[i].to = to;
            }
    if (maps)
        fclose(maps);
}

static EARLY bool fails(const void *caller)
{
    uintptr_t place = (uintptr_t)caller;
    size_t i;

    for (i = 0; i < CARELESS; i++)
        if (place >= spared[i].from && place < spared[i].to)
            return false;
    return countdown >= 0 && countdown-- == 0;
}

#define CALLER __builtin_return_address(0)

EARLY void *malloc(size_t size)
{
    return fails(CALLER) ? NULL : REAL(malloc)(size);
}

EARLY void *calloc(size_t count, size_t size)
{
    return fails(CALLER) ? NULL : REAL(calloc)(count, size);
}

EARLY void *realloc(void *old, size_t size)
{
    return fails(CALLER) ? NULL : REAL(realloc)(old, size);
}

char *strdup(const char *text) /* the C library's would hide who calls */
{
    size_t n = strlen(text) + 1;
    char *copy = fails(CALLER) ? NULL : REAL(malloc)(n);

    return copy ? memcpy(copy, text, n) : NULL;
}

static void arm(long n)
{
    countdown = n;
}

/* Did it fail? */
static bool disarm(void)
{
    bool has_failed = countdown < 0;

    countdown = -1;
    return has_failed;
}

/* ---- the sweep ---- */

/* Runs once; *out_text gets all that came out (the caller's).  -1: refused with *e. */
typedef int run_fn(void *arg, struct buf *out, struct err *e);

static void sweep(const char *what, run_fn *run, void *arg)
{
    struct buf whole, out;
    long n, failed = 0;
    struct err e;

    buf_init(&whole, 16 << 20);
    assert_int_equal(run(arg, &whole, &e), 0); /* once before, for what is made at first use */
    buf_clear(&whole);
    buf_init(&whole, 16 << 20);
    assert_int_equal(run(arg, &whole, &e), 0);
    assert_true(whole.len > 0);
    for (n = 0;; n++) {
        bool was_reached;
        int r;

        buf_init(&out, 16 << 20);
        e = (struct err){ERR_NONE, ""};
        arm(n);
        r = run(arg, &out, &e);
        was_reached = disarm();
        if (r < 0) {
            failed++;
            if (e.class != ERR_RETRY)
                fail_msg("%s, allocation %ld: class %s, \"%s\"", what, n, err_class_name(e.class),
                         e.text);
        } else if (!buf_failed(&out)) {
            if (out.len != whole.len || memcmp(out.data, whole.data, out.len) != 0)
                fail_msg("%s, allocation %ld: something else came out:\n%s", what, n, out.data);
        }
        buf_clear(&out);
        if (!was_reached)
            break;
    }
    buf_clear(&whole);
    assert_true(failed > 0);
    printf("%s: %ld allocations failed one by one\n", what, n);
}

/* ---- a stanza becomes a mail ---- */

static const char rich_stanza[] =
    "<message from='juliet@example.org/balcony' to='mail.example.org' id='a2' type='chat' "
    "xml:lang='it'><subject>\xc3\x87"
    "a va</subject><body>&lt;3 &amp; more \xf0\x9f\x98\x80</body>"
    "<thread>t1</thread>"
    "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>"
    "<p>a <a href='https://example.net/'>b</a><strong>c</strong></p></body></html>"
    "<addresses xmlns='http://jabber.org/protocol/address'>"
    "<address type='to' jid='romeo\\40example.net@mail.example.org' desc='R \"M\" \xc3\xb6'/>"
    "<address type='cc' jid='paris\\40example.net@mail.example.org'/></addresses>"
    "<x xmlns='jabber:x:oob'><url>https://example.org/f.png</url><desc>f</desc></x>"
    "<x xmlns='jabber:x:expire' seconds='1800'/><request xmlns='urn:xmpp:receipts'/>"
    "<x xmlns='http://jabber.org/protocol/rosterx'><item action='add' jid='nurse@capulet.example' "
    "name='Nurse'><group>G</group></item></x></message>";

static int to_mail(void *arg, struct buf *out, struct err *e)
{
    const struct parser_limits limits = {1 << 20, 64, 64};
    struct fixture *f = arg;
    struct arena *a = arena_new(16 << 20);
    struct jabber_error error;
    struct xml_node *stanza;
    struct letter *letter;
    int r = -1;

    if (!a)
        return err_memory(e);
    if (parser_read_one(a, rich_stanza, sizeof rich_stanza - 1, FIXTURE_NS, &limits, &stanza, e) <
        0)
        goto out;
    switch (stanza_read(&f->ctx, a, stanza, &letter, &error)) {
    case STANZA_LETTER:
        letter->message_id = "1p40u58qi0a0u@mail.example.org";
        r = mime_write(&f->ctx, letter, out, e);
        break;
    case STANZA_FAILED:
        err_memory(e);
        break;
    default:
        err_set(e, ERR_BUG, "refused: %s %s", error.condition, error.text ? error.text : "");
    }
out:
    arena_free(a);
    return r;
}

static void test_a_stanza_to_mail(void **state)
{
    sweep("a stanza to mail", to_mail, *state);
}

/* ---- a mail becomes stanzas and a page ---- */

static const char rich_mail[] =
    "Return-Path: <romeo@example.net>\r\nDelivered-To: juliet@mail.example.org\r\n"
    "From: =?utf-8?q?R=C3=B6meo?= <romeo@example.net>\r\nTo: juliet@mail.example.org,\r\n"
    " \"Paris, Count\" <paris@example.net>\r\nSubject: =?iso-8859-1?b?5A==?= s\r\n"
    "Message-ID: <1@example.net>\r\nIn-Reply-To: <0@mail.example.org>\r\n"
    "References: <z@x> <0@mail.example.org>\r\n"
    "Date: Mon, 1 Jun 2026 10:00:00 +0200\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n"
    "--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n"
    "--c\r\nContent-Type: text/plain; charset=iso-8859-1; format=flowed\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\nW=F6rds in =\r\na row \r\nand more\r\n\r\n"
    "> quoted\r\n-- \r\nR\r\n"
    "--c\r\nContent-Type: text/html\r\n\r\n<p>W&ouml;rds <b>in</b> <a "
    "href=\"https://example.net/x\">"
    "a</a> row<img src=\"https://example.net/i.png\" alt=i><table><tr><td>1<td>2</table></p>\r\n"
    "--c--\r\n"
    "--b\r\nContent-Type: text/vcard\r\n\r\nBEGIN:VCARD\r\nVERSION:3.0\r\nFN:A\r\n"
    "EMAIL:a@example.net\r\nIMPP:xmpp:a@example.org\r\nEND:VCARD\r\n"
    "--b\r\nContent-Type: application/octet-stream; name*0*=utf-8''a%20; name*1=b.bin\r\n"
    "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\nAAECAwQF\r\n"
    "--b--\r\n";

static int write_node(struct buf *out, const struct xml_node *node, struct err *e)
{
    if (!node)
        return err_memory(e);
    xml_write(out, node, FIXTURE_NS);
    return 0;
}

static int to_jabber(void *arg, struct buf *out, struct err *e)
{
    static const struct mail_envelope envelope = {.mailbox_address = NULL};
    struct fixture *f = arg;
    struct arena *a = arena_new(48 << 20);
    struct letter *letter;
    const struct party *to;
    struct buf page;
    int r = -1;

    if (!a)
        return err_memory(e);
    if (mime_read(&f->ctx, a, rich_mail, sizeof rich_mail - 1, &envelope, &letter, e) < 0)
        goto out;
    to = letter->recipients;
    letter->stanza_id = "1p40u58qi0a0u-0";
    letter->thread = "t";
    if (!to || !to->jid.domain) {
        err_set(e, ERR_BUG, "nobody is addressed");
        goto out;
    }
    if (write_node(out, stanza_write(&f->ctx, a, letter, to), e) < 0 ||
        (letter->contacts && write_node(out, contacts_write(&f->ctx, a, letter, to, "c"), e) < 0))
        goto out;
    buf_init(&page, PAGE_MAX);
    if (letter->whole && page_write(letter, &page, e) == 0)
        buf_add(out, page.data, page.len);
    else if (letter->whole)
        e->class = e->class == ERR_NONE ? ERR_BUG : e->class;
    r = letter->whole && buf_failed(&page) ? err_memory(e) : 0;
    buf_clear(&page);
out:
    arena_free(a);
    return r;
}

static void test_a_mail_to_jabber(void **state)
{
    sweep("a mail to Jabber", to_jabber, *state);
}

/* ---- the store ---- */

static int put_and_look(struct store_txn *txn, void *arg, struct err *e)
{
    struct queue_item items[2] = {{.n = 0, .recipient = "a@example.net", .last_error = ""},
                                  {.n = 1, .recipient = "b@example.net", .last_error = ""}};
    struct queue_message m = {.id = 4711,
                              .kind = QUEUE_MAIL_OUT,
                              .sender = "juliet@example.org",
                              .origin = "jabber",
                              .created_s = 1,
                              .content = "content",
                              .content_len = 7,
                              .items = items,
                              .item_count = 2};
    struct arena *a = arena_new(1 << 20);
    struct queue_message *back = NULL;
    struct buf *out = arg;
    int r = -1;

    if (!a)
        return err_memory(e);
    if (queue_put(txn, &m, e) < 0 || queue_defer(txn, 4711, 0, 5, "later", e) < 0 ||
        queue_remove(txn, 4711, 1, e) < 0 || queue_get(txn, a, 4711, &back, e) < 0)
        goto out;
    if (!back || back->item_count != 1) {
        err_set(e, ERR_BUG, "the message is not as it was written");
        goto out;
    }
    buf_printf(out, "%s %.*s %u %s", back->sender, (int)back->content_len, back->content,
               back->items[0].attempts, back->items[0].last_error);
    r = queue_remove(txn, 4711, 0, e);
out:
    arena_free(a);
    return r;
}

/* Opens, works, closes: a database that is there already. */
static int use_store(void *arg, struct buf *out, struct err *e)
{
    struct store *s = store_open(arg, STORE_READ_WRITE, e);
    int r;

    if (!s) {
        e->class = ERR_RETRY; /* at a start every failure is one that an administrator sees */
        return -1;
    }
    r = store_now(s, put_and_look, out, e);
    store_close(s);
    return r;
}

static void test_the_store(void **state)
{
    char folder[] = "/tmp/postern-memory-XXXXXX", url[64], command[64];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(url, sizeof url, "sqlite:%s/q.db", folder);
    sweep("the store", use_store, url);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_stanza_to_mail, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_mail_to_jabber, fixture_setup, fixture_teardown),
        cmocka_unit_test(test_the_store),
    };

    find_spared();
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
