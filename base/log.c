/*
 * log: lines on standard error.  Owns the level and, for each thread that holds its lines back,
 * what it holds.  Any thread; lines never mix.  A crash loses what is held: the lines of one turn.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_LEN = 2048, HELD_MAX = 8192 };

static atomic_int current_level = LOG_LEVEL_INFO;
static atomic_int journal;

/* What this thread holds back. */
struct held {
    bool is_on;
    size_t len;
    char text[HELD_MAX];
};

static _Thread_local struct held held;

void log_set_level(enum log_level level)
{
    atomic_store(&current_level, (int)level);
}

void log_set_journal(int on)
{
    atomic_store(&journal, on);
}

static int head(char *out, size_t size, enum log_level level, const char *area)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    static const char priorities[] = "3467";
    struct timespec ts;
    struct tm tm;

    if (atomic_load(&journal))
        return snprintf(out, size, "<%c>%s ", priorities[level], area);
    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    return snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %s %s ", tm.tm_year + 1900,
                    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                    (int)(ts.tv_nsec / 1000000), names[level], area);
}

static void write_out(const char *text, size_t len)
{
    if (write(STDERR_FILENO, text, len) < 0)
        return; /* nowhere left to say it */
}

void log_release(void)
{
    if (held.len > 0)
        write_out(held.text, held.len);
    held.len = 0;
}

void log_hold(bool on)
{
    log_release();
    held.is_on = on;
}

/* What is wrong is said at once, and so is everything while somebody looks for a fault. */
static bool may_hold(enum log_level level)
{
    return held.is_on && level == LOG_LEVEL_INFO && atomic_load(&current_level) <= LOG_LEVEL_INFO;
}

static PRINTF(3, 0) void line(enum log_level level, const char *area, const char *fmt, va_list ap)
{
    char text[LINE_MAX_LEN];
    size_t len, i;

    if ((int)level > atomic_load(&current_level))
        return;
    len = (size_t)head(text, sizeof text / 2, level, area);
    vsnprintf(text + len, sizeof text - len - 1, fmt, ap);
    len = strlen(text);
    for (i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
    text[len++] = '\n';
    if (held.len > HELD_MAX - len || !may_hold(level))
        log_release();
    if (!may_hold(level)) {
        write_out(text, len);
        return;
    }
    memcpy(held.text + held.len, text, len);
    held.len += len;
}

#define LOG_FUNCTION(name, level)                                                                  \
    void name(const char *area, const char *fmt, ...)                                              \
    {                                                                                              \
        va_list ap;                                                                                \
                                                                                                   \
        va_start(ap, fmt);                                                                         \
        line(level, area, fmt, ap);                                                                \
        va_end(ap);                                                                                \
    }

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
