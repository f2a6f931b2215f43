/*
 * smtp_script: an SMTP server that does as it is told, for unit tests.
 *
 * It listens on a free loopback port; every connection has a thread.  Each command is looked up in
 * a list of rules; the first that fits says what is answered and what happens then, else the answer
 * is the usual one.  It keeps what it was given, to the byte.
 */
#ifndef TESTS_FAKE_SMTP_SCRIPT_H
#define TESTS_FAKE_SMTP_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

struct fake_smtp_rule {
    const char *verb;    /* GREETING EHLO HELO MAIL RCPT DATA MIDDLE (of DATA or BDAT, once its
                            first byte has come) END (of them) RSET QUIT STARTTLS HANDSHAKE (before
                            it) AUTH; NULL ends the list */
    const char *match;   /* the command line must contain it; NULL: any */
    unsigned connection; /* only on the nth, from 1; 0: on any */
    unsigned mail;       /* only at the nth MAIL of the connection, from 1; 0: at any */
    const char *reply;   /* "550 no\r\n", may be several lines; NULL: the usual one; "": nothing */
    enum fake_smtp_then {
        FAKE_GO_ON,
        FAKE_CLOSE,
        FAKE_RESET,         /* close with RST */
        FAKE_HANG,          /* read nothing and say nothing more, until the fake is stopped */
        FAKE_HANG_WHEN_READ /* answer nothing more, but read */
    } then;
    unsigned delay_ms; /* before the reply */
    unsigned drip_ms;  /* between the bytes of the reply */
};

/* Whenever the verb comes. */
/* clang-format off */
#define FAKE_RULE(verb, reply, then) {verb, NULL, 0, 0, reply, then, 0, 0}
/* clang-format on */

struct fake_smtp_mail {
    char *from;       /* the whole MAIL line */
    char *recipients; /* the accepted RCPT lines, each with a LF */
    char *data;       /* as it was before dot-stuffing, without the final dot */
    size_t len;
    unsigned connection;
};

struct fake_smtp;

/* Before fake_smtp_start; the pointers are borrowed. */
struct fake_smtp_tls {
    SSL_CTX *ctx;
    bool is_implicit;
    const char *extensions;      /* after the handshake; NULL: as before it */
    const char *user, *password; /* that AUTH takes */
};
struct fake_smtp *fake_smtp_start_tls(const struct fake_smtp_rule *rules, const char *extensions,
                                      const struct fake_smtp_tls *tls);

/* extensions: EHLO keywords, each with a LF ("PIPELINING\nSIZE 1000\n"); NULL: PIPELINING,
 * 8BITMIME, SIZE, ENHANCEDSTATUSCODES, CHUNKING.  The rules are borrowed.  Ends the test program
 * when there is no socket. */
struct fake_smtp *fake_smtp_start(const struct fake_smtp_rule *rules, const char *extensions);
unsigned fake_smtp_port(const struct fake_smtp *f);
/* Before there is a connection: the first one ends when it has sent so many bytes. */
void fake_smtp_cut(struct fake_smtp *f, size_t bytes);

/* The counts may be read while it runs (a mail is counted a moment after it was answered), the
 * mails after it has stopped. */
unsigned fake_smtp_connections(struct fake_smtp *f);
unsigned fake_smtp_most_at_once(struct fake_smtp *f);
unsigned fake_smtp_open(struct fake_smtp *f); /* connections now, but those that said QUIT */
unsigned fake_smtp_count(struct fake_smtp *f, const char *verb); /* commands so far;
    NESTED: MAIL within a mail */
size_t fake_smtp_mail_count(struct fake_smtp *f); /* mails accepted by a 2xx after their end */
const struct fake_smtp_mail *fake_smtp_mail(struct fake_smtp *f, size_t i);

/* After it has stopped: what came in the clear on all connections, and the AUTH commands. */
const char *fake_smtp_clear(const struct fake_smtp *f);
const char *fake_smtp_auths(const struct fake_smtp *f);

void fake_smtp_stop(struct fake_smtp *f); /* closes every connection, joins its threads */
void fake_smtp_free(struct fake_smtp *f); /* stops it; takes NULL */

#endif
