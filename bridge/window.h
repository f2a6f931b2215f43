/*
 * window: stanzas on the wire and not yet known to have arrived.
 *
 * The stream has no acknowledgements, so what was sent is followed by a ping to the host: when it
 * is answered, everything before it has been taken, and errors for it have had their chance to come
 * back and are matched by stanza id.  One barrier is under way at a time; what is sent meanwhile
 * waits for the next, so batches form by themselves.
 *
 * When the host closes the stream over something it was sent, it does not say over what.  The
 * window is careful then: one entry at a time, until as many have arrived as were lost, so that the
 * one at fault is alone when it happens again.  Whatever is sent goes through here, answers that
 * nobody keeps as well: an entry would be accused in their place.  Loop thread only.
 */
#ifndef BRIDGE_WINDOW_H
#define BRIDGE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/loop.h"
#include "base/xml.h"
#include "component/stream.h"

enum window_result {
    WINDOW_TAKEN, /* the host has it */
    WINDOW_ERROR, /* the host or the recipient answered with an error */
    WINDOW_LOST,  /* the stream was lost first: it must be sent again, with the same id */
    WINDOW_POISON /* twice the host closed the stream over it, alone: not to be sent again */
};

/* One stanza under way: part of its owner's structure. */
struct window_entry {
    const char *id; /* the stanza's, the owner's memory */
    const char *to; /* bare JID it goes to: an error counts only when it comes from there */
    /* Once.  error: the <error/> element for WINDOW_ERROR, valid during the call. May free the
     * entry. */
    void (*done)(struct window_entry *entry, enum window_result result,
                 const struct xml_node *error);
    const char *reason; /* for WINDOW_POISON: what the host said, valid during done */
    bool is_suspect;    /* the owner's: it was accused in an earlier life */
    bool is_accused;    /* for WINDOW_LOST: it was alone when the host closed the stream; to be
                           kept by the owner, since the window forgets */
    /* the window's */
    const struct xml_node *error;
    struct arena *error_arena;
    struct window_entry *next, *chain;
    size_t len;
    bool is_covered; /* a barrier was sent behind it */
};

struct window;

/* entries_max: under way at once; bytes_max: of them, before there is no room any more. */
struct window *window_new(struct loop *loop, struct stream *stream, unsigned entries_max,
                          size_t bytes_max);
void window_free(struct window *w); /* entries are given back as lost; takes NULL */

/* -1: the stream is down or full, or too much is under way (when careful, anything);
 * STREAM_TOO_LARGE: it never can be sent. Nothing was sent in both cases. */
int window_send(struct window *w, struct window_entry *entry, const char *xml,
                size_t len) MUST_CHECK;

/* Sends what nobody keeps: an answer, an error, a question.  When the window is careful it waits
 * until nothing else is under way; it is lost with the stream.  -1: it was not taken. */
int window_answer(struct window *w, const struct xml_node *stanza) MUST_CHECK;

/* May work begin that will send some stanzas?  Some are left free for what has begun already. */
bool window_has_room(const struct window *w);
/* fn is called when there is room again, also where only answers had taken it: their end is told to
 * nobody else. */
void window_on_room(struct window *w, void (*fn)(void *arg), void *arg);

/* A stanza of type error came from the host: true when it belonged to an entry (the arena is taken
 * then). */
bool window_error(struct window *w, const struct xml_node *stanza, struct arena *arena);

/* The stream went down: everything under way is lost, or poison.  reason: what the stream said. */
void window_down(struct window *w, enum stream_loss loss, const char *reason);

/* One entry at a time: work that will send should begin only when no other has. */
bool window_is_careful(const struct window *w);

bool window_is_empty(const struct window *w);

#endif
