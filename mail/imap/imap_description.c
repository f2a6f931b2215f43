/*
 * imap_description: a mailbox's description in one piece of memory, checked first: what a user has
 * typed must not end a command, and what is long must not be kept.  Owned by whoever asked; any
 * thread.
 */
#include <stdlib.h>
#include <string.h>

#include "mail/imap/imap_boxes_inside.h"

enum { TEXTS = 9, HOST_MAX = 255, TEXT_MAX = 1000, SECRET_MAX = 6000 };

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* Printable, in any language: no control characters. */
static int check_text(const char *text, const char *what, size_t max, struct err *e)
{
    const unsigned char *p;

    if (strlen(text) > max)
        return err_set(e, ERR_PERMANENT, "the %s is too long", what);
    for (p = (const unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            return err_set(e, ERR_PERMANENT, "there is a control character in the %s", what);
    return 0;
}

static int check(const struct conf_mailbox *m, struct err *e)
{
    const struct conf_server *s = &m->server;
    const char *host = or_empty(s->host), *p;

    for (p = host; *p; p++)
        if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f || strchr("/@\\\"'", *p))
            return err_set(e, ERR_PERMANENT, "the server's name has a character that no name has");
    if (!host[0] || strlen(host) > HOST_MAX)
        return err_set(e, ERR_PERMANENT, "the server's name is missing or too long");
    if (s->port == 0 || s->port > 65535)
        return err_set(e, ERR_PERMANENT, "the port is not between 1 and 65535");
    if (!or_empty(s->user)[0])
        return err_set(e, ERR_PERMANENT, "the user is missing");
    if (!or_empty(s->password)[0] && !or_empty(s->token)[0])
        return err_set(e, ERR_PERMANENT, "the password is missing");
    if (check_text(s->user, "user", TEXT_MAX, e) < 0 ||
        check_text(or_empty(s->password), "password", SECRET_MAX, e) < 0 ||
        check_text(or_empty(s->token), "token", SECRET_MAX, e) < 0)
        return -1;
    return check_text(or_empty(m->folder), "folder", TEXT_MAX, e);
}

/* The texts, each where its copy is to be pointed at. */
static void list(struct conf_mailbox *m, const char **out[TEXTS])
{
    size_t n = 0;

    out[n++] = &m->name;
    out[n++] = &m->folder;
    out[n++] = &m->server.host;
    out[n++] = &m->server.user;
    out[n++] = &m->server.password;
    out[n++] = &m->server.token;
    out[n++] = &m->server.ca_file;
    out[n++] = &m->done;
    out[n++] = &m->address;
}

struct imap_description *imap_description_copy(const struct conf_mailbox *mailbox,
                                               const char *ca_file, struct err *e)
{
    struct conf_mailbox m = *mailbox;
    struct imap_description *d;
    const char **texts[TEXTS];
    size_t size = sizeof *d, i;
    char *at;

    if (check(mailbox, e) < 0)
        return NULL;
    m.name = or_empty(m.name);
    m.folder = or_empty(m.folder)[0] ? m.folder : "INBOX";
    m.server.ca_file = or_empty(m.server.ca_file)[0] ? m.server.ca_file : or_empty(ca_file);
    m.server.token_file = "";
    m.done = m.address = "";
    list(&m, texts);
    for (i = 0; i < TEXTS; i++)
        size += strlen(or_empty(*texts[i])) + 1;
    d = calloc(1, size);
    if (!d) {
        err_memory(e);
        return NULL;
    }
    at = (char *)(d + 1);
    for (i = 0; i < TEXTS; i++) {
        strcpy(at, or_empty(*texts[i]));
        *texts[i] = at;
        at += strlen(at) + 1;
    }
    d->mailbox = m;
    d->size = size;
    return d;
}

void imap_description_wipe(struct imap_description *d)
{
    if (!d)
        return;
    explicit_bzero(d, d->size);
    free(d);
}
