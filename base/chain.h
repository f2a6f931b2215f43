/*
 * chain: things that wait in order, linked through themselves.
 *
 * A thing that can wait has a struct chain_link as its FIRST member and is in one chain at a time;
 * what a chain gives back is cast to the thing.  A chain of zeroes is empty.  No allocation, no
 * locks: whoever shares a chain has a lock.
 */
#ifndef BASE_CHAIN_H
#define BASE_CHAIN_H

#include <stddef.h>

struct chain_link {
    struct chain_link *next; /* NULL at the end */
};

struct chain {
    struct chain_link *head, *tail; /* tail has a meaning where there is a head */
};

static inline void chain_push(struct chain *c, struct chain_link *link)
{
    link->next = NULL;
    if (c->head)
        c->tail->next = link;
    else
        c->head = link;
    c->tail = link;
}

static inline void chain_push_first(struct chain *c, struct chain_link *link)
{
    link->next = c->head;
    if (!c->head)
        c->tail = link;
    c->head = link;
}

/* The first one, as a void * for the thing it begins; NULL: the chain is empty. */
static inline void *chain_pop(struct chain *c)
{
    struct chain_link *link = c->head;

    if (link)
        c->head = link->next;
    return link;
}

/* All at once; c is empty then. */
static inline struct chain chain_take(struct chain *c)
{
    struct chain all = *c;

    c->head = c->tail = NULL;
    return all;
}

#endif
