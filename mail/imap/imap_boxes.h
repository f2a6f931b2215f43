/*
 * imap_boxes: mailboxes that come and go while the gateway runs: users' own, hundreds or thousands.
 *
 * Each is an imap_watch, with its own state, cursor and back-off.  They share a few threads:
 * connecting and commands are jobs, waiting in IDLE is a descriptor on the loop.  How many connect
 * at once is bounded, for each server too; one that is away is tried by one mailbox at a time until
 * it answers.  IDLE is renewed before 29 minutes (RFC 2177), spread out; where it is missing the
 * folder is looked at every few minutes.
 *
 * A personal mailbox is its user's.  The first look begins with what arrives from then on, also
 * when the folder was made anew (another UIDVALIDITY).  Fetching changes nothing in it (BODY.PEEK),
 * and what is safe is neither marked nor moved: flags are errands, given on purpose.
 *
 * Loop thread only.  No callback fires inside the call that asked for it.
 */
#ifndef MAIL_IMAP_IMAP_BOXES_H
#define MAIL_IMAP_IMAP_BOXES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/loop.h"
#include "mail/imap/imap_errand.h"
#include "mail/imap/imap_fault.h"
#include "mail/imap/imap_watch.h"

struct imap_boxes; /* all of them */
struct imap_box;   /* one */

struct imap_boxes_settings {
    unsigned boxes_max;      /* 0: what the limit on descriptors allows, less a reserve */
    unsigned threads;        /* at work in mailboxes at once; 0: 16 */
    unsigned per_host;       /* of them with one server; 0: 4 */
    int64_t mail_size_max;   /* of larger mails the header alone is fetched; 0: 50 MiB */
    unsigned unanswered_max; /* mails of one mailbox offered and not yet done; 0: 16 */
    const char *ca_file;     /* for mailboxes that name none; NULL or "": the system's trust */
    struct imap_pace pace;   /* 0: the usual for personal mailboxes */
    /* May a user have us connect to this address?  Any thread; NULL: to every one.  Where tls is
     * none, only loopback, private and link-local addresses are connected to in any case. */
    bool (*may_connect)(const struct sockaddr *address);
};

/* All with the owner that imap_boxes_add was given. */
struct imap_boxes_handler {
    /* A new mail, valid during the call; false: offered again later.  Answer by imap_box_done. */
    bool (*mail)(struct imap_box *box, const struct imap_mail *mail, void *arg);
    /* Every mail with a smaller UID is done: to be stored durably (store/cursors). */
    void (*cursor)(struct imap_box *box, const struct imap_cursor *cursor, void *arg);
    /* It is connecting, watching, or failed (and is tried again after state->retry_ms). */
    void (*state)(struct imap_box *box, const struct imap_state *state, void *arg);
};

/* settings and handler are copied, ca_file is borrowed.  No thread is started before the first
 * mailbox comes. */
struct imap_boxes *imap_boxes_new(struct loop *loop, const struct clock *clock,
                                  const struct imap_boxes_settings *settings,
                                  const struct imap_boxes_handler *handler, void *arg,
                                  struct err *e);
/* Closes every connection, then calls stopped, once; no handler's callback meanwhile.  Errands
 * under way are answered before. */
void imap_boxes_stop(struct imap_boxes *b, void (*stopped)(void *arg), void *arg);
/* After stopped, or when none was ever added.  Takes NULL. */
void imap_boxes_free(struct imap_boxes *b);

/* Begins to watch a mailbox.  All of it is copied, and its secrets wiped when they are not needed
 * any more; name is for the log (it must be unique, and no secret), done and address are not looked
 * at.  server.token, where given, is used by XOAUTH2 in place of the password.  start: as last
 * told by cursor; zeros: only what arrives from now on.  NULL: too many (ERR_RETRY), or the
 * description is wrong (ERR_PERMANENT); *e has the words. */
struct imap_box *imap_boxes_add(struct imap_boxes *b, const struct conf_mailbox *mailbox,
                                struct imap_cursor start, void *owner, struct err *e);
/* The connection is closed at once and no handler's callback comes any more, not even for what is
 * under way; the handle is invalid from here on.  Errands given before are answered later, as
 * IMAP_ERRAND_RETRY unless they had their outcome.  May be called in its callbacks. */
void imap_box_remove(struct imap_box *box);

void *imap_box_owner(const struct imap_box *box);
const struct imap_state *imap_box_state(const struct imap_box *box);
/* As imap_watch_done. */
void imap_box_done(struct imap_box *box, uint32_t uidvalidity, uint32_t uid, bool safe);
/* -1: too many wait in this mailbox; the caller keeps the errand and tries later.  While the
 * mailbox is away errands are answered at once as IMAP_ERRAND_RETRY. */
int imap_box_errand(struct imap_box *box, struct imap_errand *errand) MUST_CHECK;
/* Other credentials (a new password, a fresh token): tried at once, whatever was refused before. */
int imap_box_change(struct imap_box *box, const struct conf_mailbox *mailbox,
                    struct err *e) MUST_CHECK;

size_t imap_boxes_count(const struct imap_boxes *b);
/* How many are IMAP_WATCHING. */
size_t imap_boxes_watching(const struct imap_boxes *b);

/* ---- trying a description before it is accepted ---- */

struct imap_trial_result {
    enum imap_fault fault;  /* IMAP_FAULT_NONE: it works */
    struct err e;           /* what a person should know, unless it works */
    bool is_late;           /* IMAP_FAULT_AWAY: the time was over */
    uint32_t messages;      /* in the folder */
    struct imap_cursor end; /* before what is to come; uidvalidity 0: not known */
    bool has_idle, is_read_only;
};

struct imap_trial;

/* Connects, logs in and selects the folder, changing nothing; done is told within limit_ms (0:
 * 30 s) whatever the server does.  A few run at once, a few dozen wait; NULL: too many
 * (ERR_RETRY), or the description is wrong (ERR_PERMANENT). */
struct imap_trial *imap_trial_start(struct imap_boxes *b, const struct conf_mailbox *mailbox,
                                    int64_t limit_ms,
                                    void (*done)(const struct imap_trial_result *result, void *arg),
                                    void *arg, struct err *e);
/* done will not be called.  Before it was. */
void imap_trial_cancel(struct imap_trial *t);

#endif
