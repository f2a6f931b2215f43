/*
 * mdn_read: the fields of a message/disposition-notification.  Everything lives in the caller's
 * arena; no thread of its own.
 */
#include "mapping/report/mdn_read.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { FIELDS_MAX = 65536, ADDRESS_MAX = 500 };

/* "manual-action/MDN-sent-manually; displayed/error": what stands behind the semicolon counts. What
 * is not known, and "denied" and "failed" of RFC 2298 and 3798, only proves that the mail came to
 * somebody's program. */
static enum disposition disposition_of(const char *value)
{
    static const struct {
        const char *name;
        enum disposition disposition;
    } names[] = {{"displayed", DISPOSITION_DISPLAYED},
                 {"deleted", DISPOSITION_DELETED},
                 {"dispatched", DISPOSITION_DISPATCHED}};
    const char *type = strchr(value, ';');
    size_t i, n;

    if (!type)
        return DISPOSITION_NONE;
    type += 1 + strspn(type + 1, " \t");
    n = strcspn(type, "/ \t;(");
    for (i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i].name) == n && strncasecmp(names[i].name, type, n) == 0)
            return names[i].disposition;
    return n > 0 ? DISPOSITION_PROCESSED : DISPOSITION_NONE;
}

/* "rfc822; name@example.org" */
static const char *address_of(struct arena *a, const char *value)
{
    const char *semicolon = strchr(value, ';');
    size_t n;

    value = semicolon ? semicolon + 1 : value;
    value += strspn(value, " \t<");
    n = strcspn(value, " \t>");
    return header_read_text(a, arena_strndup(a, value, n), ADDRESS_MAX);
}

int mdn_read(struct arena *a, const struct part *p, struct report *report)
{
    const char *text, *disposition, *recipient, *id;
    struct mail_header h;
    size_t len, at = 0;

    text = part_content(a, p, FIELDS_MAX, &len);
    if (!text)
        return -1;
    while (at < len && isspace((unsigned char)text[at]))
        at++;
    if (header_read(a, text + at, len - at, &h) < 0)
        return -1;
    disposition = header_read_get(&h, "Disposition");
    report->disposition = disposition ? disposition_of(disposition) : DISPOSITION_NONE;
    recipient = header_read_get(&h, "Original-Recipient");
    if (!recipient || !strchr(recipient, '@'))
        recipient = header_read_get(&h, "Final-Recipient");
    if (recipient && !(report->disposition_recipient = address_of(a, recipient)))
        return -1;
    id = header_read_get(&h, "Original-Message-ID");
    at = 0;
    if (id)
        report->original_message_id = header_read_id(a, id, &at);
    return 0;
}
