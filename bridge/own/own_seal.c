/*
 * own_seal: a mailbox's description as sealed bytes, bound to its user, its row and its address.
 *
 * No data of its own.  Runs wherever a description is at hand; a crash leaves nothing behind.
 */
#include "bridge/own/own_inside.h"

#include "base/pack.h"

#include <stddef.h>
#include <string.h>

enum { SEALED_MAX = 64 << 10 };

static const struct pack_field server_fields[] = {
    {"host", PACK_LINE, offsetof(struct conf_server, host), 0, OWN_TEXT_MAX, NULL},
    {"port", PACK_NUMBER, offsetof(struct conf_server, port), 0, 65535, NULL},
    {"tls", PACK_NUMBER, offsetof(struct conf_server, tls), 0, CONF_TLS_IMPLICIT, NULL},
    {"user", PACK_LINE, offsetof(struct conf_server, user), 0, OWN_TEXT_MAX, NULL},
    {"password", PACK_LINE, offsetof(struct conf_server, password), 0, OWN_TEXT_MAX, NULL},
};
static const struct pack_shape server_shape = {
    .size = sizeof(struct conf_server),
    .fields = server_fields,
    .field_count = PACK_COUNT(server_fields),
};
static const struct pack_field fields[] = {
    {"imap", PACK_STRUCT, offsetof(struct own_description, imap), 0, 0, &server_shape},
    {"smtp", PACK_STRUCT, offsetof(struct own_description, smtp), 0, 0, &server_shape},
    {"folder", PACK_LINE, offsetof(struct own_description, folder), 0, OWN_TEXT_MAX, NULL},
};
static const struct pack_shape shape = {
    .size = sizeof(struct own_description),
    .fields = fields,
    .field_count = PACK_COUNT(fields),
};

static const char *bound_to(struct arena *a, const char *bare_jid, int64_t id, const char *address)
{
    char name[OWN_BOX_NAME_SIZE];

    return arena_printf(a, "%s\n%s\n%s", own_box_name(id, name), bare_jid, address);
}

const char *own_seal(const struct sealed_key *key, struct arena *a, const char *bare_jid,
                     int64_t id, const struct own_description *what, size_t *len_out, struct err *e)
{
    const char *bound = bound_to(a, bare_jid, id, what->address), *text = NULL;
    struct buf plain, sealed;

    buf_init(&plain, SEALED_MAX);
    buf_set_secret(&plain);
    buf_init(&sealed, SEALED_MAX);
    pack_write(&plain, &shape, what);
    if (!bound || buf_failed(&plain)) {
        err_memory(e);
    } else if (sealed_lock(key, bound, plain.data, plain.len, &sealed, e) == 0) {
        *len_out = sealed.len;
        text = arena_strndup(a, sealed.data, sealed.len);
        if (!text)
            err_memory(e);
    }
    buf_clear(&plain);
    buf_clear(&sealed);
    return text;
}

static bool is_whole(const struct conf_server *s)
{
    return s->host && *s->host && s->port != 0 && s->user && s->password;
}

static void set_rest(struct conf_server *s)
{
    s->ca_file = s->token_file = s->token = "";
    s->engine = CONF_ENGINE_OWN;
}

int own_unseal(const struct sealed_key *key, struct arena *a, const struct own_box_row *row,
               struct own_description *out, struct err *e)
{
    const char *bound = bound_to(a, row->bare_jid, row->id, row->address);
    struct buf plain;
    char *bytes = NULL;
    size_t len = 0;
    int r = -1;

    if (!bound)
        return err_memory(e);
    buf_init(&plain, SEALED_MAX);
    buf_set_secret(&plain);
    if (sealed_open(key, bound, row->sealed, row->sealed_len, &plain, e) == 0) {
        len = plain.len;
        bytes = arena_strndup(a, plain.data, len);
        memset(out, 0, sizeof *out);
        r = bytes ? pack_read(a, &shape, bytes, len, out, e) : err_memory(e);
    }
    buf_clear(&plain);
    if (r < 0)
        return -1;
    out->address = arena_strdup(a, row->address);
    set_rest(&out->imap);
    set_rest(&out->smtp);
    if (!out->address)
        return err_memory(e);
    if (!is_whole(&out->imap) || !is_whole(&out->smtp) || !out->folder)
        return err_set(e, ERR_PERMANENT, "the mailbox's description has gaps");
    return 0;
}

static int copy_server(struct arena *a, const struct conf_server *from, struct conf_server *to)
{
    *to = *from;
    to->host = arena_strdup(a, from->host);
    to->user = arena_strdup(a, from->user);
    to->password = arena_strdup(a, from->password);
    set_rest(to);
    return to->host && to->user && to->password ? 0 : -1;
}

int own_copy(struct arena *a, const struct own_description *what, struct own_description *out)
{
    out->address = arena_strdup(a, what->address);
    out->folder = arena_strdup(a, what->folder);
    return out->address && out->folder && copy_server(a, &what->imap, &out->imap) == 0 &&
                   copy_server(a, &what->smtp, &out->smtp) == 0
               ? 0
               : -1;
}

/* They stand in arenas of ours, not in literals, or are empty. */
static void wipe(const char *secret)
{
    if (secret && *secret)
        sealed_wipe((char *)(uintptr_t)secret, strlen(secret));
}

void own_wipe(struct own_description *what)
{
    wipe(what->imap.password);
    wipe(what->smtp.password);
}
