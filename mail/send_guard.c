/*
 * send_guard: refuses jobs that an SMTP engine would turn into something else.
 *
 * Pure functions over the job they are given, on any thread; a crash leaves nothing behind.
 */
#include "mail/send_guard.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/utf8.h"

enum { ADDRESS_MAX = 254, LINE_MAX_BYTES = 998, RECIPIENTS_MAX = 100 };

struct refusal {
    int code;
    const char *enhanced;
    const char *text;
};

/* The fields libesmtp looks at: it writes its own when one is missing, drops the second of what it
 * takes for single, and always drops the last three. */
enum field_rule { FIELD_ONCE, FIELD_AT_MOST_ONCE, FIELD_NEVER };

static const struct {
    const char *name;
    enum field_rule rule;
} fields[] = {
    {"Date", FIELD_ONCE},
    {"From", FIELD_ONCE},
    {"Message-ID", FIELD_ONCE},
    {"Sender", FIELD_AT_MOST_ONCE},
    {"To", FIELD_AT_MOST_ONCE},
    {"Cc", FIELD_AT_MOST_ONCE},
    {"Bcc", FIELD_AT_MOST_ONCE},
    {"Reply-To", FIELD_AT_MOST_ONCE},
    {"Disposition-Notification-To", FIELD_AT_MOST_ONCE},
    {"Return-Path", FIELD_NEVER},
    {"Original-Recipient", FIELD_NEVER},
    {"Resent-Reply-To", FIELD_NEVER},
};

enum { FIELD_COUNT = sizeof fields / sizeof fields[0] };

/* What was cut to a size may end in half a character. */
static void drop_half_character(char *text)
{
    size_t len = strlen(text), at = len;

    while (at > 0 && ((unsigned char)text[at - 1] & 0xc0) == 0x80)
        at--;
    if (at > 0 && !utf8_is_valid(text + at - 1, len - at + 1))
        text[at - 1] = '\0';
}

void send_answer(struct send_recipient *r, enum send_trouble trouble, int code,
                 const char *enhanced, const char *text)
{
    r->trouble = trouble;
    r->code = code;
    snprintf(r->enhanced, sizeof r->enhanced, "%s", enhanced);
    snprintf(r->text, sizeof r->text, "%s", text);
    drop_half_character(r->text);
}

void send_answer_rest(struct send_job *job, enum send_trouble trouble, int code,
                      const char *enhanced, const char *text)
{
    size_t i;

    for (i = 0; i < job->recipient_count; i++)
        if (job->recipients[i].trouble == SEND_ANSWERED && job->recipients[i].code == 0)
            send_answer(&job->recipients[i], trouble, code, enhanced, text);
}

/* false: *out says why.  RFC 5321 §4.5.3.1.3 counts the angle brackets in a path of 256. */
static bool is_fit_address(const char *address, bool reverse, bool is_wide, struct refusal *out)
{
    size_t len = strlen(address), i;

    out->code = 553;
    out->enhanced = reverse ? "5.1.7" : "5.1.3";
    if (len == 0 && !reverse) {
        out->text = "the address is empty";
        return false;
    }
    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)address[i];

        if (c >= 0x80 && !is_wide) {
            out->enhanced = "5.6.7";
            out->text = "this way of sending takes only ASCII addresses";
            return false;
        }
        if (c <= ' ' || c == 0x7f || c == '<' || c == '>') {
            out->text = "the address has a control character, a space or an angle bracket in it";
            return false;
        }
    }
    if (len > ADDRESS_MAX) {
        out->text = "the address is longer than 254 bytes";
        return false;
    }
    if (!utf8_is_valid(address, len)) {
        out->text = "the address is not UTF-8";
        return false;
    }
    return true;
}

/* NULL: every line is fit.  Whether there are bytes over 127 goes to *wide_out. */
static const struct refusal *find_bad_line(const char *p, const char *end, bool *wide_out)
{
    static const struct refusal bare = {554, "5.6.0", "a line of the message does not end in CRLF"};
    static const struct refusal nul = {554, "5.6.0", "the message has a NUL byte in it"};
    static const struct refusal line = {554, "5.6.0",
                                        "a line of the message is longer than 998 bytes"};
    const char *start = p;

    for (; p < end; p++) {
        if (*p == '\0')
            return &nul;
        if ((unsigned char)*p >= 0x80)
            *wide_out = true;
        if (*p == '\n')
            return &bare;
        if (*p != '\r')
            continue;
        if (p + 1 == end || p[1] != '\n')
            return &bare;
        if (p - start > LINE_MAX_BYTES)
            return &line;
        start = ++p + 1;
    }
    return start == end ? NULL : &bare;
}

/* Length of the field name at p, 0 when there is none: RFC 5322 §2.2, no space before the colon. */
static size_t name_len(const char *p, const char *end)
{
    const char *q = p;

    while (q<end && * q> ' ' && *q != ':' && *q != 0x7f)
        q++;
    return q < end && *q == ':' ? (size_t)(q - p) : 0;
}

static void count_field(const char *name, size_t len, unsigned *seen)
{
    size_t i;

    for (i = 0; i < FIELD_COUNT; i++)
        if (strlen(fields[i].name) == len && strncasecmp(fields[i].name, name, len) == 0)
            seen[i]++;
}

static bool is_allowed(enum field_rule rule, unsigned seen)
{
    switch (rule) {
    case FIELD_ONCE:
        return seen == 1;
    case FIELD_AT_MOST_ONCE:
        return seen <= 1;
    case FIELD_NEVER:
        return seen == 0;
    }
    return false;
}

/* The lines are known to end in CRLF. */
static const struct refusal *find_bad_field(const char *p, const char *end, char *text, size_t size)
{
    static const struct refusal none = {554, "5.6.0", "the message has no header"};
    static const struct refusal open = {554, "5.6.0", "the message's header does not end"};
    static const struct refusal line = {554, "5.6.0",
                                        "the message's header has a line in it that is no field"};
    static const struct refusal field = {554, "5.6.0", NULL};
    unsigned seen[FIELD_COUNT] = {0};
    const char *first = p;
    size_t len, i;

    for (; p < end && *p != '\r'; p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1) {
        if (p > first && (*p == ' ' || *p == '\t'))
            continue;
        len = name_len(p, end);
        if (len == 0)
            return p == first ? &none : &line;
        count_field(p, len, seen);
    }
    if (p == end)
        return &open;
    for (i = 0; i < FIELD_COUNT; i++)
        if (!is_allowed(fields[i].rule, seen[i])) {
            snprintf(text, size, "the message has %u %s fields in its header", seen[i],
                     fields[i].name);
            return &field;
        }
    return NULL;
}

/* The lines are known to be fit, and some have bytes over 127. */
static const struct refusal *find_bad_bytes(struct send_job *job, bool is_wide)
{
    static const struct refusal wide = {554, "5.6.3",
                                        "the message has 8-bit bytes and was not encoded"};
    static const struct refusal header = {554, "5.6.0", "the message's header is not UTF-8"};
    const char *body = buf_find(job->message, job->message_len, "\r\n\r\n", 4);
    size_t len = body ? (size_t)(body - job->message) : job->message_len;

    if (!is_wide)
        return &wide;
    if (!utf8_is_valid(job->message, len))
        return &header;
    if (!utf8_is_ascii(job->message, len))
        job->needs |= (unsigned)SEND_NEEDS_UTF8_HEADER;
    if (!utf8_is_ascii(job->message + len, job->message_len - len))
        job->needs |= (unsigned)SEND_NEEDS_8BIT;
    return NULL;
}

static const struct refusal *find_bad_message(struct send_job *job, bool is_wide, char *text,
                                              size_t size)
{
    const char *end = job->message + job->message_len;
    bool has_wide = false;
    const struct refusal *bad = find_bad_line(job->message, end, &has_wide);

    if (!bad && has_wide)
        bad = find_bad_bytes(job, is_wide);
    return bad ? bad : find_bad_field(job->message, end, text, size);
}

size_t send_guard(struct send_job *job, bool is_wide)
{
    const struct refusal *bad;
    struct refusal address;
    char text[120] = "";
    size_t i, fit = 0;

    for (i = 0; i < job->recipient_count; i++)
        send_answer(&job->recipients[i], SEND_ANSWERED, 0, "", "");
    job->needs = 0;
    bad = find_bad_message(job, is_wide, text, sizeof text);
    if (!bad && !is_fit_address(job->reverse_path, true, is_wide, &address))
        bad = &address;
    if (bad) {
        send_answer_rest(job, SEND_UNSENT, bad->code, bad->enhanced, bad->text ? bad->text : text);
        return 0;
    }
    for (i = 0; i < job->recipient_count; i++) {
        struct send_recipient *r = &job->recipients[i];

        if (i >= RECIPIENTS_MAX)
            send_answer(r, SEND_UNSENT, 452, "4.5.3", "more than 100 recipients in one mail");
        else if (is_fit_address(r->address, false, is_wide, &address))
            fit++;
        else
            send_answer(r, SEND_UNSENT, address.code, address.enhanced, address.text);
    }
    return fit;
}
