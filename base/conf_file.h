/*
 * conf_file: the configuration file as libconfuse reads it, as a flat list of settings with the
 * line each stands on.  What the values mean is conf.c's.
 *
 * Everything lives in the caller's arena.  Any thread: libconfuse's scanner is one for the whole
 * process, so reading is done under a lock.
 */
#ifndef BASE_CONF_FILE_H
#define BASE_CONF_FILE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"

struct conf_setting {
    const char *name, *value;
    int line;
    struct conf_setting *next;
};

struct conf_section {
    const char *name;              /* "jabber"; "" for what stands outside of sections */
    const char *title;             /* NULL: has none */
    int line;                      /* where it begins */
    struct conf_setting *settings; /* as they stand in the file; a list is one for each element */
    struct conf_section *next;
};

struct conf_file {
    struct arena *arena;
    const char *path;
    int last_line;
    bool is_private;               /* readable and writable by its owner alone */
    struct conf_section *sections; /* the first is the file's own */
};

int conf_file_read(struct arena *a, const char *path, struct conf_file *out,
                   struct err *e) MUST_CHECK;

/* The section of this name behind `after` (NULL: the first), NULL when there is none. */
const struct conf_section *conf_file_next(const struct conf_file *f, const char *name,
                                          const struct conf_section *after);

/* "FILE:LINE: section.option: ..." of class ERR_PERMANENT. setting NULL: it is missing from the
 * section (section NULL: from the file). option NULL: nothing of that kind is named. Returns -1. */
int conf_file_error(const struct conf_file *f, const struct conf_section *section,
                    const struct conf_setting *setting, const char *option, struct err *e,
                    const char *fmt, ...) PRINTF(6, 7);

#endif
