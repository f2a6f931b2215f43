/*
 * stanza_write: from a letter to a message stanza.
 *
 * Each thing a stanza can carry has one small function in a table; those that have two generations
 * write both.  Everything lives in the caller's arena; no thread of its own.
 */
#include "mapping/stanza/stanza_write.h"

#include <string.h>

#include "mapping/stanza/amp.h"
#include "mapping/address/addresses.h"
#include "mapping/address/envelope.h"
#include "mapping/stanza/fallback.h"
#include "mapping/mime/header_write.h"
#include "mapping/names.h"
#include "mapping/report/receipts.h"
#include "mapping/stanza/shim.h"
#include "mapping/mime/sfs.h"
#include "mapping/stamp.h"
#include "mapping/text/text.h"

enum {
    /* Bytes of the text as it stands in the stream, escapes counted.  Host servers close the whole
     * stream on a stanza over their limit (Prosody at 512 KiB, others lower), and with it every
     * other user's messages: the text is cut well before. */
    TEXT_MAX = 100000,
    LINKS_MAX = 100,
    NAME_MAX_LEN = 200, /* bytes of an attachment's name or description */
    /* When all of it together is over this, it is written again with less of everything. */
    STANZA_MAX = 200000,
    SHORT_TEXT_MAX = 50000,
    SHORT_LINKS_MAX = 10,
    RANGES_MAX = 10,
    LATE_S = 60 /* older than this, a message says when it was written */
};

/* Lines of the body that stand there for one extension (XEP-0428). */
struct marks {
    struct fallback_range ranges[RANGES_MAX];
    size_t count;
};

struct writing {
    const struct context *ctx;
    struct arena *a;
    const struct letter *letter;
    const struct party *recipient;
    struct xml_node *stanza;
    size_t text_max;
    unsigned links_max;
    bool has_envelope;
    const char *body;
    struct marks links, files; /* in body: of jabber:x:oob, of XEP-0447 */
};

typedef int write_fn(struct writing *w); /* -1: the arena is exhausted */

static int added(const struct xml_node *node)
{
    return node ? 0 : -1;
}

/* ---- the element itself ---- */

/* A component speaks only for its own domain (XEP-0114): everybody else's letters come from the
 * gateway. */
static const char *from_address(struct writing *w)
{
    const struct jid *jid = &w->letter->from.jid;
    const char *gw = address_map_gateway(w->ctx->map);

    if (!jid->domain || strcmp(jid->domain, gw) != 0)
        return gw;
    return jid_bare(w->a, jid);
}

static int write_attributes(struct writing *w)
{
    const struct letter *l = w->letter;

    if (!xml_set(w->a, w->stanza, "from", from_address(w)) ||
        !xml_set(w->a, w->stanza, "to", jid_text(w->a, &w->recipient->jid)) ||
        !xml_set(w->a, w->stanza, "type", l->type == LETTER_CHAT ? "chat" : "normal"))
        return -1;
    return l->stanza_id ? added(xml_set(w->a, w->stanza, "id", l->stanza_id)) : 0;
}

/* ---- text ---- */

/* What a character takes in the stream. */
static size_t escaped_size(char c)
{
    switch (c) {
    case '<':
    case '>':
        return 4;
    case '&':
        return 5;
    case '\'':
    case '"':
        return 6;
    default:
        return 1;
    }
}

static void add_text(struct buf *body, const char *text, size_t max)
{
    size_t i, size = 0;

    for (i = 0; text[i] && size <= max; i++)
        size += escaped_size(text[i]);
    if (!text[i]) {
        buf_adds(body, text);
        return;
    }
    buf_add(body, text, header_clip(text, i - 1));
    buf_printf(body, "\n\n[The text is cut here: %zu of its %zu KiB are shown.]", (i - 1) / 1024,
               strlen(text) / 1024);
}

/* Chat clients show no subject: that of a new conversation stands over the text, unless it is the
 * text. */
static bool leads_with_subject(const struct writing *w)
{
    const struct letter *l = w->letter;

    return w->ctx->lead_with_subject && l->subject && (!l->reply_to_id || w->ctx->always_subject) &&
           (!l->text || strncmp(l->text, l->subject, strlen(l->subject)) != 0);
}

static const char *name_of(const struct attachment *att)
{
    return att->description ? att->description : att->filename;
}

/* "photo.png (image/png, 12 kB): https://..." */
static void add_link(struct buf *body, const struct attachment *att)
{
    const char *name = name_of(att);
    size_t before = body->len;

    if (name)
        buf_add(body, name, header_clip(name, NAME_MAX_LEN));
    if (att->media_type || att->size > 0) {
        buf_adds(body, body->len > before ? " (" : "(");
        if (att->media_type)
            buf_adds(body, att->media_type);
        if (att->media_type && att->size > 0)
            buf_adds(body, ", ");
        if (att->size > 0)
            text_put_size(body, att->size);
        buf_addc(body, ')');
    }
    if (att->url)
        buf_printf(body, "%s%s", body->len > before ? ": " : "", att->url);
    buf_addc(body, '\n');
}

static void add_gap(struct buf *body)
{
    if (body->len == 0)
        return;
    while (body->len > 0 && body->data[body->len - 1] == '\n')
        buf_truncate(body, body->len - 1);
    buf_adds(body, "\n\n");
}

/* Ranges that touch are one.  What is over the maximum stays unmarked: it is shown twice. */
static void mark(struct marks *m, size_t start, size_t end)
{
    if (m->count > 0 && m->ranges[m->count - 1].end == start)
        m->ranges[m->count - 1].end = end;
    else if (m->count < RANGES_MAX)
        m->ranges[m->count++] = (struct fallback_range){start, end};
}

static void add_links(struct writing *w, struct buf *body)
{
    const struct letter *l = w->letter;
    const struct attachment *att;
    unsigned n = 0;

    w->links.count = w->files.count = 0;
    if (l->attachments)
        add_gap(body);
    for (att = l->attachments; att && n < w->links_max; att = att->next, n++) {
        size_t start = body->len;

        if (att->url && text_is_only(l->text, att->url))
            continue;
        add_link(body, att);
        if (att->url)
            mark(&w->links, start, body->len);
        if (sfs_is_file(att))
            mark(&w->files, start, body->len);
    }
    if (att)
        buf_adds(body, "[There are more attachments than can be shown here.]\n");
}

/* The gateway's own remarks, last and in brackets, so that nobody takes them for the author's. */
static void add_notices(struct buf *body, const struct letter *l)
{
    const char *line = l->notice;

    if (l->notice || l->list_id || l->is_automatic)
        add_gap(body);
    if (l->list_id)
        buf_printf(body, "[From the mailing list %s]\n", l->list_id);
    else if (l->is_automatic)
        buf_adds(body, "[Sent automatically]\n");
    while (line && *line) {
        size_t n = strcspn(line, "\n");

        if (n > 0) {
            buf_addc(body, '[');
            buf_add(body, line, n);
            buf_adds(body, "]\n");
        }
        line += n + (line[n] == '\n');
    }
}

/* A body in the language that is known; what stands in it beside the text is in the gateway's. */
static int add_body(struct writing *w, const char *text, const char *lang)
{
    struct xml_node *node = xml_add_with_text(w->a, w->stanza, w->stanza->ns, "body", text);

    return added(node && lang ? xml_set_lang(w->a, node, lang) : node);
}

/* RFC 6121 §5.2.3: the same in other languages, from one Jabber user to another. */
static int write_variants(struct writing *w)
{
    const struct variant *v;
    struct xml_node *node;

    for (v = w->letter->variants; v; v = v->next) {
        if (add_body(w, v->text, v->lang) < 0)
            return -1;
        if (!v->subject)
            continue;
        node = xml_add_with_text(w->a, w->stanza, w->stanza->ns, "subject", v->subject);
        if (!node || !xml_set_lang(w->a, node, v->lang))
            return -1;
    }
    return 0;
}

/*
 * Subject, text, links, notices.  Each stands there for clients that know no better form of it;
 * the links' places in the body are kept, for XEP-0428 to mark them.
 */
static int write_body(struct writing *w)
{
    const struct letter *l = w->letter;
    struct buf body;
    int rc = 0;

    if (l->signature) /* to the byte: whatever is added would break the signature */
        return add_body(w, l->signed_text, l->lang);
    buf_init(&body, 4 * (size_t)1024 * 1024);
    if (leads_with_subject(w))
        buf_add(&body, l->subject, header_clip(l->subject, HEADER_TEXT_MAX));
    if (l->text && *l->text) {
        add_gap(&body);
        add_text(&body, l->text, w->text_max);
    }
    if (l->encrypted) {
        add_gap(&body);
        buf_adds(&body, "[This message is encrypted with OpenPGP.]");
    }
    add_links(w, &body);
    add_notices(&body, l);
    if (l->whole_url) {
        add_gap(&body);
        buf_printf(&body, "Whole mail: %s", l->whole_url);
    }
    while (body.len > 0 && body.data[body.len - 1] == '\n')
        buf_truncate(&body, body.len - 1);
    if (buf_failed(&body))
        rc = -1;
    else if (body.len > 0) {
        w->body = arena_strndup(w->a, body.data, body.len);
        rc = w->body ? add_body(w, w->body, l->lang) : -1;
    }
    buf_clear(&body);
    return rc;
}

/* XEP-0393 §6: stars and underlines in a mail are what they are. */
static int write_unstyled(struct writing *w)
{
    if (!w->body || w->letter->from.is_jabber)
        return 0;
    return added(xml_add(w->a, w->stanza, NS_STYLING, "unstyled"));
}

static int write_subject(struct writing *w)
{
    const char *subject = w->letter->subject;

    if (!subject)
        return 0;
    return added(
        xml_add_with_text(w->a, w->stanza, w->stanza->ns, "subject",
                          arena_strndup(w->a, subject, header_clip(subject, HEADER_TEXT_MAX))));
}

static int write_thread(struct writing *w)
{
    if (!w->letter->thread)
        return 0;
    return added(xml_add_with_text(w->a, w->stanza, w->stanza->ns, "thread", w->letter->thread));
}

/* ---- extensions ---- */

/* XEP-0359: a reply, a correction or a receipt may name either id, so they are one. */
static int write_origin_id(struct writing *w)
{
    if (!w->letter->stanza_id)
        return 0;
    return added(
        xml_set(w->a, xml_add(w->a, w->stanza, NS_SID, "origin-id"), "id", w->letter->stanza_id));
}

static int write_reply(struct writing *w)
{
    const struct letter *l = w->letter;
    struct xml_node *reply;

    if (!l->reply_to_id)
        return 0;
    reply = xml_set(w->a, xml_add(w->a, w->stanza, NS_REPLY, "reply"), "id", l->reply_to_id);
    if (reply && l->reply_to_jid)
        reply = xml_set(w->a, reply, "to", l->reply_to_jid);
    return added(reply);
}

static int write_oobs(struct writing *w)
{
    const struct attachment *att;
    unsigned n = 0;

    for (att = w->letter->attachments; att && n < w->links_max; att = att->next, n++) {
        const char *name = name_of(att);
        struct xml_node *x;

        if (!att->url)
            continue;
        x = xml_add(w->a, w->stanza, NS_X_OOB, "x");
        if (!xml_add_with_text(w->a, x, NS_X_OOB, "url", att->url))
            return -1;
        if (name && !xml_add_with_text(w->a, x, NS_X_OOB, "desc",
                                       arena_strndup(w->a, name, header_clip(name, NAME_MAX_LEN))))
            return -1;
    }
    return 0;
}

/* XEP-0027, with the hint of XEP-0380 for clients that cannot read it. */
static int write_openpgp(struct writing *w)
{
    const struct letter *l = w->letter;
    struct xml_node *hint;

    if (l->signature)
        return added(xml_add_with_text(w->a, w->stanza, NS_X_SIGNED, "x", l->signature));
    if (!l->encrypted)
        return 0;
    if (!xml_add_with_text(w->a, w->stanza, NS_X_ENCRYPT, "x", l->encrypted))
        return -1;
    hint = xml_set(w->a, xml_add(w->a, w->stanza, NS_EME, "encryption"), "namespace", NS_X_ENCRYPT);
    return added(xml_set(w->a, hint, "name", "Legacy OpenPGP"));
}

static int write_files(struct writing *w)
{
    const struct attachment *att;
    unsigned n = 0;

    for (att = w->letter->attachments; att && n < w->links_max; att = att->next, n++)
        if (sfs_is_file(att) && sfs_write(w->a, att, n + 1, w->stanza) < 0)
            return -1;
    return 0;
}

static int write_fallback(struct writing *w)
{
    if (!w->body)
        return 0;
    if (fallback_write(w->a, w->stanza, NS_SFS, w->body, w->files.ranges, w->files.count) < 0)
        return -1;
    return fallback_write(w->a, w->stanza, NS_X_OOB, w->body, w->links.ranges, w->links.count);
}

static int write_envelope(struct writing *w)
{
    if (!w->has_envelope)
        return 0;
    if (envelope_write(w->a, w->letter, w->stanza) < 0)
        return -1;
    return addresses_write(w->ctx, w->a, w->letter, w->recipient, w->stanza);
}

/* XEP-0023: what is left now; the caller does not send what is over.  XEP-0079: the same time, for
 * servers that put messages away. */
static int write_expire(struct writing *w)
{
    int64_t left = w->letter->expires_s - w->ctx->now_s;

    if (w->letter->expires_s <= 0)
        return 0;
    if (amp_write(w->a, w->letter->expires_s, w->stanza) < 0)
        return -1;
    return added(xml_set(w->a, xml_add(w->a, w->stanza, NS_X_EXPIRE, "x"), "seconds",
                         arena_printf(w->a, "%lld", left > 0 ? (long long)left : 0LL)));
}

static int write_receipts(struct writing *w)
{
    if (w->letter->from.is_jabber)
        return 0; /* what Jabber users ask of each other their clients see to */
    return receipts_write(w->a, w->letter, w->stanza);
}

static int write_shim(struct writing *w)
{
    return shim_write_stanza(w->a, w->stanza, w->letter);
}

static int write_delay(struct writing *w)
{
    const char *gw = address_map_gateway(w->ctx->map);
    int64_t date = w->letter->date_s;
    char stamp[STAMP_SIZE];
    struct xml_node *delay, *old;

    if (date <= 0 || date > w->ctx->now_s - LATE_S)
        return 0;
    delay = xml_set(w->a, xml_add(w->a, w->stanza, NS_DELAY, "delay"), "from", gw);
    if (!xml_set(w->a, delay, "stamp", stamp_write(date, stamp)))
        return -1;
    old = xml_set(w->a, xml_add(w->a, w->stanza, NS_X_DELAY, "x"), "from", gw);
    return added(xml_set(w->a, old, "stamp", stamp_write_old(date, stamp)));
}

static struct xml_node *write_parts(struct writing *w)
{
    static write_fn *const parts[] = {
        write_attributes, write_subject, write_body,     write_variants, write_thread,
        write_origin_id,  write_reply,   write_openpgp,  write_envelope, write_expire,
        write_oobs,       write_files,   write_fallback, write_unstyled, write_delay,
        write_receipts,   write_shim,
    };
    size_t i;

    /* The stream's namespace is the component's (XEP-0114 §3). */
    w->stanza = xml_new(w->a, "jabber:component:accept", "message");
    for (i = 0; w->stanza && i < sizeof parts / sizeof *parts; i++)
        if (parts[i](w) < 0)
            return NULL;
    return w->stanza;
}

/* What it takes in the stream. */
static bool is_too_large(const struct xml_node *stanza)
{
    struct buf text;
    bool is_large;

    buf_init(&text, STANZA_MAX);
    xml_write(&text, stanza, stanza->ns);
    is_large = buf_failed(&text);
    buf_clear(&text);
    return is_large;
}

struct xml_node *stanza_write(const struct context *ctx, struct arena *a,
                              const struct letter *letter, const struct party *recipient)
{
    struct writing w = {.ctx = ctx,
                        .a = a,
                        .letter = letter,
                        .recipient = recipient,
                        .text_max = TEXT_MAX,
                        .links_max = LINKS_MAX,
                        .has_envelope = true};
    size_t used = arena_used(a);
    struct xml_node *stanza = write_parts(&w);

    /* An escape makes six bytes of one: below a sixth there is no need to look. */
    if (!stanza || arena_used(a) - used < STANZA_MAX / 6 || !is_too_large(stanza))
        return stanza;
    w.text_max = SHORT_TEXT_MAX;
    w.links_max = SHORT_LINKS_MAX;
    w.has_envelope = false;
    w.body = NULL;
    return write_parts(&w);
}
