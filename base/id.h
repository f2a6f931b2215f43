/*
 * id: the name of a message in the queue, in the log and in its Message-ID.
 *
 * 63 bits: milliseconds since 1970 in the high 43, then 20 random or counted ones, so ids made one
 * after the other sort by time and are new across restarts and gateways.  As text: 13 characters of
 * base32 (0-9a-v, sorting like the number).  An id is no secret; what must not be guessed carries a
 * mac (base/keyed.h).
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

enum { ID_TEXT_SIZE = 14 }; /* with the NUL */
enum { ID_RANDOM = 64 };

/* State of a maker of ids; each is used by one thread. */
struct id_maker {
    const struct clock *clock;
    int64_t last;
    uint32_t random[ID_RANDOM]; /* asked for in advance: a call for each would cost more than all
                                   else about an id */
    unsigned random_left;
};

void id_maker_init(struct id_maker *m, const struct clock *clock);
int64_t id_next(struct id_maker *m); /* > 0, larger than the one before */

int64_t id_time_s(int64_t id); /* when it was made */
/* The least id that is made at this time. */
int64_t id_at(int64_t wall_s);

/* The first id that may have been made at this time; 1 for a time before ids. */
int64_t id_first(int64_t wall_s);

/* out holds ID_TEXT_SIZE; returns out. */
char *id_format(int64_t id, char *out);
/* The id that the n characters at text name, 0 when they name none. Case does not matter. */
int64_t id_parse(const char *text, unsigned n);

#endif
