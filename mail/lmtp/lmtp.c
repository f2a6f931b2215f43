/*
 * lmtp: the listener, which owns the sessions and bounds them together.
 *
 * Loop thread.  A crash leaves at most the file of a unix socket, which the next start replaces.
 */
#include "mail/lmtp/lmtp.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/listener.h"
#include "base/log.h"
#include "mail/lmtp/lmtp_session.h"

enum { CONNECTIONS = 100, GOODBYE_MS = 5000, IDLE_MS = 300000, TOTAL_MS = 1800000 };

/* One too many is told so, in the protocol's own way, if the kernel takes it at once. */
static void turn_away(int fd, const char *peer)
{
    static const char text[] = "421 4.3.2 too many connections, try again later\r\n";

    log_warning("lmtp", "event=turned-away peer=\"%s\" reason=\"too many connections\"", peer);
    if (send(fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_debug("lmtp", "event=not-told");
    close(fd);
}

static void accepted(int fd, const char *peer, void *arg)
{
    struct lmtp *l = arg;
    struct err e;

    if (l->session_count >= l->settings.connections_max) {
        turn_away(fd, peer);
        return;
    }
    if (!lmtp_session_new(l, fd, peer, &e))
        log_warning("lmtp", "event=not-served error=\"%s\"", e.text);
}

struct lmtp *lmtp_new(struct loop *loop, const struct clock *clock,
                      const struct lmtp_settings *settings, const struct lmtp_handler *handler,
                      void *arg, struct err *e)
{
    struct lmtp *l = calloc(1, sizeof *l);

    if (!l) {
        err_memory(e);
        return NULL;
    }
    l->loop = loop;
    l->clock = clock;
    l->settings = *settings;
    l->handler = *handler;
    l->arg = arg;
    if (l->settings.connections_max == 0)
        l->settings.connections_max = CONNECTIONS;
    if (l->settings.goodbye_ms == 0)
        l->settings.goodbye_ms = GOODBYE_MS;
    if (l->settings.idle_ms == 0)
        l->settings.idle_ms = IDLE_MS;
    if (l->settings.total_ms == 0)
        l->settings.total_ms = TOTAL_MS;
    l->budget.max =
        settings->memory_max ? settings->memory_max : 3 * settings->size_max + (1 << 20);
    l->listener = listener_new(loop, settings->at, "lmtp", settings->mode, accepted, l, e);
    if (l->listener)
        return l;
    free(l);
    return NULL;
}

void lmtp_stop(struct lmtp *l)
{
    struct lmtp_session *s, *next;

    l->is_stopping = true;
    listener_free(l->listener);
    l->listener = NULL;
    for (s = l->sessions; s; s = next) {
        next = s->next;
        lmtp_session_stop(s);
    }
}

bool lmtp_is_idle(const struct lmtp *l)
{
    return l->waiting_count == 0 && !l->sessions;
}

void lmtp_free(struct lmtp *l)
{
    if (!l)
        return;
    listener_free(l->listener);
    while (l->sessions)
        lmtp_session_free(l->sessions);
    free(l);
}
