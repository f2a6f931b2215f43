/*
 * Mail: whatever arrives becomes a letter or a clear refusal; the stanzas of it are well formed and
 * the page of it is written.  Reports, vCards, HTML and OpenPGP inside of it come along.
 */
#include <string.h>

#include "component/parser.h"
#include "mapping/card/contacts.h"
#include "mapping/letter_pack.h"
#include "mapping/mime/mime_read.h"
#include "mapping/text/page_write.h"
#include "mapping/stanza/stanza_write.h"
#include "tests/fuzz/fuzz.h"

static void check_stanza(struct arena *a, const struct xml_node *node)
{
    const struct parser_limits limits = {16 << 20, 64, 64};
    struct xml_node *again;
    struct buf xml;
    struct err e;

    if (!node)
        return;
    buf_init(&xml, 16 << 20);
    xml_write(&xml, node, FUZZ_NS);
    if (!buf_failed(&xml))
        HOLDS(parser_read_one(a, xml.data, xml.len, FUZZ_NS, &limits, &again, &e) == 0 ||
              e.class == ERR_RETRY);
    buf_clear(&xml);
}

static void check_page(const struct letter *letter)
{
    struct buf page;
    struct err e;

    if (!letter->whole)
        return;
    buf_init(&page, PAGE_MAX);
    if (page_write(letter, &page, &e) == 0)
        HOLDS(page.len > 0 && !memchr(page.data, '\0', page.len));
    buf_clear(&page);
}

/* It gets from the process that reads mail to the gateway. */
static void check_packed(struct arena *a, const struct letter *letter)
{
    struct letter *again;
    struct buf packed;
    struct err e;
    char *copy;

    buf_init(&packed, 64 << 20);
    letter_pack(&packed, letter);
    copy = buf_failed(&packed) ? NULL : arena_strndup(a, packed.data, packed.len);
    if (copy)
        HOLDS(letter_unpack(a, copy, packed.len, &again, &e) == 0 || e.class == ERR_RETRY);
    buf_clear(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct context *ctx = fuzz_context();
    const struct mail_envelope envelope = {.mailbox_address = "bridge@example.org"};
    struct arena *a = arena_new(mime_read_arena_max(size) + (48 << 20));
    char *copy = malloc(size + 1);
    struct letter *letter;
    const struct party *r;
    struct err e;

    if (!a || !copy)
        goto out;
    if (size > 0)
        memcpy(copy, data, size);
    copy[size] = '\0'; /* as the gateway holds a mail */
    if (mime_read(ctx, a, copy, size, &envelope, &letter, &e) < 0) {
        HOLDS(e.class != ERR_BUG && e.text[0]);
        goto out;
    }
    check_packed(a, letter);
    letter->stanza_id = "1p40u58qi0a0u-0";
    for (r = letter->recipients; r; r = r->next)
        if (r->jid.domain) {
            check_stanza(a, stanza_write(ctx, a, letter, r));
            if (letter->contacts)
                check_stanza(a, contacts_write(ctx, a, letter, r, "1p40u58qi0a0u-c"));
        }
    check_page(letter);
out:
    free(copy);
    arena_free(a);
    return 0;
}
