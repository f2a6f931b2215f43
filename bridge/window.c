/*
 * window: stanzas on the wire and not yet known to have arrived.
 *
 * Owns the order of entries and a table of them by id; the entries are their owners'.  Loop thread.
 * A crash forgets the window: what was in it is still in the queue and is sent again with the same
 * id; a suspect then has to close the stream twice anew.
 */
#include "bridge/window.h"

#include "base/buf.h"
#include "base/step.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    TABLE_SIZE = 4096,
    SETTLE_MS = 0,
    SUSPECTS_MAX = 64,
    SUSPECT_ID_SIZE = 48,
    ANSWER_MAX = 1 << 20, /* bytes of one */
    HELD_MAX = 256        /* answers that wait while the window is careful */
};

/* What nobody keeps, under way or held back. */
struct answer {
    struct window_entry entry;
    struct answer *next;
    size_t len;
    char xml[];
};

struct window {
    struct stream *stream;
    struct loop_timer *turn; /* sends the barrier once the present batch is out */
    struct window_entry *first, **end;
    struct window_entry *table[TABLE_SIZE];
    unsigned count, count_max;
    size_t bytes, bytes_max;
    bool has_barrier;
    void (*on_room)(void *arg);
    void *room_arg;

    unsigned careful; /* so many have to arrive one by one; 0: not careful */
    struct answer *held, **held_end;
    unsigned held_count;
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

static void answer_done(struct window_entry *entry, enum window_result result,
                        const struct xml_node *error)
{
    (void)result;
    (void)error;
    free(entry); /* the first member of its answer */
}

static bool is_answer(const struct window_entry *entry)
{
    return entry->done == answer_done;
}

/* The entry was alone when the host closed the stream: true when it was so before. */
static bool is_poison(struct window *w, struct window_entry *entry)
{
    const char *id = entry->id;

    if (find_suspect(w, id) || entry->is_suspect) {
        acquit(w, id);
        return true;
    }
    entry->is_accused = true;
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
static void send_held(struct window *w);

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
    if (is_answer(entry)) /* it was not among what is looked for one by one */
        return;
    one_less(w);
    acquit(w, entry->id);
}

/* Everything up to the barrier has arrived. */
static void answered(bool ok, void *arg)
{
    struct window *w = arg;
    bool was_full = !window_has_room(w);

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
    send_held(w);
    if (w->first)
        loop_timer_start(w->turn, SETTLE_MS);
    if (was_full && w->on_room && window_has_room(w))
        w->on_room(w->room_arg);
}

struct window *window_new(struct loop *loop, struct stream *stream, unsigned entries_max,
                          size_t bytes_max)
{
    struct window *w = calloc(1, sizeof *w);

    if (!w)
        return NULL;
    w->stream = stream;
    w->end = &w->first;
    w->held_end = &w->held;
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

static int send_entry(struct window *w, struct window_entry *entry, const char *xml, size_t len)
{
    unsigned at;
    int r;

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
    entry->is_accused = false;
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

int window_send(struct window *w, struct window_entry *entry, const char *xml, size_t len)
{
    if (w->count >= w->count_max || (w->careful > 0 && (w->count > 0 || w->held)))
        return -1;
    return send_entry(w, entry, xml, len);
}

/* Answers. */

static struct answer *answer_new(const struct xml_node *stanza)
{
    struct answer *a = NULL;
    struct buf b;

    buf_init(&b, ANSWER_MAX);
    xml_write(&b, stanza, STREAM_NS);
    if (!buf_failed(&b) && (a = malloc(sizeof *a + b.len))) {
        memset(a, 0, sizeof *a);
        memcpy(a->xml, b.data, b.len);
        a->len = b.len;
        a->entry.id = a->entry.to = "\n"; /* no error that comes back is for it */
        a->entry.done = answer_done;
    }
    buf_clear(&b);
    return a;
}

/* While the window is careful, one of them at a time like the rest. */
static void send_held(struct window *w)
{
    while (w->held && (w->careful == 0 || w->count == 0)) {
        struct answer *a = w->held;

        w->held = a->next;
        if (!w->held)
            w->held_end = &w->held;
        w->held_count--;
        if (send_entry(w, &a->entry, a->xml, a->len) < 0)
            free(a);
    }
}

static int hold(struct window *w, struct answer *a)
{
    if (w->held_count >= HELD_MAX)
        return -1;
    a->next = NULL;
    *w->held_end = a;
    w->held_end = &a->next;
    w->held_count++;
    return 0;
}

int window_answer(struct window *w, const struct xml_node *stanza)
{
    struct answer *a;
    int r;

    /* Before the stream is up no entry is under way that could be accused; with that many, none
     * is alone. */
    if (!stream_is_up(w->stream) || w->count >= 2 * w->count_max)
        return stream_send_node(w->stream, stanza);
    a = answer_new(stanza);
    if (!a)
        return -1;
    r = w->careful > 0 && (w->count > 0 || w->held) ? hold(w, a)
                                                    : send_entry(w, &a->entry, a->xml, a->len);
    if (r < 0)
        free(a);
    return r;
}

static void drop_held(struct window *w)
{
    while (w->held) {
        struct answer *a = w->held;

        w->held = a->next;
        free(a);
    }
    w->held_end = &w->held;
    w->held_count = 0;
}

bool window_has_room(const struct window *w)
{
    if (w->careful > 0)
        return w->count == 0 && !w->held;
    return w->count < w->count_max - w->count_max / 4 && w->bytes < w->bytes_max;
}

void window_on_room(struct window *w, void (*fn)(void *arg), void *arg)
{
    w->on_room = fn;
    w->room_arg = arg;
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
static unsigned count_unanswered(const struct window *w, unsigned *answers_out)
{
    const struct window_entry *entry;
    unsigned n = 0;

    for (entry = w->first; entry; entry = entry->next) {
        n += entry->error ? 0 : 1;
        *answers_out += is_answer(entry);
    }
    return n;
}

void window_down(struct window *w, enum stream_loss loss, const char *reason)
{
    struct window_entry *entry = w->first, *next;
    unsigned answers = 0, lost = loss == STREAM_LOSS_STANZA ? count_unanswered(w, &answers) : 0;

    w->first = NULL;
    w->end = &w->first;
    w->has_barrier = false;
    loop_timer_stop(w->turn);
    drop_held(w);
    for (; entry; entry = next) {
        enum window_result result = WINDOW_LOST;

        next = entry->next;
        unlink_entry(w, entry);
        if (entry->error) {
            settle(w, entry);
        } else if (lost == 1 && !is_answer(entry) && is_poison(w, entry)) {
            result = WINDOW_POISON;
            entry->reason = reason;
            lost = 0;
            one_less(w);
        }
        give_back(entry, result);
    }
    /* Answers do not come again. */
    if (lost > answers && w->careful < lost - answers)
        w->careful = lost - answers;
}

bool window_is_careful(const struct window *w)
{
    return w->careful > 0;
}

bool window_is_empty(const struct window *w)
{
    return !w->first;
}
