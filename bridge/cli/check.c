/*
 * check: `postern check`: reads the configuration, then tries each server in it, a line each.
 *
 * Blocking, with a loop of its own for the stream.  It leaves nothing behind: no message is sent,
 * no mail is read, and a running gateway keeps its connection.
 */
#include "bridge/cli/command.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/work.h"
#include "component/stream.h"
#include "mail/imap/imap_watch.h"
#include "mail/send.h"
#include "mapping/address/address_map.h"
#include "store/store.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

struct report {
    int status;
};

/* Prints one line; status EX_OK is ok. A wrong configuration outweighs a server that is away. */
PRINTF(4, 5)
static void tell(struct report *r, int status, const char *what, const char *fmt, ...)
{
    va_list ap;

    printf("%-4s %-16s ", status == EX_OK ? "ok" : "FAIL", what);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
    if (status != EX_OK && r->status != EX_CONFIG)
        r->status = status;
}

static int status_of(const struct err *e)
{
    return e->class == ERR_PERMANENT ? EX_CONFIG : EX_UNAVAILABLE;
}

/* The Jabber server. */

struct jabber_try {
    struct loop *loop;
    struct report *report;
    const struct conf *conf;
};

static void jabber_told(const struct err *e, enum stream_loss loss, void *arg)
{
    struct jabber_try *t = arg;
    const struct conf *conf = t->conf;

    if (!e)
        tell(t->report, EX_OK, "jabber", "%s:%u accepts the component %s", conf->jabber.host,
             conf->jabber.port, conf->jid);
    else
        tell(t->report, loss == STREAM_LOSS_CONFIG ? EX_CONFIG : EX_UNAVAILABLE, "jabber",
             "%s:%u: %s", conf->jabber.host, conf->jabber.port, e->text);
    loop_stop(t->loop);
}

static void try_jabber(const struct conf *conf, struct report *r)
{
    struct stream_settings settings = {
        .jid = conf->jid,
        .host = conf->jabber.host,
        .port = conf->jabber.port,
        .secret = conf->jabber.secret,
        .ping_to = conf->home_count > 0 ? conf->home[0] : conf->jid,
        .stanza_size_max = (size_t)conf->limit.stanza_size_max,
    };
    struct jabber_try t = {.report = r, .conf = conf};
    struct work_pool *pool = NULL;
    struct stream_probe *probe = NULL;
    struct err e;

    if (store_is_locked(conf->store_url)) {
        tell(r, EX_OK, "jabber", "not tried: a running gateway holds the connection");
        return;
    }
    t.loop = loop_new(&e);
    pool = t.loop ? work_pool_new(t.loop, "check", 1, 10, &e) : NULL;
    if (pool) {
        probe = stream_probe_start(t.loop, pool, &settings, jabber_told, &t);
        if (!probe)
            err_memory(&e);
    }
    if (!probe || loop_run(t.loop, &e) < 0)
        tell(r, EX_TEMPFAIL, "jabber", "%s", e.text);
    stream_probe_free(probe);
    work_pool_free(pool);
    loop_free(t.loop);
}

/* Mail. */

static void try_smtp(const struct conf *conf, struct report *r)
{
    struct send_settings settings = {
        .server = conf->smtp,
        .connections = 1,
        .helo_name = conf->mail_domain,
        .connect_timeout_s = 10,
        .reply_timeout_s = 20,
    };
    char text[200];
    struct err e;

    if (send_check(&conf->smtp, &e) < 0)
        tell(r, EX_CONFIG, "smtp", "%s", e.text);
    else if (send_probe(&settings, text, sizeof text, &e) < 0)
        tell(r, status_of(&e), "smtp", "%s:%u: %s", conf->smtp.host, conf->smtp.port, e.text);
    else
        tell(r, EX_OK, "smtp", "%s:%u says %s", conf->smtp.host, conf->smtp.port, text);
}

static void try_mailbox(const struct conf_mailbox *mailbox, struct report *r)
{
    char text[200], what[40];
    struct err e;

    snprintf(what, sizeof what, "mailbox %s", mailbox->name);
    if (imap_probe(mailbox, text, sizeof text, &e) < 0)
        tell(r, status_of(&e), what, "%s:%u: %s", mailbox->server.host, mailbox->server.port,
             e.text);
    else
        tell(r, EX_OK, what, "%s:%u %s: %s", mailbox->server.host, mailbox->server.port,
             mailbox->folder, text);
}

/* Our own side. */

/* Is there no such file yet, and a folder that one can be made in? */
static bool may_be_made(const char *url)
{
    const char *path = strchr(url, ':'), *slash;
    char folder[PATH_MAX] = ".";

    if (!path || strncmp(url, "sqlite:", 7) != 0 || access(++path, F_OK) == 0)
        return false;
    slash = strrchr(path, '/');
    if (slash && (size_t)(slash - path) >= sizeof folder)
        return false;
    if (slash)
        snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    return access(folder, W_OK | X_OK) == 0;
}

static void try_store(const struct conf *conf, struct report *r)
{
    struct store *store;
    struct err e;

    if (store_is_locked(conf->store_url)) {
        tell(r, EX_OK, "store", "%s, in use by a running gateway", conf->store_url);
        return;
    }
    /* Looked at, not made: whoever checks may not be who will run. */
    store = store_open(conf->store_url, STORE_READ_ONLY, &e);
    if (store)
        tell(r, EX_OK, "store", "%s", conf->store_url);
    else if (may_be_made(conf->store_url))
        tell(r, EX_OK, "store", "%s, to be made at the first start", conf->store_url);
    else
        tell(r, e.class == ERR_RETRY ? EX_TEMPFAIL : EX_CONFIG, "store", "%s", e.text);
    store_close(store);
}

/* Can a file be made there, or is one there that is a socket? */
static void try_socket(const struct conf_endpoint *at, const char *what, struct report *r)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(at->path, '/');
    struct stat st;

    snprintf(folder, sizeof folder, "%.*s", slash > at->path ? (int)(slash - at->path) : 1,
             slash ? at->path : ".");
    if (lstat(at->path, &st) == 0 && !S_ISSOCK(st.st_mode))
        tell(r, EX_CONFIG, what, "%s is there and no socket", at->path);
    else if (access(folder, W_OK | X_OK) < 0)
        tell(r, EX_CONFIG, what, "no socket can be made in %s: %s", folder, strerror(errno));
    else
        tell(r, EX_OK, what, "%s", at->text);
}

static void try_listen(const struct conf *conf, const struct conf_endpoint *at, const char *what,
                       struct report *r)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_PASSIVE};
    struct addrinfo *info;
    char port[16];
    int fd, one = 1;

    if (store_is_locked(conf->store_url)) {
        tell(r, EX_OK, what, "%s, not tried: a running gateway has it", at->text);
        return;
    }
    if (!at->host) {
        try_socket(at, what, r);
        return;
    }
    snprintf(port, sizeof port, "%u", at->port);
    if (getaddrinfo(at->host, port, &hints, &info) != 0) {
        tell(r, EX_CONFIG, what, "%s is no address to listen on", at->text);
        return;
    }
    fd = socket(info->ai_family, info->ai_socktype, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, info->ai_addr, info->ai_addrlen) < 0)
        tell(r, EX_CONFIG, what,
             "%s cannot be listened on: another program has it, or the address "
             "is not this machine's",
             at->text);
    else
        tell(r, EX_OK, what, "%s is free", at->text);
    if (fd >= 0)
        close(fd);
    freeaddrinfo(info);
}

static void say_pending(const char *text, void *arg)
{
    (void)arg;
    printf("note %s\n", text);
}

static int try_map(const struct conf *conf, struct report *r)
{
    struct err e;
    struct address_map *map = address_map_new(conf, &e);

    if (map)
        tell(r, EX_OK, "map", "%zu rules; mail domain %s", conf->map_count, conf->mail_domain);
    else
        tell(r, EX_CONFIG, "map", "%s", e.text);
    address_map_free(map);
    return 0;
}

int command_check(const struct command_line *line)
{
    struct report r = {EX_OK};
    struct conf *conf;
    struct err e;
    size_t i;

    if (line->argc > 0)
        return command_usage("check takes no arguments");
    log_set_level(LOG_LEVEL_ERROR); /* the report says it all */
    conf = conf_read(line->conf_path, CONF_SERVE, &e);
    if (!conf) {
        tell(&r, EX_CONFIG, "configuration", "%s", e.text);
        return EX_CONFIG;
    }
    tell(&r, EX_OK, "configuration", "%s", line->conf_path);
    conf_each_pending(conf, say_pending, NULL);
    try_map(conf, &r);
    try_store(conf, &r);
    try_jabber(conf, &r);
    try_smtp(conf, &r);
    for (i = 0; i < conf->mailbox_count; i++)
        try_mailbox(&conf->mailboxes[i], &r);
    if (conf->web.text)
        try_listen(conf, &conf->web, "web", &r);
    if (conf->lmtp.text)
        try_listen(conf, &conf->lmtp, "lmtp", &r);
    conf_free(conf);
    return r.status;
}
