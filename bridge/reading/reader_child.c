/*
 * reader_child: starts, greets and ends.
 *
 * Owns the process and holds the settings it was told.  The thread of whoever calls.  A crash of
 * ours ends the process, too.
 */
#include "bridge/reading/reader_child.h"

#include <string.h>

#include "base/clock.h"
#include "base/keyed.h"

/* For saying that it can read. */
static const struct helper_limits start_limits = {.cpu_ms = 10000, .wall_ms = 120000};

static int make_nonce(char *out, struct err *e)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char random[(WIRE_NONCE_SIZE - 1) / 2];
    size_t i;

    if (keyed_random(random, sizeof random, e) < 0)
        return -1;
    for (i = 0; i < sizeof random; i++) {
        out[2 * i] = digits[random[i] >> 4];
        out[2 * i + 1] = digits[random[i] & 15];
    }
    out[WIRE_NONCE_SIZE - 1] = '\0';
    return 0;
}

int reader_child_start(struct reader_child *c, struct helper_template *origin,
                       const atomic_bool *stop, struct err *e)
{
    memset(c, 0, sizeof *c);
    if (make_nonce(c->nonce, e) < 0)
        return -1;
    c->helper = helper_start(origin, stop, e);
    if (!c->helper)
        return -1;
    helper_watch(c->helper, &start_limits);
    return 0;
}

int reader_child_wait(struct reader_child *c, struct err *e)
{
    struct helper_death death;
    struct wire_answer hello;

    if (c->is_ready)
        return 0;
    if (channel_read(helper_channel(c->helper), &hello, sizeof hello) == 0 &&
        hello.kind == WIRE_HELLO) {
        c->is_ready = true;
        c->confined = (enum confine_state)hello.value;
        return 0;
    }
    reader_child_end(c, NULL, &death);
    return err_set(e, ERR_RETRY, "the process that reads mail does not start: %s", death.how);
}

void reader_child_count(struct reader_child *c)
{
    if (c->served++ == 0)
        c->served_from_ms = clock_mono_ms(&clock_system);
}

void reader_child_move(struct reader_child *c, struct reader_child *out)
{
    *out = *c;
    memset(c, 0, sizeof *c);
}

void reader_child_end(struct reader_child *c, const char *why, struct helper_death *out)
{
    helper_end(c->helper, why, out);
    settings_drop(c->told);
    memset(c, 0, sizeof *c);
}
