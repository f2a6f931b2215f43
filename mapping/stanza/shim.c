/*
 * shim: header fields that both worlds know.  Everything lives in the letter's arena; no thread of
 * its own.
 */
#include "mapping/stanza/shim.h"

#include <string.h>
#include <strings.h>

#include "mapping/mime/header_write.h"
#include "mapping/names.h"
#include "mapping/text/text.h"

enum { VALUE_MAX = 500, HEADERS_MAX = 20, LANG_MAX = 63 };

/* One line per field that passes: its name in SHIM and in mail. */
static const struct field {
    const char *shim, *mail;
} fields[] = {
    {"Keywords", "Keywords"},  {"Comments", "Comments"},   {"Organization", "Organization"},
    {"Urgency", "Importance"}, {"Priority", "Priority"},   {"Sensitivity", "Sensitivity"},
    {"List-Id", "List-Id"},    {"List-Post", "List-Post"},
};

/* The same degrees under different names. */
static const struct {
    const char *shim, *mail;
} degrees[] = {{"low", "low"}, {"medium", "normal"}, {"high", "high"}};

/* A letter's language is a field of its own: the body's xml:lang, and Content-Language in mail. */
static const char content_language[] = "Content-Language";

static const struct field *field_by_shim(const char *name)
{
    size_t i;

    if (strcasecmp(name, "Importance") == 0)
        name = "Urgency";
    for (i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcasecmp(fields[i].shim, name) == 0)
            return &fields[i];
    return NULL;
}

static bool is_urgency(const struct field *field)
{
    return strcmp(field->shim, "Urgency") == 0;
}

/* RFC 5646, as far as it could end a header field or an attribute. */
static bool is_language(const char *text)
{
    size_t n = strlen(text);

    return n > 0 && n < LANG_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == n;
}

/* In a letter a field has its mail name, and an Importance its mail degree. */
static int add(struct letter *l, const struct field *field, const char *value)
{
    struct extra_header **end = &l->extra_headers;
    size_t count = 0, i;

    for (; *end; end = &(*end)->next) {
        if (is_urgency(field) && strcmp((*end)->name, field->mail) == 0)
            return 0; /* one is enough */
        count++;
    }
    value = value ? text_line(l->arena, value, VALUE_MAX) : NULL;
    if (!value)
        return -1;
    for (i = 0; is_urgency(field) && i < sizeof degrees / sizeof *degrees; i++)
        if (strcasecmp(value, degrees[i].shim) == 0)
            value = degrees[i].mail;
    if (!*value || count == HEADERS_MAX)
        return 0;
    *end = arena_alloc(l->arena, sizeof **end);
    if (!*end)
        return -1;
    (*end)->name = field->mail;
    (*end)->value = value;
    return 0;
}

static int read_language(struct letter *l, const struct xml_node *node)
{
    const char *text = xml_text(l->arena, node);

    text = text ? text_line(l->arena, text, LANG_MAX) : NULL;
    if (!text)
        return -1;
    if (is_language(text))
        l->lang = text;
    return 0;
}

int shim_read_stanza(struct letter *l, const struct xml_node *headers)
{
    const struct xml_node *node;

    for (node = xml_child(headers, NS_SHIM, "header"); node;
         node = xml_next(node, NS_SHIM, "header")) {
        const char *name = xml_get(node, "name");
        const struct field *field = name ? field_by_shim(name) : NULL;

        if (field && add(l, field, xml_text(l->arena, node)) < 0)
            return -1;
        if (name && strcasecmp(name, content_language) == 0 && read_language(l, node) < 0)
            return -1;
    }
    return 0;
}

/* X-Priority of old programs: 1 and 2 are high, 4 and 5 low. */
static int read_x_priority(struct letter *l, const char *value)
{
    const struct field *field = field_by_shim("Urgency");

    if (*value == '1' || *value == '2')
        return add(l, field, "high");
    return *value == '4' || *value == '5' ? add(l, field, "low") : 0;
}

int shim_read_mail(struct letter *l, const struct mail_header *h)
{
    const char *priority = header_read_get(h, "X-Priority");
    size_t i;

    for (i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *raw, *value;
        size_t at = 0;

        while ((raw = header_read_next(h, fields[i].mail, &at))) {
            value = header_read_text(l->arena, raw, VALUE_MAX);
            if (!value || add(l, &fields[i], value) < 0)
                return -1;
        }
    }
    return priority ? read_x_priority(l, priority) : 0;
}

void shim_write_mail(struct buf *out, const struct letter *l)
{
    const struct extra_header *e;

    for (e = l->extra_headers; e; e = e->next)
        header_text(out, e->name, e->value);
}

static const char *shim_name(const struct extra_header *e)
{
    return strcmp(e->name, "Importance") == 0 ? "Urgency" : e->name;
}

static const char *shim_value(const struct extra_header *e)
{
    size_t i;

    if (strcmp(e->name, "Importance") == 0)
        for (i = 0; i < sizeof degrees / sizeof *degrees; i++)
            if (strcasecmp(e->value, degrees[i].mail) == 0)
                return degrees[i].shim;
    return e->value;
}

int shim_write_stanza(struct arena *a, struct xml_node *message, const struct letter *l)
{
    const struct extra_header *e;
    struct xml_node *headers;

    if (!l->extra_headers && !l->lang)
        return 0;
    headers = xml_add(a, message, NS_SHIM, "headers");
    for (e = l->extra_headers; e; e = e->next)
        if (!xml_set(a, xml_add_with_text(a, headers, NS_SHIM, "header", shim_value(e)), "name",
                     shim_name(e)))
            return -1;
    if (l->lang && !xml_set(a, xml_add_with_text(a, headers, NS_SHIM, "header", l->lang), "name",
                            content_language))
        return -1;
    return 0;
}
