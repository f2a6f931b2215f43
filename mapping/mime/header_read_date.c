/*
 * header_read_date: dates as they come.
 *
 * Words and numbers are taken one by one and sorted by what they can be, so that the order of RFC
 * 5322, of asctime and of ISO 8601 are all read, with two-digit years (RFC 5322 §4.3), without
 * seconds, with named zones or none.  Owns nothing; any thread.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mapping/mime/header_read.h"

struct date {
    int year, month, day, hour, minute, second, zone_min;
    bool has_year, has_day, has_time, has_zone;
};

/* Days since 1970-01-01 of a day in the Gregorian calendar. */
static int64_t days_from_civil(int y, int m, int d)
{
    int64_t year = m <= 2 ? y - 1 : y;
    int64_t era = year / 400, yoe = year - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int month_of(const char *s, size_t n)
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    int i;

    for (i = 0; n >= 3 && i < 12; i++)
        if (strncasecmp(s, names + i * 3, 3) == 0)
            return i + 1;
    return 0;
}

/* RFC 5322 §4.3; a zone nobody knows counts as UTC. */
static bool zone_of(const char *s, size_t n, int *min_out)
{
    static const struct {
        const char *name;
        int min;
    } zones[] = {
        {"UT", 0},     {"UTC", 0},    {"GMT", 0},    {"Z", 0},      {"EST", -300}, {"EDT", -240},
        {"CST", -360}, {"CDT", -300}, {"MST", -420}, {"MDT", -360}, {"PST", -480}, {"PDT", -420},
        {"CET", 60},   {"CEST", 120}, {"EET", 120},  {"EEST", 180}, {"WET", 0},    {"WEST", 60},
        {"BST", 60},   {"MSK", 180},  {"JST", 540},  {"KST", 540},  {"MET", 60},   {"MEST", 120},
    };
    size_t i;

    for (i = 0; i < sizeof zones / sizeof *zones; i++)
        if (strlen(zones[i].name) == n && strncasecmp(s, zones[i].name, n) == 0) {
            *min_out = zones[i].min;
            return true;
        }
    return false;
}

static void take_word(struct date *d, const char *s, size_t n)
{
    int month = month_of(s, n);

    if (month && !d->month)
        d->month = month;
    else if (d->has_time && !d->has_zone)
        d->has_zone = zone_of(s, n, &d->zone_min);
}

/* hh:mm or hh:mm:ss at s; returns what follows. */
static const char *take_time(struct date *d, const char *s)
{
    char *end;

    d->hour = (int)strtol(s, &end, 10);
    d->minute = (int)strtol(end + 1, &end, 10);
    if (*end == ':' && isdigit((unsigned char)end[1]))
        d->second = (int)strtol(end + 1, &end, 10);
    if (*end == '.' && isdigit((unsigned char)end[1])) /* fractions */
        strtol(end + 1, &end, 10);
    d->has_time = true;
    return end;
}

static const char *take_zone(struct date *d, const char *s)
{
    int sign = *s == '-' ? -1 : 1;
    char *end;
    long v = strtol(s + 1, &end, 10);

    if (end - s == 3 && *end == ':' && isdigit((unsigned char)end[1]))
        v = v * 100 + strtol(end + 1, &end, 10);
    else if (end - s == 3)
        v *= 100;
    if (v >= 0 && v <= 1500 && v % 100 < 60) {
        d->zone_min = sign * (int)(v / 100 * 60 + v % 100);
        d->has_zone = true;
    }
    return end;
}

/* yyyy-mm-dd at s? */
static const char *take_iso(struct date *d, const char *s, long year, const char *after)
{
    char *end;
    long month = strtol(after + 1, &end, 10), day;

    (void)s;
    if (*end != '-' || !isdigit((unsigned char)end[1]))
        return NULL;
    day = strtol(end + 1, &end, 10);
    d->year = (int)year;
    d->month = (int)month;
    d->day = (int)day;
    d->has_year = d->has_day = true;
    return *end == 'T' || *end == 't' ? end + 1 : end;
}

static const char *take_number(struct date *d, const char *s)
{
    char *end;
    size_t digits = strspn(s, "0123456789");
    long v = strtol(s, &end, 10);
    const char *next;

    if (*end == ':' && isdigit((unsigned char)end[1]) && !d->has_time)
        return take_time(d, s);
    if (digits == 4 && *end == '-' && isdigit((unsigned char)end[1]) && !d->has_year) {
        next = take_iso(d, s, v, end);
        if (next)
            return next;
    }
    if (!d->has_day && digits <= 2) {
        d->day = (int)v;
        d->has_day = true;
    } else if (!d->has_year && digits <= 4) {
        d->year = (int)(digits == 2 ? (v < 50 ? v + 2000 : v + 1900) : digits == 3 ? v + 1900 : v);
        d->has_year = true;
    }
    return end;
}

int64_t header_read_date(const char *value)
{
    struct date d = {0};
    const char *p = value;
    int64_t t;

    while (p && *p) {
        if (*p == '(') { /* a comment; the zone's name, mostly */
            p = strchr(p, ')');
            p = p ? p + 1 : NULL;
        } else if (isalpha((unsigned char)*p)) {
            size_t n = 1;

            while (isalpha((unsigned char)p[n]))
                n++;
            take_word(&d, p, n);
            p += n;
        } else if ((*p == '+' || *p == '-') && d.has_time && !d.has_zone &&
                   isdigit((unsigned char)p[1])) {
            p = take_zone(&d, p);
        } else if (isdigit((unsigned char)*p)) {
            p = take_number(&d, p);
        } else {
            p++;
        }
    }
    if (!d.has_year || !d.has_day || d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31 ||
        d.year < 1970 || d.year > 2200 || d.hour < 0 || d.hour > 23 || d.minute < 0 ||
        d.minute > 59 || d.second < 0 || d.second > 60)
        return 0;
    t = days_from_civil(d.year, d.month, d.day) * 86400 + d.hour * 3600 + d.minute * 60 + d.second -
        d.zone_min * 60;
    return t > 0 ? t : 0;
}
