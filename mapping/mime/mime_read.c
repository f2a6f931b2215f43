/*
 * mime_read: a mail becomes a letter, step by step: limits, header, people, parts, report, text.
 *
 * A pure function of its arguments: everything lives in the caller's arena or on the heap during
 * the call, nothing is kept, and libetpan's and libxml2's parsers share no state between threads.
 * A crash loses the one mail.
 */
#include "mapping/mime/mime_read.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "mapping/mime/body_read.h"
#include "mapping/mime/charset.h"
#include "mapping/mime/header_read.h"
#include "mapping/text/html_text.h"
#include "mapping/mime/mime_check.h"
#include "mapping/mime/part_walk.h"
#include "mapping/address/people_read.h"
#include "mapping/report/receipts.h"
#include "mapping/report/report_read.h"
#include "mapping/stanza/shim.h"
#include "mapping/mime/verdict_read.h"

enum { SUBJECT_MAX = 500, REFERENCES_MAX = 100, LIST_ID_MAX = 200, DAY_S = 86400 };

size_t mime_read_arena_max(size_t mail_len)
{
    return mail_len * 3 + ((size_t)32 << 20);
}

/* Date, else the time at which the last server took the mail.  A date from the future says nothing.
 */
static void read_dates(const struct context *ctx, struct letter *l, const struct mail_header *h)
{
    const char *received = header_read_get(h, "Received");
    const char *expires = header_read_get(h, "Expires");
    const char *semicolon = received ? strrchr(received, ';') : NULL;

    l->date_s = header_read_date(header_read_get(h, "Date"));
    if (l->date_s == 0 || (ctx->now_s > 0 && l->date_s > ctx->now_s + DAY_S))
        l->date_s = header_read_date(semicolon ? semicolon + 1 : NULL);
    if (ctx->now_s > 0 && l->date_s > ctx->now_s + DAY_S)
        l->date_s = 0;
    l->expires_s = header_read_date(expires ? expires : header_read_get(h, "Expiry-Date"));
}

/* References of a long thread: the first, which is the root, and the last ones. */
static int read_references(struct letter *l, const char *value)
{
    struct reference **end = &l->references;
    const char *id;
    size_t at = 0, count = 0, i;

    for (id = value; (id = strchr(id, '<')); id++)
        count++;
    for (i = 0; (id = header_read_id(l->arena, value, &at)); i++) {
        if (i > 0 && count > REFERENCES_MAX && i + REFERENCES_MAX - 1 < count)
            continue;
        *end = arena_alloc(l->arena, sizeof **end);
        if (!*end)
            return -1;
        (*end)->message_id = id;
        end = &(*end)->next;
    }
    return 0;
}

static int read_thread(struct letter *l, const struct mail_header *h)
{
    const char *id = header_read_get(h, "Message-ID"), *parent = header_read_get(h, "In-Reply-To");
    const char *references = header_read_get(h, "References");
    const struct reference *r;
    size_t at = 0;

    if (id)
        l->message_id = header_read_id(l->arena, id, &at);
    at = 0;
    if (parent)
        l->in_reply_to = header_read_id(l->arena, parent, &at);
    if (references && read_references(l, references) < 0)
        return -1;
    for (r = l->references; r && !l->in_reply_to; r = r->next)
        if (!r->next) /* programs that write only References: the last one is the parent */
            l->in_reply_to = r->message_id;
    return 0;
}

static int read_subject(struct letter *l, const struct mail_header *h)
{
    const char *subject = header_read_get(h, "Subject");
    const char *lang = header_read_get(h, "Content-Language");
    char token[36];

    if (subject) {
        l->subject = header_read_text(l->arena, subject, SUBJECT_MAX);
        if (!l->subject)
            return -1;
        if (!*l->subject)
            l->subject = NULL;
    }
    header_read_token(lang, token, sizeof token);
    if (*token && strspn(token, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(token)) {
        l->lang = arena_strdup(l->arena, token);
        if (!l->lang)
            return -1;
    }
    return 0;
}

/* The id between the brackets of List-Id (RFC 2919), or what stands there. */
static int read_list(struct letter *l, const char *value)
{
    const char *open = strrchr(value, '<');
    size_t n = open ? strcspn(open + 1, ">") : 0;
    const char *raw = n > 0 ? arena_strndup(l->arena, open + 1, n) : value;

    l->list_id = raw ? header_read_text(l->arena, raw, LIST_ID_MAX) : NULL;
    if (!l->list_id)
        return -1;
    if (!*l->list_id)
        l->list_id = NULL;
    return 0;
}

/* Mail nobody wrote, or that many get: nothing may be answered to it by itself (RFC 3834). */
static int read_origin(struct letter *l, const struct mail_header *h)
{
    const char *list = header_read_get(h, "List-Id");
    bool null_path = l->reverse_path && !*l->reverse_path;
    char automatic[40], precedence[40];

    header_read_token(header_read_get(h, "Auto-Submitted"), automatic, sizeof automatic);
    header_read_token(header_read_get(h, "Precedence"), precedence, sizeof precedence);
    l->no_reply = null_path || (*automatic && strcmp(automatic, "no") != 0);
    l->is_automatic = l->no_reply || list || header_read_get(h, "X-Autoreply") ||
                      header_read_get(h, "X-Autorespond") ||
                      header_read_get(h, "List-Unsubscribe") || strcmp(precedence, "bulk") == 0 ||
                      strcmp(precedence, "list") == 0 || strcmp(precedence, "junk") == 0 ||
                      strcmp(precedence, "auto_reply") == 0;
    return list ? read_list(l, list) : 0;
}

/* What is signed or encrypted with OpenPGP is passed on as the parts it stands in. */
static int read_content(const struct context *ctx, struct letter *l, const struct mail_header *h,
                        const char *mail, size_t len, struct err *e)
{
    struct part_tree tree;
    struct body_input in = {.tree = &tree, .mail = mail, .mail_len = len};

    if (part_walk(l->arena, mail, len, h, &tree, e) < 0 ||
        report_read(l, h, &tree, &l->report, e) < 0)
        return -1;
    in.is_report = l->report != NULL;
    if (body_read(ctx, l, &in, e) < 0)
        return -1;
    /* A message without a body is shown by no client, and kept for nobody who is away. */
    if (!l->report && !l->subject && !l->text && !l->encrypted && !l->attachments && !l->contacts &&
        !l->notice && people_add_notice(l, "The mail is empty.") < 0)
        return err_memory(e);
    return 0;
}

/* Everything but the content. */
static int read_top(const struct context *ctx, struct letter *l, struct mail_header *h,
                    const char *mail, size_t len, const struct mail_envelope *envelope,
                    struct err *e)
{
    if (header_read(l->arena, mail, len, h) < 0)
        return err_memory(e);
    if (people_read(ctx, l, h, envelope, e) < 0)
        return -1;
    verdict_read(l, h, ctx->verdict_server ? ctx->verdict_server : "");
    if (l->is_doubtful &&
        people_add_notice(
            l, "The sender's address may be forged: it failed the mail server's checks") < 0)
        return err_memory(e);
    read_dates(ctx, l, h);
    if (read_thread(l, h) < 0 || read_subject(l, h) < 0 || read_origin(l, h) < 0 ||
        receipts_read_mail(l, h) < 0 || shim_read_mail(l, h) < 0)
        return err_memory(e);
    return 0;
}

int mime_read_head(const struct context *ctx, struct arena *a, const char *mail, size_t len,
                   const struct mail_envelope *envelope, struct letter **out, struct err *e)
{
    struct letter *l = letter_new(a);
    struct mail_header h;

    if (mime_check(mail, len, e) < 0)
        return -1;
    if (!l)
        return err_memory(e);
    if (header_read(a, mail, len, &h) < 0)
        return err_memory(e);
    if (people_read_envelope(ctx, l, &h, envelope, e) < 0)
        return -1;
    *out = l;
    return 0;
}

int mime_read(const struct context *ctx, struct arena *a, const char *mail, size_t len,
              const struct mail_envelope *envelope, struct letter **out, struct err *e)
{
    struct letter *l = letter_new(a);
    struct mail_header h;

    if (mime_check(mail, len, e) < 0)
        return -1;
    if (!l)
        return err_memory(e);
    if (read_top(ctx, l, &h, mail, len, envelope, e) < 0 ||
        read_content(ctx, l, &h, mail, len, e) < 0)
        return -1;
    if (arena_is_starved(a)) /* what is missing was not missing in the mail */
        return err_memory(e);
    *out = l;
    return 0;
}

void mime_read_prepare(void)
{
    charset_prepare();
    html_text_prepare();
    tzset(); /* gmtime_r looks for the zone the first time */
}
