/*
 * xml: elements in memory.  Everything lives in the caller's arena; no thread of its own.
 */
#include "base/xml.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

/* The first byte that may not stand in XML, or n. */
static size_t clean_prefix(const char *text, size_t n)
{
    size_t i = 0;

    while (i < n) {
        uint32_t cp;
        size_t len = utf8_sequence(text + i, n - i, &cp);

        if (len == 0 || !utf8_is_xml(cp))
            break;
        i += len;
    }
    return i;
}

const char *xml_clean(struct arena *a, const char *text, size_t len)
{
    static const char replacement[3] = {'\xef', '\xbf', '\xbd'}; /* U+FFFD */
    size_t i = clean_prefix(text, len), o = i;
    char *out;

    if (i == len)
        return arena_strndup(a, text, len);
    if (len > SIZE_MAX / 3 - 1)
        return NULL;
    out = arena_alloc(a, len * 3 + 1); /* each bad byte may become three */
    if (!out)
        return NULL;
    memcpy(out, text, i);
    while (i < len) {
        uint32_t cp;
        size_t n = utf8_sequence(text + i, len - i, &cp);

        if (n == 0) {
            memcpy(out + o, replacement, sizeof replacement);
            o += sizeof replacement;
            i++;
        } else {
            if (utf8_is_xml(cp)) {
                memcpy(out + o, text + i, n);
                o += n;
            }
            i += n;
        }
    }
    return out;
}

struct xml_node *xml_new(struct arena *a, const char *ns, const char *name)
{
    struct xml_node *node = arena_alloc(a, sizeof *node);

    if (!node)
        return NULL;
    node->name = arena_strdup(a, name);
    node->ns = arena_strdup(a, ns ? ns : "");
    return node->name && node->ns ? node : NULL;
}

void xml_append(struct xml_node *parent, struct xml_node *child)
{
    child->parent = parent;
    child->next = NULL;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
}

struct xml_node *xml_add(struct arena *a, struct xml_node *parent, const char *ns, const char *name)
{
    struct xml_node *node = parent ? xml_new(a, ns, name) : NULL;

    if (node)
        xml_append(parent, node);
    return node;
}

struct xml_node *xml_add_text(struct arena *a, struct xml_node *parent, const char *text)
{
    struct xml_node *node = parent && text ? arena_alloc(a, sizeof *node) : NULL;

    if (!node)
        return NULL;
    node->ns = "";
    node->text = xml_clean(a, text, strlen(text));
    if (!node->text)
        return NULL;
    xml_append(parent, node);
    return node;
}

struct xml_node *xml_add_with_text(struct arena *a, struct xml_node *parent, const char *ns,
                                   const char *name, const char *text)
{
    struct xml_node *node = xml_add(a, parent, ns, name);

    if (node && text && !xml_add_text(a, node, text))
        return NULL;
    return node;
}

static struct xml_node *set_attr(struct arena *a, struct xml_node *node, const char *ns,
                                 const char *name, const char *value)
{
    struct xml_attr *attr, **end;

    if (!node || !value)
        return NULL;
    for (end = &node->attrs; *end; end = &(*end)->next)
        if (strcmp((*end)->name, name) == 0 && !(*end)->ns == !ns)
            break;
    attr = *end;
    if (!attr) {
        attr = arena_alloc(a, sizeof *attr);
        if (!attr)
            return NULL;
        attr->ns = ns;
        attr->name = arena_strdup(a, name);
        if (!attr->name)
            return NULL;
    }
    attr->value = xml_clean(a, value, strlen(value));
    if (!attr->value)
        return NULL;
    *end = attr;
    return node;
}

struct xml_node *xml_set(struct arena *a, struct xml_node *node, const char *name,
                         const char *value)
{
    return set_attr(a, node, NULL, name, value);
}

struct xml_node *xml_set_lang(struct arena *a, struct xml_node *node, const char *lang)
{
    return set_attr(a, node, XML_NS, "lang", lang);
}

struct xml_node *xml_copy(struct arena *a, const struct xml_node *node)
{
    struct xml_node *copy;
    const struct xml_attr *attr;
    const struct xml_node *child;

    if (!node->name) {
        copy = arena_alloc(a, sizeof *copy);
        if (!copy)
            return NULL;
        copy->ns = "";
        copy->text = arena_strdup(a, node->text);
        return copy->text ? copy : NULL;
    }
    copy = xml_new(a, node->ns, node->name);
    if (!copy)
        return NULL;
    for (attr = node->attrs; attr; attr = attr->next) {
        const char *ns = attr->ns ? arena_strdup(a, attr->ns) : NULL;

        if ((attr->ns && !ns) || !set_attr(a, copy, ns, attr->name, attr->value))
            return NULL;
    }
    /* Depth is bounded by the parser that made the node. */
    for (child = node->first; child; child = child->next) {
        struct xml_node *c = xml_copy(a, child);

        if (!c)
            return NULL;
        xml_append(copy, c);
    }
    return copy;
}

const char *xml_get(const struct xml_node *node, const char *name)
{
    const struct xml_attr *attr;

    for (attr = node ? node->attrs : NULL; attr; attr = attr->next)
        if (!attr->ns && strcmp(attr->name, name) == 0)
            return attr->value;
    return NULL;
}

const char *xml_lang(const struct xml_node *node)
{
    for (; node; node = node->parent) {
        const struct xml_attr *attr;

        for (attr = node->attrs; attr; attr = attr->next)
            if (attr->ns && strcmp(attr->ns, XML_NS) == 0 && strcmp(attr->name, "lang") == 0)
                return attr->value;
    }
    return NULL;
}

static struct xml_node *find_from(struct xml_node *node, const char *ns, const char *name)
{
    for (; node; node = node->next)
        if (node->name && strcmp(node->name, name) == 0 && (!ns || strcmp(node->ns, ns) == 0))
            return node;
    return NULL;
}

struct xml_node *xml_child(const struct xml_node *node, const char *ns, const char *name)
{
    return node ? find_from(node->first, ns, name) : NULL;
}

struct xml_node *xml_next(const struct xml_node *node, const char *ns, const char *name)
{
    return node ? find_from(node->next, ns, name) : NULL;
}

const char *xml_text(struct arena *a, const struct xml_node *node)
{
    const struct xml_node *child;
    size_t len = 0;
    char *out, *p;

    if (!node)
        return NULL;
    for (child = node->first; child; child = child->next)
        if (child->text)
            len += strlen(child->text);
    p = out = arena_alloc(a, len + 1);
    if (!out)
        return NULL;
    for (child = node->first; child; child = child->next)
        if (child->text) {
            size_t n = strlen(child->text);

            memcpy(p, child->text, n);
            p += n;
        }
    return out;
}

const char *xml_child_text(struct arena *a, const struct xml_node *node, const char *ns,
                           const char *name)
{
    return xml_text(a, xml_child(node, ns, name));
}

void xml_escape(struct buf *out, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "<>&'\"");

        buf_add(out, text, n);
        text += n;
        switch (*text) {
        case '<':
            buf_adds(out, "&lt;");
            break;
        case '>':
            buf_adds(out, "&gt;");
            break;
        case '&':
            buf_adds(out, "&amp;");
            break;
        case '\'':
            buf_adds(out, "&apos;");
            break;
        case '"':
            buf_adds(out, "&quot;");
            break;
        default:
            return;
        }
        text++;
    }
}

/* A line end or tab in an attribute would be read back as a space (XML 1.0 §3.3.3). */
static void write_attr_value(struct buf *out, const char *value)
{
    while (*value) {
        size_t n = strcspn(value, "\t\n\r<>&'\"");
        char piece[2] = {value[n], '\0'};

        buf_add(out, value, n);
        value += n;
        if (!*value)
            return;
        if (*value == '\t' || *value == '\n' || *value == '\r')
            buf_printf(out, "&#%d;", *value);
        else
            xml_escape(out, piece);
        value++;
    }
}

/* A bare CR in text would be read back as LF (XML 1.0 §2.11). */
static void write_text(struct buf *out, const char *text)
{
    const char *cr;

    while ((cr = strchr(text, '\r'))) {
        struct buf piece;

        buf_init(&piece, (size_t)(cr - text) + 1);
        buf_add(&piece, text, (size_t)(cr - text));
        xml_escape(out, piece.data);
        out->failed = out->failed || piece.failed;
        buf_clear(&piece);
        buf_adds(out, "&#13;");
        text = cr + 1;
    }
    xml_escape(out, text);
}

void xml_write(struct buf *out, const struct xml_node *node, const char *ns)
{
    const struct xml_attr *attr;
    const struct xml_node *child;

    if (!node->name) {
        write_text(out, node->text);
        return;
    }
    buf_addc(out, '<');
    buf_adds(out, node->name);
    if (!ns || strcmp(ns, node->ns) != 0) {
        buf_adds(out, " xmlns='");
        write_attr_value(out, node->ns);
        buf_addc(out, '\'');
    }
    for (attr = node->attrs; attr; attr = attr->next) {
        if (attr->ns && strcmp(attr->ns, XML_NS) != 0)
            continue; /* no prefix of anybody else's is kept */
        buf_printf(out, " %s%s='", attr->ns ? "xml:" : "", attr->name);
        write_attr_value(out, attr->value);
        buf_addc(out, '\'');
    }
    if (!node->first) {
        buf_adds(out, "/>");
        return;
    }
    buf_addc(out, '>');
    for (child = node->first; child; child = child->next)
        xml_write(out, child, node->ns);
    buf_printf(out, "</%s>", node->name);
}
