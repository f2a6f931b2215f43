/*
 * imap_inside: what the parts of imap_session share among themselves; nobody else includes it.
 */
#ifndef MAIL_IMAP_IMAP_INSIDE_H
#define MAIL_IMAP_IMAP_INSIDE_H

#include <libetpan/libetpan.h>

#include "base/buf.h"
#include "mail/imap/imap_session.h"

enum {
    COMMAND_MS = 120000,  /* for a command that brings little */
    BYTES_PER_S = 16384,  /* slower than this a fetch is given up */
    FOUND_MAX = 80000,    /* UIDs that one search may bring: they fit into IMAP_LINES_MAX */
    HEADER_MAX = 1 << 20, /* bytes of the header of a mail that is too large */
    SET_MAX = 4000,       /* and of a set (RFC 2683 §3.2.1.5: commands of 8000) */
};

/* libetpan exports these and its own parts use them, but no header of it tells.  The public
 * mailimap_custom_command is of no use: it ends each command with a space, which servers refuse. */
char *mailimap_read_line(mailimap *session);
int mailimap_parse_response(mailimap *session, struct mailimap_response **result);

struct imap_session {
    const struct conf_mailbox *mailbox;
    struct imap_cancel *cancel;
    struct imap_stream *stream;
    mailimap *imap;
    MMAPString *line; /* for what is read without libetpan's parser */
    bool is_broken, is_idle, is_mid_line;
    bool is_bad; /* broken by an answer, not by the network */
    char idle_tag[16];
    unsigned has; /* of the extensions that matter; once they are known for good */
    bool is_settled;
    uint32_t uidvalidity, uid_next, exists;
    bool is_read_only;
    enum imap_fault fault; /* what it would be if opening failed for good now */

    uint64_t append_limit; /* bytes of a mail (RFC 7889); 0: not told */
    char *sent;            /* folder of sent mails, as the server writes it; NULL: not looked for */

    bool must_look;  /* ask for new mail though none was told */
    uint32_t *found; /* UIDs known to be there and not yet fetched, ascending */
    size_t found_count, found_at;
    struct { /* sizes of those from `first` on; imap_ahead.c */
        struct imap_item *items;
        bool *has_meta;
        size_t first, count;
    } ahead;

    /* the fetch under way */
    const uint32_t *asked; /* ascending */
    size_t asked_count;
    struct imap_item *items; /* one for each UID asked for */
    bool *has_meta;
    struct buf body; /* of the mail being received */
    uint64_t body_max;
};

/* Sends a command and reads the answer.  0 OK; 1 the server said NO (e tells); -1 broken. */
int imap_command(struct imap_session *s, const char *text, struct err *e) MUST_CHECK;
/* What libetpan's code means; marks the session broken unless the server merely said NO. */
int imap_outcome(struct imap_session *s, int code, struct err *e) MUST_CHECK;
int imap_broken(struct imap_session *s,
                struct err *e); /* after a failed read or write; always -1 */

bool imap_has(const struct imap_session *s, const char *extension);
/* The capabilities will not change any more: keeps those that matter, and frees the rest. */
void imap_settle_capabilities(struct imap_session *s);
/* Reads a line into s->line, without its end. */
int imap_read_line(struct imap_session *s, struct err *e) MUST_CHECK;
int imap_send(struct imap_session *s, const char *text, struct err *e) MUST_CHECK;
/* A tag of libetpan's series, as it will expect the next one to follow. */
void imap_next_tag(struct imap_session *s, char *out, size_t size);
/* "1:3,7": the UIDs, ascending, as a set. */
void imap_write_set(struct buf *out, const uint32_t *uids, size_t count);
/* The same of as many from the front as every server takes in one command; their number. */
size_t imap_write_set_part(struct buf *out, const uint32_t *uids, size_t count);

/* Bytes as they are. */
int imap_put(struct imap_session *s, const char *data, size_t len, struct err *e) MUST_CHECK;
/* What libetpan's parser makes of the answer to the last tag. */
int imap_answer(struct imap_session *s, struct err *e) MUST_CHECK;
/* Reads lines by hand up to the one that begins with word; 1 when the answer to tag comes instead:
 * it is in s->line. */
int imap_read_until(struct imap_session *s, const char *word, const char *tag,
                    struct err *e) MUST_CHECK;
/* UIDs from first to last that a search finds, ascending, into *out (the caller's); -1 or their
 * number. */
ssize_t imap_search(struct imap_session *s, const char *keys, uint32_t first, uint32_t **out,
                    struct err *e) MUST_CHECK;
/* A text as a quoted string (RFC 3501 §4.3); what cannot be one is left out. */
void imap_quote(struct buf *out, const char *text);
void imap_flag_names(struct buf *out, unsigned flags); /* "\\Seen $MDNSent" */
/* A NO that is about now (RFC 5530); words: NULL for the answer that libetpan has read. */
bool imap_is_temporary(const struct imap_session *s, const char *words);
bool imap_must_create(const struct imap_session *s); /* TRYCREATE came with the last answer */

/* imap_login.c */
int imap_start(struct imap_session *s, struct err *e) MUST_CHECK; /* greeting, STARTTLS, log-in */
int imap_select(struct imap_session *s, struct err *e) MUST_CHECK;
/* Selects again what was left; what is known of new mail is forgotten. */
int imap_reselect(struct imap_session *s, struct err *e) MUST_CHECK;

/* imap_sent.c: the folder of sent mails as it goes over the wire, the session's; NULL: *e says why,
 * class ERR_PERMANENT when there is none and none can be made.  make: anew, it has gone. */
const char *imap_sent_folder(struct imap_session *s, bool make, struct err *e);
/* A folder name as it goes over the wire (modified UTF-7, RFC 3501 §5.1.3). */
int imap_folder_name(const char *name, struct buf *out, struct err *e) MUST_CHECK;

/* imap_ahead.c.  Asks for the sizes of the next mails in s->found, more than are asked for now. */
int imap_ahead_look(struct imap_session *s, struct err *e) MUST_CHECK;
/* Fills in the sizes of the mails asked for; false: not all of them are known. */
bool imap_ahead_take(struct imap_session *s);
void imap_ahead_forget(struct imap_session *s); /* before s->found changes or goes */

/* imap_fetch.c: libetpan's callbacks */
void imap_collect_mail(struct mailimap_msg_att *att, void *session);
bool imap_collect_body(int type, struct mailimap_msg_att_body_section *section, const char *bytes,
                       size_t len, void *session);
void imap_collect_progress(size_t current, size_t maximum, void *session);

#endif
