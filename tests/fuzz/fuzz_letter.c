/*
 * Letters as the process that reads mail hands them over, and what it could hand over once somebody
 * has taken it: refused, or a letter with nothing in it that ends a line or a command.
 */
#include <string.h>

#include "mapping/letter_pack.h"
#include "mapping/stanza/stanza_write.h"
#include "tests/fuzz/fuzz.h"

static bool is_line(const char *s)
{
    for (; s && *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return false;
    return true;
}

static void check_party(struct arena *a, const struct party *p)
{
    struct addr again;
    struct err e;

    HOLDS(is_line(p->name));
    HOLDS(!p->mail.domain || addr_from_parts(a, p->mail.local, p->mail.domain, &again, &e) == 0 ||
          e.class == ERR_RETRY);
}

static void check_letter(struct arena *a, struct letter *l)
{
    const struct attachment *at;
    const struct party *p;
    struct buf again;

    HOLDS(is_line(l->subject) && is_line(l->message_id) && is_line(l->reverse_path));
    check_party(a, &l->from);
    for (p = l->recipients; p; p = p->next)
        check_party(a, p);
    for (at = l->attachments; at; at = at->next)
        HOLDS(is_line(at->filename) && is_line(at->media_type) && (at->content || at->size == 0));
    buf_init(&again, 16 << 20);
    letter_pack(&again, l);
    buf_clear(&again);
    l->stanza_id = "1p40u58qi0a0u-0";
    for (p = l->recipients; p; p = p->next)
        if (p->jid.domain && l->from.jid.domain)
            (void)!stanza_write(fuzz_context(), a, l, p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(size + (16 << 20));
    char *copy = a ? arena_alloc(a, size) : NULL;
    struct letter *letter;
    struct err e;

    if (copy) {
        if (size > 0)
            memcpy(copy, data, size);
        if (letter_unpack(a, copy, size, &letter, &e) == 0)
            check_letter(a, letter);
        else
            HOLDS((e.class == ERR_BUG || e.class == ERR_RETRY) && e.text[0]);
    }
    arena_free(a);
    return 0;
}
