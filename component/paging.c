/*
 * paging: which part of a list is wanted.  No data of its own, no thread.
 */
#include "component/paging.h"

#include <stdlib.h>
#include <string.h>

/* -1: it is no number; one that is too large is the largest. */
static int read_number(struct arena *a, const struct xml_node *set, const char *name,
                       unsigned largest, unsigned *out)
{
    const char *text = xml_child_text(a, set, PAGING_NS, name);
    unsigned long value;

    if (!text || !*text || strspn(text, "0123456789") != strlen(text))
        return -1;
    value = strlen(text) > 9 ? largest : strtoul(text, NULL, 10);
    *out = value > largest ? largest : (unsigned)value;
    return 0;
}

int paging_read(struct arena *a, const struct xml_node *query, struct paging *out)
{
    const struct xml_node *set = xml_child(query, PAGING_NS, "set");

    *out = (struct paging){.max = PAGING_MAX};
    if (!set)
        return 0;
    out->is_asked = true;
    out->after = xml_child_text(a, set, PAGING_NS, "after");
    out->before = xml_child_text(a, set, PAGING_NS, "before");
    out->has_index = xml_child(set, PAGING_NS, "index") != NULL;
    if (xml_child(set, PAGING_NS, "max") && read_number(a, set, "max", PAGING_MAX, &out->max) < 0)
        return -1;
    if (out->has_index && read_number(a, set, "index", 1000000000, &out->index) < 0)
        return -1;
    return (out->after != NULL) + (out->before != NULL) + out->has_index > 1 ? -1 : 0;
}

void paging_begin(struct paging *p)
{
    p->count = p->passed = 0;
}

void paging_see(struct paging *p, const char *name)
{
    p->count++;
    if (p->after)
        p->passed += strcmp(name, p->after) <= 0;
    else if (p->before)
        p->passed += !*p->before || strcmp(name, p->before) < 0;
}

/* Where the page begins. */
static unsigned start_of(const struct paging *p)
{
    if (p->has_index)
        return p->index;
    if (p->before)
        return p->passed > p->max ? p->passed - p->max : 0;
    return p->passed;
}

static unsigned end_of(const struct paging *p)
{
    if (p->before)
        return p->passed;
    return start_of(p) + p->max;
}

void paging_begin_page(struct paging *p)
{
    p->at = p->taken = 0;
    p->first = p->last = NULL;
}

bool paging_takes(struct paging *p)
{
    unsigned at = p->at++;

    if (at < start_of(p) || at >= end_of(p))
        return false;
    p->taken++;
    return true;
}

void paging_name(struct paging *p, const char *name)
{
    if (!p->first)
        p->first = name;
    p->last = name;
}

static int add_number(struct arena *a, struct xml_node *set, const char *name, unsigned value)
{
    const char *text = arena_printf(a, "%u", value);

    return text && xml_add_with_text(a, set, PAGING_NS, name, text) ? 0 : -1;
}

int paging_write(struct arena *a, struct xml_node *query, const struct paging *p)
{
    struct xml_node *set, *first;

    if (!p->is_asked && p->taken == p->count)
        return 0;
    set = xml_add(a, query, PAGING_NS, "set");
    if (p->taken > 0) {
        first = xml_add_with_text(a, set, PAGING_NS, "first", p->first);
        if (!xml_set(a, first, "index", arena_printf(a, "%u", start_of(p))) ||
            !xml_add_with_text(a, set, PAGING_NS, "last", p->last))
            return -1;
    }
    return add_number(a, set, "count", p->count);
}
