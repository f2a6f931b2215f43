/*
 * conf: what the settings of the configuration file mean; defaults; what must go together.
 *
 * Owns one arena for each struct conf.  Any thread; nothing is written, a crash leaves nothing
 * behind.
 */
#include "base/conf.h"

#include <string.h>

#include "base/arena.h"
#include "base/conf_inside.h"
#include "base/conf_map.h"

enum { ARENA_MAX = 64 << 20, DAY_S = 86400, YEAR_S = 366 * DAY_S, MIB = 1 << 20 };

struct conf_memory {
    struct arena *arena;
};

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

static int read_openpgp(struct conf *conf, const struct conf_values *v)
{
    return v->section ? conf_value_flag(v, "mime_inline", &conf->openpgp.mime_inline) : 0;
}

static int read_registration(struct conf *conf, const struct conf_values *v)
{
    conf->registration.own_address = true;
    return v->section ? conf_value_flag(v, "own_address", &conf->registration.own_address) : 0;
}

static int read_verdicts(struct conf *conf, const struct conf_values *v)
{
    const struct conf_setting *s = v->section ? conf_value_find(v, "refuse") : NULL;

    conf->verdicts.server = "";
    if (!v->section)
        return 0;
    if (conf_value_text(v, "server", &conf->verdicts.server) < 0 ||
        conf_value_flag(v, "refuse", &conf->verdicts.refuse) < 0)
        return -1;
    if (conf->verdicts.refuse && !*conf->verdicts.server)
        return CONF_FAIL(
            v, s,
            "nothing can be refused without a word to go by; expected verdicts.server too, "
            "the name that your mail server writes into Authentication-Results");
    return 0;
}

static int read_queue(struct conf *conf, const struct conf_values *v)
{
    if (conf_value_number(v, "retry_first", 1, DAY_S, &conf->queue.retry_first_s) < 0 ||
        conf_value_number(v, "retry_max", 1, 30 * DAY_S, &conf->queue.retry_max_s) < 0 ||
        conf_value_number(v, "lifetime", 1, YEAR_S, &conf->queue.lifetime_s) < 0 ||
        conf_value_number(v, "hold_max", 0, YEAR_S, &conf->queue.hold_max_s) < 0 ||
        conf_value_number(v, "delay_notice", 0, YEAR_S, &conf->queue.delay_notice_s) < 0)
        return -1;
    if (conf->queue.retry_max_s < conf->queue.retry_first_s) {
        if (conf_value_find(v, "retry_max"))
            return CONF_FAIL(v, conf_value_find(v, "retry_max"),
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
        arena_printf(v->file->arena, "%s:%d", slash ? slash + 1 : v->file->path, v->section->line);
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
    conf->map = arena_alloc(v->file->arena, (n + 1) * sizeof *conf->map);
    if (!conf->map)
        return err_memory(v->e);
    for (v->section = NULL; (v->section = conf_file_next(v->file, "map", v->section));)
        if (read_rule(&conf->map[conf->map_count++], v) < 0)
            return -1;
    if (!*conf->map_file)
        return 0;
    return conf_map_read(v->file->arena, conf->map_file, &conf->map, &conf->map_count, v->e);
}

static int read_all(struct conf *conf, struct conf_values *v)
{
    static const struct {
        const char *section;
        int (*read)(struct conf *conf, const struct conf_values *v);
    } parts[] = {
        {"", conf_read_home},
        {"", conf_read_senders},
        {"", read_log_level},
        {"", read_receipts},
        {"jabber", conf_read_jabber},
        {"smtp", conf_read_smtp},
        {"lmtp", conf_read_lmtp},
        {"web", conf_read_web},
        {"admin", conf_read_admin},
        {"store", conf_read_store},
        {"queue", read_queue},
        {"limit", read_limit},
        {"attachments", conf_read_attachments},
        {"openpgp", read_openpgp},
        {"registration", read_registration},
        {"verdicts", read_verdicts},
        {"upload", conf_read_upload},
        {"fetch", conf_read_fetch},
        {"accounts", conf_read_accounts},
        {"", conf_read_contact},
    };
    size_t i;

    v->section = v->file->sections;
    if (conf_read_names(conf, v) < 0 || conf_value_path(v, "map_file", &conf->map_file) < 0)
        return -1;
    for (i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        v->section = conf_file_next(v->file, parts[i].section, NULL);
        if (parts[i].read(conf, v) < 0)
            return -1;
    }
    if (conf_read_mailboxes(conf, v) < 0 || conf_check_sub_addresses(conf, v) < 0)
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
    conf->queue.hold_max_s = 30 * DAY_S;
    conf->queue.delay_notice_s = 14400;
    conf->map_file = "";
    conf->limit.mail_size_max = 50 * MIB;
    conf->limit.stanza_size_max = 256 << 10;
    conf->upload.service = conf->upload.ca_file = conf->fetch.ca_file = "";
    conf->upload.timeout_s = 120;
    conf->accounts.key = conf->accounts.old_key = conf->accounts.ca_file = "";
    conf->accounts.per_user = 5;
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
