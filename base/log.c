/*
 * log: lines on standard error.  Owns the level, the last lines that tell of trouble, and, for each
 * thread that holds its lines back, what it holds.  Any thread; lines never mix.  A crash loses
 * what is held: the lines of one turn.
 */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_LEN = 2048, HELD_MAX = 8192, RECENT_LEN = 400 };

static atomic_int current_level = LOG_LEVEL_INFO;
static atomic_int journal;

/* What this thread holds back. */
struct held {
    bool is_on;
    size_t len;
    char text[HELD_MAX];
};

static _Thread_local struct held held;

/* What a line begins with, up to the second: it is the same for thousands of lines. */
struct second {
    bool is_known;
    time_t at_s;
    char text[40];
};

static _Thread_local struct second second;

/* Trouble, for the administrators' page: a ring, next is written next. */
static struct {
    pthread_mutex_t mutex;
    unsigned next;
    struct trouble {
        int64_t at_s;
        enum log_level level;
        unsigned times; /* 0: free */
        char text[RECENT_LEN];
    } all[LOG_RECENT];
} recent = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* The same but for numbers, such as the time until the next attempt? */
static bool is_same(const char *a, const char *b)
{
    static const char digits[] = "0123456789";

    while (*a && *a == *b) {
        a++;
        b++;
        a += strspn(a, digits);
        b += strspn(b, digits);
    }
    return *a == *b;
}

/* The same again is moved to the front, so that one trouble does not hide the others. */
static void remember(enum log_level level, const char *text)
{
    struct trouble t = {.at_s = time(NULL), .level = level, .times = 1};
    unsigned i, from;

    snprintf(t.text, sizeof t.text, "%s", text);
    pthread_mutex_lock(&recent.mutex);
    for (i = 0; i < LOG_RECENT; i++) {
        from = (recent.next + LOG_RECENT - 1 - i) % LOG_RECENT;
        if (recent.all[from].times > 0 && is_same(recent.all[from].text, t.text))
            break;
    }
    if (i < LOG_RECENT) {
        t.times += recent.all[from].times;
        for (; i > 0; i--, from = (from + 1) % LOG_RECENT)
            recent.all[from] = recent.all[(from + 1) % LOG_RECENT];
        recent.all[from] = t;
    } else {
        recent.all[recent.next] = t;
        recent.next = (recent.next + 1) % LOG_RECENT;
    }
    pthread_mutex_unlock(&recent.mutex);
}

void log_each_recent(void (*fn)(int64_t at_s, enum log_level level, unsigned times,
                                const char *text, void *arg),
                     void *arg)
{
    const struct trouble *t;
    unsigned i;

    pthread_mutex_lock(&recent.mutex);
    for (i = 0; i < LOG_RECENT; i++) {
        t = &recent.all[(recent.next + LOG_RECENT - 1 - i) % LOG_RECENT];
        if (t->times > 0)
            fn(t->at_s, t->level, t->times, t->text, arg);
    }
    pthread_mutex_unlock(&recent.mutex);
}

void log_set_level(enum log_level level)
{
    atomic_store(&current_level, (int)level);
}

void log_set_journal(int on)
{
    atomic_store(&journal, on);
}

static const char *second_text(time_t at_s)
{
    struct tm tm;

    if (!second.is_known || second.at_s != at_s) {
        gmtime_r(&at_s, &tm);
        snprintf(second.text, sizeof second.text, "%04d-%02d-%02dT%02d:%02d:%02d",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        second.at_s = at_s;
        second.is_known = true;
    }
    return second.text;
}

static int head(char *out, size_t size, enum log_level level, const char *area)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    static const char priorities[] = "3467";
    struct timespec ts;

    if (atomic_load(&journal))
        return snprintf(out, size, "<%c>%s ", priorities[level], area);
    clock_gettime(CLOCK_REALTIME, &ts);
    return snprintf(out, size, "%s.%03dZ %s %s ", second_text(ts.tv_sec),
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
    size_t len, head_len, i;

    if ((int)level > atomic_load(&current_level))
        return;
    head_len = len = (size_t)head(text, sizeof text / 2, level, area);
    vsnprintf(text + len, sizeof text - len - 1, fmt, ap);
    len = strlen(text);
    for (i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
    if (level <= LOG_LEVEL_WARNING)
        remember(level, text + head_len - strlen(area) - 1);
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
