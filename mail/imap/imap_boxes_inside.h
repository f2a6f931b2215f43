/*
 * imap_boxes_inside: what imap_boxes.c and imap_trial.c share; nobody else includes it.
 */
#ifndef MAIL_IMAP_IMAP_BOXES_INSIDE_H
#define MAIL_IMAP_IMAP_BOXES_INSIDE_H

#include "base/work.h"
#include "mail/imap/imap_boxes.h"
#include "mail/imap/imap_gate.h"
#include "mail/imap/imap_trust.h"

/* A copy of a mailbox's description in one piece of memory, to be wiped. */
struct imap_description {
    struct conf_mailbox mailbox;
    size_t size; /* of all of it */
};

/* Checked, so that nothing in it breaks a command; NULL: *e says what is wrong. */
struct imap_description *imap_description_copy(const struct conf_mailbox *mailbox,
                                               const char *ca_file, struct err *e);
void imap_description_wipe(struct imap_description *d); /* takes NULL */

struct imap_boxes {
    struct loop *loop;
    const struct clock *clock;
    struct imap_boxes_settings settings;
    struct imap_boxes_handler handler;
    void *arg;
    struct work_pool *pool; /* NULL: not needed yet */
    struct imap_gate *gate;
    struct imap_trust *trust;
    struct imap_box *boxes;
    size_t count, watching;
    size_t leaving; /* watches that were abandoned and still end */

    struct imap_trial *trials; /* running or waiting */
    struct imap_trial *first_waiting, *last_waiting;
    unsigned trials_running, trials_waiting;

    unsigned opened; /* since memory was given back */
    struct work_job trim;
    struct loop_timer *trim_later;
    bool is_trimming;

    bool is_stopping;
    void (*stopped)(void *arg);
    void *stopped_arg;
    struct loop_task settle; /* tells that all have stopped */
};

/* Starts the threads, with the first that need them. */
int imap_boxes_start(struct imap_boxes *b, struct err *e) MUST_CHECK;
/* Something has ended. */
void imap_boxes_settle(struct imap_boxes *b);
/* What runs is broken off; nobody is told. */
void imap_trials_stop(struct imap_boxes *b);

#endif
