/*
 * status_page: the gateway's state as a page for people.
 *
 * First what is wrong now, then the connections, the last trouble and what to do about it, the
 * queue, and the traffic.  Pure but for the gateway it reads; loop thread.
 */
#include "bridge/status/status.h"

#include "base/id.h"
#include "base/log.h"
#include "base/xml.h"
#include "bridge/own/own.h"
#include "bridge/to_jabber/inbound.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"refresh\" content=\"30\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<style>\n"
    ":root{color-scheme:light dark;--ink:#1c1e21;--soft:#62676f;--paper:#fff;--desk:#f1f2f4;"
    "--line:#dcdfe3;--good:#1a7f37;--bad:#b3261e;--warm:#8a5a00}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e4e6e9;--soft:#9aa1ab;--paper:#1d1f23;"
    "--desk:#131417;--line:#363a41;--good:#56d364;--bad:#ff8a80;--warm:#e3b341}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--desk);color:var(--ink);"
    "font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif;"
    "overflow-wrap:anywhere}\n"
    "main{max-width:62rem;margin:1.5rem auto;padding:0 1rem}\n"
    "h1{font-size:1.3rem;margin:0}h2{font-size:1rem;margin:0 0 .5rem}\n"
    "header p{margin:.1rem 0 1rem;color:var(--soft)}\n"
    "section{background:var(--paper);border:1px solid var(--line);border-radius:10px;"
    "padding:1rem 1.25rem;margin:0 0 1rem;overflow-x:auto}\n"
    ".sum{font-size:1.1rem}.sum ul{margin:.4rem 0 0;padding-left:1.2rem;font-size:.95rem}\n"
    ".good{color:var(--good)}.bad{color:var(--bad)}.warm{color:var(--warm)}.soft{color:var(--soft)}"
    "\n"
    "table{border-collapse:collapse;width:100%}\n"
    "th,td{padding:.3rem .75rem .3rem 0;text-align:left;vertical-align:top;"
    "border-top:1px solid var(--line)}\n"
    "tr:first-child>*{border-top:0}thead th{color:var(--soft);font-weight:normal;font-size:.85rem}"
    "\n"
    "tbody "
    "th{font-weight:normal;min-width:8rem}.n{text-align:right;font-variant-numeric:tabular-nums;"
    "overflow-wrap:normal;white-space:nowrap}\n"
    ".t{white-space:nowrap;color:var(--soft);font-variant-numeric:tabular-nums}\n"
    ".b{font-weight:600;padding-top:.8rem}code{font-size:.85rem}.do{display:block}\n"
    "@media(max-width:40rem){section{padding:.8rem}th,td{padding-right:.5rem}}\n"
    "</style>\n";

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

/* "3 days", "2 hours", "5 minutes", "now". */
static void put_time_span(struct buf *out, int64_t s)
{
    static const struct {
        int64_t s;
        const char *name;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    size_t i;

    for (i = 0; i < sizeof units / sizeof units[0]; i++)
        if (s >= units[i].s) {
            buf_printf(out, "%" PRId64 " %s%s", s / units[i].s, units[i].name,
                       plural(s / units[i].s));
            return;
        }
    buf_adds(out, "a moment");
}

static void put_number(struct buf *out, uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n), i;

    for (i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            buf_adds(out, "\xe2\x80\xaf"); /* a narrow space that does not break */
        buf_addc(out, digits[i]);
    }
}

static void put_cell(struct buf *out, uint64_t n)
{
    buf_printf(out, "<td class=\"n%s\">", n == 0 ? " soft" : "");
    put_number(out, n);
    buf_adds(out, "</td>");
}

/* ---- in short ---- */

static void put_summary(const struct status_view *v, struct buf *out)
{
    const int64_t aside = v->queue[0].aside + v->queue[1].aside + v->queue[2].aside;
    struct buf wrong;
    char *line, *end;
    bool is_well;

    buf_init(&wrong, 16 << 10);
    is_well = status_health(v, &wrong);
    if (v->has_queue && aside > 0)
        buf_printf(&wrong, "%" PRId64 " message%s set aside: see `postern queue`.\n", aside,
                   aside == 1 ? " is" : "s are");
    if (wrong.len == 0) {
        buf_adds(out, "<section class=\"sum good\">\xe2\x9c\x93 Everything works.</section>\n");
        buf_clear(&wrong);
        return;
    }
    buf_printf(out, "<section class=\"sum\"><b class=\"%s\">%s</b><ul>", is_well ? "warm" : "bad",
               is_well ? "Everything works; somebody should look at this:"
                       : "\xe2\x9a\xa0 This does not work now:");
    for (line = wrong.data; *line; line = end + 1) {
        end = line + strcspn(line, "\n");
        if (!*end)
            break;
        *end = '\0';
        buf_adds(out, "<li>");
        xml_escape(out, line);
        buf_adds(out, "</li>");
    }
    buf_adds(out, "</ul></section>\n");
    buf_clear(&wrong);
}

/* ---- connections ---- */

/* name and detail may come from outside; words is ours. */
static void put_connection(struct buf *out, const char *name, const char *place, bool is_up,
                           const char *words, const char *detail)
{
    buf_adds(out, "<tr><th>");
    xml_escape(out, name);
    buf_adds(out, "<br><span class=\"soft\">");
    xml_escape(out, place);
    buf_printf(out, "</span></th><td><span class=\"%s\">\xe2\x97\x8f</span> %s",
               is_up ? "good" : "bad", words);
    if (detail && *detail) {
        buf_adds(out, ": ");
        xml_escape(out, detail);
    }
    buf_adds(out, "</td></tr>\n");
}

static void put_since(struct buf *words, const char *state, int64_t since_s, int64_t now_s)
{
    buf_printf(words, "%s for ", state);
    put_time_span(words, now_s - since_s);
}

struct box_row {
    const struct status_view *view;
    struct buf *out;
};

static void put_own(const struct gateway *g, struct buf *out)
{
    struct own_counts n;
    char words[80], trouble[80];

    own_count(g, &n);
    if (n.all == 0)
        return;
    snprintf(words, sizeof words, "%u watched, %u failing", n.watching, n.failing);
    snprintf(trouble, sizeof trouble, "%u cannot be opened with this key", n.locked);
    put_connection(out, "Users' mailboxes", "their own", n.locked == 0, words, trouble);
}

static void put_mailbox(const struct inbound_state *box, void *arg)
{
    struct box_row *row = arg;
    char name[128];
    struct buf words;

    buf_init(&words, 256);
    snprintf(name, sizeof name, "Mailbox \"%s\"", box->name);
    put_since(&words, box->is_ready ? "watched" : "away", box->since_s, row->view->now_s);
    put_connection(row->out, name, box->host, box->is_ready, words.data, box->reason);
    buf_clear(&words);
}

static void put_connections(const struct status_view *v, struct buf *out)
{
    struct gateway *g = v->gateway;
    const struct conf *conf = g->started->conf;
    struct box_row row = {v, out};
    bool is_up = stream_is_up(g->stream);
    char place[300];
    struct buf words;

    buf_init(&words, 256);
    buf_adds(out, "<section><h2>Connections</h2><table><tbody>\n");
    put_since(&words, is_up ? "up" : "away", g->stats.stream_since_s, v->now_s);
    snprintf(place, sizeof place, "%s port %u", conf->jabber.host, conf->jabber.port);
    put_connection(out, "Jabber server", place, is_up, words.data, g->stats.stream_reason);
    if (conf->has_smtp) {
        buf_reset(&words);
        if (g->stats.relay_at_s == 0)
            buf_adds(&words, "not needed so far");
        else if (g->stats.relay_trouble[0])
            buf_adds(&words, "does not answer");
        else {
            buf_adds(&words, "answered ");
            put_time_span(&words, v->now_s - g->stats.relay_at_s);
            buf_adds(&words, " ago");
        }
        snprintf(place, sizeof place, "%s port %u", conf->smtp.host, conf->smtp.port);
        put_connection(out, "Mail relay", place, !g->stats.relay_trouble[0], words.data,
                       g->stats.relay_trouble);
    }
    inbound_each(g, put_mailbox, &row);
    put_own(g, out);
    if (g->lmtp)
        put_connection(out, "LMTP listener", conf->lmtp.text, true, "listening", NULL);
    if (g->web)
        put_connection(out, "Attachments", conf->web.text, true, "listening", NULL);
    put_connection(out, "Store", conf->store_url, !persist_is_failing(g->persist),
                   persist_is_failing(g->persist) ? "cannot be written to" : "writing", NULL);
    buf_adds(out, "</tbody></table></section>\n");
    buf_clear(&words);
}

/* ---- queue ---- */

static void put_queue(const struct status_view *v, struct buf *out)
{
    static const char *const names[STATUS_KINDS] = {"To mail", "Mails for Jabber users",
                                                    "Answers and errors to Jabber",
                                                    "Held, as their readers want it"};
    int i, j;

    buf_adds(out, "<section><h2>Queue</h2>");
    if (!v->has_queue) {
        buf_adds(out, "<p class=\"soft\">It could not be counted.</p></section>\n");
        return;
    }
    buf_adds(out, "<table><thead><tr><th>recipients</th><th class=\"n\">now</th>"
                  "<th class=\"n\">later</th><th class=\"n\">set aside</th>"
                  "<th class=\"n\">under an hour</th><th class=\"n\">a day</th>"
                  "<th class=\"n\">5 days</th><th class=\"n\">older</th>"
                  "<th class=\"n\">oldest</th></tr></thead><tbody>\n");
    for (i = 0; i < STATUS_KINDS; i++) {
        const struct queue_counts *c = &v->queue[i];

        buf_printf(out, "<tr><th>%s</th>", names[i]);
        put_cell(out, (uint64_t)c->due);
        put_cell(out, (uint64_t)c->later);
        put_cell(out, (uint64_t)c->aside);
        for (j = 0; j < QUEUE_AGES; j++)
            put_cell(out, (uint64_t)c->ages[j]);
        buf_adds(out, "<td class=\"n\">");
        if (c->oldest_id)
            put_time_span(out, v->now_s - id_time_s(c->oldest_id));
        buf_adds(out, "</td></tr>\n");
    }
    buf_adds(out, "</tbody></table></section>\n");
}

/* ---- traffic ---- */

static void put_traffic_row(const struct status_view *v, struct buf *out, enum stat stat,
                            const char *words)
{
    struct stats *s = &v->gateway->stats;

    buf_printf(out, "<tr><th>%s</th>", words);
    put_cell(out, stats_last(s, stat, 1, v->now_s));
    put_cell(out, stats_last(s, stat, 10, v->now_s));
    put_cell(out, stats_last(s, stat, STATS_MINUTES, v->now_s));
    put_cell(out, s->total[stat]);
    buf_adds(out, "</tr>\n");
}

static void put_traffic(const struct status_view *v, struct buf *out)
{
    static const struct {
        enum stat stat;
        const char *words;
    } rows[] = {
#define X(name, metric, words) {STAT_##name, words},
        STATS(X)
#undef X
    };
    size_t i;

    buf_adds(out, "<section><h2>Traffic</h2><table><thead><tr><th></th>"
                  "<th class=\"n\">this minute</th><th class=\"n\">10 minutes</th>"
                  "<th class=\"n\">hour</th><th class=\"n\">since the start</th></tr></thead>"
                  "<tbody>\n");
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].stat == STAT_JABBER_ACCEPTED)
            buf_adds(out, "<tr><th class=\"b\" colspan=\"5\">From Jabber to mail</th></tr>\n");
        if (rows[i].stat == STAT_MAIL_ACCEPTED)
            buf_adds(out, "<tr><th class=\"b\" colspan=\"5\">From mail to Jabber</th></tr>\n");
        if (rows[i].stat == STAT_SET_ASIDE)
            buf_adds(out, "<tr><th class=\"b\" colspan=\"5\">Both</th></tr>\n");
        put_traffic_row(v, out, rows[i].stat, rows[i].words);
    }
    buf_adds(out, "</tbody></table></section>\n");
}

/* ---- trouble ---- */

static void put_trouble(int64_t at_s, enum log_level level, unsigned times, const char *text,
                        void *arg)
{
    const char *advice = status_advice(text);
    struct buf *out = arg;
    time_t t = (time_t)at_s;
    char time_text[40];
    struct tm tm;

    gmtime_r(&t, &tm);
    strftime(time_text, sizeof time_text, "%m-%d %H:%M:%S", &tm);
    buf_printf(out, "<tr><td class=\"t\">%s</td><td><code class=\"%s\">", time_text,
               level == LOG_LEVEL_ERROR ? "bad" : "warm");
    xml_escape(out, text);
    buf_adds(out, "</code>");
    if (times > 1)
        buf_printf(out, " <span class=\"soft\">%u times</span>", times);
    if (advice) {
        buf_adds(out, "<span class=\"do\">");
        xml_escape(out, advice);
        buf_adds(out, "</span>");
    }
    buf_adds(out, "</td></tr>\n");
}

static void put_troubles(struct buf *out)
{
    size_t before;

    buf_adds(out, "<section><h2>Last trouble <span class=\"soft\">(UTC)</span></h2><table><tbody>");
    before = out->len;
    log_each_recent(put_trouble, out);
    if (out->len == before)
        buf_adds(out, "<tr><td class=\"soft\">None since the start.</td></tr>\n");
    buf_adds(out, "</tbody></table></section>\n");
}

void status_page(const struct status_view *v, struct buf *out)
{
    const struct conf *conf = v->gateway->settings->conf;

    buf_adds(out, head);
    buf_printf(out,
               "<title>postern at %s</title>\n<main><header><h1>postern at %s</h1><p>version "
               "%s, running for ",
               conf->jid, conf->jid, POSTERN_VERSION);
    put_time_span(out, v->now_s - v->gateway->stats.started_s);
    buf_printf(out, ", %.1f MB of memory</p></header>\n", (double)v->memory_bytes / 1e6);
    put_summary(v, out);
    put_connections(v, out);
    put_troubles(out);
    put_queue(v, out);
    put_traffic(v, out);
    buf_adds(out, "</main>\n</html>\n");
}
