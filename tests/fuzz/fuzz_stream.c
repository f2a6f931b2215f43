/*
 * Stanzas: bytes of a stream in pieces of any size become stanzas, those letters, those mails and
 * other stanzas; what is made is well formed and can be read again.
 */
#include <string.h>

#include "component/host.h"
#include "component/parser.h"
#include "mapping/mime/mime_read.h"
#include "mapping/mime/mime_write.h"
#include "mapping/stanza/stanza_read.h"
#include "mapping/stanza/stanza_write.h"
#include "mapping/stanza/xhtml.h"
#include "tests/fuzz/fuzz.h"

enum { ARENA = 32 << 20 };

/* RFC 5322 §2.1.1 and §2.3: lines of at most 998 bytes, ended by CR LF and by nothing else. */
static void check_lines(const struct buf *mail)
{
    size_t i, line = 0;

    for (i = 0; i < mail->len; i++) {
        char c = mail->data[i];

        HOLDS(c != '\0');
        HOLDS(c != '\n' || (i > 0 && mail->data[i - 1] == '\r'));
        HOLDS(c != '\r' || (i + 1 < mail->len && mail->data[i + 1] == '\n'));
        line = c == '\n' ? 0 : line + 1;
        HOLDS(line <= 999);
    }
}

static void check_mail(const struct context *ctx, struct arena *a, struct letter *letter)
{
    struct letter *again;
    struct buf mail;
    struct err e;

    letter->message_id = "1p40u58qi0a0u@mail.example.org";
    buf_init(&mail, 8 << 20);
    if (mime_write(ctx, letter, &mail, &e) == 0) {
        const struct mail_envelope envelope = {.reverse_path = "a@example.net"};

        check_lines(&mail);
        if (mime_read(ctx, a, mail.data, mail.len, &envelope, &again, &e) < 0)
            HOLDS(e.class == ERR_RETRY);
    }
    buf_clear(&mail);
}

static void check_stanza(const struct context *ctx, struct arena *a, const struct letter *letter,
                         const struct party *to)
{
    struct xml_node *node, *again;
    struct buf xml;
    struct err e;

    node = stanza_write(ctx, a, letter, to);
    if (!node)
        return;
    buf_init(&xml, 8 << 20);
    xml_write(&xml, node, FUZZ_NS);
    if (!buf_failed(&xml)) {
        const struct parser_limits limits = {8 << 20, 64, 64};

        HOLDS(parser_read_one(a, xml.data, xml.len, FUZZ_NS, &limits, &again, &e) == 0 ||
              e.class == ERR_RETRY);
    }
    buf_clear(&xml);
}

static void take_letter(const struct context *ctx, struct arena *a, struct letter *letter)
{
    const struct party *r;
    bool has_mail = false;

    for (r = letter->recipients; r; r = r->next) {
        if (r->is_jabber)
            check_stanza(ctx, a, letter, r);
        else
            has_mail = true;
    }
    if (has_mail)
        check_mail(ctx, a, letter);
}

static void take_stanza(struct xml_node *stanza, struct arena *arena, void *arg)
{
    const struct context *ctx = fuzz_context();
    struct arena *a = arena_new(ARENA);
    struct jabber_error error;
    struct letter *letter;

    (void)arg;
    host_normalise(stanza, "mail.example.org");
    if (a && strcmp(stanza->name, "message") == 0 && xml_get(stanza, "from") &&
        xml_get(stanza, "to")) {
        switch (stanza_read(ctx, a, stanza, &letter, &error)) {
        case STANZA_LETTER:
            take_letter(ctx, a, letter);
            break;
        case STANZA_REFUSED:
            HOLDS(error.condition && error.condition[0]);
            break;
        default:
            break;
        }
    }
    arena_free(a);
    arena_free(arena);
}

static void skip(const struct xml_node *top, const char *why, void *arg)
{
    struct arena *a = arena_new(1 << 20);

    (void)arg;
    HOLDS(why && why[0]);
    if (a)
        (void)host_outline(a, top, "mail.example.org");
    arena_free(a);
}

/* Does the input bring its own opening? */
static const char opening[] = "<stream:stream xmlns='jabber:component:accept' "
                              "xmlns:stream='http://etherx.jabber.org/streams' id='1'>";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct parser_handler handler = {.stanza = take_stanza, .skipped = skip};
    const struct parser_limits limits = {64 << 10, 32, 32};
    struct parser *p = parser_new(&limits, &handler, NULL);
    size_t piece = 1 + size % 61, at;
    struct err e;

    if (!p)
        return 0;
    if (parser_feed(p, opening, sizeof opening - 1, NULL, &e) < 0)
        abort();
    for (at = 0; at < size; at += piece) {
        size_t n = size - at < piece ? size - at : piece;
        const char *condition = NULL;

        if (parser_feed(p, (const char *)data + at, n, &condition, &e) < 0) {
            HOLDS(condition != NULL);
            break;
        }
    }
    parser_free(p);
    return 0;
}
