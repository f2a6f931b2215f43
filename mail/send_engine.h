/*
 * send_engine: what an engine of `send` offers.  Private to mail/.
 *
 * Our own client (smtp_client.h) serves every hop, unless the configuration names libesmtp
 * (smtp_pool.h), which serves those in the clear.
 */
#ifndef MAIL_SEND_ENGINE_H
#define MAIL_SEND_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

#include "mail/send.h"

struct send_engine {
    const char *name;
    /* Can it serve this hop?  No I/O.  -1 names the option to change. */
    int (*check)(const struct conf_server *server, struct err *e);
    /* The rest is as the calls of send.h; open's result is given to submit and close. */
    void *(*open)(struct loop *loop, const struct send_settings *settings, struct err *e);
    int (*submit)(void *impl, struct send_job *job);
    void (*close)(void *impl);
    void (*retire)(void *impl); /* NULL: it has to be closed */
    int (*probe)(const struct send_settings *settings, char *text_out, size_t text_size,
                 struct err *e);
};

/* The defaults where the caller left 0. */
void send_fill_in(struct send_settings *settings);

#endif
