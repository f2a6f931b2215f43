/*
 * err: how a call says what went wrong.
 *
 * A fallible function returns 0 or -1, is marked MUST_CHECK, and fills the struct err it was given.
 * The class decides what the queue does next and which protocol reply is sent; the text is for a
 * person, one line, without secrets or message content.  Any thread; a struct err belongs to its
 * caller.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define MUST_CHECK     __attribute__((warn_unused_result))
#define PRINTF(fmt, a) __attribute__((format(printf, fmt, a)))

enum err_class {
    ERR_NONE,      /* nothing went wrong */
    ERR_RETRY,     /* the world failed for now: memory, disk, a peer that is away */
    ERR_PERMANENT, /* the input or the configuration is wrong and will stay so */
    ERR_BUG        /* our own mistake */
};

struct err {
    enum err_class class;
    char text[512];
};

/* Fills *e (which may be NULL) and returns -1, so that `return err_set(...)` reads well. */
int err_set(struct err *e, enum err_class class, const char *fmt, ...) PRINTF(3, 4);

/* err_set for the case that comes up most: memory is out or a limit on it was reached. */
int err_memory(struct err *e);

void err_clear(struct err *e);
const char *err_class_name(enum err_class class);

#endif
