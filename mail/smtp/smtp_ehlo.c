/*
 * smtp_ehlo: the list of a server's extensions, read into flags.
 *
 * No data of its own, any thread; a crash leaves nothing behind.
 */
#include "mail/smtp/smtp_ehlo.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    size_t flag; /* where it stands in the offer */
} keywords[] = {
    {"STARTTLS", offsetof(struct smtp_offer, has_starttls)},
    {"PIPELINING", offsetof(struct smtp_offer, has_pipelining)},
    {"CHUNKING", offsetof(struct smtp_offer, has_chunking)},
    {"8BITMIME", offsetof(struct smtp_offer, has_8bitmime)},
    {"SMTPUTF8", offsetof(struct smtp_offer, has_smtputf8)},
    {"DSN", offsetof(struct smtp_offer, has_dsn)},
    {"DELIVERBY", offsetof(struct smtp_offer, has_deliverby)},
    {"AUTH", offsetof(struct smtp_offer, has_auth)},
    {"SIZE", offsetof(struct smtp_offer, has_size)},
};

static const struct {
    const char *name;
    enum smtp_mechanism mechanism;
} mechanisms[] = {
    {"PLAIN", SMTP_MECHANISM_PLAIN},
    {"LOGIN", SMTP_MECHANISM_LOGIN},
    {"SCRAM-SHA-1", SMTP_MECHANISM_SCRAM_SHA_1},
    {"SCRAM-SHA-256", SMTP_MECHANISM_SCRAM_SHA_256},
    {"XOAUTH2", SMTP_MECHANISM_XOAUTH2},
};

static bool is_word(const char *name, const char *word, size_t len)
{
    return strlen(name) == len && strncasecmp(name, word, len) == 0;
}

static void read_mechanisms(const char *p, const char *end, struct smtp_offer *out)
{
    size_t len, i;

    while (p < end) {
        len = strcspn(p, " \t\n");
        for (i = 0; i < sizeof mechanisms / sizeof mechanisms[0]; i++)
            if (is_word(mechanisms[i].name, p, len))
                out->mechanisms |= (unsigned)mechanisms[i].mechanism;
        p += len;
        p += p < end;
    }
}

/* Digits and nothing else; too large a number is no limit. */
static int64_t read_number(const char *p, const char *end)
{
    int64_t n = 0;

    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        if (n > INT64_MAX / 10 - 10)
            return 0;
        n = n * 10 + (*p - '0');
    }
    return p == end || *p == ' ' ? n : 0;
}

static void read_line(const char *line, const char *end, struct smtp_offer *out)
{
    size_t len = strcspn(line, " \t\n"), i;
    const char *rest = line + len + (line + len < end);
    bool is_set = true;

    for (i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (is_word(keywords[i].name, line, len))
            memcpy((char *)out + keywords[i].flag, &is_set, sizeof is_set);
    if (is_word("SIZE", line, len))
        out->size_max = read_number(rest, end);
    else if (is_word("DELIVERBY", line, len))
        out->by_min_s = read_number(rest, end);
    else if (is_word("AUTH", line, len))
        read_mechanisms(rest, end, out);
}

void smtp_ehlo_read(const char *text, struct smtp_offer *out)
{
    const char *line = text, *end;
    bool is_first = true;

    memset(out, 0, sizeof *out);
    while (*line) {
        end = line + strcspn(line, "\n");
        if (!is_first)
            read_line(line, end, out);
        is_first = false;
        line = end + (*end == '\n');
    }
}
