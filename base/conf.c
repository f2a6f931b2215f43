/*
 * conf: what the settings of the configuration file mean; defaults; what must go together.
 *
 * Owns one arena for each struct conf.  Any thread; nothing is written, a crash leaves nothing
 * behind.
 */
#include "base/conf.h"

#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/conf_map.h"
#include "base/conf_value.h"
#include "base/jid.h"

enum { ARENA_MAX = 64 << 20, DAY_S = 86400, YEAR_S = 366 * DAY_S, MIB = 1 << 20 };

struct conf_memory {
    struct arena *arena;
};

#define FAIL(v, s, ...)                                                                            \
    (conf_file_error((v)->file, (v)->section, s, (s)->name, (v)->e, __VA_ARGS__), -1)

static struct arena *memory(const struct conf_values *v)
{
    return v->file->arena;
}

/* A Jabber domain without node and resource, prepared. */
static int read_jabber_domain(const struct conf_values *v, const struct conf_setting *s,
                              const char **out)
{
    struct jid jid;
    struct err why;

    if (jid_parse(memory(v), s->value, &jid, &why) < 0)
        return FAIL(v, s, "\"%s\": %s; expected a domain such as mail.example.org", s->value,
                    why.text);
    if (jid.node || jid.resource)
        return FAIL(v, s,
                    "\"%s\" has a node or resource; expected a domain such as mail.example.org",
                    s->value);
    *out = jid.domain;
    return 0;
}

static int read_names(struct conf *conf, struct conf_values *v)
{
    const struct conf_setting *s = conf_value_find(v, "jid");
    struct err why;

    if (!s)
        return conf_file_error(
            v->file, v->section, NULL, "jid", v->e,
            "is missing; expected the domain of the component as the Jabber server "
            "knows it, such as mail.example.org");
    if (read_jabber_domain(v, s, &conf->jid) < 0)
        return -1;
    s = conf_value_find(v, "mail_domain");
    if (addr_domain(memory(v), s ? s->value : conf->jid, &conf->mail_domain, &why) == 0)
        return 0;
    if (s)
        return FAIL(v, s, "\"%s\": %s; expected a domain such as mail.example.org", s->value,
                    why.text);
    return conf_file_error(v->file, v->section, NULL, "mail_domain", v->e,
                           "is missing, and jid is no mail domain (%s); expected a domain such as "
                           "mail.example.org",
                           why.text);
}

static int add_text(struct arena *a, const char *text, const char ***list, size_t *count,
                    struct err *e)
{
    const char **grown = arena_alloc(a, (*count + 1) * sizeof *grown);

    if (!grown)
        return err_memory(e);
    if (*count > 0)
        memcpy(grown, *list, *count * sizeof *grown);
    grown[(*count)++] = text;
    *list = grown;
    return 0;
}

static int add_home(const struct conf_values *v, const struct conf_setting *s, void *arg)
{
    struct conf *conf = arg;
    const char *domain;

    if (read_jabber_domain(v, s, &domain) < 0)
        return -1;
    if (strcmp(domain, conf->jid) == 0)
        return FAIL(v, s,
                    "\"%s\" is the component itself; expected the domain whose users may send",
                    s->value);
    if (conf_is_home(conf, domain))
        return 0;
    return add_text(memory(v), domain, &conf->home, &conf->home_count, v->e);
}

static int add_sender(const struct conf_values *v, const struct conf_setting *s, void *arg)
{
    struct conf *conf = arg;
    const char *text;
    struct jid jid;
    struct err why;

    if (jid_parse(memory(v), s->value, &jid, &why) < 0)
        return why.class == ERR_RETRY ? err_memory(v->e)
                                      : FAIL(v, s, "\"%s\": %s", s->value, why.text);
    if (jid.resource || strcmp(jid.domain, conf->jid) == 0)
        return FAIL(v, s,
                    "\"%s\" is nobody elsewhere; expected a domain or a JID without a resource",
                    s->value);
    text = jid_bare(memory(v), &jid);
    return text ? add_text(memory(v), text, &conf->senders, &conf->sender_count, v->e)
                : err_memory(v->e);
}

static int read_senders(struct conf *conf, const struct conf_values *v)
{
    return conf_value_each(v, "senders", add_sender, conf);
}

/* Without home: the domain that jid is a part of, mail.example.org is for users of example.org
 * (doc/postern.conf.5 says so). */
static int read_home(struct conf *conf, const struct conf_values *v)
{
    const char *dot = strchr(conf->jid, '.');

    if (conf_value_each(v, "home", add_home, conf) < 0)
        return -1;
    if (conf->home_count > 0)
        return 0;
    if (!dot || conf->jid[0] == '[')
        return conf_file_error(
            v->file, v->section, NULL, "home", v->e,
            "is missing, and jid is no part of a larger domain; expected the Jabber "
            "domains whose users may send, as in { \"example.org\" }");
    return add_text(memory(v), dot + 1, &conf->home, &conf->home_count, v->e);
}

/* Written into discovery as it stands, so nothing but a plain URI. */
static bool is_contact_uri(const char *text)
{
    static const char *const schemes[] = {"mailto:", "xmpp:", "https://", "http://"};
    bool is_known = false;
    const char *p;
    size_t i;

    for (i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t n = strlen(schemes[i]);

        is_known = is_known || (strncmp(text, schemes[i], n) == 0 && text[n]);
    }
    for (p = text; is_known && *p; p++)
        is_known = *p > ' ' && *p < 0x7f && !strchr("<>\"", *p);
    return is_known;
}

static int add_contact(const struct conf_values *v, const struct conf_setting *s, void *arg)
{
    struct conf *conf = arg;

    if (!is_contact_uri(s->value))
        return FAIL(v, s,
                    "\"%s\" is no address; expected one such as mailto:admin@example.org, "
                    "xmpp:admin@example.org or https://example.org/help",
                    s->value);
    return add_text(memory(v), s->value, &conf->contacts, &conf->contact_count, v->e);
}

static int read_contact(struct conf *conf, const struct conf_values *v)
{
    return conf_value_each(v, "contact", add_contact, conf);
}

static int read_log_level(struct conf *conf, const struct conf_values *v)
{
    static const char *const words[] = {"error", "warning", "info", "debug", NULL};
    unsigned level = 2;

    if (conf_value_word(v, "log_level", words, &level) < 0)
        return -1;
    conf->log_level = words[level];
    return 0;
}

static int read_receipts(struct conf *conf, const struct conf_values *v)
{
    static const char *const words[] = {"ask", "always", "never", NULL};
    static const enum conf_receipts values[] = {CONF_RECEIPTS_ASK, CONF_RECEIPTS_ALWAYS,
                                                CONF_RECEIPTS_NEVER};
    unsigned choice = 0;

    if (conf_value_word(v, "receipts", words, &choice) < 0)
        return -1;
    conf->receipts = values[choice];
    return 0;
}

static int read_jabber(struct conf *conf, const struct conf_values *v)
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

static int read_smtp(struct conf *conf, const struct conf_values *v)
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
    if (addr_parse(memory(v), s->value, &addr, &why) < 0)
        return FAIL(v, s,
                    "\"%s\": %s; expected the mailbox's mail address, such as bridge@example.org",
                    s->value, why.text);
    *out = addr_text(memory(v), &addr);
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
        return FAIL(v, s,
                    "\"%s\" cannot have them; expected at most %d plain characters before "
                    "the @, and no +",
                    m->address, ADDR_LOCAL_MAX - SUB_TOKEN_MAX);
    return 0;
}

/* Every user has one address, so one mailbox gives them. */
static int check_sub_addresses(const struct conf *conf, const struct conf_values *v)
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
        conf_value_number(v, "poll", 1, DAY_S, &m->poll_s) < 0 || read_sub_addresses(m, v) < 0)
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

static int read_mailboxes(struct conf *conf, struct conf_values *v)
{
    size_t n = 0;

    for (v->section = NULL; (v->section = conf_file_next(v->file, "mailbox", v->section));)
        n++;
    conf->mailboxes = arena_alloc(memory(v), (n + 1) * sizeof *conf->mailboxes);
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

static int read_lmtp(struct conf *conf, const struct conf_values *v)
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

static int read_url(struct conf *conf, const struct conf_values *v)
{
    const struct conf_setting *s = conf_value_find(v, "url");
    size_t len;

    if (!s || !*s->value)
        return 0;
    len = strlen(s->value);
    while (len > 0 && s->value[len - 1] == '/')
        len--;
    if ((strncmp(s->value, "https://", 8) != 0 && strncmp(s->value, "http://", 7) != 0) ||
        len < 9 || s->value[strcspn(s->value, " \t\r\n\"'<>?#\\")] || strstr(s->value, ":///"))
        return FAIL(
            v, s, "\"%s\" is no address for the web; expected one such as https://mail.example.org",
            s->value);
    conf->web_url = arena_strndup(memory(v), s->value, len);
    return conf->web_url ? 0 : err_memory(v->e);
}

static int read_web(struct conf *conf, const struct conf_values *v)
{
    if (!v->section)
        return 0;
    if (conf_value_need(v, "listen", "address:port as in 127.0.0.1:8025") < 0 ||
        conf_value_need(v, "url",
                        "the address under which the web reaches it, such as "
                        "https://mail.example.org") < 0 ||
        conf_value_endpoint(v, "listen", &conf->web) < 0 || read_url(conf, v) < 0)
        return -1;
    if (conf_value_number(v, "space", 0, 1LL << 50, &conf->web_space) < 0 ||
        conf_value_number(v, "user_space", 0, 1LL << 50, &conf->web_user_space) < 0 ||
        conf_value_number(v, "per_address", 0, 256, &conf->web_per_address) < 0)
        return -1;
    return conf_value_number(v, "keep", 60, 10LL * YEAR_S, &conf->web_keep_s);
}

static int read_flag(const struct conf_values *v, const char *option, bool *out)
{
    static const char *const words[] = {"false", "true", NULL};
    unsigned value = *out;

    if (conf_value_word(v, option, words, &value) < 0)
        return -1;
    *out = value == 1;
    return 0;
}

static int read_attachments(struct conf *conf, const struct conf_values *v)
{
    return v->section ? read_flag(v, "external_body", &conf->attachments.external_body) : 0;
}

static int read_upload(struct conf *conf, const struct conf_values *v)
{
    const struct conf_setting *s = conf_value_find(v, "service");

    if (!v->section)
        return 0;
    conf->upload.is_on = true;
    if (s && *s->value && read_jabber_domain(v, s, &conf->upload.service) < 0)
        return -1;
    if (conf_value_number(v, "timeout", 1, 3600, &conf->upload.timeout_s) < 0 ||
        read_flag(v, "clear", &conf->upload.may_be_clear) < 0)
        return -1;
    return conf_value_path(v, "ca_file", &conf->upload.ca_file);
}

static int add_network(const struct conf_values *v, const struct conf_setting *s, void *arg)
{
    struct conf *conf = arg;
    struct network *grown;

    grown = arena_alloc(memory(v), (conf->fetch.allow_count + 1) * sizeof *grown);
    if (!grown)
        return err_memory(v->e);
    if (network_parse(s->value, &grown[conf->fetch.allow_count]) < 0)
        return FAIL(v, s, "\"%s\" is no network; expected one such as 192.0.2.0/24 or fd00::/8",
                    s->value);
    if (conf->fetch.allow_count > 0)
        memcpy(grown, conf->fetch.allow, conf->fetch.allow_count * sizeof *grown);
    conf->fetch.allow = grown;
    conf->fetch.allow_count++;
    return 0;
}

static int read_fetch(struct conf *conf, const struct conf_values *v)
{
    if (!v->section)
        return 0;
    conf->fetch.is_on = true;
    if (conf_value_number(v, "size", 1, 100 * MIB, &conf->fetch.size_max) < 0 ||
        conf_value_number(v, "total", 1, 100 * MIB, &conf->fetch.total_max) < 0 ||
        conf_value_number(v, "timeout", 1, 600, &conf->fetch.timeout_s) < 0 ||
        conf_value_each(v, "allow", add_network, conf) < 0)
        return -1;
    return conf_value_path(v, "ca_file", &conf->fetch.ca_file);
}

static int read_openpgp(struct conf *conf, const struct conf_values *v)
{
    return v->section ? read_flag(v, "mime_inline", &conf->openpgp.mime_inline) : 0;
}

static int read_registration(struct conf *conf, const struct conf_values *v)
{
    conf->registration.own_address = true;
    return v->section ? read_flag(v, "own_address", &conf->registration.own_address) : 0;
}

static int read_verdicts(struct conf *conf, const struct conf_values *v)
{
    const struct conf_setting *s = v->section ? conf_value_find(v, "refuse") : NULL;

    conf->verdicts.server = "";
    if (!v->section)
        return 0;
    if (conf_value_text(v, "server", &conf->verdicts.server) < 0 ||
        read_flag(v, "refuse", &conf->verdicts.refuse) < 0)
        return -1;
    if (conf->verdicts.refuse && !*conf->verdicts.server)
        return FAIL(v, s,
                    "nothing can be refused without a word to go by; expected verdicts.server too, "
                    "the name that your mail server writes into Authentication-Results");
    return 0;
}

static int add_admin(const struct conf_values *v, const struct conf_setting *s, void *arg)
{
    struct conf *conf = arg;
    struct jid jid;
    struct err why;
    const char *text;

    if (jid_parse(memory(v), s->value, &jid, &why) < 0)
        return FAIL(v, s, "\"%s\": %s; expected a JID such as admin@example.org", s->value,
                    why.text);
    if (!jid.node || jid.resource)
        return FAIL(v, s, "\"%s\" is no bare JID; expected one such as admin@example.org",
                    s->value);
    text = jid_bare(memory(v), &jid);
    if (!text)
        return err_memory(v->e);
    return add_text(memory(v), text, &conf->admin_jids, &conf->admin_jid_count, v->e);
}

static int read_admin(struct conf *conf, const struct conf_values *v)
{
    if (conf_value_endpoint(v, "listen", &conf->admin) < 0)
        return -1;
    return conf_value_each(v, "jids", add_admin, conf);
}

static int read_store(struct conf *conf, const struct conf_values *v)
{
    const struct conf_setting *s = conf_value_find(v, "url");

    if (conf_value_text(v, "url", &conf->store_url) < 0)
        return -1;
    if (s && strncmp(s->value, "sqlite:/", 8) != 0 && strncmp(s->value, "postgresql://", 13) != 0)
        return FAIL(v, s,
                    "\"%s\" is no store; expected sqlite: and an absolute path, as in "
                    "sqlite:/var/lib/postern/postern.db, or postgresql://...",
                    s->value);
    return 0;
}

static int read_queue(struct conf *conf, const struct conf_values *v)
{
    if (conf_value_number(v, "retry_first", 1, DAY_S, &conf->queue.retry_first_s) < 0 ||
        conf_value_number(v, "retry_max", 1, 30 * DAY_S, &conf->queue.retry_max_s) < 0 ||
        conf_value_number(v, "lifetime", 1, YEAR_S, &conf->queue.lifetime_s) < 0 ||
        conf_value_number(v, "delay_notice", 0, YEAR_S, &conf->queue.delay_notice_s) < 0)
        return -1;
    if (conf->queue.retry_max_s < conf->queue.retry_first_s) {
        if (conf_value_find(v, "retry_max"))
            return FAIL(v, conf_value_find(v, "retry_max"),
                        "is shorter than retry_first; expected at least %lld",
                        (long long)conf->queue.retry_first_s);
        conf->queue.retry_max_s = conf->queue.retry_first_s;
    }
    return 0;
}

static int read_limit(struct conf *conf, const struct conf_values *v)
{
    if (conf_value_number(v, "mail_size", 64 << 10, 1LL << 30, &conf->limit.mail_size_max) < 0)
        return -1;
    if (conf_value_number(v, "stanza_size", 16 << 10, 16 * MIB, &conf->limit.stanza_size_max) < 0 ||
        conf_value_number(v, "user_rate", 0, 1000000, &conf->limit.user_rate) < 0)
        return -1;
    return conf_value_number(v, "recipient_rate", 0, 1000000, &conf->limit.recipient_rate);
}

static int read_rule(struct conf_map_rule *rule, const struct conf_values *v)
{
    const char *slash = strrchr(v->file->path, '/');
    unsigned direction = CONF_MAP_BOTH;

    rule->jabber = v->section->title;
    rule->mail = "";
    rule->where =
        arena_printf(memory(v), "%s:%d", slash ? slash + 1 : v->file->path, v->section->line);
    if (!rule->where)
        return err_memory(v->e);
    if (conf_value_text(v, "mail", &rule->mail) < 0 ||
        conf_value_word(v, "direction", conf_map_directions, &direction) < 0)
        return -1;
    rule->direction = direction == 0   ? CONF_MAP_BOTH
                      : direction == 1 ? CONF_MAP_TO_MAIL
                                       : CONF_MAP_TO_JABBER;
    if (!*rule->mail)
        return conf_file_error(v->file, v->section, conf_value_find(v, "mail"), "mail", v->e,
                               "is missing; expected an address such as juliet.c@example.org, or "
                               "*@example.org beside a title with a *");
    return 0;
}

static int read_map(struct conf *conf, struct conf_values *v)
{
    size_t n = 0;

    for (v->section = NULL; (v->section = conf_file_next(v->file, "map", v->section));)
        n++;
    conf->map = arena_alloc(memory(v), (n + 1) * sizeof *conf->map);
    if (!conf->map)
        return err_memory(v->e);
    for (v->section = NULL; (v->section = conf_file_next(v->file, "map", v->section));)
        if (read_rule(&conf->map[conf->map_count++], v) < 0)
            return -1;
    if (!*conf->map_file)
        return 0;
    return conf_map_read(memory(v), conf->map_file, &conf->map, &conf->map_count, v->e);
}

static int read_all(struct conf *conf, struct conf_values *v)
{
    static const struct {
        const char *section;
        int (*read)(struct conf *conf, const struct conf_values *v);
    } parts[] = {
        {"", read_home},
        {"", read_senders},
        {"", read_log_level},
        {"", read_receipts},
        {"jabber", read_jabber},
        {"smtp", read_smtp},
        {"lmtp", read_lmtp},
        {"web", read_web},
        {"admin", read_admin},
        {"store", read_store},
        {"queue", read_queue},
        {"limit", read_limit},
        {"attachments", read_attachments},
        {"openpgp", read_openpgp},
        {"registration", read_registration},
        {"verdicts", read_verdicts},
        {"upload", read_upload},
        {"fetch", read_fetch},
        {"", read_contact},
    };
    size_t i;

    v->section = v->file->sections;
    if (read_names(conf, v) < 0 || conf_value_path(v, "map_file", &conf->map_file) < 0)
        return -1;
    for (i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        v->section = conf_file_next(v->file, parts[i].section, NULL);
        if (parts[i].read(conf, v) < 0)
            return -1;
    }
    if (read_mailboxes(conf, v) < 0 || check_sub_addresses(conf, v) < 0)
        return -1;
    return read_map(conf, v);
}

static struct conf *conf_new(struct err *e)
{
    struct arena *a = arena_new(ARENA_MAX);
    struct conf *conf = a ? arena_alloc(a, sizeof *conf) : NULL;

    if (conf)
        conf->memory = arena_alloc(a, sizeof *conf->memory);
    if (!conf || !conf->memory) {
        arena_free(a);
        err_memory(e);
        return NULL;
    }
    conf->memory->arena = a;
    conf->jabber.host = "127.0.0.1";
    conf->jabber.port = 5347;
    conf->jabber.secret = "";
    conf->smtp_connect_timeout_s = 30;
    conf->smtp_reply_timeout_s = 300;
    conf->web_keep_s = 30 * DAY_S;
    conf->web_space = 10240LL * MIB;
    conf->web_per_address = -1;
    conf->web_user_space = 1024LL * MIB;
    conf->store_url = "sqlite:/var/lib/postern/postern.db";
    conf->queue.retry_first_s = 60;
    conf->queue.retry_max_s = 14400;
    conf->queue.lifetime_s = 432000;
    conf->queue.delay_notice_s = 14400;
    conf->map_file = "";
    conf->limit.mail_size_max = 50 * MIB;
    conf->limit.stanza_size_max = 256 << 10;
    conf->upload.service = conf->upload.ca_file = conf->fetch.ca_file = "";
    conf->upload.timeout_s = 120;
    conf->fetch.size_max = 5 * MIB;
    conf->fetch.total_max = 10 * MIB;
    conf->fetch.timeout_s = 30;
    conf->log_level = "info";
    return conf;
}

struct conf *conf_read(const char *path, enum conf_use use, struct err *e)
{
    struct conf *conf = conf_new(e);
    struct conf_values v = {.use = use};
    struct conf_file file;
    struct err ignored;

    if (!conf)
        return NULL;
    v.file = &file;
    v.e = e ? e : &ignored;
    if (conf_file_read(conf->memory->arena, path, &file, v.e) < 0 || read_all(conf, &v) < 0) {
        conf_free(conf);
        return NULL;
    }
    conf->file = file.path;
    return conf;
}

struct conf *conf_sample(struct err *e)
{
    struct conf_section root = {.name = ""};
    struct conf_setting jid = {.name = "jid", .value = "mail.example.org"};
    struct conf_file file = {.path = "sample", .sections = &root};
    struct err ignored;
    struct conf_values v = {.file = &file, .use = CONF_OFFLINE, .e = e ? e : &ignored};
    struct conf *conf = conf_new(e);

    if (!conf)
        return NULL;
    root.settings = &jid;
    file.arena = conf->memory->arena;
    if (read_all(conf, &v) < 0) {
        conf_free(conf);
        return NULL;
    }
    conf->file = "";
    return conf;
}

void conf_free(struct conf *conf)
{
    if (conf)
        arena_free(conf->memory->arena); /* conf itself lives in it */
}

void conf_each_pending(const struct conf *conf, void (*fn)(const char *text, void *arg), void *arg)
{
    if (strncmp(conf->store_url, "postgresql:", 11) == 0)
        fn("store.url: PostgreSQL is not served yet; use sqlite:/path", arg);
}

bool conf_is_sender(const struct conf *conf, const char *domain, const char *bare_jid)
{
    size_t i;

    for (i = 0; i < conf->sender_count; i++)
        if (strcmp(conf->senders[i], domain) == 0 || strcmp(conf->senders[i], bare_jid) == 0)
            return true;
    return false;
}

bool conf_is_home(const struct conf *conf, const char *domain)
{
    size_t i;

    for (i = 0; i < conf->home_count; i++)
        if (strcmp(conf->home[i], domain) == 0)
            return true;
    return false;
}
