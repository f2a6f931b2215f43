/*
 * stats: what the gateway has counted since it started, for the administrators' page and metrics.
 *
 * Counted on the loop where the decision is logged; nothing is kept on disk.  Beside the totals,
 * the last hour by minutes.
 */
#ifndef BRIDGE_STATUS_STATS_H
#define BRIDGE_STATUS_STATS_H

#include <stdbool.h>
#include <stdint.h>

/* X(name, metric with its labels, words for the page) */
#define STATS(X)                                                                                   \
    X(JABBER_ACCEPTED, "accepted_total{from=\"jabber\"}", "messages accepted from Jabber")         \
    X(JABBER_REFUSED, "refused_total{from=\"jabber\"}", "messages refused")                        \
    X(MAIL_DELIVERED, "outcomes_total{to=\"mail\",outcome=\"delivered\"}", "handed to the relay")  \
    X(MAIL_LATER, "outcomes_total{to=\"mail\",outcome=\"later\"}", "to be tried again")            \
    X(MAIL_FAILED, "outcomes_total{to=\"mail\",outcome=\"failed\"}", "failed")                     \
    X(MAIL_EXPIRED, "outcomes_total{to=\"mail\",outcome=\"expired\"}", "expired")                  \
    X(MAIL_ACCEPTED, "accepted_total{from=\"mail\"}", "mails accepted")                            \
    X(JABBER_DELIVERED, "outcomes_total{to=\"jabber\",outcome=\"delivered\"}",                     \
      "taken by the Jabber server")                                                                \
    X(JABBER_HELD, "outcomes_total{to=\"jabber\",outcome=\"held\"}", "held for their readers")     \
    X(JABBER_LATER, "outcomes_total{to=\"jabber\",outcome=\"later\"}", "to be tried again")        \
    X(JABBER_FAILED, "outcomes_total{to=\"jabber\",outcome=\"failed\"}", "failed")                 \
    X(JABBER_DROPPED, "outcomes_total{to=\"jabber\",outcome=\"dropped\"}", "nothing to deliver")   \
    X(SET_ASIDE, "set_aside_total", "set aside")

enum stat {
#define X(name, metric, words) STAT_##name,
    STATS(X)
#undef X
        STAT_COUNT
};

enum { STATS_MINUTES = 60 };

struct stats {
    int64_t started_s;
    uint64_t total[STAT_COUNT];
    uint32_t minute[STATS_MINUTES][STAT_COUNT]; /* a ring; the one of minute_now is being filled */
    int64_t minute_now;                         /* minutes since 1970 */
    int64_t stream_since_s;                     /* when the stream came up or went down last */
    char stream_reason[200];                    /* why it is away; "" when it is up */
    int64_t relay_at_s;                         /* when the relay was last tried; 0: never */
    char relay_trouble[200];                    /* of the last try; "" when it answered */
};

void stats_init(struct stats *s, int64_t now_s);
void stats_add(struct stats *s, enum stat what, unsigned count, int64_t now_s);
void stats_stream(struct stats *s, const char *reason /* NULL: up */, int64_t now_s);
void stats_relay(struct stats *s, const char *trouble /* NULL: none */, int64_t now_s);
/* How many in the last so many whole minutes and the one that runs, at most STATS_MINUTES. */
uint64_t stats_last(struct stats *s, enum stat what, unsigned minutes, int64_t now_s);
uint64_t stats_all(const struct stats *s); /* a sum of all: it grows with whatever happens */

#endif
