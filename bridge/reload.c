/*
 * reload: compares what the gateway was started from with what its file says now.  No data, any
 * thread.
 */
#include "bridge/reload.h"

#include "mail/send.h"

#include <string.h>

static bool is_same_text(const char *a, const char *b)
{
    return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

static int check_name(const char *option, const char *started, const char *next, struct err *e)
{
    if (is_same_text(started, next))
        return 0;
    return err_set(e, ERR_PERMANENT, "%s: changing from %s to %s needs a restart", option, started,
                   next);
}

int reload_check(const struct conf *started, const struct conf *next, struct err *e)
{
    if (check_name("jid", started->jid, next->jid, e) < 0 ||
        check_name("mail_domain", started->mail_domain, next->mail_domain, e) < 0)
        return -1;
    return send_check(&next->smtp, e); /* as at the start */
}

static bool is_same_server(const struct conf_server *a, const struct conf_server *b)
{
    return is_same_text(a->host, b->host) && a->port == b->port && a->tls == b->tls &&
           is_same_text(a->user, b->user) && is_same_text(a->password, b->password) &&
           is_same_text(a->ca_file, b->ca_file) && is_same_text(a->token_file, b->token_file) &&
           a->engine == b->engine;
}

static bool is_same_mailbox(const struct conf_mailbox *a, const struct conf_mailbox *b)
{
    return is_same_text(a->name, b->name) && is_same_server(&a->server, &b->server) &&
           is_same_text(a->folder, b->folder) && is_same_text(a->address, b->address) &&
           is_same_text(a->done, b->done) && a->poll_s == b->poll_s;
}

static bool has_same_mailboxes(const struct conf *a, const struct conf *b)
{
    size_t i;

    for (i = 0; i < a->mailbox_count && i < b->mailbox_count; i++)
        if (!is_same_mailbox(&a->mailboxes[i], &b->mailboxes[i]))
            return false;
    return a->mailbox_count == b->mailbox_count;
}

bool reload_is_partial(const struct conf *a, const struct conf *b)
{
    return !is_same_text(a->jabber.host, b->jabber.host) || a->jabber.port != b->jabber.port ||
           !is_same_text(a->jabber.secret, b->jabber.secret) ||
           !is_same_server(&a->smtp, &b->smtp) || a->smtp_connections != b->smtp_connections ||
           a->smtp_connect_timeout_s != b->smtp_connect_timeout_s ||
           a->smtp_reply_timeout_s != b->smtp_reply_timeout_s || !has_same_mailboxes(a, b) ||
           !is_same_text(a->lmtp.text, b->lmtp.text) || a->lmtp_mode != b->lmtp_mode ||
           a->lmtp_connections != b->lmtp_connections || !is_same_text(a->web.text, b->web.text) ||
           a->web_per_address != b->web_per_address || !is_same_text(a->store_url, b->store_url) ||
           a->limit.mail_size_max != b->limit.mail_size_max ||
           a->limit.stanza_size_max != b->limit.stanza_size_max ||
           !is_same_text(a->accounts.key, b->accounts.key) ||
           !is_same_text(a->accounts.old_key, b->accounts.old_key) ||
           a->accounts.may_be_private != b->accounts.may_be_private ||
           !is_same_text(a->accounts.ca_file, b->accounts.ca_file);
}
