/*
 * report_write: a failure on the Jabber side becomes a delivery report for the mail's sender
 * (RFC 6522, RFC 3464, with DSN-Gateway as §2.2.3 asks).  Pure; any thread.
 */
#ifndef MAPPING_REPORT_REPORT_WRITE_H
#define MAPPING_REPORT_REPORT_WRITE_H

#include "base/buf.h"
#include "mapping/context.h"
#include "mapping/letter.h"

enum { REPORT_ALSO_MAX = 1000 };

/* What became of a further recipient of the same mail, in the terms of struct report_input. */
struct report_also {
    const char *recipient, *recipient_jid, *original_recipient, *jabber_condition;
    struct smtp_status status;
};

struct report_input {
    int64_t id;                /* of the report itself: its Message-ID */
    const char *to;            /* reverse-path of the failed mail, never empty */
    const char *recipient;     /* mail address that was written to */
    const char *recipient_jid; /* NULL: none was found */
    const struct report_also *also;
    size_t also_count;         /* at most REPORT_ALSO_MAX */
    enum report_action action; /* of all */
    struct smtp_status status;
    const char *jabber_condition; /* "item-not-found" for `Diagnostic-Code: x-xmpp; ...`; NULL: not
                                     from Jabber */
    int64_t arrived_s;
    const char *envelope_id;        /* ENVID, decoded; NULL: none */
    const char *original_recipient; /* ORCPT, "rfc822;juliet@example.org", decoded; NULL: none */
    const char *original;           /* the mail as it came: its header is returned (RET=HDRS) */
    size_t original_len;
    bool returns_all; /* RET=FULL, of a failed mail: all of it, where it is not too large and ASCII
                       */
};

int report_write(const struct context *ctx, const struct report_input *in, struct buf *out,
                 struct err *e) MUST_CHECK;

#endif
