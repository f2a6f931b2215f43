/*
 * envelope: the people named in jabber:x:envelope, one small function for each kind of child.
 * Everything lives in the letter's arena; no thread of its own.
 */
#include "mapping/address/envelope.h"

#include <string.h>
#include <strings.h>

#include "mapping/mime/header_write.h"
#include "mapping/names.h"
#include "mapping/address/party.h"
#include "mapping/text/text.h"

/* ---- one address ---- */

/* The first n bytes of text, percent-decoded once (RFC 6068 §2). */
static char *percent_decode(struct arena *a, const char *text, size_t n)
{
    char *out = arena_alloc(a, n + 1);
    size_t i, o = 0;

    if (!out)
        return NULL;
    for (i = 0; i < n; i++) {
        int high = text[i] == '%' && i + 2 < n ? text_hex_value(text[i + 1]) : -1;
        int low = high >= 0 ? text_hex_value(text[i + 2]) : -1;

        if (low >= 0 && (high | low) != 0) {
            out[o++] = (char)(high << 4 | low);
            i += 2;
        } else {
            out[o++] = text[i];
        }
    }
    return out;
}

/* Without white space around it; a URI loses its scheme and what follows a question mark. */
static const char *bare_text(struct arena *a, const char *text, bool *is_mail_out)
{
    size_t n;

    while (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\r')
        text++;
    n = strlen(text);
    while (n > 0 && (unsigned char)text[n - 1] <= ' ')
        n--;
    *is_mail_out = n > 7 && strncasecmp(text, "mailto:", 7) == 0;
    if (!*is_mail_out && (n <= 5 || strncasecmp(text, "xmpp:", 5) != 0))
        return arena_strndup(a, text, n);
    text = arena_strndup(a, strchr(text, ':') + 1, n - (*is_mail_out ? 7 : 5));
    return text ? percent_decode(a, text, strcspn(text, "?")) : NULL;
}

/* local@domain, of which a resource may be cut off. */
static int read_mail(struct arena *a, const char *text, struct addr *out, struct err *e)
{
    const char *at = strchr(text, '@'), *slash = at ? strchr(at, '/') : NULL;
    const char *cut;

    if (!at)
        return err_set(e, ERR_PERMANENT, "there is no @ in it");
    if (addr_parse(a, text, out, e) == 0)
        return 0;
    if (!slash || e->class == ERR_RETRY)
        return -1;
    cut = arena_strndup(a, text, (size_t)(slash - text));
    return cut ? addr_parse(a, cut, out, e) : err_memory(e);
}

typedef int read_fn(struct arena *a, const char *text, struct addr *out, struct err *e);

/* A mail address that may be the alias of a Jabber user. */
static int mail_party_by(read_fn *read, const struct context *ctx, struct arena *a,
                         const char *text, struct party *out, struct err *e)
{
    struct err ignored;

    if (read(a, text, &out->mail, e) < 0)
        return -1;
    if (address_map_owns_address(ctx->map, &out->mail)) {
        out->is_jabber = true;
        return address_map_mail_to_jid(ctx->map, a, &out->mail, &out->jid, NULL, e);
    }
    /* An address that no contact can stand for can still be written to. */
    if (address_map_mail_to_contact(ctx->map, a, &out->mail, &out->jid, NULL, &ignored) < 0) {
        memset(&out->jid, 0, sizeof out->jid);
        if (ignored.class == ERR_RETRY)
            return err_memory(e);
    }
    return 0;
}

static int mail_party(const struct context *ctx, struct arena *a, const char *text,
                      struct party *out, struct err *e)
{
    return mail_party_by(read_mail, ctx, a, text, out, e);
}

static int contact_party(const struct context *ctx, struct arena *a, const char *text,
                         const struct jid *jid, struct party *out, struct err *e)
{
    if (!jid->node)
        return err_set(e, ERR_PERMANENT, "it is the gateway itself, not a person");
    if (address_map_contact_to_mail(ctx->map, a, jid, &out->mail, NULL, e) == 0) {
        out->jid = (struct jid){jid->node, jid->domain, NULL};
        return 0;
    }
    /* Where the mail domain is called like the gateway, it may be a Jabber user's mail alias. */
    if (e->class == ERR_RETRY || !address_map_owns(ctx->map, jid->domain))
        return -1;
    return mail_party(ctx, a, text, out, e);
}

static int jabber_party(const struct context *ctx, struct arena *a, const struct jid *jid,
                        struct party *out, struct err *e)
{
    out->is_jabber = true;
    out->jid = (struct jid){jid->node, jid->domain, NULL};
    return address_map_jid_to_mail(ctx->map, a, jid, &out->mail, NULL, e);
}

/* Does an administrator's rule name the mail address, be its domain a Jabber domain too? */
static bool is_alias(const struct context *ctx, struct arena *a, const char *text)
{
    struct addr mail;
    struct err ignored;

    return read_mail(a, text, &mail, &ignored) == 0 && address_map_owns_address(ctx->map, &mail);
}

int envelope_address(const struct context *ctx, struct arena *a, const char *text,
                     struct party *out, struct err *e)
{
    struct jid jid;
    bool is_mail;

    memset(&out->mail, 0, sizeof out->mail);
    memset(&out->jid, 0, sizeof out->jid);
    out->is_jabber = false;
    text = bare_text(a, text, &is_mail);
    if (!text)
        return err_memory(e);
    if (*text == '\0')
        return err_set(e, ERR_PERMANENT, "it is empty");
    if (is_mail) /* one addr-spec and nothing more (RFC 6068 §2) */
        return mail_party_by(addr_parse, ctx, a, text, out, e);
    if (jid_parse(a, text, &jid, e) < 0)
        return e->class == ERR_RETRY ? -1 : mail_party(ctx, a, text, out, e);
    if (strcmp(jid.domain, address_map_gateway(ctx->map)) == 0)
        return contact_party(ctx, a, text, &jid, out, e);
    if (jid.node && address_map_names(ctx->map, &jid))
        return jabber_party(ctx, a, &jid, out, e);
    if (jid.node && address_map_is_home(ctx->map, jid.domain) && !is_alias(ctx, a, text))
        return jabber_party(ctx, a, &jid, out, e);
    return mail_party(ctx, a, text, out, e);
}

int envelope_mail(const struct context *ctx, struct arena *a, const char *text, struct party *out,
                  struct err *e)
{
    memset(&out->mail, 0, sizeof out->mail);
    memset(&out->jid, 0, sizeof out->jid);
    out->is_jabber = false;
    return mail_party_by(addr_parse, ctx, a, text, out, e);
}

/* ---- reading ---- */

struct envelope {
    const struct context *ctx;
    struct letter *letter;
    struct jabber_error *error;
    unsigned addresses, recipients, forwards;
};

static enum stanza_verdict refuse(struct envelope *env, const char *condition, const char *text)
{
    if (!text)
        return STANZA_FAILED;
    jabber_error_init(env->error, condition, text);
    return STANZA_REFUSED;
}

static enum stanza_verdict keep(struct envelope *env, struct party **list, const struct party *who,
                                enum party_role role)
{
    return party_keep(env->letter, list, who, role) < 0 ? STANZA_FAILED : STANZA_LETTER;
}

static enum stanza_verdict read_recipient(struct envelope *env, const struct party *who,
                                          enum party_role role)
{
    if (++env->recipients > ENVELOPE_RECIPIENTS_MAX)
        return refuse(env, "not-acceptable",
                      arena_printf(env->letter->arena,
                                   "A message can go to at most %d addresses at once.",
                                   ENVELOPE_RECIPIENTS_MAX));
    return keep(env, &env->letter->parties, who, role);
}

static enum stanza_verdict read_to(struct envelope *env, const struct party *who)
{
    return read_recipient(env, who, PARTY_TO);
}

static enum stanza_verdict read_cc(struct envelope *env, const struct party *who)
{
    return read_recipient(env, who, PARTY_CC);
}

static enum stanza_verdict read_replyto(struct envelope *env, const struct party *who)
{
    return keep(env, &env->letter->parties, who, PARTY_REPLY_TO);
}

/* The server vouches for the sender alone: another name is what the stanza claims, never From. */
static enum stanza_verdict read_from(struct envelope *env, const struct party *who)
{
    struct letter *l = env->letter;

    if (!party_is_same(who, &l->from))
        return keep(env, &l->claimed_from, who, PARTY_TO);
    return who->name && party_name_author(l, who->name) < 0 ? STANZA_FAILED : STANZA_LETTER;
}

/* Forwarders add themselves at the end, so the last is the newest and comes first in the mail. */
static enum stanza_verdict read_forwardedby(struct envelope *env, const struct party *who)
{
    struct letter *l = env->letter;
    struct resent *r = arena_alloc(l->arena, sizeof *r);

    if (!r)
        return STANZA_FAILED;
    r->by = *who;
    r->next = l->resent;
    l->resent = r;
    env->forwards++;
    return STANZA_LETTER;
}

/* The gateway never forwards: its name there says that the message has been here. */
static bool is_gateway(const struct envelope *env, const char *address)
{
    return strcasecmp(address, address_map_gateway(env->ctx->map)) == 0;
}

static enum stanza_verdict refuse_loop(struct envelope *env)
{
    return refuse(env, "not-acceptable",
                  "The message has gone round in a loop: this gateway has forwarded it before.");
}

static const struct kind {
    const char *name;
    enum stanza_verdict (*read)(struct envelope *env, const struct party *who);
} kinds[] = {
    {"to", read_to},
    {"cc", read_cc},
    {"from", read_from},
    {"replyto", read_replyto},
    {"forwardedby", read_forwardedby},
};

static const struct kind *kind_of(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

static enum stanza_verdict bad_address(struct envelope *env, const struct xml_node *child,
                                       const char *address, const struct err *e)
{
    if (e->class == ERR_RETRY)
        return STANZA_FAILED;
    return refuse(env, "jid-malformed",
                  arena_printf(env->letter->arena, "The <%s/> address \"%.*s\" is none: %s.",
                               child->name, (int)header_clip(address, 200), address, e->text));
}

static enum stanza_verdict read_child(struct envelope *env, const struct xml_node *child)
{
    struct arena *a = env->letter->arena;
    const struct kind *kind = kind_of(child->name);
    const char *address = xml_get(child, "jid"), *text = xml_text(a, child);
    struct party who = {0};
    struct err e = {0};

    if (!kind)
        return STANZA_LETTER;
    if (!text)
        return STANZA_FAILED;
    if (!address)
        address = xml_get(child, "uri");
    if (address)
        who.name = text_line(a, text, HEADER_NAME_MAX);
    else
        address =
            text; /* seen where clients wrote by hand: the address stands where the name should */
    if (address != text && !who.name)
        return STANZA_FAILED;
    if (who.name && *who.name == '\0')
        who.name = NULL;
    if (++env->addresses > ENVELOPE_ADDRESSES_MAX)
        return refuse(env, "not-acceptable", "The envelope has too many addresses.");
    if (kind->read == read_forwardedby && is_gateway(env, address))
        return refuse_loop(env);
    if (envelope_address(env->ctx, a, address, &who, &e) < 0)
        return bad_address(env, child, address, &e);
    return kind->read(env, &who);
}

enum stanza_verdict envelope_read(const struct context *ctx, struct letter *letter,
                                  const struct xml_node *x, struct jabber_error *error)
{
    struct envelope env = {.ctx = ctx, .letter = letter, .error = error};
    const struct xml_node *child;
    enum stanza_verdict verdict = STANZA_LETTER;

    for (child = x->first; child && verdict == STANZA_LETTER; child = child->next)
        if (child->name)
            verdict = read_child(&env, child);
    if (verdict == STANZA_LETTER && env.forwards > ENVELOPE_FORWARDS_MAX)
        return refuse(&env, "not-acceptable",
                      "The message was forwarded too often: that looks like a loop.");
    return verdict;
}

/* ---- loops ---- */

/*
 * A forwarder puts their own address into forwardedby before the message goes on, so the sender's
 * standing there once is a forward as it should be.  What has gone round names the one it is about
 * to reach, or the sender a second time.
 */
static bool is_loop(const struct letter *l)
{
    const struct resent *r;
    const struct party *p;
    unsigned by_sender = 0;

    for (r = l->resent; r; r = r->next) {
        by_sender += party_is_same(&r->by, &l->from);
        for (p = l->recipients; p; p = p->next)
            if (party_is_same(&r->by, p))
                return true;
    }
    return by_sender > 1;
}

enum stanza_verdict envelope_close(struct letter *letter, struct jabber_error *error)
{
    struct resent *r, *newer = NULL;

    if (is_loop(letter)) {
        jabber_error_init(
            error, "not-acceptable",
            "The message has gone round in a loop: one of its forwarders would get it again.");
        return STANZA_REFUSED;
    }
    for (r = letter->resent; r; r = r->next) {
        r->to = newer ? &newer->by : letter->recipients;
        newer = r;
    }
    return STANZA_LETTER;
}

/* ---- writing ---- */

static struct xml_node *add_party(struct arena *a, struct xml_node *x, const char *kind,
                                  const struct party *p)
{
    const char *address = p->jid.domain    ? jid_bare(a, &p->jid)
                          : p->mail.domain ? addr_text(a, &p->mail)
                                           : NULL;
    struct xml_node *node = xml_add(a, x, NS_ENVELOPE, kind);

    if (!xml_set(a, node, "jid", address))
        return NULL;
    return p->name ? xml_add_text(a, node, p->name) : node;
}

static bool is_known(const struct party *p)
{
    return p->jid.domain || p->mail.domain;
}

static int write_role(struct arena *a, const struct letter *l, struct xml_node *x,
                      enum party_role role, const char *kind)
{
    const struct party *p;
    unsigned written = 0;

    for (p = l->parties; p; p = p->next)
        if (p->role == role && is_known(p) && written++ < ENVELOPE_ADDRESSES_MAX &&
            !add_party(a, x, kind, p))
            return -1;
    return 0;
}

/* Oldest first, as they are read. */
static int write_forwards(struct arena *a, const struct letter *l, struct xml_node *x)
{
    const struct resent *list[ENVELOPE_FORWARDS_MAX], *r;
    size_t n = 0;

    for (r = l->resent; r && n < ENVELOPE_FORWARDS_MAX; r = r->next)
        if (is_known(&r->by))
            list[n++] = r;
    while (n > 0)
        if (!add_party(a, x, "forwardedby", &list[--n]->by))
            return -1;
    return 0;
}

int envelope_write(struct arena *a, const struct letter *letter, struct xml_node *stanza)
{
    struct xml_node *x = xml_new(a, NS_ENVELOPE, "x");

    if (!x || write_role(a, letter, x, PARTY_TO, "to") < 0 ||
        write_role(a, letter, x, PARTY_CC, "cc") < 0 ||
        write_role(a, letter, x, PARTY_REPLY_TO, "replyto") < 0)
        return -1;
    if (is_known(&letter->from) && !add_party(a, x, "from", &letter->from))
        return -1;
    if (write_forwards(a, letter, x) < 0)
        return -1;
    if (x->first)
        xml_append(stanza, x);
    return 0;
}
