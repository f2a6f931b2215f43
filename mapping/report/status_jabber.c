/*
 * status_jabber: what a Jabber server said, for mail; and errors of the gateway's own as stanzas.
 * No data, any thread, nothing left behind.
 */
#include "mapping/report/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mapping/mime/header_write.h"
#include "mapping/report/status_text.h"

enum { REMINDER_MAX = 160 };

#define NS_STANZAS "urn:ietf:params:xml:ns:xmpp-stanzas"

/* XEP-0086, table of conditions; policy-violation is younger and stands with its nearest. */
static const struct pair {
    const char *condition, *type;
    int code;
} pairs[] = {
    {"bad-request", "modify", 400},
    {"conflict", "cancel", 409},
    {"feature-not-implemented", "cancel", 501},
    {"forbidden", "auth", 403},
    {"gone", "modify", 302},
    {"internal-server-error", "wait", 500},
    {"item-not-found", "cancel", 404},
    {"jid-malformed", "modify", 400},
    {"not-acceptable", "modify", 406},
    {"not-allowed", "cancel", 405},
    {"not-authorized", "auth", 401},
    {"payment-required", "auth", 402},
    {"policy-violation", "modify", 406},
    {"recipient-unavailable", "wait", 404},
    {"redirect", "modify", 302},
    {"registration-required", "auth", 407},
    {"remote-server-not-found", "cancel", 404},
    {"remote-server-timeout", "wait", 504},
    {"resource-constraint", "wait", 500},
    {"service-unavailable", "cancel", 503},
    {"subscription-required", "auth", 407},
    {"unexpected-request", "wait", 400},
};

/* XEP-0086, table of codes. */
static const struct {
    int code;
    const char *condition, *type;
} legacy[] = {
    {302, "redirect", "modify"},
    {400, "bad-request", "modify"},
    {401, "not-authorized", "auth"},
    {402, "payment-required", "auth"},
    {403, "forbidden", "auth"},
    {404, "item-not-found", "cancel"},
    {405, "not-allowed", "cancel"},
    {406, "not-acceptable", "modify"},
    {407, "registration-required", "auth"},
    {408, "remote-server-timeout", "wait"},
    {409, "conflict", "cancel"},
    {500, "internal-server-error", "wait"},
    {501, "feature-not-implemented", "cancel"},
    {502, "service-unavailable", "wait"},
    {503, "service-unavailable", "cancel"},
    {504, "remote-server-timeout", "wait"},
    {510, "service-unavailable", "cancel"},
};

/* The first row that fits. type NULL: any; words: one of them is in the text. */
static const struct {
    const char *condition, *type, *words;
    int code;
    const char *enhanced;
} to_mail[] = {
    {"item-not-found", NULL, NULL, 550, "5.1.1"},
    {"gone", NULL, NULL, 550, "5.1.6"},
    {"redirect", NULL, NULL, 550, "5.1.6"},
    {"jid-malformed", NULL, NULL, 553, "5.1.3"},
    {"remote-server-not-found", NULL, NULL, 550, "5.1.2"},
    {"recipient-unavailable", NULL, NULL, 450, "4.2.1"},
    {"service-unavailable", "wait", NULL, 451, "4.3.2"},
    {"service-unavailable", NULL, NULL, 550, "5.2.1"},
    {"remote-server-timeout", NULL, NULL, 451, "4.4.1"},
    {"forbidden", NULL, NULL, 550, "5.7.1"},
    {"not-allowed", NULL, NULL, 550, "5.7.1"},
    {"not-authorized", NULL, NULL, 550, "5.7.1"},
    {"registration-required", NULL, NULL, 550, "5.7.1"},
    {"subscription-required", NULL, NULL, 550, "5.7.1"},
    {"payment-required", NULL, NULL, 550, "5.7.1"},
    {"not-acceptable", "wait", NULL, 450, "4.7.1"},
    {"policy-violation", "wait", NULL, 450, "4.7.1"},
    {"not-acceptable", NULL, "size", 552, "5.3.4"},
    {"not-acceptable", NULL, "too big", 552, "5.3.4"},
    {"not-acceptable", NULL, "too large", 552, "5.3.4"},
    {"policy-violation", NULL, "size", 552, "5.3.4"},
    {"policy-violation", NULL, "too big", 552, "5.3.4"},
    {"policy-violation", NULL, "too large", 552, "5.3.4"},
    {"policy-violation", NULL, "stanza-too-big", 552, "5.3.4"},
    {"not-acceptable", NULL, NULL, 554, "5.7.1"},
    {"policy-violation", NULL, NULL, 554, "5.7.1"},
    {"resource-constraint", NULL, NULL, 452, "4.2.2"},
    {"feature-not-implemented", NULL, NULL, 554, "5.3.3"},
    {"internal-server-error", NULL, NULL, 451, "4.3.0"},
    {"unexpected-request", NULL, NULL, 451, "4.3.0"},
    {"conflict", NULL, NULL, 554, "5.3.0"},
    {"bad-request", NULL, NULL, 554, "5.3.0"},
    {"", "wait", NULL, 451, "4.0.0"},
    {"", "continue", NULL, 250, "2.0.0"}, /* RFC 6120 §8.3.2: only a warning */
    {"", NULL, NULL, 554, "5.0.0"},
};

static bool has_words(const char *text, const char *words)
{
    size_t len = strlen(words);

    for (; *text; text++)
        if (strncasecmp(text, words, len) == 0)
            return true;
    return false;
}

static const struct pair *find_pair(const char *condition)
{
    static const struct pair undefined = {"undefined-condition", "cancel", 500};
    size_t i;

    for (i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (strcmp(pairs[i].condition, condition) == 0)
            return &pairs[i];
    return &undefined;
}

/* What an error element says, in either generation. */
struct said {
    const char *condition; /* "" : none that is known */
    const char *type;      /* "" : none */
    const char *text;      /* "" : none */
    const char *uri;       /* of gone and redirect; "" : none */
    bool is_size;          /* a condition of the server's own speaks of size */
};

static void read_legacy(const struct xml_node *error, struct said *said)
{
    const char *code = xml_get(error, "code");
    size_t i;

    for (i = 0; code && i < sizeof legacy / sizeof legacy[0]; i++)
        if (strtol(code, NULL, 10) == legacy[i].code) {
            said->condition = legacy[i].condition;
            if (!*said->type)
                said->type = legacy[i].type;
        }
}

static int read_error(struct arena *a, const struct xml_node *error, struct said *said)
{
    const struct xml_node *child, *condition = NULL, *text = xml_child(error, NS_STANZAS, "text");
    const char *type = xml_get(error, "type"), *code = xml_get(error, "code");

    said->condition = said->uri = "";
    said->type = type ? type : "";
    said->is_size = false;
    for (child = error->first; child; child = child->next) {
        if (!child->name || child == text)
            continue;
        if (strcmp(child->ns, NS_STANZAS) != 0)
            said->is_size = said->is_size || has_words(child->name, "too-big");
        else if (!condition && strcmp(child->name, "text") != 0)
            condition = child;
    }
    said->text =
        xml_text(a, text ? text : error); /* legacy: the words stand in the element itself */
    if (!said->text)
        return -1;
    if (!condition) {
        read_legacy(error, said);
        return 0;
    }
    said->condition = condition->name;
    said->uri = xml_text(a, condition);
    if (!*said->type && strcmp(condition->name, "service-unavailable") == 0 && code &&
        strtol(code, NULL, 10) == 502)
        said->type = "wait";
    return said->uri ? 0 : -1;
}

static const char *words_of(struct arena *a, const struct said *said)
{
    const char *text = status_clean_text(a, said->text);
    const char *name = *said->condition ? said->condition : "undefined-condition";

    if (!text)
        return NULL;
    if (*said->uri) /* gone, redirect: where to */
        return status_clean_text(a,
                                 arena_printf(a, "%s (%.*s)", *text ? text : name, 200, said->uri));
    return *text ? text : status_clean_text(a, name);
}

int status_from_jabber(struct arena *a, const struct xml_node *error, struct smtp_status *out)
{
    struct said said;
    size_t i;

    memset(out, 0, sizeof *out);
    if (read_error(a, error, &said) < 0)
        return -1;
    for (i = 0; i < sizeof to_mail / sizeof to_mail[0]; i++) {
        if (*to_mail[i].condition && strcmp(to_mail[i].condition, said.condition) != 0)
            continue;
        if (to_mail[i].type && strcmp(to_mail[i].type, said.type) != 0)
            continue;
        if (to_mail[i].words && !said.is_size && !has_words(said.text, to_mail[i].words))
            continue;
        break; /* the last row fits everything */
    }
    out->code = to_mail[i].code;
    out->enhanced = to_mail[i].enhanced;
    out->text = words_of(a, &said);
    return out->text ? 0 : -1;
}

void jabber_error_init(struct jabber_error *out, const char *condition, const char *text)
{
    const struct pair *pair = find_pair(condition);

    memset(out, 0, sizeof *out);
    out->condition = pair->condition;
    out->code = pair->code;
    out->type = pair->type;
    out->text = text;
}

static struct xml_node *add_error(struct arena *a, struct xml_node *stanza,
                                  const struct jabber_error *error)
{
    struct xml_node *node = xml_add(a, stanza, stanza->ns, "error");
    char code[16];

    snprintf(code, sizeof code, "%d", error->code);
    if (!xml_set(a, node, "code", code) || !xml_set(a, node, "type", error->type) ||
        !xml_add_with_text(a, node, NS_STANZAS, error->condition, error->uri))
        return NULL;
    if (error->text && !xml_add_with_text(a, node, NS_STANZAS, "text", error->text))
        return NULL;
    return stanza;
}

/* The beginning of what a message said. */
static bool add_reminder(struct arena *a, struct xml_node *stanza, const char *about)
{
    size_t n = about ? header_clip(about, REMINDER_MAX) : 0;

    return n == 0 ||
           xml_add_with_text(a, stanza, stanza->ns, "body",
                             arena_printf(a, "%.*s%s", (int)n, about, about[n] ? "..." : ""));
}

/* Attributes that are NULL are left out. */
static struct xml_node *build(struct arena *a, const char *ns, const char *name, const char *from,
                              const char *to, const char *id, const char *about,
                              const struct jabber_error *error)
{
    struct xml_node *stanza = xml_new(a, ns, name);

    if (!stanza || (from && !xml_set(a, stanza, "from", from)) ||
        (to && !xml_set(a, stanza, "to", to)) || (id && !xml_set(a, stanza, "id", id)) ||
        !xml_set(a, stanza, "type", "error") || !add_reminder(a, stanza, about))
        return NULL;
    return add_error(a, stanza, error);
}

struct xml_node *jabber_error_reply(struct arena *a, const struct xml_node *stanza,
                                    const struct jabber_error *error)
{
    const char *about = NULL;

    if (strcmp(stanza->name, "message") == 0)
        about = xml_child_text(a, stanza, stanza->ns, "body");
    return build(a, stanza->ns, stanza->name, xml_get(stanza, "to"), xml_get(stanza, "from"),
                 xml_get(stanza, "id"), about, error);
}

struct xml_node *jabber_error_message(struct arena *a, const char *from, const char *to,
                                      const char *id, const char *about,
                                      const struct jabber_error *error)
{
    return build(a, "jabber:component:accept", "message", from, to, id, about, error);
}
