/*
 * lately: who was looked after a short while ago, in memory of a fixed size.
 *
 * It forgets: two users whose hashes meet push each other out, and a restart empties it.  So it is
 * for sparing work and for breaking circles, not for what must hold.  Not shared between threads.
 */
#ifndef BASE_LATELY_H
#define BASE_LATELY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LATELY_SLOTS = 1024 };

struct lately { /* zeroed: nobody */
    struct {
        uint64_t who;
        int64_t until_s;
    } slots[LATELY_SLOTS];
};

/* Was `who` here in the last quiet_s seconds?  If not, they are from now on.  A clock that is set
 * back does not make anybody wait longer. */
bool lately_seen(struct lately *l, const char *who, int64_t now_s, int64_t quiet_s);

#endif
