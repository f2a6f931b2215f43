/*
 * conf_web: how attachments are served, uploaded and fetched.
 *
 * Part of conf; any thread; nothing is written, a crash leaves nothing behind.
 */
#include "base/conf_inside.h"

#include <string.h>

enum { YEAR_S = 366 * 86400, MIB = 1 << 20 };

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
        return CONF_FAIL(
            v, s, "\"%s\" is no address for the web; expected one such as https://mail.example.org",
            s->value);
    conf->web_url = arena_strndup(v->file->arena, s->value, len);
    return conf->web_url ? 0 : err_memory(v->e);
}

int conf_read_web(struct conf *conf, const struct conf_values *v)
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

int conf_read_attachments(struct conf *conf, const struct conf_values *v)
{
    return v->section ? conf_value_flag(v, "external_body", &conf->attachments.external_body) : 0;
}

int conf_read_upload(struct conf *conf, const struct conf_values *v)
{
    const struct conf_setting *s = conf_value_find(v, "service");

    if (!v->section)
        return 0;
    conf->upload.is_on = true;
    if (s && *s->value && conf_value_jabber_domain(v, s, &conf->upload.service) < 0)
        return -1;
    if (conf_value_number(v, "timeout", 1, 3600, &conf->upload.timeout_s) < 0 ||
        conf_value_flag(v, "clear", &conf->upload.may_be_clear) < 0)
        return -1;
    return conf_value_path(v, "ca_file", &conf->upload.ca_file);
}

static int add_network(const struct conf_values *v, const struct conf_setting *s, void *arg)
{
    struct conf *conf = arg;
    struct network *grown;

    grown = arena_alloc(v->file->arena, (conf->fetch.allow_count + 1) * sizeof *grown);
    if (!grown)
        return err_memory(v->e);
    if (network_parse(s->value, &grown[conf->fetch.allow_count]) < 0)
        return CONF_FAIL(
            v, s, "\"%s\" is no network; expected one such as 192.0.2.0/24 or fd00::/8", s->value);
    if (conf->fetch.allow_count > 0)
        memcpy(grown, conf->fetch.allow, conf->fetch.allow_count * sizeof *grown);
    conf->fetch.allow = grown;
    conf->fetch.allow_count++;
    return 0;
}

int conf_read_fetch(struct conf *conf, const struct conf_values *v)
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
