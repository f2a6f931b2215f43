/*
 * command: what `postern` does when called, one function per command, each returning an exit status
 * of sysexits.h: 0, EX_USAGE 64, EX_DATAERR 65, EX_UNAVAILABLE 69, EX_TEMPFAIL 75, EX_CONFIG 78.
 */
#ifndef BRIDGE_CLI_COMMAND_H
#define BRIDGE_CLI_COMMAND_H

#include <stdbool.h>

#include "base/err.h"

struct command_line {
    const char *conf_path; /* never NULL */
    bool has_conf_path;    /* given by -c */
    int argc;              /* what stands behind the command's name */
    char **argv;
};

int command_run(const struct command_line *line);
int command_check(const struct command_line *line);
int command_map(const struct command_line *line);
int command_convert(const struct command_line *line);
int command_queue(const struct command_line *line);
int command_version(const struct command_line *line);

/* Says on standard error what is wrong with how the command was called; returns EX_USAGE. */
int command_usage(const char *fmt, ...) PRINTF(1, 2);
/* Says e on standard error; returns the status that fits its class: bad_status for ERR_PERMANENT.
 */
int command_fail(const struct err *e, int bad_status);

#endif
