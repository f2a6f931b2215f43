/*
 * conf_names: the names of the component and of those it serves.
 *
 * Part of conf; any thread; nothing is written, a crash leaves nothing behind.
 */
#include "base/conf_inside.h"

#include <string.h>

#include "base/addr.h"
#include "base/jid.h"

int conf_read_names(struct conf *conf, struct conf_values *v)
{
    const struct conf_setting *s = conf_value_find(v, "jid");
    struct err why;

    if (!s)
        return conf_file_error(
            v->file, v->section, NULL, "jid", v->e,
            "is missing; expected the domain of the component as the Jabber server "
            "knows it, such as mail.example.org");
    if (conf_value_jabber_domain(v, s, &conf->jid) < 0)
        return -1;
    s = conf_value_find(v, "mail_domain");
    if (addr_domain(v->file->arena, s ? s->value : conf->jid, &conf->mail_domain, &why) == 0)
        return 0;
    if (s)
        return CONF_FAIL(v, s, "\"%s\": %s; expected a domain such as mail.example.org", s->value,
                         why.text);
    return conf_file_error(v->file, v->section, NULL, "mail_domain", v->e,
                           "is missing, and jid is no mail domain (%s); expected a domain such as "
                           "mail.example.org",
                           why.text);
}

static int add_home(const struct conf_values *v, const struct conf_setting *s, void *arg)
{
    struct conf *conf = arg;
    const char *domain;

    if (conf_value_jabber_domain(v, s, &domain) < 0)
        return -1;
    if (strcmp(domain, conf->jid) == 0)
        return CONF_FAIL(v, s,
                         "\"%s\" is the component itself; expected the domain whose users may send",
                         s->value);
    if (conf_is_home(conf, domain))
        return 0;
    return conf_value_add(v->file->arena, domain, &conf->home, &conf->home_count, v->e);
}

static int add_sender(const struct conf_values *v, const struct conf_setting *s, void *arg)
{
    struct conf *conf = arg;
    const char *text;
    struct jid jid;
    struct err why;

    if (jid_parse(v->file->arena, s->value, &jid, &why) < 0)
        return why.class == ERR_RETRY ? err_memory(v->e)
                                      : CONF_FAIL(v, s, "\"%s\": %s", s->value, why.text);
    if (jid.resource || strcmp(jid.domain, conf->jid) == 0)
        return CONF_FAIL(
            v, s, "\"%s\" is nobody elsewhere; expected a domain or a JID without a resource",
            s->value);
    text = jid_bare(v->file->arena, &jid);
    return text ? conf_value_add(v->file->arena, text, &conf->senders, &conf->sender_count, v->e)
                : err_memory(v->e);
}

int conf_read_senders(struct conf *conf, const struct conf_values *v)
{
    return conf_value_each(v, "senders", add_sender, conf);
}

/* Without home: the domain that jid is a part of, mail.example.org is for users of example.org
 * (doc/postern.conf.5 says so). */
int conf_read_home(struct conf *conf, const struct conf_values *v)
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
    return conf_value_add(v->file->arena, dot + 1, &conf->home, &conf->home_count, v->e);
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
        return CONF_FAIL(v, s,
                         "\"%s\" is no address; expected one such as mailto:admin@example.org, "
                         "xmpp:admin@example.org or https://example.org/help",
                         s->value);
    return conf_value_add(v->file->arena, s->value, &conf->contacts, &conf->contact_count, v->e);
}

int conf_read_contact(struct conf *conf, const struct conf_values *v)
{
    return conf_value_each(v, "contact", add_contact, conf);
}

static int add_admin(const struct conf_values *v, const struct conf_setting *s, void *arg)
{
    struct conf *conf = arg;
    struct jid jid;
    struct err why;
    const char *text;

    if (jid_parse(v->file->arena, s->value, &jid, &why) < 0)
        return CONF_FAIL(v, s, "\"%s\": %s; expected a JID such as admin@example.org", s->value,
                         why.text);
    if (!jid.node || jid.resource)
        return CONF_FAIL(v, s, "\"%s\" is no bare JID; expected one such as admin@example.org",
                         s->value);
    text = jid_bare(v->file->arena, &jid);
    if (!text)
        return err_memory(v->e);
    return conf_value_add(v->file->arena, text, &conf->admin_jids, &conf->admin_jid_count, v->e);
}

int conf_read_admin(struct conf *conf, const struct conf_values *v)
{
    if (conf_value_endpoint(v, "listen", &conf->admin) < 0)
        return -1;
    return conf_value_each(v, "jids", add_admin, conf);
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
