/*
 * lmtp_session: one client of the listener, for the files mail/lmtp/lmtp*.c alone: lmtp.c owns the
 * sessions, lmtp_session.c reads and answers, lmtp_command.c is the commands.
 */
#ifndef MAIL_LMTP_LMTP_SESSION_H
#define MAIL_LMTP_LMTP_SESSION_H

#include "base/conn.h"
#include "mail/lmtp/lmtp.h"
#include "mail/lmtp/lmtp_data.h"

struct lmtp {
    struct loop *loop;
    const struct clock *clock;
    struct lmtp_settings settings;
    struct lmtp_handler handler;
    void *arg;
    struct lmtp_budget budget;
    struct listener *listener; /* NULL: stopping */
    struct lmtp_session *sessions;
    unsigned session_count;
    unsigned waiting_count;
    bool is_stopping;
};

enum {
    LMTP_COMMAND_MAX = 4096,   /* bytes of a command line with its CRLF */
    LMTP_RECIPIENTS_MAX = 100, /* RFC 5321 §4.5.3.1.8 asks for no less */
    LMTP_ERRORS_MAX = 20,      /* of a session, between two mails */
    LMTP_IDLE_MAX = 200        /* commands that lead nowhere, between two mails */
};

enum { LMTP_HELO_MAX = 255 };

enum lmtp_state { /* a mail has begun from LMTP_MAIL on */
                  LMTP_FRESH,
                  LMTP_GREETED,
                  LMTP_MAIL,
                  LMTP_RCPT,
                  LMTP_DATA
};

struct lmtp_session {
    struct lmtp *lmtp;
    struct conn *conn;
    char peer[48];
    char helo[LMTP_HELO_MAX + 1];
    enum lmtp_state state;
    struct lmtp_mail *mail; /* being put together; NULL in FRESH and GREETED, and while it waits */
    struct lmtp_data data;
    struct buf in;
    bool is_waiting;  /* for the owner */
    bool is_running;  /* run() is on the stack */
    bool is_skipping; /* the rest of a line that is too long */
    bool is_paused, is_ended, is_closing;
    unsigned errors, idles;
    struct loop_timer *stall; /* nothing read, nothing taken for too long */
    int64_t since_ms;         /* when the command or the mail began that is not yet whole */
    struct lmtp_session *next, **place;
};

/* fd is the session's from here, also when this fails. */
struct lmtp_session *lmtp_session_new(struct lmtp *l, int fd, const char *peer, struct err *e);
/* Takes it out of the list; a mail that waits loses its session. */
void lmtp_session_free(struct lmtp_session *s);
/* Says goodbye when nothing of it waits for an answer. */
void lmtp_session_stop(struct lmtp_session *s);

/* ---- between lmtp_session.c and lmtp_command.c ---- */

/* line: clean UTF-8, without its CRLF. */
void lmtp_command(struct lmtp_session *s, const char *line);
void lmtp_say(struct lmtp_session *s, const struct lmtp_reply *r);
/* Replies and counts an error; too many end the session. */
void lmtp_complain(struct lmtp_session *s, int code, const char *enhanced, const char *text);
void lmtp_count_error(struct lmtp_session *s);
/* The last words. */
void lmtp_close_with(struct lmtp_session *s, int code, const char *enhanced, const char *text);
/* The owner's word about the last recipient. */
void lmtp_recipient_answered(struct lmtp_session *s, const struct lmtp_reply *r);
/* Forgets the mail that is being put together; one that waits for an answer goes at that. */
void lmtp_drop_mail(struct lmtp_session *s);
void lmtp_mail_free(struct lmtp_mail *mail); /* takes NULL */

#endif
