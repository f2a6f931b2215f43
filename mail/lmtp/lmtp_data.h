/*
 * lmtp_data: the bytes between DATA's 354 and the dot that ends them.
 *
 * A mail ends at CRLF . CRLF and nowhere else.  What servers disagree about (a bare CR, a bare LF,
 * a NUL) is never repaired: the whole mail is then refused, and its bytes are passed over up to the
 * true end, so that nothing in it can be taken for a command.  Dots are undone exactly.  Pure;
 * bytes may come in pieces cut anywhere.
 */
#ifndef MAIL_LMTP_LMTP_DATA_H
#define MAIL_LMTP_LMTP_DATA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum {
    LMTP_LINE_MAX = 64 << 10, /* bytes of a line; RFC 5321 asks for 1000, and more are in use */
    LMTP_HEADER_MAX =
        512 << 10 /* bytes of the header; with ours added it stays below mime_check's */
};

/* Memory that all mails on their way in share. */
struct lmtp_budget {
    size_t used, max;
};

enum lmtp_trouble {             /* the first that was met */
                    LMTP_WHOLE, /* none */
                    LMTP_BARE,  /* a CR or LF that is not part of a CRLF */
                    LMTP_NUL,
                    LMTP_LONG_LINE,
                    LMTP_LONG_HEADER,
                    LMTP_TOO_LARGE,
                    LMTP_NO_MEMORY /* may be better later */
};

struct lmtp_data {
    struct buf *out;
    struct lmtp_budget *budget;
    size_t held;           /* of the budget */
    size_t size, size_max; /* as RFC 1870 counts: without the dots that were added */
    size_t line_len, header_len;
    bool is_body;
    enum lmtp_trouble trouble;
    enum { DATA_LINE, DATA_DOT, DATA_DOT_CR, DATA_TEXT, DATA_CR } state;
};

/* out: what was put into it before stays in front. */
void lmtp_data_init(struct lmtp_data *d, struct buf *out, struct lmtp_budget *budget,
                    size_t size_max);
/* Takes bytes up to the end of the mail; returns how many.  *end_out: that end was met. */
size_t lmtp_data_take(struct lmtp_data *d, const char *data, size_t len, bool *end_out);
/* Gives back what it holds of the budget. */
void lmtp_data_clear(struct lmtp_data *d);

#endif
