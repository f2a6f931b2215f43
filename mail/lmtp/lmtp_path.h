/*
 * lmtp_path: what stands behind MAIL FROM: and RCPT TO: (RFC 5321 §4.1.2, RFC 6531 §3.3, RFC 3461
 * §4, RFC 2852 §4, RFC 1870), read strictly: what is not exactly what the standards allow is
 * refused with a reply that says what is wrong.  Pure; strings live in the caller's arena.
 */
#ifndef MAIL_LMTP_LMTP_PATH_H
#define MAIL_LMTP_LMTP_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/arena.h"

/* One line of a reply: "550 5.1.1 no such user".  text never has a control in it. */
struct lmtp_reply {
    int code;
    const char *enhanced;
    const char *text;
};

enum lmtp_ret { LMTP_RET_NONE, LMTP_RET_FULL, LMTP_RET_HDRS };
enum lmtp_by { LMTP_BY_NONE, LMTP_BY_RETURN, LMTP_BY_NOTIFY };
enum lmtp_notify { /* bits, as RFC 3461 §4.1 lists them */
                   LMTP_NOTIFY_SUCCESS = 1,
                   LMTP_NOTIFY_FAILURE = 2,
                   LMTP_NOTIFY_DELAY = 4,
                   LMTP_NOTIFY_NEVER = 8
};

enum {
    LMTP_BY_MIN_S = 10, /* announced: less cannot be promised */
    LMTP_ENVID_MAX = 100,
    LMTP_ORCPT_MAX = 500
};

struct lmtp_sender {
    const char *path; /* addr-spec, "" for the null path */
    bool is_utf8;     /* SMTPUTF8 was asked for */
    int64_t size;     /* SIZE=; -1: not said */
    enum lmtp_ret ret;
    const char *envelope_id; /* ENVID, decoded, printable ASCII; NULL: none */
    enum lmtp_by by;
    int64_t by_s; /* seconds from now; for LMTP_BY_NOTIFY perhaps negative */
    bool by_trace;
};

struct lmtp_recipient {
    struct addr addr;
    const char *text;     /* addr-spec */
    unsigned notify;      /* enum lmtp_notify; 0: not said */
    const char *original; /* ORCPT, "rfc822;juliet@example.org", decoded; NULL: none */
};

/* text: behind "FROM:".  size_max: what was announced.  -1: *no_out is the reply. */
int lmtp_path_sender(struct arena *a, const char *text, int64_t size_max, struct lmtp_sender *out,
                     struct lmtp_reply *no_out) MUST_CHECK;

/* text: behind "TO:".  is_utf8: as the sender asked.  own_domain: of <postmaster>. */
int lmtp_path_recipient(struct arena *a, const char *text, bool is_utf8, const char *own_domain,
                        struct lmtp_recipient *out, struct lmtp_reply *no_out) MUST_CHECK;

#endif
