/*
 * reader_child: one process that reads mail, from its start to its end, and what it was told.
 *
 * Starting does not wait: the process gets ready beside whatever else goes on, and only who needs
 * it waits for what is left of that.  Calls block else; one thread at a time.
 */
#ifndef BRIDGE_READING_READER_CHILD_H
#define BRIDGE_READING_READER_CHILD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/confine.h"
#include "base/err.h"
#include "base/helper.h"
#include "bridge/reading/reader_wire.h"
#include "bridge/settings.h"

/* All zero: there is none. */
struct reader_child {
    struct helper *helper;
    struct settings *told; /* what the process works with */
    char nonce[WIRE_NONCE_SIZE];
    bool is_ready;
    enum confine_state confined; /* once it is ready */
    unsigned served;             /* mails that it has read */
    int64_t served_from_ms;      /* since when it reads them */
};

/* Starts one where there is none. */
int reader_child_start(struct reader_child *c, struct helper_template *origin,
                       const atomic_bool *stop, struct err *e) MUST_CHECK;
/* Waits until it can read.  -1: it never will, and is gone. */
int reader_child_wait(struct reader_child *c, struct err *e) MUST_CHECK;
/* It has read another. */
void reader_child_count(struct reader_child *c);
/* Another forgets what it is, and is there no more; *out is what this was. */
void reader_child_move(struct reader_child *c, struct reader_child *out);
/* Ends it, whatever it does; the rest is as of helper_end. */
void reader_child_end(struct reader_child *c, const char *why, struct helper_death *out);

#endif
