/*
 * id: making and writing ids.  State is the maker's, one thread each.
 */
#include "base/id.h"

#include <openssl/rand.h>

static const char digits[] = "0123456789abcdefghijklmnopqrstuv";

void id_maker_init(struct id_maker *m, const struct clock *clock)
{
    m->clock = clock;
    m->last = 0;
    m->random_left = 0;
}

/* Failing randomness costs only that two gateways might meet in one millisecond. */
static uint32_t next_random(struct id_maker *m)
{
    if (m->random_left == 0) {
        if (RAND_bytes((unsigned char *)m->random, sizeof m->random) != 1)
            return 0;
        m->random_left = ID_RANDOM;
    }
    return m->random[--m->random_left];
}

/* In the high bits: the time, where it can be written; the largest leaves room to count on in. */
static int64_t at_ms(int64_t ms)
{
    const int64_t ms_max = ((int64_t)1 << 43) - 2;

    return (ms < 0 ? 0 : ms > ms_max ? ms_max : ms) << 20;
}

int64_t id_at(int64_t wall_s)
{
    return at_ms(wall_s > INT64_MAX / 1000 ? INT64_MAX : wall_s * 1000);
}

int64_t id_time_s(int64_t id)
{
    return (id >> 20) / 1000;
}

int64_t id_next(struct id_maker *m)
{
    int64_t id, ms = clock_wall_ms(m->clock);
    uint32_t random = next_random(m);

    id = at_ms(ms) | (random & 0xfffff);
    if (id <= m->last)
        id = m->last + 1 + (random & 0xff); /* same millisecond, or the clock went back */
    m->last = id;
    return id;
}

char *id_format(int64_t id, char *out)
{
    uint64_t v = (uint64_t)id;
    int i;

    for (i = ID_TEXT_SIZE - 2; i >= 0; i--) {
        out[i] = digits[v & 31];
        v >>= 5;
    }
    out[ID_TEXT_SIZE - 1] = '\0';
    return out;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'v')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'V')
        return c - 'A' + 10;
    return -1;
}

int64_t id_parse(const char *text, unsigned n)
{
    uint64_t v = 0;
    unsigned i;

    if (n != ID_TEXT_SIZE - 1)
        return 0;
    for (i = 0; i < n; i++) {
        int d = digit_value(text[i]);

        if (d < 0 || (i == 0 && d > 7))
            return 0;
        v = v << 5 | (uint64_t)d;
    }
    return (int64_t)v;
}

int64_t id_first(int64_t wall_s)
{
    return wall_s > 0 && wall_s < INT64_MAX >> 30 ? (wall_s * 1000) << 20 : 1;
}
