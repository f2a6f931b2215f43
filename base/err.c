/*
 * err: filling a struct err.  Owns no data, runs on any thread, leaves nothing behind.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

int err_set(struct err *e, enum err_class class, const char *fmt, ...)
{
    if (e) {
        va_list ap;

        e->class = class;
        va_start(ap, fmt);
        vsnprintf(e->text, sizeof e->text, fmt, ap);
        va_end(ap);
    }
    return -1;
}

int err_memory(struct err *e)
{
    return err_set(e, ERR_RETRY, "out of memory");
}

void err_clear(struct err *e)
{
    e->class = ERR_NONE;
    e->text[0] = '\0';
}

const char *err_class_name(enum err_class class)
{
    switch (class) {
    case ERR_NONE:
        return "none";
    case ERR_RETRY:
        return "retry";
    case ERR_PERMANENT:
        return "permanent";
    case ERR_BUG:
        return "bug";
    }
    return "unknown";
}
