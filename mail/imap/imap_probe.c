/*
 * imap_probe: tries a mailbox once, for `postern check`.  Blocks its caller; leaves the folder as
 * it was.
 */
#include <stdio.h>

#include "mail/imap/imap_session.h"
#include "mail/imap/imap_watch.h"

int imap_probe(const struct conf_mailbox *mailbox, char *text_out, size_t text_size, struct err *e)
{
    struct imap_stream_terms terms = {.connect_ms = 10000, .read_ms = 20000};
    enum imap_fault fault;
    struct imap_cancel cancel;
    struct imap_session *s;

    if (imap_cancel_init(&cancel, e) < 0)
        return -1;
    s = imap_session_open(mailbox, &cancel, &terms, &fault, e);
    if (s)
        snprintf(text_out, text_size, "%u messages in %s, %s%s", imap_session_exists(s),
                 mailbox->folder, imap_session_has_idle(s) ? "IDLE" : "no IDLE: polling",
                 imap_session_is_read_only(s) ? ", read-only: mails cannot be marked (option done)"
                                              : "");
    imap_session_close(s, true);
    imap_cancel_clear(&cancel);
    return s ? 0 : -1;
}
