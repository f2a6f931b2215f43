/*
 * imap_watch: mail arrives in an IMAP mailbox (RFC 3501, IDLE of RFC 2177; libetpan on a stream
 * driver of our own, mail/imap/imap_stream.h).
 *
 * One watch follows one mailbox: connects, logs in, selects, fetches what is new since its cursor,
 * then waits in IDLE, or polls where IDLE is missing or dies.  New is told by UID and UIDVALIDITY,
 * never by \Recent.  What blocks runs as a job on the pool, the wait in IDLE is a descriptor on the
 * loop, so a waiting mailbox costs no thread.  After a failure it reconnects with jittered
 * back-off; a refused log-in backs off for long and says so.  Loop thread only.
 *
 * Progress: each mail is offered by `mail`.  The receiver makes it safe and then calls
 * imap_watch_done: only then is it marked (\Seen, moved or deleted, by settings) and the cursor
 * passed on by `cursor`. A mail that is not answered is offered again after a restart (a reconnect
 * alone does not ask twice), and one that is answered may be when marking it failed: the receiver
 * must tell by uidvalidity and uid that it already has it.
 */
#ifndef MAIL_IMAP_IMAP_WATCH_H
#define MAIL_IMAP_IMAP_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/work.h"
#include "mail/imap/imap_errand.h"
#include "mail/imap/imap_fault.h"

struct imap_cursor {
    uint32_t uidvalidity; /* 0: never looked */
    uint32_t uid_next;    /* first UID not yet seen through; 0 or 1: from the start */
};

struct imap_mail {
    uint32_t uidvalidity, uid;
    const char *data; /* the mail as fetched, CRLF line ends; NULL: refused, see size */
    size_t len;
    int64_t size; /* RFC822.SIZE; over size_max the mail is not fetched: data holds the header
                     alone, is_truncated */
    bool is_truncated;
};

/* Where a mailbox stands. */
struct imap_state {
    enum { IMAP_CONNECTING, IMAP_WATCHING, IMAP_FAILED } at;
    bool is_polling; /* watching without IDLE */
    /* Failed: */
    enum imap_fault fault;
    struct err e;
    unsigned refusals; /* of user and password, in a row */
    bool is_resting;   /* refused so often that they are tried rarely from now on */
    int64_t retry_ms;  /* tried again after so long */
};

struct imap_handler {
    /* The server tells of new mail, which is being fetched; on a worker's thread.  May be NULL. */
    void (*awaited)(void *arg);
    /* A new mail, valid during the call.  Return false to have it offered again later (no room
     * now). */
    bool (*mail)(const struct imap_mail *mail, void *arg);
    /* Every mail with a smaller UID is done: to be stored durably (losing it costs only a second
     * look). */
    void (*cursor)(const struct imap_cursor *cursor, void *arg);
    /* The state changed: ready true, or false with the reason (already logged). */
    void (*state)(bool ready, const char *reason, void *arg);
    /* The same in more detail, each time; may be NULL. */
    void (*detail)(const struct imap_state *state, void *arg);
};

/* How long to wait for what, in milliseconds; 0: the usual. */
struct imap_pace {
    int64_t connect_ms;     /* connecting and TLS; 30 s */
    int64_t read_ms;        /* the next byte of an answer; 60 s */
    int64_t retry_first_ms; /* after a failure, doubling with jitter; 1 s */
    int64_t retry_max_ms;   /* 5 min */
    int64_t refused_ms;     /* after a failure that only the administrator can mend; 15 min */
    int64_t idle_ms;        /* IDLE is ended, the folder looked at, and IDLE begun again; 10 min */
    int64_t poll_ms;        /* where there is no IDLE; the mailbox's poll_s */
    int64_t mark_ms;        /* marks are collected for so long; 100 ms */
    int64_t gather_ms;      /* and while there is more to fetch; 5 s */
    int64_t hold_ms;        /* a mail there was no room for is offered again; 500 ms */
    int64_t stop_ms;        /* what runs may end by itself when the watch stops; 2 s */
    /* For personal mailboxes, so that no account is locked: */
    int64_t login_ms; /* after the first refusals of user and password; 1 min */
    int64_t rest_ms;  /* after the third; 1 h */
    /* When their server is back, all others there try again within; 20 s */
    int64_t hurry_ms;
};

struct imap_gate;
struct imap_trust;

struct imap_settings {
    const struct conf_mailbox *mailbox; /* borrowed */
    bool is_personal; /* a user's own (mail/imap/imap_boxes.h): begins with what arrives from now
                         on, and fetching changes nothing in it */
    struct imap_gate *gate;   /* whose turn it is; NULL: always */
    struct imap_trust *trust; /* shared; NULL: read anew for each connection */
    bool (*may_connect)(const struct sockaddr *address); /* any thread; NULL: to every one */
    int64_t mail_size_max;
    unsigned unanswered_max; /* mails offered and not yet done; default 64 */
    struct imap_pace pace;
};

struct imap_watch;

struct imap_watch *imap_watch_new(struct loop *loop, struct work_pool *pool,
                                  const struct clock *clock, const struct imap_settings *settings,
                                  struct imap_cursor start, const struct imap_handler *handler,
                                  void *arg, struct err *e);
void imap_watch_start(struct imap_watch *w);
/* The mail with this UID is safe (true), or could not be kept for now (false: it is offered again).
 */
void imap_watch_done(struct imap_watch *w, uint32_t uidvalidity, uint32_t uid, bool safe);
/* Sets flags (enum imap_flag, or-ed) on a mail, if it is still in the folder and of this
 * uidvalidity, soon.  Best effort: what waits when the program ends, and what the server refuses,
 * is forgotten. */
void imap_watch_flag(struct imap_watch *w, uint32_t uidvalidity, uint32_t uid, unsigned flags);
/* Takes what is to be done once.  -1: too many wait.  While the mailbox is away errands are
 * answered at once as IMAP_ERRAND_RETRY. */
int imap_watch_errand(struct imap_watch *w, struct imap_errand *errand) MUST_CHECK;
/* Is its server back, of which nobody has taken note yet? */
bool imap_watch_came_back(struct imap_watch *w);
/* Tries again soon, if it waits because the server was away. */
void imap_watch_hurry(struct imap_watch *w);
const struct imap_state *imap_watch_state(const struct imap_watch *w);
/* Logs out; stopped is called when no job of it runs any more (cursor may still be called before).
 */
void imap_watch_stop(struct imap_watch *w, void (*stopped)(void *arg), void *arg);
/* As imap_watch_stop, but without a word to the server and to the receiver: the connection is
 * broken off at once, and no callback but those of errands and stopped comes any more. */
void imap_watch_abandon(struct imap_watch *w, void (*stopped)(void *arg), void *arg);
void imap_watch_free(struct imap_watch *w); /* after stopped, or never started; takes NULL */

/* Blocking, for `postern check`: connect, log in, select, log out.  text_out: messages in the
 * folder, IDLE or polling. */
int imap_probe(const struct conf_mailbox *mailbox, char *text_out, size_t text_size,
               struct err *e) MUST_CHECK;

#endif
