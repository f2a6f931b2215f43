/*
 * shipment: a mail of the queue on its way to its Jabber users, for the two files that carry it:
 * shipment.c has the mail read and makes the stanzas (worker and writer thread), deliver_jabber.c
 * sends them and writes the outcome (loop).
 */
#ifndef BRIDGE_TO_JABBER_SHIPMENT_H
#define BRIDGE_TO_JABBER_SHIPMENT_H

#include "base/work.h"
#include "bridge/gateway.h"
#include "bridge/reports/poison.h"
#include "mapping/letter.h"
#include "mapping/report/trace.h"
#include "store/links.h"

enum leg_fate {
    LEG_SEND,     /* text is the stanza; under way or about to be */
    LEG_TAKEN,    /* the host has it */
    LEG_ANSWERED, /* a report: what it says is queued for the senders, and the item gone */
    LEG_DROPPED,  /* nothing to send or to report (expired, a forged or pointless report) */
    LEG_HELD,   /* as its user wants it, and written down; next_at_s: it was let go since, 0: not */
    LEG_LATER,  /* again at next_at_s */
    LEG_FAILED, /* to be reported to the mail's sender */
    LEG_LOST,   /* the stream went away: again as soon as it is back */
    LEG_POISON, /* the host closes the stream over it: set aside */
    LEG_BLAMED  /* reading the mail kills the reader: set aside at the third time */
};

struct leg { /* one item */
    struct window_entry entry;
    struct shipment *shipment;
    const struct queue_item *item;
    enum leg_fate fate;
    const char *id, *to; /* of the stanza; to is bare */
    const char *text;    /* the stanza */
    size_t len;
    bool is_answer;   /* an error or an answer to a message of ours: no link, no report */
    struct link link; /* kept before it is sent; jid NULL: none was */
    struct smtp_status status;
    const char *condition; /* of the Jabber error; NULL: none */
    const char *jid;
    const char *why; /* for the log, when dropped */
    int64_t report_id, contacts_id, question_id, suggestion_id, notice_id, next_at_s;
    const char *photo; /* the author's, to be shown to who is subscribed to them; NULL: no news */
    bool is_first;     /* of this author, to a user who wants to be told (suggestion.h) */
    const char *lang;  /* of the user, where is_first; static */
    bool has_notice;   /* a message to its user about it is queued under notice_id */
    struct poison_ids *poison_ids; /* for LEG_POISON and LEG_BLAMED */
    unsigned crashes;              /* so many by now, when LEG_BLAMED has been written */
    int64_t *answer_ids; /* ANSWERS_MAX, when the item is addressed to a reverse-path; NULL: not */
    unsigned answers;
};

struct shipment {
    struct reader_job read;
    struct work_job shelve; /* after an upload */
    struct store_work prepare;
    struct persist_work outcome;
    struct gateway *gateway;
    struct settings *settings;
    struct parcel *parcel;
    struct arena *arena;
    struct letter *letter; /* NULL: unreadable, err says why */
    struct err err;
    struct err upload_err; /* why a file was not uploaded; ERR_NONE: all were that should be */
    struct leg *legs;      /* one for each item of the parcel */
    size_t under_way;
    struct trace trace;
    size_t page_size; /* bytes of the page with the whole mail; 0: none was made */
    bool is_own;      /* of a user's own mailbox, whose user own is; NULL: that is gone */
    const char *own;
    int64_t now_s;
    struct shipment *next_released; /* g->released: what was held goes in the order it came */
    bool is_released, is_prepared;
    struct err prepare_err;
    void (*ready)(struct shipment *s, const struct err *e); /* on the loop, after preparing */
};

struct shipment *shipment_new(struct gateway *g, struct parcel *p);
void shipment_free(struct shipment *s); /* not the parcel; takes NULL */

/* Has the mail read, makes the stanzas on the writer, then calls ready.  -1: no room now. */
int shipment_start(struct shipment *s) MUST_CHECK;

#endif
