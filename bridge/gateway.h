/*
 * gateway: the running program: what it is made of, for the files of bridge/ that decide.
 *
 * Every part lives on the loop unless its header says otherwise.  A decision is one of four files:
 * outbound (a stanza is accepted), inbound (a mail is accepted), deliver_mail and deliver_jabber (a
 * message of the queue goes on its way and its outcome is written down).
 */
#ifndef BRIDGE_GATEWAY_H
#define BRIDGE_GATEWAY_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/id.h"
#include "base/loop.h"
#include "base/pairs.h"
#include "base/work.h"
#include "bridge/courier.h"
#include "bridge/persist.h"
#include "bridge/reading/readers.h"
#include "bridge/settings.h"
#include "bridge/to_mail/volley.h"
#include "bridge/status/stats.h"
#include "bridge/window.h"
#include "component/asks.h"
#include "component/router.h"
#include "component/stream.h"
#include "mail/imap/imap_watch.h"
#include "mail/lmtp/lmtp.h"
#include "mail/send.h"
#include "store/flight.h"
#include "store/store.h"
#include "web/http.h"
#include "web/web.h"

struct fetches;     /* files that users link to, in fetch.c */
struct uploads;     /* files on their way to the upload service, in upload.c */
struct inbound_box; /* one watched mailbox, in inbound.c */
struct deliver_jabber;
struct receipt;
struct status; /* the administrators' listener, in status.c */
struct announce;
struct ad_hoc; /* commands that users execute, in ad_hoc.c */
struct rate;
struct rulings;
struct attendance; /* who is there, of those who have mail held, in attendance.c */
struct release;    /* what is held goes, in release.c */
struct screen;     /* who has rules on senders, in screen.c */
struct nicknames;  /* the users' own names, in nickname.c */
struct roster;     /* who has which contact, in roster.c */
struct words;      /* what is said to the gateway itself, in words.c */
struct own;        /* users' own mailboxes, in own/own.c */
struct waiting;    /* who is told that a message waits, in waiting.c */

struct gateway {
    struct loop *loop;
    const struct clock *clock;
    struct settings *settings; /* in force; replaced by a reload */
    struct settings *started;  /* what the connections were made from */
    struct id_maker ids;

    struct rulings *rulings;  /* what administrators have decided beside the file */
    struct pairs *registered; /* addresses that users have chosen, and whose they are */

    struct store *store;
    struct flight *flight; /* what is in work */
    struct persist *persist;
    struct work_pool *net;     /* IMAP and name look-ups */
    struct work_pool *workers; /* what takes the processor or the disk for long */
    struct readers *readers;   /* strangers' mail, in processes of their own */

    struct stream *stream;
    struct router *router;
    struct window *window;
    struct sender *sender;
    struct web *web;
    struct status *status; /* NULL: not configured */
    struct stats stats;
    struct http *http;
    struct asks *asks;
    struct uploads *uploads;
    struct fetches *fetches;

    struct courier *mail_out, *mail_in, *stanza_out;
    struct waiting *waiting;
    struct volley *volley; /* automatic answers that chase each other */
    struct nicknames *nicknames;
    struct rate *rate; /* what users send in an hour */
    struct roster *roster;
    struct words *words;
    struct ad_hoc *ad_hoc;
    struct announce *announce; /* what all users are told, in announce.c */
    struct screen *screen;
    struct attendance *attendance;
    struct release *release;
    struct receipt *receipts; /* on their way through the store, in receipt.c */
    unsigned receipt_count;
    struct lmtp *lmtp; /* NULL: not configured */
    struct inbound_box *boxes;
    struct own *own;
    void (*inbound_stopped)(struct gateway *g);
    int64_t admins_told_s; /* when of a mail that was set aside as it came (poison.h) */
    int64_t delay_seen_id; /* how far delay.c has looked */
    bool is_delay_looking;
    struct shipment *released; /* mails that were held and are being prepared, in order */
    unsigned accepting;        /* stanzas, and mails by LMTP, on their way into the store */
    unsigned sending;          /* mails at the sender */
    unsigned preparing;        /* mails being parsed for delivery to Jabber */
    unsigned fetching;         /* mails whose links are being downloaded */
    unsigned uploading;        /* mails whose files are being uploaded */
    unsigned sightings;        /* key ids on their way into the store */
    unsigned registering;
    unsigned cards;   /* vCards of contacts being looked up */
    unsigned looking; /* lists of contacts, in directory.c */
    /* Reads the configuration anew; -1: the old one stays, *e says why. */
    int (*reload)(struct gateway *g, struct err *e);
    /* Other settings are in force from now on; takes the reference over. */
    void (*adopt)(struct gateway *g, struct settings *next);
    bool is_sweeping; /* reports that are due are being looked for, in success.c */
    bool is_stopping;
    bool is_closing; /* the threads end: nothing new for them */
};

static inline int64_t gateway_now_s(const struct gateway *g)
{
    return clock_wall_s(g->clock);
}

static inline void gateway_count(struct gateway *g, enum stat what)
{
    stats_add(&g->stats, what, 1, gateway_now_s(g));
}

#endif
