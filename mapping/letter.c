/*
 * letter: making one and adding to its lists.  Everything lives in the letter's arena; no thread of
 * its own, nothing outside memory.
 */
#include "mapping/letter.h"

struct letter *letter_new(struct arena *a)
{
    struct letter *l = arena_alloc(a, sizeof *l);

    if (l)
        l->arena = a;
    return l;
}

struct party *letter_add_party(struct letter *l, struct party **list)
{
    struct party *p = arena_alloc(l->arena, sizeof *p);

    if (!p)
        return NULL;
    while (*list)
        list = &(*list)->next;
    *list = p;
    return p;
}

struct attachment *letter_add_attachment(struct letter *l)
{
    struct attachment **end = &l->attachments;
    struct attachment *att = arena_alloc(l->arena, sizeof *att);

    if (!att)
        return NULL;
    while (*end)
        end = &(*end)->next;
    *end = att;
    return att;
}

struct reference *letter_add_reference(struct letter *l, const char *message_id)
{
    struct reference **end = &l->references;
    struct reference *ref = arena_alloc(l->arena, sizeof *ref);

    if (!ref)
        return NULL;
    ref->message_id = arena_strdup(l->arena, message_id);
    if (!ref->message_id)
        return NULL;
    while (*end)
        end = &(*end)->next;
    *end = ref;
    return ref;
}
