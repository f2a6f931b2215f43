/*
 * pings: those that were sent on a stream and wait for an answer (XEP-0199), oldest first.
 *
 * Numbers count from 1 on each connection; the id of a ping has a random part of the connection
 * before its number, so that nobody but the host can answer.  Loop thread only.
 */
#ifndef COMPONENT_PINGS_H
#define COMPONENT_PINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/xml.h"

enum { PINGS_MAX = 1024, PINGS_PREFIX_SIZE = 20 };

struct ping {
    void (*fn)(bool answered, void *arg); /* NULL: nobody asked */
    void *arg;
    int64_t sent_ms;
    uint64_t end; /* of the ping, in bytes written since connecting */
    uint64_t number;
    struct ping *next;
};

struct pings {
    char prefix[PINGS_PREFIX_SIZE];
    char last_prefix[PINGS_PREFIX_SIZE]; /* of the connection before: late answers may still come */
    uint64_t number;                     /* of the newest */
    struct ping *first, *last;
    unsigned count;
};

/* For a new connection; the list is empty. */
int pings_begin(struct pings *ps, struct err *e) MUST_CHECK;

/* A ping with the next number, not in the list yet; NULL when PINGS_MAX wait or memory is out. */
struct ping *pings_make(struct pings *ps);
void pings_add(struct pings *ps, struct ping *p);
void pings_write(const struct pings *ps, const struct ping *p, const char *from, const char *to,
                 struct buf *out);

/* Is it an answer, by result or error, to a ping of this connection? *number_out gets its number.
 */
bool pings_is_answer(const struct pings *ps, const struct xml_node *stanza, uint64_t *number_out);
/* Is it an answer of that host to a ping that a component of this kind has sent, but not this one?
 * Another instance is connected then, and the host shares what comes between the two. */
bool pings_is_foreign(const struct pings *ps, const struct xml_node *stanza, const char *host);
/* Takes it out of the list; the caller frees it.  NULL when it is not there. */
struct ping *pings_take(struct pings *ps, uint64_t number);
struct ping *pings_take_first(struct pings *ps);
void pings_clear(struct pings *ps);

#endif
