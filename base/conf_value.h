/*
 * conf_value: one option's value, read and checked.  Shared by the parts of conf only.
 *
 * Each reader looks an option up in v->section.  Where it is missing, *out stays as it is (the
 * default) and 0 is returned; -1 with *v->e filled names the line, what is wrong and what is
 * expected.
 */
#ifndef BASE_CONF_VALUE_H
#define BASE_CONF_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/conf.h"
#include "base/conf_file.h"

struct conf_values {
    struct conf_file *file;
    const struct conf_section *section;
    enum conf_use use;
    struct err *e;
};

const struct conf_setting *conf_value_find(const struct conf_values *v, const char *option);
/* In CONF_SERVE -1 when the option is missing or empty; expected goes into the text. */
int conf_value_need(const struct conf_values *v, const char *option,
                    const char *expected) MUST_CHECK;

int conf_value_text(const struct conf_values *v, const char *option, const char **out) MUST_CHECK;
int conf_value_number(const struct conf_values *v, const char *option, int64_t min, int64_t max,
                      int64_t *out) MUST_CHECK;
/* words ends with NULL; *out is the index of the one that stands there. */
int conf_value_word(const struct conf_values *v, const char *option, const char *const *words,
                    unsigned *out) MUST_CHECK;
/* false or true. */
int conf_value_flag(const struct conf_values *v, const char *option, bool *out) MUST_CHECK;
/* A Jabber domain without node and resource, prepared; s is the setting that has it. */
int conf_value_jabber_domain(const struct conf_values *v, const struct conf_setting *s,
                             const char **out) MUST_CHECK;
/* A host name (A-labels) or a numeric address (without brackets). */
int conf_value_host(const struct conf_values *v, const char *option, const char **out) MUST_CHECK;
int conf_value_port(const struct conf_values *v, const char *option, unsigned *out) MUST_CHECK;
int conf_value_endpoint(const struct conf_values *v, const char *option,
                        struct conf_endpoint *out) MUST_CHECK;
/* The path of a file, relative to the configuration file's folder; "" stays "". */
int conf_value_path(const struct conf_values *v, const char *option, const char **out) MUST_CHECK;
/* From option or option_file, in CONF_SERVE only; neither or an empty one: *out stays. */
int conf_value_secret(const struct conf_values *v, const char *option, const char *option_file,
                      const char **out) MUST_CHECK;
/* Every element of a list. each() may fail. */
int conf_value_each(const struct conf_values *v, const char *option,
                    int (*each)(const struct conf_values *v, const struct conf_setting *s,
                                void *arg),
                    void *arg) MUST_CHECK;

/* Appends text to a list that lives in a. */
int conf_value_add(struct arena *a, const char *text, const char ***list, size_t *count,
                   struct err *e) MUST_CHECK;

/* What is wrong with setting s: a text that begins with its value and says what is expected. */
#define CONF_FAIL(v, s, ...)                                                                       \
    (conf_file_error((v)->file, (v)->section, s, (s)->name, (v)->e, __VA_ARGS__), -1)

/* May what is sent to this host go in the clear? Loopback and private addresses, and names that
 * only a local network has. */
bool conf_value_is_local(const char *host);

#endif
