/*
 * searching: what passes between the gateway and a client at a search (XEP-0055), as a data form
 * and as the fields of before there were forms.  Everything is made in the arena; any thread.
 */
#ifndef COMPONENT_SEARCHING_H
#define COMPONENT_SEARCHING_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/xml.h"
#include "component/paging.h"

#define SEARCHING_NS "jabber:iq:search"

enum searching_field {
    SEARCHING_FIRST,
    SEARCHING_LAST,
    SEARCHING_NICK,
    SEARCHING_EMAIL,
    SEARCHING_FIELDS
};

struct searching_request {
    const char *of[SEARCHING_FIELDS]; /* "": anything */
    bool is_form;
};

struct searching_words {
    const char *title, *instructions, *jid, *labels[SEARCHING_FIELDS];
};

struct searching_found {
    const char *jid, *name, *mail; /* name may be NULL */
};

/* The whole answer to an iq get; NULL when the arena is exhausted. */
struct xml_node *searching_form(struct arena *a, const struct xml_node *iq,
                                const struct searching_words *words);
/* What a set asks for; unknown fields are left out.  -1: memory. */
int searching_read(struct arena *a, const struct xml_node *iq,
                   struct searching_request *out) MUST_CHECK;
/* The whole answer to it; NULL when the arena is exhausted. */
struct xml_node *searching_result(struct arena *a, const struct xml_node *iq,
                                  const struct searching_request *request,
                                  const struct searching_words *words,
                                  const struct searching_found *found, const struct paging *paging);

#endif
