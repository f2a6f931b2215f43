/*
 * Addresses: mail addresses and JIDs as strangers write them, and the map between them.  What is
 * accepted can be written down, read again and is the same; nothing in it ends a line.
 */
#include <string.h>

#include "mapping/address/reverse_path.h"
#include "tests/fuzz/fuzz.h"

static void check_mail(const struct context *ctx, struct arena *a, const char *text)
{
    struct addr mail, again;
    struct jid jid;
    const char *written;
    struct err e;
    int64_t id;

    if (addr_parse(a, text, &mail, &e) < 0)
        return;
    written = addr_text(a, &mail);
    if (!written)
        return;
    HOLDS(!strpbrk(written, "\r\n"));
    HOLDS(addr_parse(a, written, &again, &e) == 0 && addr_is_same(&mail, &again));
    (void)!reverse_path_check(ctx, mail.local, &id);
    (void)address_map_reverse(ctx->map, &mail);
    if (address_map_mail_to_jid(ctx->map, a, &mail, &jid, NULL, &e) == 0) {
        HOLDS(address_map_owns_address(ctx->map, &mail) || jid.domain);
        HOLDS(jid_text(a, &jid) == NULL || jid_parse(a, jid_text(a, &jid), &jid, &e) == 0);
    }
    if (address_map_mail_to_contact(ctx->map, a, &mail, &jid, NULL, &e) == 0) {
        struct addr back;

        HOLDS(strcmp(jid.domain, "mail.example.org") == 0);
        HOLDS(address_map_contact_to_mail(ctx->map, a, &jid, &back, NULL, &e) == 0);
    }
}

static void check_jid(const struct context *ctx, struct arena *a, const char *text)
{
    struct jid jid, again;
    struct addr mail;
    const char *written, *node;
    struct err e;

    if (jid_parse(a, text, &jid, &e) < 0)
        return;
    written = jid_text(a, &jid);
    if (!written)
        return;
    HOLDS(jid_parse(a, written, &again, &e) == 0 && jid_is_same(&jid, &again));
    if (address_map_jid_to_mail(ctx->map, a, &jid, &mail, NULL, &e) == 0) {
        const char *address = addr_text(a, &mail);

        HOLDS(!address || (addr_parse(a, address, &mail, &e) == 0 && !strpbrk(address, "\r\n")));
    }
    (void)!address_map_contact_to_mail(ctx->map, a, &jid, &mail, NULL, &e);
    if (jid_escape_node(a, text, &node, &e) == 0 && node)
        (void)!jid_unescape_node(a, node);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct context *ctx = fuzz_context();
    struct arena *a = arena_new(4 << 20);
    char *text = malloc(size + 1);

    if (a && text) {
        if (size > 0)
            memcpy(text, data, size);
        text[size] = '\0';
        check_mail(ctx, a, text);
        check_jid(ctx, a, text);
    }
    free(text);
    arena_free(a);
    return 0;
}
