/*
 * receipts: the words of three Jabber extensions and of two kinds of report for the same few
 * things.  Everything lives in the caller's arena; no thread of its own.
 */
#include "mapping/report/receipts.h"

#include <string.h>

#include "mapping/mime/header_addr.h"
#include "mapping/names.h"

enum { ID_MAX = 1023 };

/* ---- read from a stanza ---- */

/* What says more wins: a client may tell of delivery and display in one stanza. */
static unsigned weight(enum notice_kind kind)
{
    static const unsigned weights[] = {[NOTICE_NONE] = 0,
                                       [NOTICE_CANCELLED] = 1,
                                       [NOTICE_OFFLINE] = 2,
                                       [NOTICE_DELIVERED] = 3,
                                       [NOTICE_DISPLAYED] = 4};

    return weights[kind];
}

static int note(struct letter *l, enum notice_kind kind, const char *id)
{
    if (!id || *id == '\0' || strlen(id) > ID_MAX || weight(kind) <= weight(l->notice_kind))
        return 0;
    l->notice_id = arena_strdup(l->arena, id);
    if (!l->notice_id)
        return -1;
    l->notice_kind = kind;
    return 0;
}

/* XEP-0022 §3: with an <id/> it tells, without one it asks. */
static int read_event(struct letter *l, const struct xml_node *x)
{
    bool delivered = xml_child(x, NULL, "delivered"), offline = xml_child(x, NULL, "offline");
    bool displayed = xml_child(x, NULL, "displayed"), composing = xml_child(x, NULL, "composing");
    const struct xml_node *id = xml_child(x, NULL, "id");
    const char *text;

    if (!id) {
        l->wishes.delivered = l->wishes.delivered || delivered;
        l->wishes.offline = l->wishes.offline || offline;
        l->wishes.displayed = l->wishes.displayed || displayed;
        return 0;
    }
    text = xml_text(l->arena, id);
    if (!text)
        return -1;
    if (composing && !displayed && !delivered && !offline)
        return 0;
    return note(l,
                displayed   ? NOTICE_DISPLAYED
                : delivered ? NOTICE_DELIVERED
                : offline   ? NOTICE_OFFLINE
                            : NOTICE_CANCELLED,
                text);
}

static int read_receipt(struct letter *l, const struct xml_node *node)
{
    if (strcmp(node->name, "request") == 0)
        l->wishes.receipt = true;
    else if (strcmp(node->name, "received") == 0)
        return note(l, NOTICE_DELIVERED, xml_get(node, "id"));
    return 0;
}

static int read_marker(struct letter *l, const struct xml_node *node)
{
    if (strcmp(node->name, "markable") == 0)
        l->wishes.markable = true;
    else if (strcmp(node->name, "displayed") == 0 || strcmp(node->name, "acknowledged") == 0)
        return note(l, NOTICE_DISPLAYED, xml_get(node, "id"));
    else if (strcmp(node->name, "received") == 0)
        return note(l, NOTICE_DELIVERED, xml_get(node, "id"));
    return 0;
}

int receipts_read(struct letter *l, const struct xml_node *node)
{
    if (!node->name)
        return 0;
    if (strcmp(node->ns, NS_X_EVENT) == 0)
        return strcmp(node->name, "x") == 0 ? read_event(l, node) : 0;
    if (strcmp(node->ns, NS_RECEIPTS) == 0)
        return read_receipt(l, node);
    return strcmp(node->ns, NS_MARKERS) == 0 ? read_marker(l, node) : 0;
}

bool receipts_is_notice(const struct letter *l)
{
    return l->notice_kind != NOTICE_NONE && l->notice_kind != NOTICE_CANCELLED;
}

/* ---- written to a stanza ---- */

static int added(const struct xml_node *node)
{
    return node ? 0 : -1;
}

static int ask_events(struct arena *a, const struct wishes *w, struct xml_node *stanza)
{
    struct xml_node *x;

    if (!w->delivered && !w->offline && !w->displayed)
        return 0;
    x = xml_add(a, stanza, NS_X_EVENT, "x");
    if ((w->offline && !xml_add(a, x, NS_X_EVENT, "offline")) ||
        (w->delivered && !xml_add(a, x, NS_X_EVENT, "delivered")) ||
        (w->displayed && !xml_add(a, x, NS_X_EVENT, "displayed")))
        return -1;
    return added(x);
}

int receipts_write(struct arena *a, const struct letter *l, struct xml_node *stanza)
{
    const struct wishes *w = &l->wishes;

    /* A receipt names the stanza by its id. */
    if (!l->stanza_id || w->never)
        return 0;
    if (ask_events(a, w, stanza) < 0)
        return -1;
    if (w->receipt && !xml_add(a, stanza, NS_RECEIPTS, "request"))
        return -1;
    return w->markable ? added(xml_add(a, stanza, NS_MARKERS, "markable")) : 0;
}

static int add_event(struct arena *a, struct xml_node *message, const char *id,
                     enum notice_kind kind)
{
    static const char *const names[] = {[NOTICE_DELIVERED] = "delivered",
                                        [NOTICE_OFFLINE] = "offline",
                                        [NOTICE_DISPLAYED] = "displayed",
                                        [NOTICE_CANCELLED] = NULL};
    struct xml_node *x = xml_add(a, message, NS_X_EVENT, "x");

    if (names[kind] && !xml_add(a, x, NS_X_EVENT, names[kind]))
        return -1;
    return added(xml_add_with_text(a, x, NS_X_EVENT, "id", id ? id : ""));
}

struct xml_node *receipts_notice(struct arena *a, const char *from, const char *to, const char *id,
                                 enum notice_kind kind, const struct receipt_forms *forms)
{
    struct xml_node *message = xml_new(a, "jabber:component:accept", "message");

    if (!xml_set(a, message, "from", from) || !xml_set(a, message, "to", to))
        return NULL;
    if (forms->event && add_event(a, message, id, kind) < 0)
        return NULL;
    if (forms->receipt && kind == NOTICE_DELIVERED && id &&
        !xml_set(a, xml_add(a, message, NS_RECEIPTS, "received"), "id", id))
        return NULL;
    if (forms->marker && kind == NOTICE_DISPLAYED && id &&
        !xml_set(a, xml_add(a, message, NS_MARKERS, "displayed"), "id", id))
        return NULL;
    return message;
}

/* ---- asked of mail ---- */

unsigned receipts_notify(const struct wishes *w)
{
    unsigned notify = NOTIFY_FAILURE;

    if (w->never)
        return NOTIFY_NEVER;
    /* A relay that can tell no more says so in a report of success: "relayed". */
    if (w->delivered || w->receipt || w->offline)
        notify |= NOTIFY_SUCCESS;
    if (w->offline)
        notify |= NOTIFY_DELAY;
    return notify;
}

bool receipts_has_request(unsigned notify)
{
    return (notify & (NOTIFY_SUCCESS | NOTIFY_DELAY)) != 0;
}

void receipts_notify_text(struct buf *out, unsigned notify)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {{NOTIFY_NEVER, "NEVER"},
                 {NOTIFY_SUCCESS, "SUCCESS"},
                 {NOTIFY_FAILURE, "FAILURE"},
                 {NOTIFY_DELAY, "DELAY"}};
    const char *before = " NOTIFY=";
    size_t i;

    for (i = 0; i < sizeof names / sizeof *names; i++)
        if (notify & names[i].bit) {
            buf_printf(out, "%s%s", before, names[i].name);
            before = ",";
        }
}

void receipts_xtext(struct buf *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c > ' ' && c < 0x7f && c != '+' && c != '=')
            buf_addc(out, (char)c);
        else
            buf_printf(out, "+%02X", c);
    }
}

/* ---- asked by mail ---- */

int receipts_read_mail(struct letter *l, const struct mail_header *h)
{
    const char *value = header_read_get(h, "Disposition-Notification-To");
    struct mailbox *m = NULL;
    struct addr path;
    struct err e = {0};

    /* A list's and a machine's mail is never answered by itself (RFC 3834 §2). */
    if (!value || l->is_automatic || !l->reverse_path || !*l->reverse_path)
        return 0;
    if (header_addr_list(l->arena, value, 2, &m) < 0)
        return -1;
    if (!m || m->next || !m->addr.domain)
        return 0; /* several: nobody can tell who asks */
    if (addr_parse(l->arena, l->reverse_path, &path, &e) < 0)
        return e.class == ERR_RETRY ? -1 : 0;
    if (!addr_is_same(&path, &m->addr))
        return 0;
    l->wishes.disposition_to = l->reverse_path;
    l->wishes.displayed = true;
    l->wishes.markable = true;
    return 0;
}

/* ---- told by mail ---- */

enum notice_kind receipts_of_action(enum report_action action)
{
    switch (action) {
    case REPORT_DELIVERED:
        return NOTICE_DELIVERED;
    case REPORT_DELAYED:
    case REPORT_RELAYED:
    case REPORT_EXPANDED: /* passed on to places that nobody here can see */
        return NOTICE_OFFLINE;
    case REPORT_FAILED:
        break;
    }
    return NOTICE_NONE;
}

enum notice_kind receipts_of_disposition(enum disposition disposition)
{
    switch (disposition) {
    case DISPOSITION_DISPLAYED:
        return NOTICE_DISPLAYED;
    case DISPOSITION_DELETED:
    case DISPOSITION_PROCESSED:
    case DISPOSITION_DISPATCHED: /* it came as far as the reader's program */
        return NOTICE_DELIVERED;
    case DISPOSITION_NONE:
        break;
    }
    return NOTICE_NONE;
}
