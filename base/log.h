/*
 * log: one line per decision, on standard error, as `level area key=value ...`.
 *
 * Logged once, where the decision is made, with the queue id; never a body, a subject or a secret.
 * Control characters in what is logged are replaced, so nothing a stranger sends can forge a line.
 * Any thread.  Beside the signal flags, the log's state is the program's only that is global.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);

/* With systemd's <N> priorities in front of each line instead of the level's name. */
void log_set_journal(int on);

/* This thread's lines of level info are held back until log_release (a few kB of them at most), so
 * that what is decided in one turn of the loop is one write.  Anything worse goes out at once, and
 * what was held before it. */
void log_hold(bool on);
void log_release(void);

/* The last errors and warnings of this process, newest first, at most LOG_RECENT; a line that
 * was said again, but for numbers in it, comes once, with how often.  text: `area key=value ...`,
 * valid during the call.  Any thread; fn must not log. */
enum { LOG_RECENT = 20 };
void log_each_recent(void (*fn)(int64_t at_s, enum log_level level, unsigned times,
                                const char *text, void *arg),
                     void *arg);

/* area: the part of the program, such as "stream".  fmt: `key=value` pairs, a value with spaces in
 * "". */
void log_error(const char *area, const char *fmt, ...) PRINTF(2, 3);
void log_warning(const char *area, const char *fmt, ...) PRINTF(2, 3);
void log_info(const char *area, const char *fmt, ...) PRINTF(2, 3);
void log_debug(const char *area, const char *fmt, ...) PRINTF(2, 3);

#endif
