/*
 * shows: as what a user is there.  No data of its own.
 */
#include "bridge/people/shows.h"

#include "component/stream.h"

#include <stdlib.h>
#include <string.h>

static unsigned long long hash_of(const char *text)
{
    unsigned long long h = 14695981039346656037ULL;

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211ULL;
    return h;
}

static void drop(struct shows *s, unsigned i)
{
    s->of[i] = s->of[--s->count];
}

/* The text of a child, without space around it and at most so long; "": none. */
static void read_child(const struct xml_node *presence, const char *name, char *out, size_t size)
{
    const struct xml_node *child = xml_child(presence, STREAM_NS, name);
    const char *text = child && child->first && !child->first->name ? child->first->text : "";
    size_t len;

    text += strspn(text, " \t\r\n");
    len = strcspn(text, " \t\r\n");
    if (len >= size)
        len = 0;
    memcpy(out, text, len);
    out[len] = '\0';
}

/* RFC 6121 §4.7.2.1; what is none of them is as if it were not there. */
static enum show read_show(const struct xml_node *presence)
{
    static const enum show shows[] = {SHOW_CHAT, SHOW_AWAY, SHOW_XA, SHOW_DND};
    char text[8];
    size_t i;

    read_child(presence, "show", text, sizeof text);
    for (i = 0; i < sizeof shows / sizeof shows[0]; i++)
        if (strcmp(text, show_name(shows[i])) == 0)
            return shows[i];
    return SHOW_ONLINE;
}

static signed char read_priority(const struct xml_node *presence)
{
    char text[8], *end;
    long n;

    read_child(presence, "priority", text, sizeof text);
    n = strtol(text, &end, 10);
    return *end || n < -128 || n > 127 ? 0 : (signed char)n;
}

void shows_take(struct shows *s, const char *resource, const struct xml_node *presence)
{
    unsigned long long who = hash_of(resource);
    unsigned i = 0;

    while (i < s->count && s->of[i].who != who)
        i++;
    if (xml_get(presence, "type")) {
        if (!*resource)
            s->count = 0;
        else if (i < s->count)
            drop(s, i);
        return;
    }
    if (i == SHOWS_MAX)
        return;
    if (i == s->count)
        s->count++;
    s->of[i].who = who;
    s->of[i].priority = read_priority(presence);
    s->of[i].show = (unsigned char)read_show(presence);
}

enum show shows_best(const struct shows *s)
{
    enum show best = SHOW_OFFLINE;
    int priority = 0;
    unsigned i;

    for (i = 0; i < s->count; i++) {
        int p = s->of[i].priority;

        if (p > priority || (p == priority && s->of[i].show < best)) {
            priority = p;
            best = (enum show)s->of[i].show;
        }
    }
    return best;
}

const char *show_name(enum show show)
{
    static const char *const names[SHOW_COUNT] = {"unknown", "chat", "online", "away",
                                                  "xa",      "dnd",  "offline"};

    return show < SHOW_COUNT ? names[show] : "unknown";
}
