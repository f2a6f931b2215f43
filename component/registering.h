/*
 * registering: what passes between the gateway and a client at registration (XEP-0077), as a data
 * form and as the fields of before there were forms.  Everything is made in the arena; any thread.
 */
#ifndef COMPONENT_REGISTERING_H
#define COMPONENT_REGISTERING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/xml.h"
#include "component/reply.h"

#define REGISTER_NS "jabber:iq:register"

enum registering { REGISTERING_LOOK, REGISTERING_SET, REGISTERING_REMOVE, REGISTERING_CANCEL };

enum { REGISTERING_EXTRA_MAX = 16 };

/* What a client asks for.  NULL: not said, and so to stay as it is; "": none. */
struct registering_request {
    enum registering what;
    const char *alias, *name;
    const char *extra[REGISTERING_EXTRA_MAX]; /* of the further fields, in their order */
};

/* Fields of the form that are not of this file; others than these are refused. */
struct registering_extra {
    const char *const *vars;
    size_t count; /* at most REGISTERING_EXTRA_MAX */
};

/* -1: *error_out and *text_out, words for the user, say what is wrong with it. */
int registering_read(struct arena *a, const struct xml_node *iq,
                     const struct registering_extra *extra, struct registering_request *out,
                     enum reply_error *error_out, const char **text_out) MUST_CHECK;

struct registering_state {
    bool is_registered;
    bool may_choose;   /* an address of their own */
    const char *alias; /* NULL: none */
    const char *name;  /* "": none */
    /* In the user's language. */
    const char *title, *instructions, *alias_label, *name_label;
};

/* The whole answer to an iq get, and in it the form, to which fields may be added; NULL when the
 * arena is exhausted. */
struct xml_node *registering_form(struct arena *a, const struct xml_node *iq,
                                  const struct registering_state *state,
                                  struct xml_node **form_out);

#endif
