/*
 * address_map_inside: what an address map is made of.  address_rules builds it from the
 * configuration, address_map answers from it.
 */
#ifndef MAPPING_ADDRESS_ADDRESS_MAP_INSIDE_H
#define MAPPING_ADDRESS_ADDRESS_MAP_INSIDE_H

#include "mapping/address/address_map.h"

/* What stands before and behind the * of a pattern. */
struct pattern {
    const char *head, *tail;
    size_t head_len, tail_len;
};

struct rule {
    bool is_pattern; /* a * on both sides: node and local are NULL */
    bool to_mail, to_jabber;
    struct jid jid;
    struct addr mail;
    struct pattern node, local;
    const char *words;
};

struct box { /* a mailbox whose sub-addresses are Jabber users */
    struct addr address;
    const char *words;
};

struct address_map {
    struct arena *arena;
    const char *gateway, *mail_domain;
    const char **home;
    size_t home_count;
    struct rule *rules;
    size_t rule_count;
    struct box *boxes;
    const struct box *own; /* the one whose sub-addresses users have; NULL: they are at md */
    size_t box_count;
    const char *home_words, *other_words, *stored_words;
    struct pairs *registered; /* by users; NULL: nobody has */
};

#endif
