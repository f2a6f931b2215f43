/*
 * smtp_session: one connection of our own SMTP client, and what it asks of the client that owns it.
 *
 * Loop thread.  Private to smtp_client, smtp_session, smtp_opening and smtp_transaction.
 */
#ifndef MAIL_SMTP_SMTP_SESSION_H
#define MAIL_SMTP_SMTP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/conn.h"
#include "base/loop.h"
#include "base/tls.h"
#include "mail/send.h"
#include "mail/smtp/smtp_auth.h"
#include "mail/smtp/smtp_ehlo.h"
#include "mail/smtp/smtp_lines.h"
#include "mail/smtp/smtp_reply.h"

struct smtp_client;

#define SMTP_STATES(X)                                                                             \
    X(CONNECTING, "the connection")                                                                \
    X(HANDSHAKE, "the TLS handshake")                                                              \
    X(GREETING, "the greeting")                                                                    \
    X(EHLO, "the answer to EHLO")                                                                  \
    X(HELO, "the answer to HELO")                                                                  \
    X(STARTTLS, "the answer to STARTTLS")                                                          \
    X(AUTH, "the answer to AUTH")                                                                  \
    X(READY, "a mail")                                                                             \
    X(QUITTING, "the answer to QUIT")                                                              \
    X(ENDED, "nothing")

/* clang-format off */
enum smtp_state {
#define X(name, what) SMTP_##name,
    SMTP_STATES(X)
#undef X
};
/* clang-format on */

enum {
    SMTP_FLIGHT_MAX = 2
}; /* mails under way on a connection: one, and the next one's envelope */

/* One mail on its way.  Replies come in the order of the commands, so what is awaited next is told
 * by one word. */
struct smtp_transaction {
    struct send_job *job; /* NULL: answered, while the server still owes replies */
    enum smtp_awaited {
        SMTP_AWAITS_MAIL,
        SMTP_AWAITS_RCPT,
        SMTP_AWAITS_DATA,
        SMTP_AWAITS_END,
        SMTP_AWAITS_RSET
    } awaits;
    unsigned number; /* of the mail on this connection, from 1 */
    size_t rcpt;     /* index of the recipient whose reply is awaited */
    size_t accepted; /* recipients */
    size_t offset;   /* of the message, written so far */
    bool is_mail_accepted;
    bool is_in_body;  /* the server may have got the message */
    bool is_writing;  /* the message, and not all of it is with the connection */
    bool is_issued;   /* every command has been written: another mail may follow */
    int64_t limit_ms; /* what it may take in all, from when it is the first */
};

enum smtp_place { /* the client's list that a session is in */
                  SMTP_PLACE_NONE,
                  SMTP_PLACE_IDLE,
                  SMTP_PLACE_ROOMY, /* busy, and another envelope may follow */
                  SMTP_PLACES
};

struct smtp_session {
    struct smtp_client *client;
    struct smtp_session *prev, *next;             /* of all sessions */
    struct smtp_session *place_prev, *place_next; /* of those in the same place */
    enum smtp_place place;
    enum smtp_state state;
    struct conn *conn;
    struct loop_timer *timer;
    int64_t timer_ms;       /* when the timer fires: not later than deadline_ms */
    int64_t deadline_ms;    /* of what is awaited now */
    int64_t limit_ms;       /* of all together: the opening, or the first mail */
    size_t waiting;         /* bytes that had not left at the last look */
    unsigned outstanding;   /* replies to come for what was written */
    unsigned mails;         /* begun here */
    bool is_mute;           /* a piece could not be written: nothing more is */
    bool is_winding_up;     /* takes no more mails */
    bool is_cut_short;      /* an envelope was begun that nobody wants any more */
    bool has_answered;      /* a piece of the awaited reply has come */
    struct smtp_auth *auth; /* while logging in */
    bool is_logged_in;
    struct smtp_lines lines;
    struct smtp_offer offer;
    struct smtp_reply greeting;
    struct smtp_transaction flight[SMTP_FLIGHT_MAX];
    unsigned flight_count;
};

/* ---- smtp_session ---- */

struct smtp_session *smtp_session_new(struct smtp_client *client, struct err *e);
void smtp_session_free(struct smtp_session *s);
/* Ends it: jobs that nothing was sent of go back to the client, the others are answered. */
struct smtp_fault {
    enum send_trouble trouble;
    enum err_class class; /* for a probe */
    char text[400];
};
void smtp_session_end(struct smtp_session *s, const struct smtp_fault *fault);
void smtp_session_fail(struct smtp_session *s, enum send_trouble trouble, enum err_class class,
                       const char *fmt, ...) PRINTF(4, 5);
void smtp_session_not_understood(struct smtp_session *s);
void smtp_session_quit(struct smtp_session *s); /* says goodbye and waits a little for the answer */
/* Bytes for the server, `replies` of them will come back. */
void smtp_session_write(struct smtp_session *s, const char *data, size_t len, unsigned replies);
/* Likewise, a password: see conn_write_secret. */
void smtp_session_write_secret(struct smtp_session *s, const char *data, size_t len,
                               unsigned replies);
/* The client stops: what is under way may end, the rest is given back. */
void smtp_session_stop(struct smtp_session *s);
const char *smtp_session_awaited(const struct smtp_session *s);
void smtp_session_set_deadline(struct smtp_session *s, int64_t delay_ms);
/* The opening is over: it may take mails. */
void smtp_session_is_ready(struct smtp_session *s);
/* Something has ended on it: goes to the place where it belongs now. */
void smtp_session_settle(struct smtp_session *s);
bool smtp_session_has_room(const struct smtp_session *s);
/* Writes the envelope of a job that passed the guard; the session has room. */
void smtp_session_start(struct smtp_session *s, struct send_job *job);

/* ---- smtp_opening: from the connection to the first mail ---- */

void smtp_opening_start(struct smtp_session *s);
void smtp_opening_reply(struct smtp_session *s);
void smtp_opening_secured(struct smtp_session *s); /* the handshake is over */

/* ---- smtp_transaction: a mail ---- */

void smtp_transaction_start(struct smtp_session *s, struct smtp_transaction *t,
                            struct send_job *job);
/* A reply to the first one in flight. */
void smtp_transaction_reply(struct smtp_session *s);
/* The connection can take more of the message. */
void smtp_transaction_write_on(struct smtp_session *s);

/* ---- what the client does for a session ---- */

const struct send_settings *smtp_client_settings(const struct smtp_client *c);
struct buf *smtp_client_scratch(struct smtp_client *c); /* empty; until the next call */
int64_t smtp_client_now_ms(const struct smtp_client *c);
bool smtp_client_is_stopping(const struct smtp_client *c);
struct conn *smtp_client_connect(struct smtp_client *c, conn_fn *fn, void *arg, struct err *e);
/* TLS for a connection, with the trust as it was read not long ago; NULL: *e says why. */
struct tls *smtp_client_tls(struct smtp_client *c, struct err *e);
struct loop_timer *smtp_client_timer(struct smtp_client *c, void (*fire)(void *arg), void *arg);
void smtp_client_move(struct smtp_client *c, struct smtp_session *s, enum smtp_place place);
void smtp_client_done(struct smtp_client *c, struct send_job *job);  /* every recipient answered */
void smtp_client_again(struct smtp_client *c, struct send_job *job); /* nothing of it was sent */
void smtp_client_opened(struct smtp_client *c, struct smtp_session *s);
void smtp_client_not_opened(struct smtp_client *c,
                            const struct smtp_fault *fault); /* may be NULL */
/* The session is over; it is freed once the callback under way has ended. */
void smtp_client_drop(struct smtp_client *c, struct smtp_session *s);
/* At the end of each callback from the loop: gives out jobs, calls their done, frees sessions. */
void smtp_client_settle(struct smtp_client *c);

#endif
