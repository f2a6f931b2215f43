/*
 * convert_inside: what the parts of `postern convert` share: convert reads the command line,
 * convert_mail writes mail, convert_jabber writes stanzas and the page with the whole mail.
 */
#ifndef BRIDGE_CLI_CONVERT_INSIDE_H
#define BRIDGE_CLI_CONVERT_INSIDE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/xml.h"
#include "bridge/reading/reader_link.h"
#include "bridge/settings.h"
#include "mapping/context.h"

enum { STANZA_MAX = 4 << 20, ARENA_EXTRA = 16 << 20, RECIPIENTS_MAX = 100 };

struct conversion {
    struct settings *settings;
    struct arena *arena;
    struct context ctx;
    struct buf input;
    int64_t id;
    bool has_envelope;
    const char *recipients[RECIPIENTS_MAX];
    size_t recipient_count;
    const char *sender;
    struct reader_job job; /* of a mail */
};

/* Each gives an exit status of sysexits.h. */
int convert_to_mail(struct conversion *c);
int convert_to_jabber(struct conversion *c);
int convert_to_page(struct conversion *c);

/* A stanza on a line of its own. */
void convert_print_line(const char *xml);
void convert_print_node(const struct xml_node *node);

#endif
