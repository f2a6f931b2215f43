/*
 * reader_wire: what the gateway and the process that reads mail tell each other.
 *
 * To the reader: the settings first and again when they change, then mails; each a frame, its body,
 * and for a mail the mail itself.  From it: one hello, then an answer to each mail in order.
 */
#ifndef BRIDGE_READING_READER_WIRE_H
#define BRIDGE_READING_READER_WIRE_H

#include <stdint.h>

#include "base/pack.h"
#include "mapping/mime/mime_read.h"

#define READER_COMMAND "read-mail"

enum { WIRE_NONCE_SIZE = 33, WIRE_BODY_MAX = 64 << 20, WIRE_TEXT_MAX = 500 };

enum wire_frame_kind { WIRE_SETTINGS, WIRE_MAIL };

struct wire_frame {
    uint32_t kind, body_len;
    uint64_t mail_len;
};

enum wire_answer_kind {
    WIRE_HELLO,  /* value: enum confine_state; error: errno of CONFINE_NO_FILTER */
    WIRE_LETTER, /* body: the letter, then the page */
    WIRE_FAILED, /* body: struct wire_failure */
    WIRE_REFUSED /* value: the system call that was asked for; the process ends */
};

struct wire_answer {
    uint32_t kind, value;
    uint64_t body_len, page_len;
};

struct wire_request {
    struct mail_envelope envelope;
    int64_t now_s;
    bool head_only;    /* who is addressed, no content: the mail ends with its header */
    bool wants_page;   /* where the text shows less than the mail */
    bool shortens;     /* a text too long for a stanza becomes a file */
    const char *nonce; /* for the addresses of files in the page, which only the gateway knows */
};

struct wire_failure {
    enum err_class class;
    const char *text;
};

extern const struct pack_shape wire_request_shape, wire_failure_shape;
extern const struct pack_shape wire_conf_shape; /* struct conf, as far as reading needs it */

#endif
