/*
 * conf_servers: the servers it speaks with, where it listens for mail and where it keeps things.
 *
 * Part of conf; any thread; nothing is written, a crash leaves nothing behind.
 */
#include "base/conf_inside.h"

#include "base/sealed.h"

#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

enum { DAY_S = 86400 };

int conf_read_jabber(struct conf *conf, const struct conf_values *v)
{
    if (!v->section && v->use == CONF_SERVE)
        return conf_file_error(
            v->file, NULL, NULL, "jabber", v->e,
            "is missing; expected jabber { host = ... port = ... secret_file = ... }");
    if (conf_value_host(v, "host", &conf->jabber.host) < 0 ||
        conf_value_port(v, "port", &conf->jabber.port) < 0 ||
        conf_value_secret(v, "secret", "secret_file", &conf->jabber.secret) < 0)
        return -1;
    if (v->use == CONF_SERVE && !*conf->jabber.secret)
        return conf_file_error(
            v->file, v->section, NULL, "secret", v->e,
            "is missing; expected the component's secret as the Jabber server has it, "
            "or secret_file");
    return 0;
}

/* What is sent in the clear can be read and changed on the way. */
static int check_clear(const struct conf_values *v, const struct conf_server *server)
{
    const struct conf_setting *s = conf_value_find(v, "tls");

    if (server->tls != CONF_TLS_NONE || conf_value_is_local(server->host))
        return 0;
    if (!s)
        s = conf_value_find(v, "host");
    return conf_file_error(
        v->file, v->section, s, "tls", v->e,
        "none is for loopback and private addresses, and %s is not known to be one; "
        "expected starttls or implicit, or the private address itself as host",
        server->host);
}

static int read_server(struct conf_server *server, const unsigned ports[3],
                       const struct conf_values *v)
{
    static const char *const words[] = {"none", "starttls", "implicit", NULL};
    unsigned tls = CONF_TLS_NONE;

    server->host = "127.0.0.1";
    server->user = server->password = server->token_file = server->ca_file = "";
    if (conf_value_word(v, "tls", words, &tls) < 0)
        return -1;
    server->tls = (enum conf_tls)tls;
    server->port = ports[tls];
    if (conf_value_host(v, "host", &server->host) < 0 ||
        conf_value_port(v, "port", &server->port) < 0 ||
        conf_value_path(v, "ca_file", &server->ca_file) < 0 ||
        conf_value_text(v, "user", &server->user) < 0 ||
        conf_value_secret(v, "password", "password_file", &server->password) < 0 ||
        conf_value_path(v, "token_file", &server->token_file) < 0 || check_clear(v, server) < 0)
        return -1;
    if (*server->user && !*server->password && !*server->token_file && v->use == CONF_SERVE)
        return conf_file_error(v->file, v->section, NULL, "password", v->e,
                               "is missing for user \"%s\"; expected password or password_file",
                               server->user);
    if (*server->password && !*server->user)
        return conf_file_error(v->file, v->section, NULL, "user", v->e,
                               "is missing beside the password; expected the name to log in with");
    return 0;
}

int conf_read_smtp(struct conf *conf, const struct conf_values *v)
{
    static const unsigned ports[3] = {25, 587, 465};
    static const char *const engines[] = {"auto", "libesmtp", "own", NULL};
    int64_t connections = 4;
    unsigned engine = CONF_ENGINE_AUTO;

    conf->has_smtp = v->section != NULL;
    if (!v->section && v->use == CONF_SERVE)
        return conf_file_error(v->file, NULL, NULL, "smtp", v->e,
                               "is missing: mail has no way out; expected smtp { host = ... }");
    if (read_server(&conf->smtp, ports, v) < 0 ||
        conf_value_word(v, "engine", engines, &engine) < 0 ||
        conf_value_number(v, "connections", 1, 64, &connections) < 0 ||
        conf_value_number(v, "connect_timeout", 1, 600, &conf->smtp_connect_timeout_s) < 0 ||
        conf_value_number(v, "reply_timeout", 1, 3600, &conf->smtp_reply_timeout_s) < 0)
        return -1;
    conf->smtp_connections = (unsigned)connections;
    conf->smtp.engine = (enum conf_engine)engine;
    return 0;
}

static int read_own_address(const struct conf_values *v, const char **out)
{
    const struct conf_setting *s = conf_value_find(v, "address");
    struct addr addr;
    struct err why;

    if (!s || !*s->value)
        return 0;
    if (addr_parse(v->file->arena, s->value, &addr, &why) < 0)
        return CONF_FAIL(
            v, s, "\"%s\": %s; expected the mailbox's mail address, such as bridge@example.org",
            s->value, why.text);
    *out = addr_text(v->file->arena, &addr);
    return *out ? 0 : err_memory(v->e);
}

/* A bounce address behind the + takes SUB_TOKEN_MAX octets of the 64 before the @. */
static int read_sub_addresses(struct conf_mailbox *m, const struct conf_values *v)
{
    enum { SUB_TOKEN_MAX = 43 };
    static const char *const words[] = {"no", "yes", NULL};
    const struct conf_setting *s = conf_value_find(v, "sub_addresses");
    size_t local = strcspn(m->address, "@");
    unsigned word = 0;

    if (conf_value_word(v, "sub_addresses", words, &word) < 0)
        return -1;
    m->sub_addresses = word == 1;
    if (!m->sub_addresses)
        return 0;
    if (!*m->address)
        return conf_file_error(v->file, v->section, NULL, "address", v->e,
                               "is missing beside sub_addresses; expected the mailbox's address");
    if (local > ADDR_LOCAL_MAX - SUB_TOKEN_MAX || memchr(m->address, '+', local) ||
        *m->address == '"')
        return CONF_FAIL(v, s,
                         "\"%s\" cannot have them; expected at most %d plain characters before "
                         "the @, and no +",
                         m->address, ADDR_LOCAL_MAX - SUB_TOKEN_MAX);
    return 0;
}

/* Every user has one address, so one mailbox gives them. */
int conf_check_sub_addresses(const struct conf *conf, const struct conf_values *v)
{
    size_t i, count = 0;

    for (i = 0; i < conf->mailbox_count; i++)
        count += conf->mailboxes[i].sub_addresses;
    if (count < 2)
        return 0;
    return conf_file_error(v->file, NULL, NULL, "mailbox", v->e,
                           "sub_addresses stands in %zu mailboxes; expected it in one", count);
}

static int read_mailbox(struct conf_mailbox *m, const struct conf_values *v)
{
    static const unsigned ports[3] = {143, 143, 993};

    m->name = v->section->title;
    m->folder = "INBOX";
    m->address = "";
    m->done = "seen";
    m->poll_s = 60;
    if (conf_value_need(v, "user", "the name to log in with") < 0 ||
        read_server(&m->server, ports, v) < 0 || conf_value_text(v, "folder", &m->folder) < 0 ||
        conf_value_text(v, "done", &m->done) < 0 || read_own_address(v, &m->address) < 0 ||
        conf_value_number(v, "poll", 1, DAY_S, &m->poll_s) < 0 ||
        conf_value_number(v, "rate", 0, 1000000, &m->rate) < 0 || read_sub_addresses(m, v) < 0)
        return -1;
    if (!*m->folder)
        m->folder = "INBOX";
    if (!*m->done)
        m->done = "seen";
    if (strcmp(m->done, m->folder) == 0)
        return conf_file_error(
            v->file, v->section, conf_value_find(v, "done"), "done", v->e,
            "is the folder that is watched; expected seen, delete or another folder");
    return 0;
}

int conf_read_mailboxes(struct conf *conf, struct conf_values *v)
{
    size_t n = 0;

    for (v->section = NULL; (v->section = conf_file_next(v->file, "mailbox", v->section));)
        n++;
    conf->mailboxes = arena_alloc(v->file->arena, (n + 1) * sizeof *conf->mailboxes);
    if (!conf->mailboxes)
        return err_memory(v->e);
    for (v->section = NULL; (v->section = conf_file_next(v->file, "mailbox", v->section));)
        if (read_mailbox(&conf->mailboxes[conf->mailbox_count++], v) < 0)
            return -1;
    if (n == 0 && v->use == CONF_SERVE && !conf_file_next(v->file, "lmtp", NULL))
        return conf_file_error(
            v->file, NULL, NULL, "mailbox", v->e,
            "is missing: mail has no way in; expected mailbox \"name\" { host = ... "
            "user = ... password_file = ... }");
    return 0;
}

/* Octal digits, as chmod takes them. */
static int read_mode(const struct conf_values *v, unsigned *out)
{
    const struct conf_setting *s = conf_value_find(v, "mode");
    size_t len = s ? strlen(s->value) : 0;

    *out = 0660;
    if (len == 0)
        return 0;
    if (len > 4 || strspn(s->value, "01234567") != len)
        return conf_file_error(v->file, v->section, s, "mode", v->e,
                               "\"%s\" is no mode of a file; expected octal digits such as 660",
                               s->value);
    *out = (unsigned)strtoul(s->value, NULL, 8) & 0777;
    return 0;
}

int conf_read_lmtp(struct conf *conf, const struct conf_values *v)
{
    int64_t connections = 100;

    conf->lmtp_receipt_wait_s = 3600;
    if (!v->section)
        return 0;
    if (read_mode(v, &conf->lmtp_mode) < 0 ||
        conf_value_number(v, "connections", 1, 10000, &connections) < 0 ||
        conf_value_number(v, "rate", 0, 1000000, &conf->lmtp_rate) < 0 ||
        conf_value_number(v, "receipt_wait", 1, 30 * DAY_S, &conf->lmtp_receipt_wait_s) < 0)
        return -1;
    conf->lmtp_connections = (unsigned)connections;
    if (conf_value_need(v, "listen", "address:port as in 127.0.0.1:2424, or unix:/path") < 0)
        return -1;
    return conf_value_endpoint(v, "listen", &conf->lmtp);
}

int conf_read_store(struct conf *conf, const struct conf_values *v)
{
    const struct conf_setting *s = conf_value_find(v, "url");

    if (conf_value_text(v, "url", &conf->store_url) < 0)
        return -1;
    if (s && strncmp(s->value, "sqlite:/", 8) != 0 && strncmp(s->value, "postgresql://", 13) != 0)
        return CONF_FAIL(v, s,
                         "\"%s\" is no store; expected sqlite: and an absolute path, as in "
                         "sqlite:/var/lib/postern/postern.db, or postgresql://...",
                         s->value);
    return 0;
}

static int check_key(const struct conf_values *v, const char *option, const char *text)
{
    if (*text && strlen(text) < SEALED_SECRET_MIN)
        return CONF_FAIL(
            v, conf_value_find(v, option),
            "the key has less than %d characters; make one by: openssl rand -base64 32",
            SEALED_SECRET_MIN);
    return 0;
}

int conf_read_accounts(struct conf *conf, const struct conf_values *v)
{
    if (!v->section)
        return 0;
    if (conf_value_need(v, "key_file", "a file with a key, as openssl rand -base64 32 makes one") <
            0 ||
        conf_value_secret(v, "key", "key_file", &conf->accounts.key) < 0 ||
        conf_value_secret(v, "old_key", "old_key_file", &conf->accounts.old_key) < 0 ||
        check_key(v, "key_file", conf->accounts.key) < 0 ||
        check_key(v, "old_key_file", conf->accounts.old_key) < 0)
        return -1;
    if (conf_value_number(v, "per_user", 1, 100, &conf->accounts.per_user) < 0 ||
        conf_value_flag(v, "private", &conf->accounts.may_be_private) < 0)
        return -1;
    return conf_value_path(v, "ca_file", &conf->accounts.ca_file);
}
