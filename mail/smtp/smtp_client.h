/*
 * smtp_client: the engine of our own: SMTP on the loop, for a hop with TLS, AUTH or neither.
 *
 * A few connections (settings' `connections`) are opened as mails wait for them and kept for a
 * short while after the last one.  A mail goes to an idle connection, else to a new one, and when
 * there may be no more, its envelope follows the mail before it (RFC 2920).  No threads but one
 * that looks up the relay's name.  Private to mail/.
 */
#ifndef MAIL_SMTP_SMTP_CLIENT_H
#define MAIL_SMTP_SMTP_CLIENT_H

#include "mail/send_engine.h"

extern const struct send_engine smtp_client_engine;

#endif
