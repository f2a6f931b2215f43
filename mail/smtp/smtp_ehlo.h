/*
 * smtp_ehlo: what a server offers in its answer to EHLO (RFC 5321 §4.1.1.1).
 *
 * Pure; any thread.  Private to mail/.
 */
#ifndef MAIL_SMTP_SMTP_EHLO_H
#define MAIL_SMTP_SMTP_EHLO_H

#include <stdbool.h>
#include <stdint.h>

enum smtp_mechanism { /* of AUTH */
                      SMTP_MECHANISM_PLAIN = 1,
                      SMTP_MECHANISM_LOGIN = 2,
                      SMTP_MECHANISM_SCRAM_SHA_1 = 4,
                      SMTP_MECHANISM_SCRAM_SHA_256 = 8,
                      SMTP_MECHANISM_XOAUTH2 = 16
};

struct smtp_offer {
    bool has_starttls;   /* RFC 3207 */
    bool has_pipelining; /* RFC 2920 */
    bool has_chunking;   /* RFC 3030 */
    bool has_8bitmime;   /* RFC 6152 */
    bool has_smtputf8;   /* RFC 6531 */
    bool has_dsn;        /* RFC 3461 */
    bool has_deliverby;  /* RFC 2852 */
    bool has_auth;       /* RFC 4954 */
    bool has_size;       /* RFC 1870 */
    int64_t size_max;    /* 0: none told */
    int64_t by_min_s;    /* the least that DELIVERBY may ask for; 0: anything */
    unsigned mechanisms; /* enum smtp_mechanism, or-ed: those we know */
};

/* text: the reply's lines behind the codes, each with a LF; the first is a greeting. */
void smtp_ehlo_read(const char *text, struct smtp_offer *out);

#endif
