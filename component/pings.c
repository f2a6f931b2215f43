/*
 * pings: the list of pings without an answer.  Owns its entries; loop thread only.
 */
#include "component/pings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/keyed.h"

int pings_begin(struct pings *ps, struct err *e)
{
    unsigned char random[8];

    if (keyed_random(random, sizeof random, e) < 0)
        return -1;
    memcpy(ps->last_prefix, ps->prefix, sizeof ps->last_prefix);
    snprintf(ps->prefix, sizeof ps->prefix, "p%02x%02x%02x%02x%02x%02x%02x%02x-", random[0],
             random[1], random[2], random[3], random[4], random[5], random[6], random[7]);
    ps->number = 0;
    return 0;
}

struct ping *pings_make(struct pings *ps)
{
    struct ping *p = ps->count < PINGS_MAX ? calloc(1, sizeof *p) : NULL;

    if (p)
        p->number = ++ps->number;
    return p;
}

void pings_add(struct pings *ps, struct ping *p)
{
    if (ps->first)
        ps->last->next = p;
    else
        ps->first = p;
    ps->last = p;
    ps->count++;
}

void pings_write(const struct pings *ps, const struct ping *p, const char *from, const char *to,
                 struct buf *out)
{
    buf_printf(out, "<iq type='get' id='%s%" PRIu64 "' from='", ps->prefix, p->number);
    xml_escape(out, from);
    buf_adds(out, "' to='");
    xml_escape(out, to);
    buf_adds(out, "'><ping xmlns='urn:xmpp:ping'/></iq>");
}

bool pings_is_answer(const struct pings *ps, const struct xml_node *stanza, uint64_t *number_out)
{
    const char *id = xml_get(stanza, "id"), *type = xml_get(stanza, "type");
    size_t len = strlen(ps->prefix);

    if (strcmp(stanza->name, "iq") != 0 || !id || !type || strncmp(id, ps->prefix, len) != 0 ||
        (strcmp(type, "result") != 0 && strcmp(type, "error") != 0))
        return false;
    *number_out = strtoull(id + len, NULL, 10);
    return true;
}

bool pings_is_foreign(const struct pings *ps, const struct xml_node *stanza, const char *host)
{
    const char *id = xml_get(stanza, "id"), *type = xml_get(stanza, "type");
    const char *from = xml_get(stanza, "from");

    return strcmp(stanza->name, "iq") == 0 && id && type && from && strcmp(from, host) == 0 &&
           (strcmp(type, "result") == 0 || strcmp(type, "error") == 0) && id[0] == 'p' &&
           strspn(id + 1, "0123456789abcdef") == 16 && id[17] == '-' &&
           strncmp(id, ps->prefix, 18) != 0 && strncmp(id, ps->last_prefix, 18) != 0;
}

struct ping *pings_take(struct pings *ps, uint64_t number)
{
    struct ping *before = NULL, *p = ps->first;

    while (p && p->number != number) {
        before = p;
        p = p->next;
    }
    if (!p)
        return NULL;
    if (before)
        before->next = p->next;
    else
        ps->first = p->next;
    if (ps->last == p)
        ps->last = before;
    ps->count--;
    p->next = NULL;
    return p;
}

struct ping *pings_take_first(struct pings *ps)
{
    return ps->first ? pings_take(ps, ps->first->number) : NULL;
}

void pings_clear(struct pings *ps)
{
    struct ping *p;

    while ((p = pings_take_first(ps)))
        free(p);
}
