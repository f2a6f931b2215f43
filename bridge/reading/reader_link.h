/*
 * reader_link: one process that reads mail, as the thread that feeds it sees it.
 *
 * Started when there is something to read and again when it has died.  The mails it was asked for
 * and has not answered are tried once more, one at a time: only the mail over which a process dies
 * that has read nothing else is blamed.  Before its term is over the next one is started beside
 * it, so that no mail waits for that.  Calls block; one thread at a time.
 */
#ifndef BRIDGE_READING_READER_LINK_H
#define BRIDGE_READING_READER_LINK_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/chain.h"
#include "bridge/reading/reader_child.h"
#include "mapping/letter.h"

struct reader_job {
    struct chain_link link; /* the pool's */
    /* What is to be read, and how.  All of it is the asker's and lives until the job is done. */
    struct settings *settings;
    struct wire_request request; /* without the nonce */
    const char *mail;            /* NULL: nothing is read, the job is settled at once */
    size_t len;
    struct arena *arena; /* where the letter goes */
    int64_t id;          /* for the log */

    /* What came of it. */
    struct letter *letter; /* NULL: err says why */
    struct err err;        /* ERR_RETRY also for what is_blamed */
    bool is_blamed;        /* reading this mail, and nothing but it, kills the reader */
    char *page;            /* in the arena; NULL: none */
    size_t page_len;
    char nonce[WIRE_NONCE_SIZE];

    /* The pool's (bridge/reading/readers.h). */
    void (*read)(struct reader_job *job);
    void (*done)(struct reader_job *job);
    unsigned kills; /* how often somebody else killed the reader over it */
};

/* An arena of this size holds what reading a mail that is so long can bring. */
size_t reader_arena_max(size_t mail_len);

/* The page with the addresses that the letter's attachments have by now; a failure is out's. */
void reader_page(const struct reader_job *job, struct buf *out);

/* What one mail may take, and some more of the processor when it is large. */
extern const struct helper_limits reader_limits_usual;

/* How long one process reads.  A mail that takes it over could forge what is read after it, until
 * another takes its place; 0: no limit. */
struct reader_term {
    unsigned mails_max;
    int64_t age_max_ms;  /* since it has read the first */
    int64_t idle_max_ms; /* since it has read the last */
};
extern const struct reader_term reader_term_usual;

struct reader_link {
    struct helper_limits limits;
    struct reader_term term;
    struct helper_template *origin; /* of READER_COMMAND; may be shared */
    const atomic_bool *stop;        /* when it becomes true, what is under way fails */
    bool (*may_start)(void *arg);   /* waits until another process may be started; false: stop.
                                       NULL: at once */
    void (*settled)(struct reader_job *job, void *arg); /* the job has its result */
    void *arg;

    struct reader_child now;  /* who reads */
    struct reader_child next; /* who is about to: has read nothing */
    struct reader_child last; /* whose term is over, to be ended when no mail waits for that */
    int64_t next_from_ms;     /* a start failed: until then there is no other ahead of need */
    unsigned suspects;        /* so many mails, one at a time: a process died over one of them */
    bool has_warned;
    char why[40];
};

/* Reads the jobs, a chain by their links, in order; settled is called for each. */
void reader_link_read(struct reader_link *l, struct reader_job *jobs);
/* While there is nothing to read since since_ms: when reader_link_renew is due; INT64_MAX: never.
 */
int64_t reader_link_due(const struct reader_link *l, int64_t since_ms);
/* Starts who is next, or lets them take the place of one that has read something. */
void reader_link_renew(struct reader_link *l, int64_t since_ms);
/* Starts one, if there is none. */
void reader_link_prepare(struct reader_link *l);
/* Is there a process? */
bool reader_link_is_started(const struct reader_link *l);
/* Ends the processes; the link can be used again. */
void reader_link_rest(struct reader_link *l);

#endif
