/*
 * lmtp: mail arrives by LMTP (RFC 2033).
 *
 * A listener and its sessions on the loop.  Who is a user here and what becomes of a mail is asked
 * of the owner; a mail is answered, once for each of its recipients, only when the owner says so,
 * which is after it is safe on disk.  Everything a client sizes is bounded: lines, header, mail,
 * recipients, errors, silence, time, connections, and the memory of all mails on their way in.
 * Loop thread only.
 */
#ifndef MAIL_LMTP_LMTP_H
#define MAIL_LMTP_LMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/loop.h"
#include "mail/lmtp/lmtp_path.h"

struct lmtp_session;

/* A mail on its way in, or waiting for its answers. */
struct lmtp_mail {
    struct arena *arena; /* its strings; an owner may add to it */
    struct lmtp_sender sender;
    struct lmtp_recipient *recipients; /* accepted; the last one may still be asked about */
    size_t recipient_count;
    const char *helo, *peer; /* what the client calls itself; its address, "" for a unix socket */
    struct buf content;      /* CRLF throughout, dots undone; the owner may detach it */
    int64_t id;              /* the owner's */
    struct lmtp_session *session; /* NULL: the client is gone */
    size_t held;                  /* of the memory for all mails */
    struct lmtp *lmtp;
};

enum lmtp_when { LMTP_NOW, LMTP_LATER };

/* Whom the listener asks.  No call of the owner's is under way when these are made. */
struct lmtp_handler {
    /* Is the last recipient of mail a user here?  LMTP_NOW: *out is the reply, 250 takes them;
     * LMTP_LATER: lmtp_recipient_answer will say. */
    enum lmtp_when (*recipient)(struct lmtp_mail *mail, struct lmtp_reply *out, void *arg);
    /* The client wants to send: the owner may write trace fields into content.  false: *no_out
     * says why not now. */
    bool (*begin)(struct lmtp_mail *mail, struct lmtp_reply *no_out, void *arg);
    /* A whole mail, the owner's until lmtp_mail_answer. */
    void (*arrived)(struct lmtp_mail *mail, void *arg);
};

struct lmtp_settings {
    const struct conf_endpoint *at;
    unsigned mode;        /* of the file of a unix socket */
    const char *hostname; /* ours, in the greeting, and the domain of <postmaster> */
    size_t size_max;      /* bytes of a mail, announced */
    size_t memory_max;    /* bytes of all mails on their way in; default: three of the largest */
    unsigned connections_max;  /* default 100 */
    int64_t goodbye_ms;        /* for reading the last words; default 5 s */
    int64_t idle_ms, total_ms; /* silence; one command or one mail; defaults 5 and 30 minutes */
};

struct lmtp;

/* Listens at once.  NULL: the place cannot be had. */
struct lmtp *lmtp_new(struct loop *loop, const struct clock *clock,
                      const struct lmtp_settings *settings, const struct lmtp_handler *handler,
                      void *arg, struct err *e);
/* Takes no more connections or mails; what has come whole is still answered. */
void lmtp_stop(struct lmtp *l);
bool lmtp_is_idle(const struct lmtp *l); /* no client is left, and no mail waits for its answer */
/* Closes all.  Nothing waits for an answer any more, neither mail nor recipient.  Takes NULL. */
void lmtp_free(struct lmtp *l);

/* The answer about the last recipient of mail. */
void lmtp_recipient_answer(struct lmtp_mail *mail, const struct lmtp_reply *reply);
/* The answers for all recipients, in their order (replies has recipient_count of them); frees mail.
 */
void lmtp_mail_answer(struct lmtp_mail *mail, const struct lmtp_reply *replies);

#endif
