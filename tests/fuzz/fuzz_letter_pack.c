/*
 * Packed letters: what the process that reads strangers' mail hands over may come from a stranger
 * who has taken that process over.  The input is unpacked as it stands; it is also read as a mail,
 * packed, and unpacked whole and with some of its bytes changed.  A whole one comes back the same;
 * whatever is believed can be written as well-formed stanzas.
 */
#include <string.h>

#include "component/parser.h"
#include "mapping/letter_pack.h"
#include "mapping/mime/mime_read.h"
#include "mapping/stanza/stanza_write.h"
#include "tests/fuzz/fuzz.h"

enum { PACK_MAX = 16 << 20, VARIANTS = 40 };

static void check_stanzas(struct arena *a, struct letter *letter)
{
    const struct parser_limits limits = {16 << 20, 64, 64};
    const struct party *r;
    struct xml_node *node, *again;
    struct buf xml;
    struct err e;

    letter->stanza_id = "1p40u58qi0a0u-0";
    for (r = letter->recipients; r; r = r->next) {
        if (!r->jid.domain)
            continue;
        node = stanza_write(fuzz_context(), a, letter, r);
        if (!node)
            continue;
        buf_init(&xml, PACK_MAX);
        xml_write(&xml, node, FUZZ_NS);
        if (!buf_failed(&xml))
            HOLDS(parser_read_one(a, xml.data, xml.len, FUZZ_NS, &limits, &again, &e) == 0 ||
                  e.class == ERR_RETRY);
        buf_clear(&xml);
    }
}

/* Unpacks a copy; true when it was believed.  again (NULL: no matter) gets it packed anew. */
static bool unpack(const char *data, size_t len, struct buf *again)
{
    struct arena *a = arena_new(64 << 20);
    char *copy = malloc(len > 0 ? len : 1);
    const struct attachment *at;
    struct letter *letter;
    bool is_believed = false;
    struct err e;

    if (a && copy) {
        if (len > 0)
            memcpy(copy, data, len);
        is_believed = letter_unpack(a, copy, len, &letter, &e) == 0;
        HOLDS(is_believed || e.text[0]);
    }
    for (at = is_believed ? letter->attachments : NULL; at; at = at->next)
        HOLDS(!at->sha256 && (!at->url || !at->content));
    if (is_believed && again)
        letter_pack(again, letter);
    if (is_believed)
        check_stanzas(a, letter);
    free(copy);
    arena_free(a);
    return is_believed;
}

static void try_variants(struct buf *packed)
{
    uint32_t random = (uint32_t)packed->len * 2654435761U + 1;
    unsigned i;

    for (i = 0; i < VARIANTS && packed->len > 0; i++) {
        size_t at, cut = packed->len;
        char before;

        random = random * 1103515245U + 12345U;
        at = (random >> 8) % packed->len;
        before = packed->data[at];
        packed->data[at] = (char)(random >> 5);
        if (i % 8 == 7)
            cut = at;
        unpack(packed->data, cut, NULL);
        packed->data[at] = before;
    }
}

static void read_and_pack(const uint8_t *data, size_t size)
{
    const struct mail_envelope envelope = {.mailbox_address = "bridge@example.org"};
    struct arena *a = arena_new(mime_read_arena_max(size) + (16 << 20));
    char *mail = malloc(size + 1);
    struct buf packed, again;
    struct letter *letter;
    struct err e;

    buf_init(&packed, PACK_MAX);
    buf_init(&again, PACK_MAX);
    if (a && mail) {
        if (size > 0)
            memcpy(mail, data, size);
        mail[size] = '\0';
        if (mime_read(fuzz_context(), a, mail, size, &envelope, &letter, &e) == 0) {
            letter_pack(&packed, letter);
            if (!buf_failed(&packed)) {
                HOLDS(unpack(packed.data, packed.len, &again));
                HOLDS(buf_failed(&again) || (again.len == packed.len &&
                                             memcmp(again.data, packed.data, packed.len) == 0));
                try_variants(&packed);
            }
        }
    }
    buf_clear(&packed);
    buf_clear(&again);
    free(mail);
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unpack((const char *)data, size, NULL);
    read_and_pack(data, size);
    return 0;
}
