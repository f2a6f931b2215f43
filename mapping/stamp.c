/*
 * stamp: reading and writing of points in time.  No data, no thread of its own.
 */
#include "mapping/stamp.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

/* n digits at *p; -1 when they are none. */
static int digits(const char **p, int n)
{
    int value = 0;

    for (; n > 0; n--, (*p)++) {
        if (**p < '0' || **p > '9')
            return -1;
        value = value * 10 + (**p - '0');
    }
    return value;
}

static bool skip(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

/* "Z", nothing (XEP-0091), or "+02:00": seconds east of UTC; -1 with *ok false for anything else.
 */
static int offset(const char *p, bool *ok)
{
    int sign = *p == '-' ? -1 : 1, hours, minutes;

    if (*p == '\0' || (*p == 'Z' && p[1] == '\0'))
        return 0;
    if (!skip(&p, '+') && !skip(&p, '-')) {
        *ok = false;
        return -1;
    }
    hours = digits(&p, 2);
    skip(&p, ':');
    minutes = hours < 0 ? -1 : digits(&p, 2);
    if (minutes < 0 || hours > 14 || minutes > 59 || *p != '\0')
        *ok = false;
    return sign * (hours * 3600 + minutes * 60);
}

static bool in_range(const struct tm *tm)
{
    return tm->tm_year >= 70 && tm->tm_mon >= 0 && tm->tm_mon < 12 && tm->tm_mday >= 1 &&
           tm->tm_mday <= 31 && tm->tm_hour >= 0 && tm->tm_hour < 24 && tm->tm_min >= 0 &&
           tm->tm_min < 60 && tm->tm_sec >= 0 && tm->tm_sec <= 60;
}

int64_t stamp_read(const char *text)
{
    const char *p = text;
    struct tm tm = {0};
    bool is_old, ok = true;
    int64_t east;

    while (*p == ' ' || *p == '\n' || *p == '\t')
        p++;
    tm.tm_year = digits(&p, 4) - 1900;
    if (tm.tm_year < 70)
        return 0;
    is_old = !skip(&p, '-');
    tm.tm_mon = digits(&p, 2) - 1;
    if (tm.tm_mon < 0 || (!is_old && !skip(&p, '-')))
        return 0;
    tm.tm_mday = digits(&p, 2);
    if (tm.tm_mday < 0 || !skip(&p, 'T'))
        return 0;
    tm.tm_hour = digits(&p, 2);
    if (tm.tm_hour < 0 || !skip(&p, ':'))
        return 0;
    tm.tm_min = digits(&p, 2);
    if (tm.tm_min < 0 || !skip(&p, ':'))
        return 0;
    tm.tm_sec = digits(&p, 2);
    if (!in_range(&tm))
        return 0;
    if (skip(&p, '.'))
        while (*p >= '0' && *p <= '9')
            p++;
    east = offset(p, &ok);
    if (!ok)
        return 0;
    return (int64_t)timegm(&tm) - east;
}

static struct tm broken_down(int64_t time_s)
{
    static const int64_t last = 253402300799; /* the end of the year 9999 */
    time_t t = (time_t)(time_s < 0 ? 0 : time_s > last ? last : time_s);
    struct tm tm;

    gmtime_r(&t, &tm);
    return tm;
}

char *stamp_write(int64_t time_s, char *out)
{
    struct tm tm = broken_down(time_s);

    strftime(out, STAMP_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return out;
}

char *stamp_write_old(int64_t time_s, char *out)
{
    struct tm tm = broken_down(time_s);

    strftime(out, STAMP_SIZE, "%Y%m%dT%H:%M:%S", &tm);
    return out;
}
