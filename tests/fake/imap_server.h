/*
 * imap_server: an IMAP server for tests, in a thread: one folder, one connection at a time, as well
 * behaved or as hostile as the test wants.  Set what is wanted between init and start; rules and
 * mails may be added at any time.
 */
#ifndef TESTS_FAKE_IMAP_SERVER_H
#define TESTS_FAKE_IMAP_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

enum { FAKE_MAILS = 400, FAKE_RULES = 16 };

struct fake_mail {
    uint32_t uid;
    char *data;
    size_t len;
    size_t size_told; /* RFC822.SIZE; 0: len */
    bool is_seen, is_deleted;
};

/* When a command begins with `on` (case and tag aside; "" is the greeting), answer with `reply`
 * instead, in which %T is the tag, then with fill_count times `fill`, then with `after`. */
struct fake_rule {
    const char *on, *reply;
    const char *fill;
    size_t fill_count;
    const char *after;
    bool then_close;
    bool then_serve; /* the reply comes before the usual answer */
    int times;       /* -1: always */
};

struct fake_imap {
    const char *caps, *caps_after; /* before log-in, and after it (NULL: the same) */
    const char *user, *password;   /* what LOGIN and PLAIN must bring */
    const char *token;             /* and XOAUTH2; NULL: none is right */
    uint32_t uidvalidity;
    SSL_CTX *tls;  /* the caller's */
    bool implicit; /* TLS from the first byte, else STARTTLS */
    enum fake_handshake {
        FAKE_SHAKES_HANDS,
        FAKE_STALLS, /* says nothing until the client goes */
        FAKE_LEAVES, /* closes */
        FAKE_TALKS   /* says something in the clear first */
    } handshake;
    bool is_read_only;
    bool is_mute;       /* tells of no new mail in IDLE */
    bool reverse;       /* sends the mails of a range backwards, the UID behind the body */
    long drop_at;       /* closes a connection after so many bytes, -1: never */
    int drops;          /* so many connections */
    uint32_t breaks_at; /* ends the connection at a STORE of this UID; 0: none */

    unsigned port;
    int listener;
    pthread_t thread;
    pthread_mutex_t lock;
    bool is_stopping;
    struct fake_mail mails[FAKE_MAILS];
    size_t count;
    uint32_t uid_next;
    struct fake_rule rules[FAKE_RULES];
    size_t rule_count;
    char log[65536];  /* the commands, one a line, without tags */
    char clear[4096]; /* what came without TLS, when there is TLS */
    size_t clear_len;
    unsigned connections;
    bool is_connected;
    /* the folder of sent mails */
    const char *sent_folder; /* that is there; NULL: none */
    const char *may_create;  /* the one name that CREATE takes; NULL: none */
    char created[64];
    int lose_append; /* so many times the connection ends when a mail was appended, unanswered */
    unsigned appended;
    char append_command[256], append_text[4096]; /* the last one */
    bool in_sent;                                /* the connection has examined it */
    char moved_to[64];
    size_t moved;

    /* the connection */
    int fd;
    SSL *ssl;
    long sent;
    bool is_in, is_dropped, is_idling;
    size_t told; /* EXISTS as told */
    char in[8192];
    size_t in_len;
};

void fake_imap_init(struct fake_imap *f);
void fake_imap_start(struct fake_imap *f);
void fake_imap_stop(struct fake_imap *f); /* and frees what it owns */
uint32_t fake_imap_add(struct fake_imap *f, const char *data);
void fake_imap_rule(struct fake_imap *f, struct fake_rule rule);
unsigned fake_imap_commands(struct fake_imap *f, const char *prefix); /* how many began so */
unsigned fake_imap_connections(struct fake_imap *f);
bool fake_imap_is_connected(struct fake_imap *f);
/* Mails in the folder with the flag; "" for all. */
size_t fake_imap_flagged(struct fake_imap *f, const char *flag);

#endif
