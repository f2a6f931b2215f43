/*
 * own_form: from the fields to a mailbox's description, with guesses for what is left empty.
 *
 * No data but its tables.  A password is never shown again; one that is left empty stays, but only
 * for the server and the user it was given for: nobody who gets hold of a client may send it
 * elsewhere.  Without TLS there is no mailbox.
 */
#include "bridge/own/own_form.h"

#include "base/utf8.h"
#include "bridge/people/texts.h"
#include "component/form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_MAX = 253 };

const char *const own_form_vars[OWN_FIELD_COUNT] = {
    [OWN_EMAIL] = "email",         [OWN_IMAP_HOST] = "imap_host",
    [OWN_IMAP_PORT] = "imap_port", [OWN_IMAP_SECURITY] = "imap_security",
    [OWN_IMAP_USER] = "imap_user", [OWN_IMAP_PASSWORD] = "imap_password",
    [OWN_FOLDER] = "folder",       [OWN_SMTP_HOST] = "smtp_host",
    [OWN_SMTP_PORT] = "smtp_port", [OWN_SMTP_SECURITY] = "smtp_security",
    [OWN_SMTP_USER] = "smtp_user", [OWN_SMTP_PASSWORD] = "smtp_password",
    [OWN_COPIES] = "sent_copies",
};

/* ---- showing ---- */

struct showing {
    struct arena *arena;
    struct xml_node *form;
    const char *lang;
};

static struct xml_node *show(const struct showing *s, enum own_field field, enum text label,
                             const char *kind, const char *value)
{
    const char *type =
        field == OWN_IMAP_PASSWORD || field == OWN_SMTP_PASSWORD ? "text-private" : "text-single";
    const char *words =
        kind ? texts_make(s->arena, s->lang, label, kind, NULL) : texts_get(s->lang, label);

    return words ? form_field(s->arena, s->form, type, own_form_vars[field], words, value) : NULL;
}

static int show_security(const struct showing *s, enum own_field field, const char *kind,
                         const struct conf_server *server)
{
    const char *words = texts_make(s->arena, s->lang, TEXT_BOX_SECURITY, kind, NULL);
    struct xml_node *f;

    if (!words)
        return -1;
    f = form_field(s->arena, s->form, "list-single", own_form_vars[field], words,
                   server && server->tls == CONF_TLS_STARTTLS ? "starttls" : "tls");
    f = form_option(s->arena, f, texts_get(s->lang, TEXT_BOX_TLS), "tls");
    f = form_option(s->arena, f, texts_get(s->lang, TEXT_BOX_STARTTLS), "starttls");
    return f ? 0 : -1;
}

/* first: the field of the host; port, security, user and password follow. */
static int show_server(const struct showing *s, enum own_field first, enum text host,
                       const char *kind, const struct conf_server *server)
{
    char port[16] = "";

    if (server)
        snprintf(port, sizeof port, "%u", server->port);
    return show(s, first, host, NULL, server ? server->host : "") &&
                   show(s, first + 1, TEXT_BOX_PORT, kind, port) &&
                   show_security(s, first + 2, kind, server) == 0 &&
                   show(s, first + 3, TEXT_BOX_USER, kind, server ? server->user : "") &&
                   show(s, first + 4, TEXT_BOX_PASSWORD, kind, "")
               ? 0
               : -1;
}

int own_form_add(struct arena *a, struct xml_node *form, const char *lang,
                 const struct own_account *account)
{
    const struct own_description *d = account ? &account->what : NULL;
    const struct showing s = {a, form, lang};
    bool is_open = account && !account->is_locked;

    if (!show(&s, OWN_EMAIL, TEXT_BOX_EMAIL, NULL, d ? d->address : "") ||
        show_server(&s, OWN_IMAP_HOST, TEXT_BOX_IMAP_HOST, "IMAP", is_open ? &d->imap : NULL) < 0 ||
        !show(&s, OWN_FOLDER, TEXT_BOX_FOLDER, NULL, is_open ? d->folder : "INBOX") ||
        show_server(&s, OWN_SMTP_HOST, TEXT_BOX_SMTP_HOST, "SMTP", is_open ? &d->smtp : NULL) < 0)
        return -1;
    return form_field(a, form, "boolean", own_form_vars[OWN_COPIES],
                      texts_get(lang, TEXT_BOX_COPIES),
                      account && !account->copies ? "false" : "true")
               ? 0
               : -1;
}

/* ---- reading ---- */

struct reading {
    const struct settings *settings;
    struct arena *arena;
    const struct own_answers *answers;
    const char *domain; /* of the address */
    const char **why_out;
};

static int wrong(const struct reading *r, const char *why)
{
    *r->why_out = why ? why : "The gateway is out of memory. Try again later.";
    return -1;
}

static bool is_given(const struct reading *r, enum own_field field)
{
    return r->answers->of[field] && *r->answers->of[field];
}

static bool is_line(const char *text)
{
    size_t i;

    for (i = 0; text[i]; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    return i <= OWN_TEXT_MAX;
}

static bool is_host(const char *text)
{
    size_t n = strlen(text);

    return n > 0 && n <= HOST_MAX && text[0] != '-' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_") == n;
}

/* A name in letters of its own is looked up as A-labels (RFC 5891 §5). */
static int read_host(const struct reading *r, const char **host)
{
    struct err e = {ERR_NONE, ""};

    if (!utf8_is_ascii(*host, strlen(*host)) && addr_domain(r->arena, *host, host, &e) < 0 &&
        e.class != ERR_PERMANENT)
        return wrong(r, NULL);
    return is_host(*host) ? 0 : wrong(r, "A server is a name such as imap.example.org.");
}

static int read_address(struct reading *r, const struct own_account *old, const char **out)
{
    const char *text = is_given(r, OWN_EMAIL) ? r->answers->of[OWN_EMAIL]
                       : old                  ? old->what.address
                                              : "";
    struct addr addr;
    struct err e = {ERR_NONE, ""};

    if (!*text)
        return wrong(r, "The address of the mailbox is missing.");
    if (addr_parse(r->arena, text, &addr, &e) < 0)
        return wrong(r, e.class == ERR_PERMANENT ? "The address of the mailbox is none." : NULL);
    if (!addr_is_ascii(&addr))
        return wrong(r, "The address of the mailbox has letters that few servers take.");
    if (address_map_owns_address(r->settings->map, &addr))
        return wrong(r, "This address is one of the gateway's own.");
    r->domain = addr.domain;
    *out = addr_text(r->arena, &addr);
    return *out ? 0 : wrong(r, NULL);
}

static int read_port(const struct reading *r, enum own_field field, unsigned usual, unsigned *out)
{
    const char *text = r->answers->of[field];
    char *end;
    unsigned long n;

    *out = usual;
    if (!is_given(r, field))
        return 0;
    n = strtoul(text, &end, 10);
    if (*end || text[0] < '0' || text[0] > '9' || n < 1 || n > 65535)
        return wrong(r, "A port is a number from 1 to 65535.");
    *out = (unsigned)n;
    return 0;
}

static int read_security(const struct reading *r, enum own_field field, enum conf_tls *out)
{
    const char *text = r->answers->of[field];

    if (!is_given(r, field))
        return 0;
    if (strcmp(text, "tls") == 0)
        *out = CONF_TLS_IMPLICIT;
    else if (strcmp(text, "starttls") == 0)
        *out = CONF_TLS_STARTTLS;
    else
        return wrong(r, "The security is tls or starttls.");
    return 0;
}

struct usual {
    const char *prefix; /* of a host that is guessed */
    unsigned tls_port, starttls_port;
};

/* Without the password. */
static int read_server(const struct reading *r, enum own_field first, const struct usual *usual,
                       const struct conf_server *old, const char *user, struct conf_server *out)
{
    enum own_field port = first + 1;

    *out = (struct conf_server){.tls = old ? old->tls : CONF_TLS_IMPLICIT,
                                .engine = CONF_ENGINE_OWN,
                                .ca_file = "",
                                .token_file = "",
                                .token = ""};
    out->host = is_given(r, first) ? r->answers->of[first]
                : old && !r->answers->of[first]
                    ? old->host
                    : arena_printf(r->arena, "%s.%s", usual->prefix, r->domain);
    if (!out->host)
        return wrong(r, NULL);
    if (read_host(r, &out->host) < 0)
        return -1;
    if (read_security(r, first + 2, &out->tls) < 0)
        return -1;
    if (read_port(r, port,
                  old && !r->answers->of[port]    ? old->port
                  : out->tls == CONF_TLS_IMPLICIT ? usual->tls_port
                                                  : usual->starttls_port,
                  &out->port) < 0)
        return -1;
    out->user = is_given(r, first + 3)              ? r->answers->of[first + 3]
                : old && !r->answers->of[first + 3] ? old->user
                                                    : user;
    return is_line(out->user) ? 0 : wrong(r, "A user's name is one line, and not so long.");
}

static bool is_same_place(const struct conf_server *a, const struct conf_server *b)
{
    return strcmp(a->host, b->host) == 0 && a->port == b->port && a->tls == b->tls &&
           strcmp(a->user, b->user) == 0;
}

static int read_password(const struct reading *r, enum own_field field,
                         const struct conf_server *old, const char *usual, struct conf_server *out)
{
    out->password = is_given(r, field)               ? r->answers->of[field]
                    : old && is_same_place(old, out) ? old->password
                                                     : usual;
    if (!out->password || !*out->password)
        return wrong(r, "The password is missing: it is asked for again when the server, its port, "
                        "its security or the user changes.");
    return is_line(out->password) ? 0 : wrong(r, "A password is one line, and not so long.");
}

static int read_copies(const struct reading *r, const struct own_account *old, bool *out)
{
    const char *text = r->answers->of[OWN_COPIES];

    *out = old ? old->copies : true;
    if (!is_given(r, OWN_COPIES))
        return 0;
    *out = strcmp(text, "1") == 0 || strcmp(text, "true") == 0;
    return *out || strcmp(text, "0") == 0 || strcmp(text, "false") == 0
               ? 0
               : wrong(r, "The copies of what you write are true or false.");
}

/* Who types a password again where something is wrong wants to see whether it works now. */
static bool asks_for_trial(const struct reading *r, const struct own_account *old)
{
    bool is_well = old->is_watching && !*old->refusal;

    return !is_well && (is_given(r, OWN_IMAP_PASSWORD) || is_given(r, OWN_SMTP_PASSWORD));
}

static bool is_same_server(const struct conf_server *a, const struct conf_server *b)
{
    return is_same_place(a, b) && strcmp(a->password, b->password) == 0;
}

int own_form_read(const struct settings *settings, struct arena *a, const struct own_account *old,
                  const struct own_answers *answers, struct own_wish *out, const char **why_out)
{
    static const struct usual imap = {"imap", 993, 143}, smtp = {"smtp", 465, 587};
    struct reading r = {settings, a, answers, NULL, why_out};
    const struct own_description *was = old && !old->is_locked ? &out->was : NULL;
    struct own_description *d = &out->what;

    /* The account may be gone before this is stored. */
    if (was && own_copy(a, &old->what, &out->was) < 0)
        return wrong(&r, NULL);
    if (read_address(&r, old, &d->address) < 0 ||
        read_server(&r, OWN_IMAP_HOST, &imap, was ? &was->imap : NULL, d->address, &d->imap) < 0 ||
        read_password(&r, OWN_IMAP_PASSWORD, was ? &was->imap : NULL, NULL, &d->imap) < 0 ||
        read_server(&r, OWN_SMTP_HOST, &smtp, was ? &was->smtp : NULL, d->imap.user, &d->smtp) <
            0 ||
        read_password(&r, OWN_SMTP_PASSWORD, was ? &was->smtp : NULL,
                      is_given(&r, OWN_IMAP_PASSWORD) ? d->imap.password : NULL, &d->smtp) < 0)
        return -1;
    d->folder = is_given(&r, OWN_FOLDER)          ? answers->of[OWN_FOLDER]
                : was && !answers->of[OWN_FOLDER] ? was->folder
                                                  : "INBOX";
    if (!is_line(d->folder))
        return wrong(&r, "A folder's name is one line, and not so long.");
    out->is_tried = was && !asks_for_trial(&r, old) && strcmp(was->address, d->address) == 0 &&
                    strcmp(was->folder, d->folder) == 0 && is_same_server(&was->imap, &d->imap) &&
                    is_same_server(&was->smtp, &d->smtp);
    out->is_elsewhere = !was || strcmp(was->folder, d->folder) != 0 ||
                        strcmp(was->imap.host, d->imap.host) != 0 ||
                        strcmp(was->imap.user, d->imap.user) != 0;
    return read_copies(&r, old, &out->copies);
}
