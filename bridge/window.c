/*
 * window: stanzas on the wire and not yet known to have arrived.
 *
 * Owns the order of entries and a table of them by id; the entries are their owners'.  Loop thread.
 * A crash forgets the window: what was in it is still in the queue and is sent again with the same
 * id; a suspect then has to close the stream twice anew.
 */
#include "bridge/window.h"

#include "base/step.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE_SIZE = 4096, SETTLE_MS = 0, SUSPECTS_MAX = 64, SUSPECT_ID_SIZE = 48 };

struct window {
    struct stream *stream;
    struct loop_timer *turn; /* sends the barrier once the present batch is out */
    struct window_entry *first, **end;
    struct window_entry *table[TABLE_SIZE];
    unsigned count, count_max;
    size_t bytes, bytes_max;
    bool has_barrier;

    unsigned careful; /* so many have to arrive one by one; 0: not careful */
    /* Were alone when the host closed the stream, once. */
    char suspects[SUSPECTS_MAX][SUSPECT_ID_SIZE];
    unsigned suspect_count;
};

static unsigned place(const char *id)
{
    uint32_t h = 2166136261U;

    for (; *id; id++)
        h = (h ^ (unsigned char)*id) * 16777619U;
    return h % TABLE_SIZE;
}

static void unlink_entry(struct window *w, struct window_entry *entry)
{
    struct window_entry **at;

    for (at = &w->table[place(entry->id)]; *at; at = &(*at)->chain)
        if (*at == entry) {
            *at = entry->chain;
            break;
        }
    w->count--;
    w->bytes -= entry->len;
}

/* Suspects. */

static char *find_suspect(struct window *w, const char *id)
{
    unsigned i;

    for (i = 0; i < w->suspect_count; i++)
        if (strcmp(w->suspects[i], id) == 0)
            return w->suspects[i];
    return NULL;
}

static void acquit(struct window *w, const char *id)
{
    char *at = find_suspect(w, id);

    if (at) /* the others keep their order */
        memmove(at, at + SUSPECT_ID_SIZE, (size_t)(w->suspects[--w->suspect_count] - at));
}

/* The entry was alone when the host closed the stream: true when it was so before. */
static bool is_poison(struct window *w, const char *id)
{
    if (find_suspect(w, id)) {
        acquit(w, id);
        return true;
    }
    if (strlen(id) >= SUSPECT_ID_SIZE)
        return false; /* none of ours is so long */
    /* Full: the newest makes room, so that the others are found out one after the other. */
    if (w->suspect_count == SUSPECTS_MAX)
        w->suspect_count--;
    strcpy(w->suspects[w->suspect_count++], id);
    return false;
}

static void give_back(struct window_entry *entry, enum window_result result)
{
    struct arena *arena = entry->error_arena;
    const struct xml_node *error = entry->error;

    entry->error_arena = NULL;
    entry->done(entry, error ? WINDOW_ERROR : result, error);
    arena_free(arena);
}

static void answered(bool ok, void *arg);

static void send_barrier(void *arg)
{
    struct window *w = arg;
    struct window_entry *entry;

    if (w->has_barrier || !w->first)
        return;
    for (entry = w->first; entry; entry = entry->next)
        entry->is_covered = true;
    if (stream_barrier(w->stream, answered, w) < 0) {
        for (entry = w->first; entry; entry = entry->next)
            entry->is_covered = false;
        if (stream_is_up(w->stream)) /* its buffer is full: soon again */
            loop_timer_start(w->turn, 50);
        return;
    }
    step("barrier.sent");
    w->has_barrier = true;
}

static void one_less(struct window *w)
{
    if (w->careful > 0)
        w->careful--;
}

/* It is done with, and was not what the host closes the stream over. */
static void settle(struct window *w, const struct window_entry *entry)
{
    one_less(w);
    acquit(w, entry->id);
}

/* Everything up to the barrier has arrived. */
static void answered(bool ok, void *arg)
{
    struct window *w = arg;

    w->has_barrier = false;
    step("barrier.answered");
    if (!ok)
        return; /* the stream is lost: window_down follows */
    while (w->first && w->first->is_covered) {
        struct window_entry *entry = w->first;

        w->first = entry->next;
        if (!w->first)
            w->end = &w->first;
        unlink_entry(w, entry);
        settle(w, entry);
        give_back(entry, WINDOW_TAKEN);
    }
    if (w->first)
        loop_timer_start(w->turn, SETTLE_MS);
}

struct window *window_new(struct loop *loop, struct stream *stream, unsigned entries_max,
                          size_t bytes_max)
{
    struct window *w = calloc(1, sizeof *w);

    if (!w)
        return NULL;
    w->stream = stream;
    w->end = &w->first;
    w->count_max = entries_max;
    w->bytes_max = bytes_max;
    w->turn = loop_timer_new(loop, send_barrier, w);
    if (!w->turn) {
        free(w);
        return NULL;
    }
    return w;
}

void window_free(struct window *w)
{
    if (!w)
        return;
    window_down(w, STREAM_LOSS_NETWORK, "");
    loop_timer_free(w->turn);
    free(w);
}

int window_send(struct window *w, struct window_entry *entry, const char *xml, size_t len)
{
    unsigned at;
    int r;

    if (w->count >= w->count_max || (w->careful > 0 && w->count > 0))
        return -1;
    step("window.send");
    r = stream_send(w->stream, xml, len);
    if (r < 0)
        return r;
    step("window.sent");
    at = place(entry->id);
    entry->chain = w->table[at];
    w->table[at] = entry;
    entry->next = NULL;
    entry->error = NULL;
    entry->error_arena = NULL;
    entry->reason = NULL;
    entry->is_covered = false;
    entry->len = len;
    *w->end = entry;
    w->end = &entry->next;
    w->count++;
    w->bytes += len;
    if (!w->has_barrier && !loop_timer_is_pending(w->turn))
        loop_timer_start(w->turn, SETTLE_MS);
    return 0;
}

bool window_has_room(const struct window *w)
{
    if (w->careful > 0)
        return w->count == 0;
    return w->count < w->count_max - w->count_max / 4 && w->bytes < w->bytes_max;
}

/* Is from the JID that the entry was sent to, or a resource of it? */
static bool is_from(const struct window_entry *entry, const char *from)
{
    size_t n = strlen(entry->to);

    return strncmp(from, entry->to, n) == 0 && (from[n] == '\0' || from[n] == '/');
}

bool window_error(struct window *w, const struct xml_node *stanza, struct arena *arena)
{
    const char *id = xml_get(stanza, "id"), *from = xml_get(stanza, "from");
    struct window_entry *entry;

    if (!id || !from)
        return false;
    for (entry = w->table[place(id)]; entry; entry = entry->chain)
        if (strcmp(entry->id, id) == 0 && is_from(entry, from))
            break;
    if (!entry)
        return false;
    if (entry->error) { /* one error is enough */
        arena_free(arena);
        return true;
    }
    entry->error = xml_child(stanza, NULL, "error");
    if (!entry->error)
        entry->error = stanza; /* type error and no <error/>: still an error, of no known kind */
    entry->error_arena = arena;
    return true;
}

/* What has been answered by an error was read by the host, and is not at fault. */
static unsigned count_unanswered(const struct window *w)
{
    const struct window_entry *entry;
    unsigned n = 0;

    for (entry = w->first; entry; entry = entry->next)
        n += entry->error ? 0 : 1;
    return n;
}

void window_down(struct window *w, enum stream_loss loss, const char *reason)
{
    struct window_entry *entry = w->first, *next;
    unsigned lost = loss == STREAM_LOSS_STANZA ? count_unanswered(w) : 0;

    w->first = NULL;
    w->end = &w->first;
    w->has_barrier = false;
    loop_timer_stop(w->turn);
    for (; entry; entry = next) {
        enum window_result result = WINDOW_LOST;

        next = entry->next;
        unlink_entry(w, entry);
        if (entry->error) {
            settle(w, entry);
        } else if (lost == 1 && is_poison(w, entry->id)) {
            result = WINDOW_POISON;
            entry->reason = reason;
            lost = 0;
            one_less(w);
        }
        give_back(entry, result);
    }
    if (w->careful < lost)
        w->careful = lost;
}

bool window_is_careful(const struct window *w)
{
    return w->careful > 0;
}

bool window_is_empty(const struct window *w)
{
    return !w->first;
}
