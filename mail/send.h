/*
 * send: mail leaves.
 *
 * Give it a job (envelope and message), get one status for each recipient, on the loop.  Behind it
 * stand engines, chosen by what the hop needs and by what the configuration says: libesmtp in a
 * pool of worker threads (smtp_pool.c), for a hop in the clear (loopback or a trusted network), and
 * a client of our own on the loop (smtp_client.c).  What none of them can serve, send_check
 * refuses: a hop is never weakened.
 */
#ifndef MAIL_SEND_H
#define MAIL_SEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/chain.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/loop.h"

enum send_notify { /* RFC 3461 §4.1 */
                   SEND_NOTIFY_SUCCESS = 1,
                   SEND_NOTIFY_FAILURE = 2,
                   SEND_NOTIFY_DELAY = 4,
                   SEND_NOTIFY_NEVER = 8
};

struct send_recipient {
    const char *address; /* addr-spec, ASCII; the caller's during the job */
    unsigned notify;     /* enum send_notify, or-ed; 0: not said */
    /* The answer, the engine's until job->done has returned: */
    int code;          /* reply code that decided; 0: none came */
    char enhanced[12]; /* "5.1.1" or "" */
    char text[400];    /* the reply's words, one line of UTF-8, no controls */
    enum send_trouble {
        SEND_ANSWERED, /* code tells: 2xx, 4xx or 5xx to this recipient, its MAIL or its message */
        SEND_CONNECT,  /* refused (also by the greeting or EHLO: that is about the hop, not the
                        * mail), reset, closed early, or a meaningless answer; text says which */
        SEND_TIMEOUT,  /* connecting or a reply took too long */
        SEND_NO_NAME,  /* the relay's name does not exist */
        SEND_LOGIN,    /* it refuses our own user and password, and nothing was sent */
        SEND_UNSENT    /* refused before anything was sent: not fit for this engine (code, enhanced
                        * and text say why) */
    } trouble;
};

struct send_job {
    struct chain_link link;   /* the engine's */
    const char *reverse_path; /* addr-spec, "" for the null path */
    struct send_recipient *recipients;
    size_t recipient_count; /* 1 to 100 */
    /* ENVID, with which go RET=HDRS and each recipient's ORCPT (RFC 3461 §4.2 to 4.4); printable
     * ASCII, at most 60 bytes; NULL: none of them. */
    const char *envelope_id;
    int64_t deadline_s;  /* wall clock: of no use later (DELIVERBY, RFC 2852); 0: none */
    const char *message; /* CRLF throughout, not dot-stuffed; the caller's during the job */
    size_t message_len;
    /* The engine's answer: the relay took the mail and offers DSN, so it reports as asked. */
    bool has_dsn;
    /* On the loop, once; every recipient has its answer.  May free the job. */
    void (*done)(struct send_job *job);
    void *arg;
    unsigned needs; /* the engine's */
};

struct send_common;

struct send_settings {
    struct conf_server server;
    struct send_common *common; /* borrowed; NULL: it has names and trust of its own.  With it the
                                   settings' texts are copied, too, and wiped in the end. */
    /* May a user have us connect to this address?  NULL: to every one.  Engine of our own only. */
    bool (*may_connect)(const struct sockaddr *address);
    unsigned connections;  /* worker threads, each with one connection at a time */
    const char *helo_name; /* for EHLO: md */
    int64_t connect_timeout_s, reply_timeout_s; /* defaults 30 and 300 */
    unsigned waiting_max;                       /* jobs that may wait; default 1000 */
};

struct sender;

/* Can an engine serve this hop? -1: ERR_PERMANENT says which option to change. */
int send_check(const struct conf_server *server, struct err *e) MUST_CHECK;

/* settings are copied as far as they are used; strings are borrowed for the sender's life. */
struct sender *sender_new(struct loop *loop, const struct send_settings *settings, struct err *e);
/* -1: too many wait; the caller keeps the job. */
int sender_submit(struct sender *s, struct send_job *job) MUST_CHECK;
/* Stops taking jobs and returns at once: for a sender that is not wanted any more while the loop
 * goes on.  What waits is given back as SEND_CONNECT "stopping", what is under way may end; every
 * done is called, then it frees itself.  NULL is taken.  Only for the engine of our own. */
void sender_retire(struct sender *s);
/* Stops taking jobs; running ones end, waiting ones are given back as SEND_CONNECT "stopping";
 * every done has been called when this returns. Takes NULL. */
void sender_free(struct sender *s);

/* What the senders of many users share, so that a sender costs little and no thread: look-ups of
 * names, and the certificates that are trusted.  Loop thread. */
struct send_common *send_common_new(struct loop *loop, struct err *e);
/* After the senders and trials that use it, those that retire included: it waits for them. */
void send_common_free(struct send_common *c); /* takes NULL */

/* Trying a user's account: connects, greets, TLS, logs in, says goodbye; sends nothing. */
struct send_trial_result {
    bool is_ok;
    enum send_trouble trouble; /* SEND_CONNECT, SEND_TIMEOUT, SEND_NO_NAME or SEND_LOGIN */
    struct err e;              /* what a person should know, unless it works; ERR_PERMANENT: trying
                                  again is of no use */
    int64_t size_max;          /* SIZE as the server told it (RFC 1870); 0: no limit told */
};
struct send_trial;
/* done is called once, on the loop, not inside the call, within limit_ms (0: 30 s) whatever the
 * server does.  settings as for sender_new, but copied; common must be given, and bounds how many
 * run at once. NULL: too many (ERR_RETRY), or no engine serves this hop (ERR_PERMANENT). */
struct send_trial *send_trial_start(const struct send_settings *settings, int64_t limit_ms,
                                    void (*done)(const struct send_trial_result *result, void *arg),
                                    void *arg, struct err *e);
/* done will not be called.  Before it was. */
void send_trial_cancel(struct send_trial *t);

/* Blocking, for `postern check`: connect, EHLO, QUIT. text_out: the greeting's words. */
int send_probe(const struct send_settings *settings, char *text_out, size_t text_size,
               struct err *e) MUST_CHECK;

#endif
