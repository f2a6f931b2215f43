/*
 * imap_session: one connection to one mailbox, from connecting to logging out (libetpan's mailimap
 * on mail/imap/imap_stream.h).
 *
 * Every call blocks and belongs into a job; one thread at a time.  After ERR_* with
 * imap_session_is_broken the session can only be closed; otherwise the server refused one command.
 */
#ifndef MAIL_IMAP_IMAP_SESSION_H
#define MAIL_IMAP_IMAP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/err.h"
#include "mail/imap/imap_stream.h"

enum { IMAP_RANGE_MAX = 100 }; /* mails asked for in one command */

struct imap_session;

/* Connects, logs in, selects.  The mailbox and cancel are borrowed for the session's life.
 * ERR_PERMANENT names the option to look at.  NULL: *fault_out and *e are filled. */
struct imap_session *imap_session_open(const struct conf_mailbox *mailbox,
                                       struct imap_cancel *cancel,
                                       const struct imap_stream_terms *terms,
                                       enum imap_fault *fault_out, struct err *e);
/* Logs out when asked and possible, within logout_ms; takes NULL. */
void imap_session_close(struct imap_session *s, bool log_out);

bool imap_session_is_broken(const struct imap_session *s);
uint32_t imap_session_uidvalidity(const struct imap_session *s);
uint32_t
imap_session_exists(const struct imap_session *s); /* mails in the folder when it was selected */
/* The UID that the next mail will get, as far as the server tells it; 0: it does not. */
uint32_t imap_session_uid_next(const struct imap_session *s);
bool imap_session_has_idle(const struct imap_session *s);
bool imap_session_is_read_only(const struct imap_session *s);
/* The server told of mail since the last imap_session_look. */
bool imap_session_has_news(const struct imap_session *s);
/* There was mail from this UID on when the folder was opened, as far as the server told. */
bool imap_session_has_new(const struct imap_session *s, uint32_t from);

/* One mail as fetched. */
struct imap_item {
    uint32_t uid;
    int64_t size; /* RFC822.SIZE */
    char *data;   /* NULL: not fetched */
    size_t len;
    bool is_truncated; /* data is the header alone */
};

struct imap_batch {
    struct imap_item items[IMAP_RANGE_MAX]; /* ascending by uid */
    size_t count;
    /* What was asked for below it is in items or does not exist any more.  After a failure it is
     * the mail that could not be fetched, and stands in the way. */
    uint32_t uid_next;
    bool is_blocked;  /* bytes_max allowed no mail */
    bool is_complete; /* nothing is left to fetch, as far as is known */
    /* Failed at the mail uid_next: the connection was lost, or the answer cannot be right. */
    enum { IMAP_TROUBLE_NONE, IMAP_TROUBLE_LOST, IMAP_TROUBLE_BAD } trouble;
};

void imap_batch_init(struct imap_batch *b);
void imap_batch_clear(struct imap_batch *b);

/* How carefully to handle the first mail, which failed before. */
enum imap_care { IMAP_CARE_NONE, IMAP_CARE_ALONE, IMAP_CARE_HEADER, IMAP_CARE_REFUSE };

struct imap_want {
    uint32_t from;        /* new mails from this UID on */
    const uint32_t *uids; /* or exactly these, ascending; at most IMAP_RANGE_MAX */
    size_t uid_count;     /* 0: from */
    size_t mails_max;     /* 1 to IMAP_RANGE_MAX */
    int64_t bytes_max;    /* all together by RFC822.SIZE */
    bool may_exceed;      /* one mail may be larger than bytes_max */
    int64_t size_max;     /* of a mail; of larger ones the header alone */
    enum imap_care care;
};

/* The first UID behind all mails that are there: asked for where UIDNEXT was not told. */
int imap_session_find_end(struct imap_session *s, uint32_t *uid_out, struct err *e) MUST_CHECK;
/* Asks for new mail at the next fetch, though the server told of none. */
void imap_session_look(struct imap_session *s);
/* Fills batch, also when it fails: what came before the failure is in it. */
int imap_session_fetch(struct imap_session *s, const struct imap_want *want,
                       struct imap_batch *batch, struct err *e) MUST_CHECK;

/* Marks, deletes or moves as the mailbox's `done` says; uids ascending. */
int imap_session_mark(struct imap_session *s, const uint32_t *uids, size_t count,
                      struct err *e) MUST_CHECK;

/* Adds flags (enum imap_flag of imap_watch.h) to a mail; one that is gone is no failure (RFC 3501
 * §6.4.8). */
int imap_session_flag(struct imap_session *s, uint32_t uid, unsigned flags,
                      struct err *e) MUST_CHECK;

/* Does an errand; its outcome and, unless it is done, its words are filled in. */
struct imap_errand;
void imap_errand_run(struct imap_session *s, struct imap_errand *errand);

/* Keeps the server from logging us out; it tells of new mail in answer. */
int imap_session_noop(struct imap_session *s, struct err *e) MUST_CHECK;

/* 0: waits in IDLE; 1: the server refuses it; -1: failed. */
int imap_session_idle(struct imap_session *s, struct err *e) MUST_CHECK;
bool imap_session_is_idle(const struct imap_session *s);
/* Reads what came in IDLE, without waiting. */
int imap_session_idle_peek(struct imap_session *s, struct err *e) MUST_CHECK;
int imap_session_idle_end(struct imap_session *s, struct err *e) MUST_CHECK;
/* While in IDLE, for the loop: the descriptor, and whether to look at once instead of trusting it.
 */
int imap_session_fd(const struct imap_session *s);
bool imap_session_has_unread(const struct imap_session *s);

#endif
