/*
 * smtp_pool: the engine for a hop in the clear: worker threads, each with one libesmtp session at a
 * time.
 *
 * One bounded queue feeds them.  A worker that has just sent a mail keeps its connection for a
 * short while and is given the next job before one without a connection is woken.  Results go to
 * the loop.  A timer on the loop cuts the connection of a worker whose mail is past its deadline.
 * Private to mail/.
 */
#ifndef MAIL_SMTP_SMTP_POOL_H
#define MAIL_SMTP_SMTP_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/send_engine.h"

extern const struct send_engine smtp_pool_engine;

/* What a session (smtp_esmtp.c) asks of its pool, on its worker's thread. */
struct smtp_worker;

const struct send_settings *smtp_worker_settings(const struct smtp_worker *w);

/* The session's connection, so that it can be cut; -1 before it is closed. */
void smtp_worker_watch(struct smtp_worker *w, int fd);
/* From now on the connection is cut after so many milliseconds. */
void smtp_worker_deadline(struct smtp_worker *w, int64_t delay_ms);
bool smtp_worker_was_cut(const struct smtp_worker *w); /* since smtp_worker_watch */
bool smtp_worker_is_stopping(const struct smtp_worker *w);

/* Waits a short while for another job, one that passed the guard.  NULL: none came, end the
 * session. */
struct send_job *smtp_worker_next(struct smtp_worker *w);
/* Every recipient has its answer. */
void smtp_worker_done(struct smtp_worker *w, struct send_job *job);

/* Connects within the settings' time. */
struct smtp_failure;
int smtp_worker_connect(struct smtp_worker *w, struct smtp_failure *out) MUST_CHECK;

#endif
