/*
 * bounce: a delivery report becomes an error.  No data, any thread.
 */
#include "bridge/reports/bounce.h"

#include <string.h>
#include <strings.h>

static const struct report_recipient *failed_from(const struct report_recipient *r)
{
    while (r && r->action != REPORT_FAILED)
        r = r->next;
    return r;
}

bool bounce_is_failure(const struct letter *letter)
{
    if (letter->report && letter->report->disposition != DISPOSITION_NONE)
        return false;
    if (letter->report && letter->report->recipients)
        return failed_from(letter->report->recipients) != NULL;
    return letter->reverse_path && letter->reverse_path[0] == '\0';
}

const struct report_recipient *bounce_recipient(const struct letter *letter, const char *address)
{
    const struct report_recipient *first, *r;

    first = letter->report ? failed_from(letter->report->recipients) : NULL;
    for (r = first; r && address; r = failed_from(r->next))
        if (r->address && strcasecmp(r->address, address) == 0)
            return r;
    return first;
}

/* What a report that nobody can read says: its first line, for a person. */
static const char *first_line(struct arena *a, const char *text)
{
    enum { LINE_MAX = 200 };
    size_t n;

    if (!text)
        return NULL;
    text += strspn(text, " \n");
    n = strcspn(text, "\n");
    if (n > LINE_MAX) {
        n = LINE_MAX;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
    }
    return arena_strndup(a, text, n);
}

int bounce_error(struct arena *a, const struct letter *letter, const char *address,
                 struct jabber_error *out)
{
    const struct report_recipient *r = bounce_recipient(letter, address);
    struct smtp_status status = {.code = 550};

    if (r)
        status = r->status;
    else
        status.text = first_line(a, letter->text);
    if (r && r->address)
        address = r->address;
    return status_to_jabber(a, &status, address ? address : "(address unknown)", out);
}
