/*
 * smtp_client: the engine of our own: SMTP on the loop, for a hop with TLS, AUTH or neither.
 *
 * A few connections (settings' `connections`) are opened as mails wait for them and kept for a
 * short while after the last one.  A mail goes to an idle connection, else to a new one, and when
 * there may be no more, its envelope follows the mail before it (RFC 2920).  No threads but one
 * that looks up the relay's name, or those of send_common.  Private to mail/.
 */
#ifndef MAIL_SMTP_SMTP_CLIENT_H
#define MAIL_SMTP_SMTP_CLIENT_H

#include "mail/send_engine.h"

extern const struct send_engine smtp_client_engine;

/* What becomes of an opening that nothing is sent after; the caller's until the client is told to
 * forget it. */
struct smtp_probe {
    bool is_over;
    int status;
    enum send_trouble trouble;
    int64_t size_max;
    char *text; /* NULL: the greeting's words are not wanted */
    size_t size;
    struct err *e;
    struct loop_task *task; /* posted when it is over; NULL: none */
};

struct smtp_client;

/* A client that only opens a connection; NULL: *e says why. */
struct smtp_client *smtp_client_probe(struct loop *loop, const struct send_settings *settings,
                                      struct smtp_probe *probe, struct err *e);
/* Forgets the probe; frees itself once what is open has said goodbye. */
void smtp_client_retire(struct smtp_client *c);

#endif
