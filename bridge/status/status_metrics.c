/*
 * status_metrics: the gateway's state for Prometheus (text format 0.0.4), and in a line for each
 * thing that is wrong for a watchdog.  Pure but for the gateway it reads; loop thread.
 */
#include "bridge/status/status.h"

#include "base/id.h"
#include "bridge/own/own.h"
#include "bridge/to_jabber/inbound.h"

#include <inttypes.h>
#include <string.h>

static const char *const kinds[STATUS_KINDS] = {"to-mail", "to-jabber", "stanza", "held"};

static void put_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP postern_%s %s\n# TYPE postern_%s %s\n", name, help, name, type);
}

static void put_totals(const struct status_view *v, struct buf *out)
{
    static const struct {
        const char *metric;
        enum stat stat;
    } rows[] = {
#define X(name, metric, words) {metric, STAT_##name},
        STATS(X)
#undef X
    };
    static const struct {
        const char *name, *help;
    } families[] = {
        {"accepted_total", "Messages accepted, on disk."},
        {"refused_total", "Messages refused with an error to their sender."},
        {"outcomes_total", "What became of messages, for each recipient and attempt."},
        {"set_aside_total", "Messages set aside for an administrator."},
    };
    size_t i, j;

    for (i = 0; i < sizeof families / sizeof families[0]; i++) {
        size_t len = strlen(families[i].name);

        put_head(out, families[i].name, "counter", families[i].help);
        for (j = 0; j < sizeof rows / sizeof rows[0]; j++)
            if (strncmp(rows[j].metric, families[i].name, len) == 0)
                buf_printf(out, "postern_%s %" PRIu64 "\n", rows[j].metric,
                           v->gateway->stats.total[rows[j].stat]);
    }
}

static void put_queue(const struct status_view *v, struct buf *out)
{
    int i;

    put_head(out, "queue_recipients", "gauge", "Recipients of messages in the queue.");
    for (i = 0; i < STATUS_KINDS; i++) {
        buf_printf(out, "postern_queue_recipients{kind=\"%s\",state=\"due\"} %" PRId64 "\n",
                   kinds[i], v->queue[i].due);
        buf_printf(out, "postern_queue_recipients{kind=\"%s\",state=\"later\"} %" PRId64 "\n",
                   kinds[i], v->queue[i].later);
        buf_printf(out, "postern_queue_recipients{kind=\"%s\",state=\"set-aside\"} %" PRId64 "\n",
                   kinds[i], v->queue[i].aside);
    }
    put_head(out, "queue_oldest_seconds", "gauge",
             "Age of the oldest message in the queue; 0: none.");
    for (i = 0; i < STATUS_KINDS; i++)
        buf_printf(out, "postern_queue_oldest_seconds{kind=\"%s\"} %" PRId64 "\n", kinds[i],
                   v->queue[i].oldest_id ? v->now_s - id_time_s(v->queue[i].oldest_id) : 0);
}

/* Users' own mailboxes, where there are any. */
static void put_own(const struct gateway *g, struct buf *out)
{
    struct own_counts n;

    own_count(g, &n);
    if (n.all == 0)
        return;
    put_head(out, "own_mailboxes", "gauge", "Users' own mailboxes.");
    buf_printf(out,
               "postern_own_mailboxes{state=\"watching\"} %u\n"
               "postern_own_mailboxes{state=\"failing\"} %u\n"
               "postern_own_mailboxes{state=\"locked\"} %u\n",
               n.watching, n.failing, n.locked);
}

static void put_mailbox(const struct inbound_state *box, void *arg)
{
    struct buf *out = arg;
    const char *p;

    buf_adds(out, "postern_mailbox_up{mailbox=\"");
    for (p = box->name; *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_addc(out, '\\');
        buf_addc(out, *p == '\n' ? ' ' : *p);
    }
    buf_printf(out, "\"} %d\n", box->is_ready);
}

static void put_gauge(struct buf *out, const char *name, const char *help, int64_t value)
{
    put_head(out, name, "gauge", help);
    buf_printf(out, "postern_%s %" PRId64 "\n", name, value);
}

void status_metrics(const struct status_view *v, struct buf *out)
{
    struct gateway *g = v->gateway;

    put_head(out, "info", "gauge", "The program.");
    buf_printf(out, "postern_info{version=\"%s\",jid=\"%s\"} 1\n", POSTERN_VERSION,
               g->settings->conf->jid);
    put_gauge(out, "start_time_seconds", "When it was started, since 1970.", g->stats.started_s);
    put_gauge(out, "resident_memory_bytes", "Memory in use.", v->memory_bytes);
    put_gauge(out, "stream_up", "Is the stream to the Jabber server up?", stream_is_up(g->stream));
    put_gauge(out, "relay_up", "Did the relay answer when it was tried last?",
              g->stats.relay_trouble[0] == '\0');
    put_gauge(out, "store_up", "Could everything be written to disk so far?",
              !persist_is_failing(g->persist));
    if (g->started->conf->mailbox_count > 0)
        put_head(out, "mailbox_up", "gauge", "Is the mailbox being watched?");
    inbound_each(g, put_mailbox, out);
    put_own(g, out);
    put_totals(v, out);
    if (v->has_queue)
        put_queue(v, out);
}

/* ---- health ---- */

/* One that its provider does not let us into is its user's affair. */
static void complain_of_own(const struct gateway *g, struct buf *out)
{
    struct own_counts n;

    own_count(g, &n);
    if (n.locked > 0 && own_is_on(g))
        buf_printf(out,
                   "%u mailboxes of users cannot be opened: accounts.key_file is not the key "
                   "that they were stored with\n",
                   n.locked);
}

static void complain_of_mailbox(const struct inbound_state *box, void *arg)
{
    if (!box->is_ready)
        buf_printf(arg, "The mailbox \"%s\" is not being watched: %s\n", box->name,
                   box->reason[0] ? box->reason : "not connected yet");
}

bool status_health(const struct status_view *v, struct buf *out)
{
    struct gateway *g = v->gateway;
    size_t before = out->len;

    if (persist_is_failing(g->persist))
        buf_adds(out, "Outcomes cannot be written to disk.\n");
    if (!stream_is_up(g->stream))
        buf_printf(out, "There is no stream to the Jabber server: %s\n", g->stats.stream_reason);
    if (g->stats.relay_trouble[0])
        buf_printf(out, "The relay does not answer: %s\n", g->stats.relay_trouble);
    inbound_each(g, complain_of_mailbox, out);
    complain_of_own(g, out);
    return out->len == before;
}
