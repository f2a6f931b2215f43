/*
 * conf: the configuration file (libconfuse syntax), read, checked and with defaults filled in.
 *
 * An error names the file, the line, the option and what is expected; the class is ERR_PERMANENT.
 * A struct conf never changes after conf_read: a reload reads a new one.  Any thread may read it.
 * The option names are a contract with administrators (doc/postern.conf.5).
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/network.h"

enum conf_tls { CONF_TLS_NONE, CONF_TLS_STARTTLS, CONF_TLS_IMPLICIT };

/* What sends mail: libesmtp, or our own client. */
enum conf_engine { CONF_ENGINE_AUTO, CONF_ENGINE_LIBESMTP, CONF_ENGINE_OWN };

struct conf_endpoint { /* where to listen: "127.0.0.1:2424", "[::1]:25" or "unix:/path" */
    const char *text;  /* as configured; NULL: not configured */
    const char *host;  /* NULL for a unix socket */
    unsigned port;
    const char *path; /* unix socket; NULL for TCP */
};

struct conf_server { /* a server to connect to */
    const char *host;
    unsigned port;
    enum conf_tls tls;
    const char *user;        /* "": no authentication */
    const char *password;    /* from password or password_file; "" for none */
    const char *token_file;  /* of smtp: an OAuth token in place of the password; "" for none */
    const char *token;       /* the OAuth token itself, of users' own accounts; NULL or "": none */
    const char *ca_file;     /* "": the system's trust */
    enum conf_engine engine; /* of smtp */
};

struct conf_mailbox {
    const char *name; /* the section's title */
    struct conf_server server;
    const char *folder;  /* default INBOX */
    const char *address; /* own address of the mailbox; "" when not given */
    const char *done;    /* what becomes of a mail that is safe in the queue: "seen" (default),
                            "delete", or a folder to move to */
    bool sub_addresses;  /* users' mail addresses are sub-addresses of this one (box+user=domain) */
    int64_t poll_s;      /* how often to look where IDLE is missing; default 60 */
    int64_t rate;        /* mails for one recipient in an hour; 0 (default): any number */
};

/* Is a mail's sender told that a Jabber user has seen it?  ASK leaves it to each user, and until
 * they have said yes, that is no. */
enum conf_receipts { CONF_RECEIPTS_ASK, CONF_RECEIPTS_ALWAYS, CONF_RECEIPTS_NEVER };

struct conf_map_rule {  /* one `map` section in file order, then the lines of map_file */
    const char *jabber; /* "juliet@capulet.example", "*@capulet.example", "*.sales@im.example" */
    const char *mail;   /* with a * where jabber has one */
    /* option direction = both|to-mail|to-jabber */
    enum { CONF_MAP_BOTH, CONF_MAP_TO_MAIL, CONF_MAP_TO_JABBER } direction;
    const char *where; /* "postern.conf:12", for explaining */
};

struct conf {
    const char *file;        /* path it was read from */
    const char *jid;         /* the component's domain, prepared */
    const char *mail_domain; /* A-labels, default: jid */
    const char **home; /* prepared Jabber domains; default: the domain that jid is a part of */
    size_t home_count;
    const char **senders; /* domains and bare JIDs elsewhere that may send, too */
    size_t sender_count;
    const char **contacts; /* URIs of those who run the gateway, for its users */
    size_t contact_count;

    struct {
        const char *host;
        unsigned port;
        const char *secret;
    } jabber;
    bool has_smtp;
    struct conf_server smtp;
    unsigned smtp_connections;
    int64_t smtp_connect_timeout_s, smtp_reply_timeout_s; /* defaults 30 and 300 */
    struct conf_mailbox *mailboxes;
    size_t mailbox_count;
    struct conf_endpoint lmtp;
    unsigned lmtp_mode;          /* of the file of a unix socket; default 0660 */
    unsigned lmtp_connections;   /* at once; default 100 */
    int64_t lmtp_rate;           /* mails for one user in an hour; 0 (default): any number */
    int64_t lmtp_receipt_wait_s; /* until NOTIFY=SUCCESS is answered without one; default 3600 */
    struct conf_endpoint web;
    const char *web_url;     /* without a final slash; NULL: no web section */
    int64_t web_space;       /* bytes of all files that are kept; default 10 GiB */
    int64_t web_user_space;  /* bytes of files that one user gets in a day; default 1 GiB */
    int64_t web_per_address; /* connections of one; 0: no limit; -1: 32, local addresses without */
    int64_t web_keep_s; /* attachments are kept and their URLs valid so long; default 30 days */
    struct conf_endpoint admin;
    const char **admin_jids;
    size_t admin_jid_count;
    const char *store_url; /* default sqlite:/var/lib/postern/postern.db */
    struct {
        int64_t retry_first_s, retry_max_s, lifetime_s;
        int64_t hold_max_s;     /* what users do not want now is held so long; 0: nothing is held */
        int64_t delay_notice_s; /* a mail's sender hears after so long that it waits; 0: never */
    } queue;
    struct conf_map_rule *map;
    size_t map_count;
    const char *map_file; /* "": none; its rules are in map */
    struct {
        int64_t mail_size_max;   /* bytes of a mail taken in; default 50 MiB */
        int64_t stanza_size_max; /* bytes of a stanza taken or sent; default 256 KiB */
        int64_t user_rate;       /* mails that a user may send in an hour; 0 (default): any */
        int64_t recipient_rate;  /* mails that all may send to an address in an hour; 0: any */
    } limit;
    struct {
        bool external_body; /* message/external-body parts for links; default false */
    } attachments;
    struct { /* files of mails go to the Jabber server's upload service (XEP-0363) */
        bool is_on;
        const char *service;    /* JID; "": found among the services of home */
        bool may_be_clear;      /* http to any address; default false: within the house alone */
        int64_t timeout_s;      /* for one file; default 120 */
        const char *token_file; /* of smtp: an OAuth token in place of the password; "" for none */
        const char *ca_file;    /* "": the system's trust */
    } upload;
    struct { /* files that Jabber users link to are attached to their mail */
        bool is_on;
        int64_t size_max, total_max; /* bytes of a file, and of all of a mail; 5 and 10 MiB */
        int64_t timeout_s;           /* for all of a mail; default 30 */
        const struct network *allow; /* beside the public addresses */
        size_t allow_count;
        const char *ca_file;
    } fetch;
    struct {                       /* users' own mailboxes */
        const char *key, *old_key; /* for their secrets; "": there are none, or none of before */
        int64_t per_user;          /* mailboxes of one user; default 5 */
        bool may_be_private;       /* servers at addresses that are not public */
        const char *ca_file;
    } accounts;
    struct {
        bool mime_inline; /* PGP/MIME comes as jabber:x:encrypted; default false */
    } openpgp;
    struct {
        bool own_address; /* users may choose the local part of their mail address; default true */
    } registration;
    struct {
        const char *server; /* authserv-id of Authentication-Results that are believed; "": none */
        bool refuse;        /* mail whose author they doubt is refused, not only marked */
    } verdicts;
    enum conf_receipts receipts;
    const char *log_level;      /* error, warning, info, debug */
    struct conf_memory *memory; /* owns every string */
};

enum conf_use {
    CONF_OFFLINE, /* for convert, map, queue: needs only jid; secrets are not looked at */
    CONF_SERVE    /* for run and check: jabber, a way out and a way in, readable secrets, and a file
                     nobody else can read when a secret stands in it */
};

/* NULL with *e filled on failure. */
struct conf *conf_read(const char *path, enum conf_use use, struct err *e);
/* The defaults of a gateway mail.example.org for home example.org: for convert without a file. */
struct conf *conf_sample(struct err *e);
void conf_free(struct conf *conf); /* takes NULL */

/* Options that are accepted and do nothing yet; calls back for each that the file uses. */
void conf_each_pending(const struct conf *conf, void (*fn)(const char *text, void *arg), void *arg);

/* Has the administrator named this domain or bare JID as one that may send, too? */
bool conf_is_sender(const struct conf *conf, const char *domain, const char *bare_jid);
bool conf_is_home(const struct conf *conf, const char *domain);

#endif
