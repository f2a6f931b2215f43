/*
 * html_style: simple rules of <style> that hide: a class or an id, and no more.
 *
 * Preview texts are hidden so.  Rules for some media alone, and those that need to know where an
 * element stands, are left: they show more or less on some screens, and all is better then.  No
 * data of its own; the names point into the tree.
 */
#include "mapping/text/html_style.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "mapping/text/html_text.h"

enum { NAMES_MAX = 64, BLOCK_MAX = 1024, NAME_LEN_MAX = 64 };

struct names {
    char all[NAMES_MAX][NAME_LEN_MAX]; /* with the . or # before it */
    unsigned count;
};

static unsigned find(const struct names *names, const char *name, size_t len)
{
    unsigned i;

    for (i = 0; i < names->count; i++)
        if (strlen(names->all[i]) == len && memcmp(names->all[i], name, len) == 0)
            break;
    return i;
}

/* The last rule for a name is the one that counts. */
static void note(struct names *names, const char *name, size_t len, bool hides)
{
    unsigned i = find(names, name, len);

    if (i < names->count && !hides) {
        names->count--;
        memmove(names->all[i], names->all[names->count], NAME_LEN_MAX);
    } else if (i == names->count && hides && i < NAMES_MAX && len < NAME_LEN_MAX) {
        memcpy(names->all[i], name, len);
        names->all[i][len] = '\0';
        names->count++;
    }
}

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && isspace((unsigned char)*p))
        p++;
    return p;
}

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_';
}

/* Each selector of the list that is a class or an id alone. */
static void note_selectors(struct names *names, const char *p, const char *end, bool hides)
{
    while (p < end) {
        const char *name = p = skip_space(p, end), *rest;

        if (p < end && (*p == '.' || *p == '#'))
            for (p++; p < end && is_name_char(*p); p++)
                ;
        rest = skip_space(p, end);
        if (p > name + 1 && (rest == end || *rest == ','))
            note(names, name, (size_t)(p - name), hides);
        while (rest < end && *rest != ',')
            rest++;
        p = rest < end ? rest + 1 : end;
    }
}

/* Behind the block whose { is at p, blocks within it and all. */
static const char *skip_block(const char *p, const char *end)
{
    unsigned depth = 0;

    for (; p < end; p++) {
        depth += *p == '{';
        if (*p == '}' && --depth == 0)
            return p + 1;
    }
    return end;
}

static void read_rule(struct names *names, const char *selectors, const char *open, const char *end)
{
    char block[BLOCK_MAX];
    size_t len = (size_t)(end - open);
    bool hides;

    if (len >= sizeof block)
        return;
    memcpy(block, open, len);
    block[len] = '\0';
    hides = html_hides(block);
    if (hides || strstr(block, "display"))
        note_selectors(names, selectors, open, hides);
}

static void read_sheet(struct names *names, const char *p)
{
    const char *end = p + strlen(p);

    while ((p = skip_space(p, end)) < end) {
        const char *start = p, *open, *close;

        if (strncmp(p, "/*", 2) == 0) {
            p = strstr(p + 2, "*/");
            if (!p)
                return;
            p += 2;
            continue;
        }
        if (strncmp(p, "<!--", 4) == 0 || strncmp(p, "-->", 3) == 0) {
            p += *p == '<' ? 4 : 3;
            continue;
        }
        open = p + strcspn(p, "{;");
        if (open == end || *open == ';') { /* @import and such */
            p = open < end ? open + 1 : end;
            continue;
        }
        close = skip_block(open, end);
        if (*start != '@')
            read_rule(names, start, open, close);
        p = close;
    }
}

/* The next in the order of the text; NULL after the last below root. */
static xmlNode *next_node(xmlNode *n, const xmlNode *root)
{
    if (n->children && n->type == XML_ELEMENT_NODE)
        return n->children;
    while (n != root && !n->next)
        n = n->parent;
    return n == root ? NULL : n->next;
}

static const char *attribute(const xmlNode *n, const char *name)
{
    const xmlAttr *a;

    for (a = n->properties; a; a = a->next)
        if (strcasecmp((const char *)a->name, name) == 0)
            return a->children && a->children->content ? (const char *)a->children->content : "";
    return NULL;
}

static bool is_named(const struct names *names, char kind, const char *list)
{
    char name[NAME_LEN_MAX];

    while (list && *list) {
        size_t len = strcspn(list, " \t\r\n\f");

        if (len > 0 && len + 1 < sizeof name) {
            name[0] = kind;
            memcpy(name + 1, list, len);
            if (find(names, name, len + 1) < names->count)
                return true;
        }
        list += len + strspn(list + len, " \t\r\n\f");
    }
    return false;
}

static void hide(xmlNode *n, const struct names *names)
{
    const char *style = attribute(n, "style");

    /* A page that hides itself shows itself by some other means. */
    if ((style && strstr(style, "display")) || strcasecmp((const char *)n->name, "body") == 0 ||
        strcasecmp((const char *)n->name, "html") == 0)
        return;
    if (is_named(names, '.', attribute(n, "class")) || is_named(names, '#', attribute(n, "id")))
        xmlNewProp(n, (const xmlChar *)"hidden", (const xmlChar *)"");
}

void html_style_apply(xmlDoc *doc)
{
    xmlNode *root = xmlDocGetRootElement(doc), *n;
    struct names names = {.count = 0};

    for (n = root; n; n = next_node(n, root))
        if (n->type == XML_ELEMENT_NODE && strcasecmp((const char *)n->name, "style") == 0 &&
            n->children && n->children->content)
            read_sheet(&names, (const char *)n->children->content);
    for (n = names.count > 0 ? root : NULL; n; n = next_node(n, root))
        if (n->type == XML_ELEMENT_NODE)
            hide(n, &names);
}
