/*
 * header_param: values with parameters, Content-Type and Content-Disposition (RFC 2045 §5.1, RFC
 * 2231), as mail programs write them.  Pure; any thread.
 */
#ifndef MAPPING_MIME_HEADER_PARAM_H
#define MAPPING_MIME_HEADER_PARAM_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"

struct param {
    const char *name;  /* lower case, without * and numbers */
    const char *value; /* UTF-8, one line */
    struct param *next;
};

struct param_value {
    const char *main; /* "text/plain", "attachment": lower case, without blanks; "" for none */
    struct param *params;
};

/* value NULL: an empty one.  -1 only when the arena is exhausted. */
int header_params(struct arena *a, const char *value, struct param_value *out) MUST_CHECK;

const char *param_get(const struct param_value *v, const char *name); /* NULL: not there */

#endif
