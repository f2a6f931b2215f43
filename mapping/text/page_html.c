/*
 * page_html: libxml2's HTML parser makes a tree, a walk writes down what is on the lists.
 *
 * Nothing is copied from the source but text, escaped, and checked attribute values, so it does not
 * matter how a browser and libxml2 differ in reading the source.  The document lives during one
 * call.  A crash loses the one mail.
 */
#include "mapping/text/page_html.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libxml/HTMLparser.h>

#include "base/xml.h"
#include "mapping/text/html_style.h"
#include "mapping/text/html_text.h"
#include "mapping/mime/transfer.h"
#include "mapping/text/text.h"

enum { DEPTH_MAX = 300, URL_MAX = 4000, TEXT_VALUE_MAX = 300, DATA_URL_MAX = 1 << 20 };

struct page {
    struct buf *out;
    const struct letter *letter;
    size_t *left;
    int links; /* open a elements */
};

/* Written as they are, their attributes apart. */
static const char *const kept[] = {
    "p",       "div",     "span",   "h1",         "h2",         "h3",     "h4",    "h5",
    "h6",      "b",       "strong", "i",          "em",         "u",      "s",     "strike",
    "del",     "ins",     "small",  "big",        "sub",        "sup",    "code",  "pre",
    "tt",      "kbd",     "samp",   "var",        "q",          "cite",   "ul",    "ol",
    "li",      "dl",      "dt",     "dd",         "table",      "thead",  "tbody", "tfoot",
    "tr",      "td",      "th",     "caption",    "abbr",       "center", "mark",  "address",
    "section", "article", "header", "footer",     "main",       "aside",  "nav",   "figure",
    "dfn",     "bdi",     "bdo",    "blockquote", "figcaption", NULL,
};
static const char *const empty[] = {"br", "hr", "wbr", NULL};
/* Left out with all that is in them; what is on no list is left out, and what is in it is not. */
static const char *const dropped[] = {
    "script",   "style",  "head",  "title",   "template",  "object",   "embed",  "applet",
    "iframe",   "svg",    "math",  "canvas",  "audio",     "video",    "select", "input",
    "textarea", "map",    "area",  "noembed", "noframes",  "frameset", "frame",  "link",
    "meta",     "base",   "xmp",   "button",  "plaintext", "listing",  "dialog", "datalist",
    "param",    "source", "track", "bgsound", NULL,
};

static bool is_named(const xmlNode *n, const char *name)
{
    return strcasecmp((const char *)n->name, name) == 0;
}

static const char *attr(const xmlNode *n, const char *name)
{
    const xmlAttr *a;

    for (a = n->properties; a; a = a->next)
        if (strcasecmp((const char *)a->name, name) == 0)
            return a->children && a->children->content ? (const char *)a->children->content : "";
    return NULL;
}

static void put_attr(struct page *p, const char *name, const char *value)
{
    buf_printf(p->out, " %s=\"", name);
    xml_escape(p->out, value);
    buf_addc(p->out, '"');
}

/* ---- attributes ---- */

/* The place a link leads to, or NULL: only what a reader expects behind a link. */
static const char *safe_link(const char *url)
{
    static const char *const schemes[] = {"https://", "http://", "mailto:", "xmpp:", "tel:"};
    const char *c;
    size_t i;

    if (!url)
        return NULL;
    url += strspn(url, " \t\r\n");
    if (strlen(url) > URL_MAX)
        return NULL;
    for (c = url; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return NULL;
    for (i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0)
            return url;
    return NULL;
}

static bool is_small_number(const char *value)
{
    size_t n = strspn(value, "0123456789");

    return n > 0 && n <= 3 && value[n] == '\0';
}

static bool is_word_of(const char *value, const char *const *words)
{
    return text_is_one_of(words, value);
}

static bool is_tag(const char *value) /* a language */
{
    size_t n = strlen(value);

    return n > 0 && n < 36 &&
           strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == n;
}

/* The value of a style's property, when it is one word of the list; else NULL. */
static const char *style_word(const char *style, const char *property, const char *const *words)
{
    size_t n = strlen(property);
    const char *s, *v;

    for (s = style; s && *s; s++) {
        if (strncasecmp(s, property, n) != 0 ||
            (s > style && (isalnum((unsigned char)s[-1]) || s[-1] == '-' || s[-1] == '_')))
            continue;
        v = s + n + strspn(s + n, " \t\r\n");
        if (*v++ != ':')
            continue;
        v += strspn(v, " \t\r\n");
        for (; *words; words++) {
            size_t m = strlen(*words);

            if (strncasecmp(v, *words, m) == 0 && !isalnum((unsigned char)v[m]) && v[m] != '-')
                return *words;
        }
        return NULL;
    }
    return NULL;
}

/* Of all styles only what helps reading in any colours and at any width. */
static void put_style(struct page *p, const xmlNode *n)
{
    static const char *const aligns[] = {"left", "right", "center", "justify", NULL};
    static const char *const weights[] = {"bold", "600", "700", "800", "900", NULL};
    static const char *const slants[] = {"italic", NULL};
    static const char *const lines[] = {"underline", "line-through", NULL};
    static const struct {
        const char *property;
        const char *const *words;
    } styles[] = {
        {"text-align", aligns},
        {"font-weight", weights},
        {"font-style", slants},
        {"text-decoration", lines},
    };
    const char *style = attr(n, "style"), *align = attr(n, "align"), *word;
    size_t i;
    bool is_open = false;

    for (i = 0; i < sizeof styles / sizeof *styles; i++) {
        word = style ? style_word(style, styles[i].property, styles[i].words) : NULL;
        if (i == 0 && !word && align && is_word_of(align, aligns) && !is_named(n, "table"))
            word = align;
        if (!word)
            continue;
        buf_printf(p->out, "%s%s:%s", is_open ? ";" : " style=\"", styles[i].property, word);
        is_open = true;
    }
    if (is_open)
        buf_addc(p->out, '"');
}

/* The next node below top, in the order of the text; NULL: that was the last. */
static const xmlNode *next_below(const xmlNode *n, const xmlNode *top)
{
    if (n->children && n->type == XML_ELEMENT_NODE)
        return n->children;
    while (n != top && !n->next)
        n = n->parent;
    return n == top ? NULL : n->next;
}

/* Does the table only say where things stand?  Such a one is read from top to bottom, which fits
 * every width.  Ends at the first sign, so that tables in tables cost no more than their sum. */
static bool is_layout(const xmlNode *table)
{
    static const char *const signs[] = {"table", "img", "h1", "h2",     "h3",  "h4",
                                        "ul",    "ol",  "hr", "center", "pre", NULL};
    const xmlNode *n;
    const char *border = attr(table, "border");
    bool is_grid = false;

    if (border && atoi(border) > 0)
        return false;
    for (n = table->children; n; n = next_below(n, table)) {
        if (n->type != XML_ELEMENT_NODE)
            continue;
        if (text_is_one_of(signs, (const char *)n->name))
            return true;
        if ((is_named(n, "td") || is_named(n, "th")) && n->next)
            is_grid = true;
    }
    return !is_grid;
}

static void put_attributes(struct page *p, const xmlNode *n)
{
    static const char *const directions[] = {"ltr", "rtl", "auto", NULL};
    static const char *const numbers[] = {"colspan", "rowspan", "start", "value"};
    const char *value;
    size_t i;

    if ((value = attr(n, "dir")) && is_word_of(value, directions))
        put_attr(p, "dir", value);
    if ((value = attr(n, "lang")) && is_tag(value))
        put_attr(p, "lang", value);
    for (i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if ((value = attr(n, numbers[i])) && is_small_number(value))
            put_attr(p, numbers[i], value);
    if ((value = attr(n, "title")) && strlen(value) <= TEXT_VALUE_MAX)
        put_attr(p, "title", value);
    if (is_named(n, "table"))
        put_attr(p, "class", is_layout(n) ? "layout" : "grid");
    put_style(p, n);
}

/* ---- pictures ---- */

static bool is_tiny(const char *length)
{
    return length && isdigit((unsigned char)*length) && atoi(length) <= 2;
}

static const char *picture_type(const char *type)
{
    static const char *const types[] = {"image/png", "image/jpeg", "image/gif", "image/webp", NULL};
    const char *const *t;

    for (t = types; type && *t; t++)
        if (strncasecmp(type, *t, strlen(*t)) == 0 && !isalnum((unsigned char)type[strlen(*t)]))
            return *t;
    return NULL;
}

static const struct attachment *find_picture(const struct page *p, const char *id)
{
    const struct attachment *att;

    for (att = p->letter->attachments; att; att = att->next)
        if (att->content_id && strcmp(att->content_id, id) == 0)
            return att;
    return NULL;
}

static void put_alt(struct page *p, const xmlNode *n)
{
    const char *alt = attr(n, "alt");

    put_attr(p, "alt", alt && strlen(alt) <= TEXT_VALUE_MAX ? alt : "");
}

/* A picture that is not shown here: its words, and where it is. */
static void put_absent(struct page *p, const xmlNode *n, const char *url)
{
    const char *alt = attr(n, "alt");
    bool is_named_one = alt && alt[strspn(alt, " \t\r\n")] && strlen(alt) <= TEXT_VALUE_MAX;

    if (p->links > 0)
        url = NULL;
    if (!url && !is_named_one && p->links == 0)
        return;
    if (url) {
        buf_adds(p->out, "<a class=\"picture\" rel=\"noopener noreferrer nofollow\"");
        put_attr(p, "href", url);
        buf_addc(p->out, '>');
    } else {
        buf_adds(p->out, "<span class=\"picture\">");
    }
    xml_escape(p->out, is_named_one ? alt : "picture");
    buf_adds(p->out, url ? "</a>" : "</span>");
}

static void put_inside(struct page *p, const xmlNode *n, const struct attachment *att)
{
    const char *type = picture_type(att->media_type);
    size_t size = (att->size + 2) / 3 * 4;
    struct buf base64;

    if (!type || !att->content || att->size == 0 || size > *p->left) {
        put_absent(p, n, safe_link(att->url));
        return;
    }
    buf_init(&base64, size + size / 30 + 100);
    transfer_write_bytes(&base64, att->content, att->size);
    *p->left -= size;
    buf_printf(p->out, "<img src=\"data:%s;base64,", type);
    for (const char *s = base64.data; *s;) { /* without its line ends */
        size_t m = strcspn(s, "\r\n");

        buf_add(p->out, s, m);
        s += m + strspn(s + m, "\r\n");
    }
    buf_addc(p->out, '"');
    put_alt(p, n);
    buf_addc(p->out, '>');
    p->out->failed = p->out->failed || buf_failed(&base64);
    buf_clear(&base64);
}

/* "data:image/png;base64," and nothing but base64 behind it. */
static bool is_data_picture(const char *src)
{
    const char *type, *data;
    size_t n = strlen(src);

    if (strncasecmp(src, "data:", 5) != 0 || n > DATA_URL_MAX)
        return false;
    type = picture_type(src + 5);
    if (!type || strncasecmp(src + 5 + strlen(type), ";base64,", 8) != 0)
        return false;
    data = src + 5 + strlen(type) + 8;
    return *data && !data[strspn(data, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789+/=")];
}

static void put_image(struct page *p, const xmlNode *n)
{
    const char *src = attr(n, "src");
    const struct attachment *att;

    if (!src || is_tiny(attr(n, "width")) || is_tiny(attr(n, "height")))
        return; /* a tracker, or a spacer */
    src += strspn(src, " \t\r\n");
    att = strncasecmp(src, "cid:", 4) == 0 ? find_picture(p, src + 4) : NULL;
    if (att) {
        put_inside(p, n, att);
    } else if (is_data_picture(src) && strlen(src) <= *p->left) {
        *p->left -= strlen(src);
        buf_adds(p->out, "<img");
        put_attr(p, "src", src);
        put_alt(p, n);
        buf_addc(p->out, '>');
    } else {
        put_absent(p, n, safe_link(src));
    }
}

/* ---- elements ---- */

/* What leave() must close; NULL: nothing. */
static const char *enter(struct page *p, const xmlNode *n)
{
    const char *name = (const char *)n->name, *url;
    const char *const *k;

    if (is_named(n, "img")) {
        put_image(p, n);
    } else if (is_named(n, "a")) {
        url = p->links == 0 ? safe_link(attr(n, "href")) : NULL;
        if (!url)
            return NULL;
        p->links++;
        buf_adds(p->out, "<a rel=\"noopener noreferrer nofollow\"");
        put_attr(p, "href", url);
        put_style(p, n);
        buf_addc(p->out, '>');
        return "a";
    } else if (is_named(n, "font")) {
        buf_adds(p->out, "<span");
        put_style(p, n);
        buf_addc(p->out, '>');
        return "span";
    } else if (text_is_one_of(empty, name)) {
        for (k = empty; strcasecmp(*k, name) != 0; k++)
            ;
        buf_printf(p->out, "<%s>", *k);
    } else {
        for (k = kept; *k; k++) {
            if (strcasecmp(*k, name) != 0)
                continue;
            buf_printf(p->out, "<%s", *k);
            put_attributes(p, n);
            buf_addc(p->out, '>');
            return *k;
        }
    }
    return NULL;
}

static void leave(struct page *p, const char *name)
{
    if (!name)
        return;
    buf_printf(p->out, "</%s>", name);
    if (strcmp(name, "a") == 0)
        p->links--;
}

static bool is_shown(const xmlNode *n, int depth)
{
    return n->type == XML_ELEMENT_NODE && !text_is_one_of(dropped, (const char *)n->name) &&
           !attr(n, "hidden") && !html_hides(attr(n, "style")) && depth < DEPTH_MAX;
}

static void walk(struct page *p, const xmlNode *root)
{
    const char *open[DEPTH_MAX];
    const xmlNode *n = root;
    int depth = 0;

    while (n && !buf_failed(p->out)) {
        if (n->type == XML_TEXT_NODE && n->content)
            xml_escape(p->out, (const char *)n->content);
        if (is_shown(n, depth)) {
            open[depth] = enter(p, n);
            if (n->children) {
                depth++;
                n = n->children;
                continue;
            }
            leave(p, open[depth]);
        }
        while (depth > 0 && !n->next) {
            n = n->parent;
            leave(p, open[--depth]);
        }
        n = depth == 0 ? NULL : n->next;
    }
}

void page_html_write(struct buf *out, const struct letter *l, const char *html, size_t *left)
{
    static const int options = HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                               HTML_PARSE_NONET | HTML_PARSE_NODEFDTD | HTML_PARSE_COMPACT;
    struct page p = {out, l, left, 0};
    size_t len = strlen(html);
    const xmlNode *root;
    htmlDocPtr doc;

    doc = htmlReadMemory(html, len > INT_MAX / 2 ? INT_MAX / 2 : (int)len, NULL, "UTF-8", options);
    if (!doc)
        return; /* nothing in it, or memory is out */
    html_style_apply(doc);
    for (root = doc->children; root; root = root->next)
        if (root->type == XML_ELEMENT_NODE)
            walk(&p, root);
    xmlFreeDoc(doc);
}

bool page_html_is_rich(const char *html)
{
    const char *s, *width;

    for (s = strchr(html, '<'); s; s = strchr(s + 1, '<')) {
        if (strncasecmp(s, "<table", 6) == 0 || strncasecmp(s, "<h1", 3) == 0)
            return true;
        if (strncasecmp(s, "<img", 4) != 0)
            continue;
        for (width = s; *width && *width != '>' && strncasecmp(width, "width=\"1\"", 9) != 0;
             width++)
            ;
        if (*width != 'w' && *width != 'W')
            return true;
    }
    return false;
}

/* ---- text ---- */

static size_t link_length(const char *text)
{
    size_t n;

    if (strncmp(text, "https://", 8) != 0 && strncmp(text, "http://", 7) != 0)
        return 0;
    n = strcspn(text, " \t\n\"<>");
    while (n > 0 && strchr(".,;:!?)]}'", text[n - 1]))
        n--;
    return n > 8 && n <= URL_MAX ? n : 0;
}

static void put_piece(struct buf *out, const char *text, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        const char piece[2] = {text[i], '\0'};

        if (strchr("<>&\"'", text[i]))
            xml_escape(out, piece);
        else
            buf_addc(out, text[i]);
    }
}

void page_html_write_text(struct buf *out, const char *text)
{
    bool at_start = true, is_quote = false;
    size_t n;

    buf_adds(out, "<div class=\"text\">");
    for (; *text && !buf_failed(out); text += n) {
        n = 1;
        if (at_start && (*text == '>') != is_quote) {
            buf_adds(out, is_quote ? "</span>" : "<span class=\"quote\">");
            is_quote = !is_quote;
        }
        at_start = *text == '\n';
        n = link_length(text);
        if (n > 0) {
            buf_adds(out, "<a rel=\"noopener noreferrer nofollow\" href=\"");
            put_piece(out, text, n);
            buf_adds(out, "\">");
        }
        put_piece(out, text, n > 0 ? n : 1);
        if (n > 0)
            buf_adds(out, "</a>");
        n = n > 0 ? n : 1;
    }
    buf_adds(out, is_quote ? "</span></div>\n" : "</div>\n");
}
