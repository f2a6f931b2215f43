/*
 * imap_scan: looks at what an IMAP server sends before libetpan may parse it.
 *
 * libetpan trusts the server: it collects a line without end, believes the size of a literal, and
 * recurses for each parenthesis.  So every byte passes here first, and what could do harm ends the
 * connection.  The rules are stricter than libetpan's reading, so that the two never disagree about
 * where a literal begins (a literal is the one place where bytes are not looked at): it is taken
 * only as the value of a body section in a FETCH response (RFC 3501 §7.4.2), and as a folder's name
 * where LIST was asked for (§7.2.2), all that is ever asked for.
 *
 * Not shared between threads.
 */
#ifndef MAIL_IMAP_IMAP_SCAN_H
#define MAIL_IMAP_IMAP_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
    IMAP_LINE_MAX = 64 * 1024,    /* bytes of one line outside literals */
    IMAP_LINES_MAX = 1024 * 1024, /* bytes of all such lines in the answer to one command */
    IMAP_NAME_MAX = 4096,         /* bytes of a folder's name */
    IMAP_DEPTH_MAX = 6            /* nested parentheses; an ENVELOPE has three */
};

struct imap_scan {
    /* what the answer to this command may still bring */
    size_t lines_left, line_max;
    uint64_t literal_max, literals_left;
    bool may_name; /* folders' names may be literals */
    /* where in the answer the next byte stands */
    struct buf line;       /* a line whose end has not come yet */
    uint64_t literal_left; /* bytes of the literal being passed over */
    bool is_continued;     /* the next line goes on after a literal */
    bool is_list;          /* of a LIST response */
    unsigned depth;
    /* what was noticed, until the owner resets it */
    bool has_exists; /* an EXISTS came: there may be new mail */
    bool has_tagged; /* the answer to a command ended */
    bool has_bad;    /* with a BAD */
    bool has_bye;
    char bye[160];       /* words of the BYE */
    const char *refused; /* why the server is not listened to any more */
};

void imap_scan_init(struct imap_scan *s);
void imap_scan_clear(struct imap_scan *s);
/* A command is sent: literals of up to literal_max bytes each and literals_max in all may answer
 * it. */
void imap_scan_expect(struct imap_scan *s, uint64_t literal_max, uint64_t literals_max);
/* The answer to this command may be one line of up to IMAP_LINES_MAX. */
void imap_scan_expect_long_line(struct imap_scan *s);
/* The answer to this command may tell folders' names as literals. */
void imap_scan_expect_names(struct imap_scan *s);
/* -1: refused says why; it stays refused. */
int imap_scan_feed(struct imap_scan *s, const char *data, size_t len) MUST_CHECK;
/* Between two responses, nothing half read. */
bool imap_scan_is_at_rest(const struct imap_scan *s);

#endif
