/*
 * paging: lists that are asked for and answered a page at a time (XEP-0059).
 *
 * A list is looked at twice: paging_see counts it and finds where the page begins, paging_takes
 * says what is on it.  The names of its entries are in the order of their octets.  Owns nothing,
 * any thread.
 */
#ifndef COMPONENT_PAGING_H
#define COMPONENT_PAGING_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/xml.h"

#define PAGING_NS "http://jabber.org/protocol/rsm"

enum { PAGING_MAX = 100 };

struct paging {
    /* what was asked */
    bool is_asked;
    unsigned max;
    const char *after, *before; /* NULL: not said; before "": the last page */
    bool has_index;
    unsigned index;
    /* what was seen */
    unsigned count, passed; /* all; those that come before the page, or before its end */
    /* what is told */
    unsigned at, taken;
    const char *first, *last;
};

/* From the <set/> in a query; without one: the first page.  -1: its numbers are none, or it asks
 * two things at once. */
int paging_read(struct arena *a, const struct xml_node *query, struct paging *out) MUST_CHECK;

/* Before the list is looked at the first time, and the second. */
void paging_begin(struct paging *p);
void paging_begin_page(struct paging *p);
void paging_see(struct paging *p, const char *name);
/* The next one: is it on the page?  name is borrowed until the answer is written. */
bool paging_takes(struct paging *p);
void paging_name(struct paging *p, const char *name);

/* The <set/> of an answer: when it was asked for, and when there is more than the page; -1: memory.
 */
int paging_write(struct arena *a, struct xml_node *query, const struct paging *p) MUST_CHECK;

#endif
