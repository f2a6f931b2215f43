/*
 * shelf: what a mail brings beside its text is laid away and linked to.
 *
 * The bytes are written by a worker, the rows that name them by the store's writer, which is also
 * where the quotas are looked at.  A crash between leaves bytes that no row names, which go at the
 * next start.
 */
#include "bridge/to_jabber/shelf.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "mapping/text/page_write.h"
#include "mapping/address/people_read.h"
#include "mapping/address/reverse_path.h"
#include "store/files.h"
#include "store/quota.h"
#include "web/url.h"
#include "web/web.h"

enum { PAGE_PART = 1 << 20, /* among the parts of a mail: behind all attachments */ DAY_S = 86400 };

/* The same for the same part of the same mail, so that a second try writes the same file. */
static int64_t file_id(const struct settings *st, int64_t message_id, unsigned part)
{
    int64_t name[2] = {message_id, part};
    char hex[17];

    keyed_hash_hex(&st->key, "file id", name, sizeof name, 8, hex);
    return (int64_t)(strtoull(hex, NULL, 16) & INT64_MAX);
}

static int store_attachment(struct shipment *s, struct attachment *at, unsigned part, struct err *e)
{
    int64_t id, expires = s->now_s + s->settings->conf->web_keep_s;
    char token[KEYED_TOKEN_SIZE];
    const char *name;

    if (!at->content || !s->settings->conf->web_url)
        return 0;
    id = file_id(s->settings, s->parcel->message.id, part);
    if (files_write(s->gateway->store, id, at->content, at->size, e) < 0)
        return -1;
    keyed_token(&s->settings->key, "file", id, expires, token);
    name = url_segment(s->arena, at->filename ? at->filename : "attachment");
    at->url =
        name ? arena_printf(s->arena, "%s/f/%s/%s", s->settings->conf->web_url, token, name) : NULL;
    return at->url ? 0 : err_memory(e);
}

/* The page with the whole mail, where the message shows less.  One that gets too large is none. */
static int store_page(struct shipment *s, struct err *e)
{
    int64_t id, expires = s->now_s + s->settings->conf->web_keep_s;
    char token[KEYED_TOKEN_SIZE];
    struct buf page;
    int rc = 0;

    if (!s->read.page || !s->settings->conf->web_url)
        return 0;
    id = file_id(s->settings, s->parcel->message.id, PAGE_PART);
    buf_init(&page, PAGE_MAX);
    reader_page(&s->read, &page);
    if (!buf_failed(&page)) {
        s->page_size = page.len;
        keyed_token(&s->settings->key, "file", id, expires, token);
        s->letter->whole_url =
            arena_printf(s->arena, "%s/f/%s/mail.html", s->settings->conf->web_url, token);
        rc = s->letter->whole_url ? files_write(s->gateway->store, id, page.data, page.len, e)
                                  : err_memory(e);
    }
    buf_clear(&page);
    return rc;
}

/* What an upload service has got is a link and no more; but the page may show its bytes. */
static unsigned count_uploaded(const struct shipment *s)
{
    const struct attachment *at;
    unsigned n = 0;

    for (at = s->letter->attachments; at; at = at->next)
        n += at->content && at->url;
    return n;
}

int shelf_write(struct shipment *s, struct err *e)
{
    unsigned part = 0, count = count_uploaded(s), n = 0;
    struct attachment *at, **uploaded = arena_alloc(s->arena, (count + 1) * sizeof *uploaded);

    if (!uploaded)
        return err_memory(e);
    for (at = s->letter->attachments; at; at = at->next, part++) {
        if (at->content && at->url)
            uploaded[n++] = at;
        else if (store_attachment(s, at, part, e) < 0)
            return -1;
    }
    if (store_page(s, e) < 0)
        return -1;
    while (n > 0)
        uploaded[--n]->content = NULL;
    return 0;
}

/* ---- quotas ---- */

static int64_t size_of_all(const struct shipment *s)
{
    const struct attachment *at;
    int64_t size = (int64_t)s->page_size;

    for (at = s->letter->attachments; at; at = at->next)
        if (at->content)
            size += (int64_t)at->size;
    return size;
}

/* The user behind a recipient; NULL: none, or the arena is exhausted. */
static const char *user_of(struct shipment *s, const struct context *ctx, const char *recipient)
{
    struct addr mail;
    struct err ignored;
    struct jid jid;

    if (addr_parse(s->arena, recipient, &mail, &ignored) < 0 || reverse_path_is_form(mail.local) ||
        address_map_mail_to_jid(ctx->map, s->arena, &mail, &jid, NULL, &ignored) < 0)
        return NULL;
    return jid_bare(s->arena, &jid);
}

/* Is there room for one of the users at least?  What is kept for one is there for all. */
static int look_at_users(struct store_txn *txn, struct shipment *s, const struct context *ctx,
                         int64_t size, bool *has_room, struct err *e)
{
    const struct queue_message *m = &s->parcel->message;
    int64_t used, day = s->now_s / DAY_S;
    bool is_known = false;
    size_t i;

    *has_room = false;
    for (i = 0; i < m->item_count; i++) {
        const char *user = user_of(s, ctx, m->items[i].recipient);

        if (!user)
            continue;
        is_known = true;
        if (quota_used(txn, user, day, &used, e) < 0)
            return -1;
        if (used + size > s->settings->conf->web_user_space)
            continue;
        *has_room = true;
        if (quota_add(txn, user, day, size, e) < 0)
            return -1;
    }
    *has_room = *has_room || !is_known;
    return 0;
}

static unsigned first_part(const struct shipment *s)
{
    const struct attachment *at;
    unsigned part = 0;

    for (at = s->letter->attachments; at && !at->content; at = at->next)
        part++;
    return part;
}

/* NULL in *why: there is room. */
static int look_at_quotas(struct store_txn *txn, struct shipment *s, const struct context *ctx,
                          const char **why, struct err *e)
{
    int64_t size = size_of_all(s), total;
    struct stored_file *before;
    bool has_room;

    *why = NULL;
    if (size == 0)
        return 0;
    /* Kept by an earlier try, and counted then. */
    if (files_by_part(txn, s->arena, s->parcel->message.id,
                      s->page_size > 0 ? PAGE_PART : first_part(s), &before, e) < 0)
        return -1;
    if (before)
        return 0;
    if (quota_total(txn, &total, e) < 0)
        return -1;
    if (total + size > s->settings->conf->web_space) {
        *why = "The files of this mail could not be kept: there is no room for more files here.";
        return 0;
    }
    if (look_at_users(txn, s, ctx, size, &has_room, e) < 0)
        return -1;
    if (!has_room)
        *why =
            "The files of this mail could not be kept: you have got as many bytes of files today "
            "as one user may.";
    return 0;
}

/* The message names its files and says why they are not there. */
static int refuse(struct store_txn *txn, struct shipment *s, const char *why, struct err *e)
{
    struct attachment *at;
    unsigned part = 0;

    for (at = s->letter->attachments; at; at = at->next, part++) {
        if (!at->content)
            continue;
        at->url = NULL;
        if (files_discard(txn, file_id(s->settings, s->parcel->message.id, part), e) < 0)
            return -1;
    }
    if (s->page_size > 0 &&
        files_discard(txn, file_id(s->settings, s->parcel->message.id, PAGE_PART), e) < 0)
        return -1;
    s->letter->whole_url = NULL;
    log_warning("files", "event=over-quota message=%lld bytes=%lld",
                (long long)s->parcel->message.id, (long long)size_of_all(s));
    if (s->letter->notice && strstr(s->letter->notice, why))
        return 0; /* said already: this work was undone, and is repeated */
    return people_add_notice(s->letter, why) < 0 ? err_memory(e) : 0;
}

/* ---- rows ---- */

static int put_file(struct store_txn *txn, struct shipment *s, unsigned part,
                    const struct stored_file *what, struct err *e)
{
    struct stored_file file = *what;

    file.id = file_id(s->settings, s->parcel->message.id, part);
    file.expires_s = s->now_s + s->settings->conf->web_keep_s;
    file.message_id = s->parcel->message.id;
    file.part = part;
    return files_put(txn, &file, e);
}

/* What a mail calls its file, unless that is our own name for our own pages. */
static const char *type_of(const struct attachment *at)
{
    return at->media_type && strcmp(at->media_type, WEB_PAGE) != 0 ? at->media_type
                                                                   : "application/octet-stream";
}

static int put_files(struct store_txn *txn, struct shipment *s, struct err *e)
{
    const struct stored_file page = {
        .name = "mail.html", .media_type = WEB_PAGE, .size = s->page_size};
    const struct attachment *at;
    unsigned part = 0;

    for (at = s->letter->attachments; at; at = at->next, part++) {
        const struct stored_file file = {.name = at->filename ? at->filename : "attachment",
                                         .media_type = type_of(at),
                                         .size = at->size};

        if (at->content && put_file(txn, s, part, &file, e) < 0)
            return -1;
    }
    return s->page_size > 0 ? put_file(txn, s, PAGE_PART, &page, e) : 0;
}

int shelf_put(struct store_txn *txn, struct shipment *s, const struct context *ctx, struct err *e)
{
    const char *why;

    if (!s->settings->conf->web_url)
        return 0;
    if (look_at_quotas(txn, s, ctx, &why, e) < 0)
        return -1;
    return why ? refuse(txn, s, why, e) : put_files(txn, s, e);
}
