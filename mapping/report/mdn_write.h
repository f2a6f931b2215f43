/*
 * mdn_write: that a Jabber user has seen a mail, told to its sender as they asked (RFC 8098).
 * Pure; any thread.
 */
#ifndef MAPPING_REPORT_MDN_WRITE_H
#define MAPPING_REPORT_MDN_WRITE_H

#include "base/buf.h"
#include "mapping/context.h"

struct mdn_input {
    int64_t id;                      /* of the notification itself: its Message-ID */
    const char *to;                  /* Disposition-Notification-To; never empty */
    const char *recipient;           /* the Jabber user's mail address, which was written to */
    const char *name;                /* their display name; NULL: none */
    const char *original_message_id; /* without <>; NULL: it had none */
    const char *original_subject;    /* NULL: none */
    const char *original;            /* the mail's header, returned; NULL: not known */
    size_t original_len;
};

/* To be sent with the null reverse-path and NOTIFY=NEVER (RFC 8098 §3). */
int mdn_write(const struct context *ctx, const struct mdn_input *in, struct buf *out,
              struct err *e) MUST_CHECK;

#endif
