/*
 * send_common: what the senders of many users share.  Private to mail/; its life is in send.h.
 *
 * Loop thread.
 */
#ifndef MAIL_SEND_COMMON_H
#define MAIL_SEND_COMMON_H

#include "base/tls.h"
#include "base/work.h"
#include "mail/send.h"

/* A client begins or ceases to use it. */
void send_common_hold(struct send_common *c);
void send_common_drop(struct send_common *c);

/* Threads that look up names; NULL: *e says why. */
struct work_pool *send_common_names(struct send_common *c, struct err *e);
/* What is trusted, as it was read not long ago; NULL: *e says why.  Good until the next call. */
struct tls_client *send_common_trust(struct send_common *c, const char *ca_file, struct err *e);

/* How many accounts are being tried. */
unsigned *send_common_trials(struct send_common *c);
struct loop *send_common_loop(struct send_common *c);

/* Settings whose texts are copies, in one piece of memory, to be wiped. */
struct send_copy {
    struct send_settings settings;
    size_t size;
};
struct send_copy *send_copy_new(const struct send_settings *settings, struct err *e);
void send_copy_wipe(struct send_copy *copy); /* takes NULL */

#endif
