/*
 * xhtml: XHTML-IM becomes HTML that may stand in a mail.  Everything lives in the caller's arena;
 * the depth is bounded by the parser that made the nodes.  No thread of its own.
 */
#include "mapping/stanza/xhtml.h"

#include <string.h>

#include "mapping/names.h"
#include "mapping/text/text.h"

enum { HTML_MAX = 1 << 20 };

/* Elements that pass as they are. */
static const char *const kept[] = {
    "b",   "blockquote", "cite",  "code", "dd", "del",   "dl",   "dt",  "em",
    "h1",  "h2",         "h3",    "h4",   "h5", "h6",    "i",    "ins", "kbd",
    "li",  "ol",         "p",     "pre",  "q",  "samp",  "span", "sub", "strong",
    "sup", "table",      "tbody", "td",   "th", "thead", "tr",   "u",   "ul"};

static bool is_one_of(const char *name, const char *const *list, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (strcmp(name, list[i]) == 0)
            return true;
    return false;
}

static void write_children(struct arena *a, struct buf *out, const struct xml_node *node);

static const char *link_of(struct arena *a, const char *url)
{
    const char *clean = url ? text_url(a, url) : "";

    return clean && *clean && text_is_link(clean) ? clean : NULL;
}

static void write_link_start(struct buf *out, const char *url)
{
    buf_adds(out, "<a href=\"");
    xml_escape(out, url);
    buf_adds(out, "\">");
}

static void write_link(struct arena *a, struct buf *out, const struct xml_node *node)
{
    const char *url = link_of(a, xml_get(node, "href"));

    if (url)
        write_link_start(out, url);
    write_children(a, out, node);
    if (url)
        buf_adds(out, "</a>");
}

static void write_image(struct arena *a, struct buf *out, const struct xml_node *node)
{
    const char *url = link_of(a, xml_get(node, "src")), *alt = xml_get(node, "alt");

    if (url)
        write_link_start(out, url);
    xml_escape(out, alt && *alt ? alt : url ? url : "[image]");
    if (url)
        buf_adds(out, "</a>");
}

static void write_element(struct arena *a, struct buf *out, const struct xml_node *node)
{
    static const char *const dropped[] = {"script", "style", "head", "title", "object", "iframe"};

    if (strcmp(node->name, "br") == 0) {
        buf_adds(out, "<br>");
    } else if (strcmp(node->name, "a") == 0) {
        write_link(a, out, node);
    } else if (strcmp(node->name, "img") == 0) {
        write_image(a, out, node);
    } else if (is_one_of(node->name, kept, sizeof kept / sizeof *kept)) {
        buf_printf(out, "<%s>", node->name);
        write_children(a, out, node);
        buf_printf(out, "</%s>", node->name);
    } else if (!is_one_of(node->name, dropped, sizeof dropped / sizeof *dropped)) {
        write_children(a, out, node);
    }
}

static void write_children(struct arena *a, struct buf *out, const struct xml_node *node)
{
    const struct xml_node *child;

    for (child = node->first; child; child = child->next) {
        if (child->text)
            xml_escape(out, child->text);
        else
            write_element(a, out, child);
    }
}

const char *xhtml_read(struct arena *a, const struct xml_node *html)
{
    const struct xml_node *body = xml_child(html, NS_XHTML, "body");
    const char *text = NULL;
    struct buf out;

    if (!body)
        return arena_strdup(a, "");
    buf_init(&out, HTML_MAX);
    write_children(a, &out, body);
    if (!buf_failed(&out))
        text = arena_strndup(a, out.data, out.len);
    buf_clear(&out);
    return text;
}
