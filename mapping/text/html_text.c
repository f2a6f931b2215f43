/*
 * html_text: libxml2's HTML parser makes a tree, a walk without recursion writes it down.
 *
 * The parser is told to load nothing and to be silent; its depth is limited to 256 by itself.  Its
 * document lives during one call; libxml2 keeps its state per thread.  A crash loses the one mail.
 */
#include "mapping/text/html_text.h"

#include "mapping/text/html_style.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libxml/HTMLparser.h>

#include "base/buf.h"
#include "mapping/mime/charset.h"
#include "mapping/text/text.h"

enum { URL_SHOWN_MAX = 2000, DEPTH_MAX = 300, QUOTE_DEPTH_MAX = 10 };

struct writer {
    struct buf out;
    int line_ends;   /* how many stand at the end of out */
    int wanted;      /* line ends to write before the next text */
    bool space;      /* a blank is due before the next text */
    bool line_start; /* nothing stands on this line but its prefix */
    int quotes, lists, pres;
    const char *bullet; /* to write before the next text */
    char bullet_text[32];
    int last_quotes; /* of the text before */
    char marks[8];   /* to write before the next text */
    size_t mark_count;
};

static const char *const blocks[] = {
    "address", "article",  "aside",   "body",   "center",  "dd",     "details", "div",   "dl",
    "dt",      "fieldset", "figure",  "footer", "form",    "header", "html",    "li",    "main",
    "nav",     "section",  "summary", "tr",     "caption", "thead",  "tbody",   "tfoot", NULL,
};
static const char *const paragraphs[] = {
    "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "table", "pre", NULL,
};
static const char *const skipped[] = {
    "script", "style",    "head",    "title",    "template", "object", "embed",  "applet",
    "iframe", "svg",      "math",    "canvas",   "audio",    "video",  "select", "input",
    "map",    "textarea", "noembed", "noframes", "frameset", "link",   "meta",   NULL,
};

static bool is_element(const xmlNode *n, const char *name)
{
    return n && n->type == XML_ELEMENT_NODE && strcasecmp((const char *)n->name, name) == 0;
}

/* The attribute's text without a copy: the HTML parser leaves one text node in it. */
static const char *attr(const xmlNode *n, const char *name)
{
    const xmlAttr *a;

    for (a = n->properties; a; a = a->next)
        if (strcasecmp((const char *)a->name, name) == 0)
            return a->children && a->children->content ? (const char *)a->children->content : "";
    return NULL;
}

static bool contains(const char *hay, const char *needle)
{
    size_t n = strlen(needle);

    for (; hay && *hay; hay++)
        if (strncasecmp(hay, needle, n) == 0)
            return true;
    return false;
}

/* Does the style have property: value, blanks aside?  The value must end there ("0" is not
 * "0.9em"). */
static bool has_style(const char *style, const char *property, const char *value)
{
    size_t n = strlen(property), m = strlen(value);
    const char *p;

    for (p = style; p && *p; p++) {
        const char *v = p + n;

        if (strncasecmp(p, property, n) != 0 ||
            (p > style && (isalnum((unsigned char)p[-1]) || p[-1] == '-')))
            continue;
        v += strspn(v, " \t\r\n");
        if (*v++ != ':')
            continue;
        v += strspn(v, " \t\r\n");
        if (strncasecmp(v, value, m) != 0)
            continue;
        v += m;
        if (!isalnum((unsigned char)*v) && *v != '.')
            return true;
        if (*value == '0' && (strncasecmp(v, "px", 2) == 0 || strncasecmp(v, "pt", 2) == 0))
            return true;
    }
    return false;
}

static bool has_white(const char *style, const char *property)
{
    return has_style(style, property, "#fff") || has_style(style, property, "#ffffff") ||
           has_style(style, property, "white");
}

/* Preview texts, tracking words and what is meant for other readers than people are hidden in many
 * ways. */
bool html_hides(const char *style)
{
    return style &&
           (has_style(style, "display", "none") || has_style(style, "visibility", "hidden") ||
            has_style(style, "font-size", "0") || has_style(style, "max-height", "0") ||
            has_style(style, "opacity", "0") || has_style(style, "mso-hide", "all") ||
            has_style(style, "text-indent", "-9999px") || has_style(style, "left", "-9999px") ||
            (has_style(style, "height", "0") && has_style(style, "overflow", "hidden")) ||
            (has_white(style, "color") &&
             (has_white(style, "background") || has_white(style, "background-color"))));
}

static bool is_hidden(const xmlNode *n)
{
    return attr(n, "hidden") || html_hides(attr(n, "style"));
}

static void put_marks(struct writer *w)
{
    buf_add(&w->out, w->marks, w->mark_count);
    w->mark_count = 0;
}

static void put_line_end(struct writer *w)
{
    buf_addc(&w->out, '\n');
    w->line_ends++;
    w->line_start = true;
}

/* What is due before a text: line ends, marks, quote prefix, bullet. */
static void put_due(struct writer *w)
{
    int i;

    while (w->out.len > 0 && w->line_ends < w->wanted) {
        for (i = 0; w->line_ends > 0 && i < w->quotes && i < w->last_quotes; i++)
            buf_addc(&w->out, '>'); /* a blank line inside a quote */
        put_line_end(w);
    }
    w->wanted = 0;
    w->last_quotes = w->quotes;
    put_marks(w);
    if (w->line_start) {
        for (i = 0; i < w->quotes && i < QUOTE_DEPTH_MAX; i++)
            buf_adds(&w->out, "> ");
        for (i = 1; i < w->lists && i < QUOTE_DEPTH_MAX; i++)
            buf_adds(&w->out, "  ");
        if (w->bullet)
            buf_adds(&w->out, w->bullet);
        else if (w->lists > 0)
            buf_adds(&w->out, "  ");
        w->bullet = NULL;
    } else if (w->space) {
        buf_addc(&w->out, ' ');
    }
    w->space = false;
    w->line_start = false;
    w->line_ends = 0;
}

static void want(struct writer *w, int line_ends)
{
    if (w->wanted < line_ends)
        w->wanted = line_ends;
    w->space = false;
}

static bool is_space(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* Characters that take no room: padding of preview texts, soft hyphens, a byte order mark.  Joiners
 * (U+200C, U+200D) mean something in many scripts and stay. */
static size_t invisible(const char *s)
{
    static const char *const list[] = {"\xc2\xad", "\xe2\x80\x8b", "\xef\xbb\xbf", "\xcd\x8f",
                                       "\xe2\x81\xa0"};
    size_t i;

    for (i = 0; i < sizeof list / sizeof *list; i++)
        if (strncmp(s, list[i], strlen(list[i])) == 0)
            return strlen(list[i]);
    return 0;
}

/* The conditions of Word ("<![if !mso]>", "<![endif]>"), which the parser takes for text; the first
 * character of a document may have been lost. */
static size_t condition(const char *s)
{
    const char *p = s + (*s == '<'), *end;

    if (strncmp(p, "![if ", 5) != 0 && strncmp(p, "![endif]", 8) != 0)
        return 0;
    end = strstr(p, "]>");
    return end && end - s < 80 ? (size_t)(end + 2 - s) : 0;
}

static void put_text(struct writer *w, const char *s)
{
    size_t n;

    while (*s) {
        if ((*s == '<' || *s == '!') && (n = condition(s)) > 0) {
            s += n;
            continue;
        }
        if (w->pres > 0 && *s == '\n') {
            put_due(w);
            put_line_end(w);
            s++;
        } else if (*s == '\r' && w->pres > 0) {
            s++;
        } else if ((n = invisible(s)) > 0) {
            s += n;
        } else if (w->pres == 0 && is_space((unsigned char)*s)) {
            w->space = !w->line_start && w->wanted == 0;
            s++;
        } else if (w->pres == 0 && strncmp(s, "\xc2\xa0", 2) == 0) { /* no-break space */
            w->space = !w->line_start && w->wanted == 0;
            s += 2;
        } else {
            n = 1;
            while (s[n] && !is_space((unsigned char)s[n]) && (unsigned char)s[n] < 0x80 &&
                   s[n] != '<')
                n++;
            while ((unsigned char)s[n] >= 0x80 && ((unsigned char)s[n] & 0xc0) == 0x80)
                n++;
            put_due(w);
            buf_add(&w->out, s, n);
            s += n;
        }
    }
}

static bool is_shown_url(const char *href)
{
    static const char *const schemes[] = {"http://", "https://", "mailto:", "ftp://", "xmpp:",
                                          "tel:",    "geo:",     "sip:",    "sips:",  "ftps://"};
    size_t i;

    for (i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncasecmp(href, schemes[i], strlen(schemes[i])) == 0)
            return strlen(href) <= URL_SHOWN_MAX && !strpbrk(href, " \n\r\t<>");
    return false;
}

/* Without scheme, "www." and a final slash, to see whether the text says the same as the link. */
static void url_core(const char **s, size_t *n)
{
    const char *colon = memchr(*s, ':', *n);
    size_t skip;

    while (*n > 0 && is_space((unsigned char)**s)) {
        (*s)++;
        (*n)--;
    }
    if (colon) {
        skip = (size_t)(colon + 1 - *s);
        if (skip < 9) {
            while (skip < *n && (*s)[skip] == '/')
                skip++;
            *s += skip;
            *n -= skip;
        }
    }
    if (*n > 4 && strncasecmp(*s, "www.", 4) == 0) {
        *s += 4;
        *n -= 4;
    }
    while (*n > 0 && ((*s)[*n - 1] == '/' || is_space((unsigned char)(*s)[*n - 1])))
        (*n)--;
}

static bool is_same_link(const char *text, size_t n, const char *href)
{
    size_t m = strcspn(href, "?") < strlen(href) && strncasecmp(href, "mailto:", 7) == 0
                   ? strcspn(href, "?")
                   : strlen(href);

    url_core(&text, &n);
    url_core(&href, &m);
    return n == m && strncasecmp(text, href, n) == 0;
}

/* What was written since start is the link's text. */
static void put_link(struct writer *w, const xmlNode *n, size_t start)
{
    const char *href = attr(n, "href");

    if (!href)
        return;
    href += strspn(href, " \t\r\n");
    if (!is_shown_url(href) || start > w->out.len)
        return;
    if (is_same_link(w->out.data + start, w->out.len - start, href))
        return;
    if (w->out.len == start) /* a picture without words: nothing to click on that one could name */
        return;
    w->space = true;
    put_due(w);
    buf_printf(&w->out, "<%s>", href);
}

static void put_image(struct writer *w, const xmlNode *n)
{
    const char *alt = attr(n, "alt"), *width = attr(n, "width"), *height = attr(n, "height"),
               *style = attr(n, "style");

    if (!alt || !alt[strspn(alt, " \t\r\n")] || strlen(alt) > 300)
        return;
    if ((width && strtol(width, NULL, 10) == 1) ||
        (height && strtol(height, NULL, 10) == 1)) /* a tracker */
        return;
    if (style && (has_style(style, "width", "1px") || has_style(style, "height", "1px")))
        return;
    put_text(w, alt);
}

static bool has_blocks(const xmlNode *cell)
{
    const xmlNode *n;

    for (n = cell->children; n; n = n->next)
        if (n->type == XML_ELEMENT_NODE && (text_is_one_of(blocks, (const char *)n->name) ||
                                            text_is_one_of(paragraphs, (const char *)n->name) ||
                                            is_element(n, "br") || is_element(n, "hr")))
            return true;
    return false;
}

static bool is_cell(const xmlNode *n)
{
    return is_element(n, "td") || is_element(n, "th");
}

/* A row of a real table: several cells with words only.  Cells of a layout stand one below another.
 */
static bool is_data_row(const xmlNode *row)
{
    const xmlNode *n;
    int cells = 0;

    for (n = row->children; n; n = n->next) {
        if (!is_cell(n))
            continue;
        if (++cells > 30 || has_blocks(n))
            return false;
    }
    return cells > 1;
}

static const xmlNode *previous_cell(const xmlNode *n)
{
    for (n = n->prev; n && !is_cell(n); n = n->prev)
        ;
    return n;
}

/* The marks of the programs that say in HTML what a quote or a signature is. */
static const struct {
    enum html_mark mark;
    bool is_class;
    const char *name;
} marks[] = {
    {HTML_MARK_REST, false, "divRplyFwdMsg"},
    {HTML_MARK_REST, false, "appendonsend"},
    {HTML_MARK_REST, false, "stopSpelling"},
    {HTML_MARK_REST, false, "mail-editor-reference-message-container"},
    {HTML_MARK_QUOTE, false, "OLK_SRC_BODY_SECTION"},
    {HTML_MARK_QUOTE, true, "yahoo_quoted"},
    {HTML_MARK_QUOTE, true, "protonmail_quote"},
    {HTML_MARK_QUOTE, true, "tutanota_quote"},
    {HTML_MARK_ATTRIBUTION, true, "moz-cite-prefix"},
    {HTML_MARK_ATTRIBUTION, true, "gmail_attr"},
    {HTML_MARK_SIGNATURE, true, "gmail_signature"},
    {HTML_MARK_SIGNATURE, true, "moz-signature"},
    {HTML_MARK_SIGNATURE, true, "protonmail_signature_block"},
    {HTML_MARK_SIGNATURE, true, "ydpsignature"},
    {HTML_MARK_SIGNATURE, true, "front-signature"},
    {HTML_MARK_SIGNATURE, true, "bluemail_signature"},
    {HTML_MARK_SIGNATURE, false, "composer_signature"},
    {HTML_MARK_SIGNATURE, false, "Signature"},
    {HTML_MARK_SIGNATURE, false, "ms-outlook-mobile-signature"},
    {HTML_MARK_SIGNATURE, false, "AppleMailSignature"},
};

static char mark_of(const xmlNode *n)
{
    const char *id = attr(n, "id"), *class = attr(n, "class");
    size_t i;

    for (i = 0; (id || class) && i < sizeof marks / sizeof *marks; i++)
        if (marks[i].is_class ? contains(class, marks[i].name)
                              : id && strcasecmp(id, marks[i].name) == 0)
            return (char)marks[i].mark;
    return 0;
}

/* Some programs use blockquote to move text to the right, without a line at its side. */
static bool is_quote(const xmlNode *n)
{
    const char *style = attr(n, "style");

    if (!is_element(n, "blockquote"))
        return false;
    return !(style && (has_style(style, "border", "none") || has_style(style, "border", "0")) &&
             !contains(style, "border-left"));
}

static void start_item(struct writer *w, const xmlNode *n)
{
    const xmlNode *other;
    int number = 1, looked = 0;
    const char *first;

    want(w, 1);
    w->bullet = "\xe2\x80\xa2 ";
    if (!is_element(n->parent, "ol"))
        return;
    for (other = n->prev; other && looked++ < 1000; other = other->prev)
        number += is_element(other, "li");
    first = attr(n->parent, "start");
    if (first && strlen(first) < 6)
        number += (int)strtol(first, NULL, 10) - 1;
    snprintf(w->bullet_text, sizeof w->bullet_text, "%d. ", number);
    w->bullet = w->bullet_text;
}

static void enter(struct writer *w, const xmlNode *n)
{
    const char *name = (const char *)n->name;

    if (text_is_one_of(paragraphs, name))
        want(w, (is_element(n, "ul") || is_element(n, "ol")) && w->lists > 0 ? 1 : 2);
    else if (text_is_one_of(blocks, name))
        want(w, 1);
    if (mark_of(n)) {
        want(w, 1);
        if (w->mark_count < sizeof w->marks)
            w->marks[w->mark_count++] = mark_of(n);
    }
    if (is_quote(n))
        w->quotes++;
    else if (is_element(n, "ul") || is_element(n, "ol"))
        w->lists++;
    else if (is_element(n, "pre"))
        w->pres++;
    else if (is_element(n, "li"))
        start_item(w, n);
    else if (is_element(n, "br"))
        w->wanted = w->wanted > 0 ? w->wanted + 1 : 1 + w->line_ends;
    else if (is_element(n, "img"))
        put_image(w, n);
    else if (is_element(n, "q"))
        put_text(w, "\"");
    if (is_element(n, "br") && w->wanted > 3)
        w->wanted = 3;
    if (is_element(n, "hr")) {
        want(w, 1);
        put_text(w, "--------------------");
        want(w, 1);
    }
    if (is_cell(n) && previous_cell(n)) {
        if (is_data_row(n->parent)) {
            w->space = true;
            put_text(w, "|");
            w->space = true;
        } else {
            want(w, 1);
        }
    }
}

static void leave(struct writer *w, const xmlNode *n, size_t start)
{
    const char *name = (const char *)n->name;

    if (is_element(n, "a"))
        put_link(w, n, start);
    else if (is_element(n, "q"))
        put_text(w, "\"");
    if (is_quote(n))
        w->quotes--;
    else if (is_element(n, "ul") || is_element(n, "ol"))
        w->lists--;
    else if (is_element(n, "pre"))
        w->pres--;
    if (text_is_one_of(paragraphs, name))
        want(w, (is_element(n, "ul") || is_element(n, "ol")) && w->lists > 0 ? 1 : 2);
    else if (text_is_one_of(blocks, name))
        want(w, 1);
    if (mark_of(n)) {
        if (w->mark_count > 0) /* there was no text in it */
            w->mark_count--;
        else
            buf_addc(&w->out, HTML_MARK_END);
    }
}

/* The next node of the tree below root, in order; into: below n, too. */
static const xmlNode *next_below(const xmlNode *root, const xmlNode *n, bool into)
{
    if (into && n->children)
        return n->children;
    while (n != root && !n->next)
        n = n->parent;
    return n == root ? NULL : n->next;
}

/* Preview texts are filled up with joiners (U+200C, U+200D), so that nothing else is previewed. */
static void without_joiners(const char *text, size_t len, char *out)
{
    size_t i = 0;

    while (i < len) {
        if (len - i >= 3 && strncmp(text + i, "\xe2\x80", 2) == 0 &&
            ((unsigned char)text[i + 2] & 0xfe) == 0x8c)
            i += 3;
        else
            *out++ = text[i++];
    }
    *out = '\0';
}

/* What the eye would not see is shown as such, its beginning in one line: nobody is told anything
 * behind the reader's back. */
static void put_hidden(struct writer *w, const xmlNode *root)
{
    enum { SHOWN_MAX = 200, PIECE_MAX = 600, READ_MAX = 2000 };
    const char *name = (const char *)root->name;
    bool is_block = text_is_one_of(blocks, name) || text_is_one_of(paragraphs, name), into;
    struct writer hidden = {.line_start = true};
    const xmlNode *n;
    char piece[PIECE_MAX + 1];
    size_t len;

    buf_init(&hidden.out, READ_MAX);
    for (n = root->children; n && hidden.out.len <= SHOWN_MAX; n = next_below(root, n, into)) {
        const char *text = n->type == XML_TEXT_NODE && n->content ? (const char *)n->content : " ";

        into = n->type == XML_ELEMENT_NODE && !text_is_one_of(skipped, (const char *)n->name);
        without_joiners(text, charset_clip(text, strlen(text), PIECE_MAX), piece);
        put_text(&hidden, piece);
    }
    len = charset_clip(hidden.out.data, hidden.out.len, SHOWN_MAX);
    if (len > 0) {
        bool is_cut = len < hidden.out.len;

        if (is_block)
            want(w, 1);
        buf_truncate(&hidden.out, len);
        put_text(w, "[hidden: ");
        put_text(w, hidden.out.data);
        put_text(w, is_cut ? " \xe2\x80\xa6] " : "] ");
        if (is_block)
            want(w, 1);
    }
    if (hidden.out.is_starved)
        w->out.is_starved = true;
    buf_clear(&hidden.out);
}

/* Writes the tree below root; depth is bounded by the parser, and by us. */
static void walk(struct writer *w, const xmlNode *root)
{
    size_t starts[DEPTH_MAX]; /* where the text of each open element begins */
    const xmlNode *n = root;
    int depth = 0;

    while (n && !buf_failed(&w->out)) {
        const xmlNode *down = NULL;

        if (n->type == XML_TEXT_NODE || n->type == XML_CDATA_SECTION_NODE) {
            put_text(w, n->content ? (const char *)n->content : "");
        } else if (n->type == XML_ELEMENT_NODE && !text_is_one_of(skipped, (const char *)n->name) &&
                   is_hidden(n)) {
            put_hidden(w, n);
        } else if (n->type == XML_ELEMENT_NODE && !text_is_one_of(skipped, (const char *)n->name) &&
                   depth < DEPTH_MAX) {
            enter(w, n);
            starts[depth] = w->out.len + (w->space ? 1 : 0);
            down = n->children;
            if (!down)
                leave(w, n, starts[depth]);
        }
        if (down) {
            depth++;
            n = down;
            continue;
        }
        while (n != root && !n->next) {
            n = n->parent;
            if (n != root || depth > 0)
                leave(w, n, starts[--depth]);
            if (n == root)
                return;
        }
        n = n == root ? NULL : n->next;
    }
}

const char *html_text(struct arena *a, const char *html, size_t len)
{
    static const int options = HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                               HTML_PARSE_NONET | HTML_PARSE_NODEFDTD | HTML_PARSE_COMPACT;
    struct writer w = {.line_start = true};
    const xmlNode *root;
    const char *text = NULL;
    htmlDocPtr doc;

    if (len > INT_MAX / 2)
        len = INT_MAX / 2;
    xmlResetLastError();
    doc = htmlReadMemory(html, (int)len, NULL, "UTF-8", options);
    if (doc)
        html_style_apply(doc);
    buf_init(&w.out, HTML_TEXT_MAX);
    if (xmlGetLastError() && xmlGetLastError()->code == XML_ERR_NO_MEMORY)
        w.out.is_starved = true;
    for (root = doc ? doc->children : NULL; root; root = root->next)
        if (root->type == XML_ELEMENT_NODE)
            walk(&w, root);
    text = arena_strndup(a, w.out.data, charset_clip(w.out.data, w.out.len, w.out.len));
    arena_blame(a, &w.out);
    buf_clear(&w.out);
    if (doc)
        xmlFreeDoc(doc);
    return text;
}

const char *html_charset(struct arena *a, const char *html, size_t len)
{
    const char *p = html, *end = html + (len < 2048 ? len : 2048);
    size_t n;

    for (; end - p > 8; p++) {
        if (strncasecmp(p, "charset=", 8) != 0)
            continue;
        p += 8;
        while (p < end && (*p == '"' || *p == '\'' || *p == ' '))
            p++;
        for (n = 0; p + n < end && (isalnum((unsigned char)p[n]) || strchr("-_:.", p[n])); n++)
            if (!p[n])
                break;
        return n > 0 && n < 40 ? arena_strndup(a, p, n) : NULL;
    }
    return NULL;
}

void html_text_prepare(void)
{
    xmlInitParser();
}
