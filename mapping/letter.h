/*
 * letter: one message, belonging to neither world.
 *
 * The centre of the mapping.  Four conversions meet here: stanza_read and mime_read make a letter,
 * mime_write and stanza_write turn it into the other side's form.  Whatever a message can carry is
 * a field; a new feature is one field, its four conversions and a golden pair.
 *
 * Every string is UTF-8 in the letter's arena; NULL means "not there".  Text has \n line ends and
 * nothing XML 1.0 forbids.  A person (struct party) is known on both sides: the readers fill both
 * forms with the address map, so the writers need no map.  Pure: no I/O, no clock (context.h holds
 * the time).
 */
#ifndef MAPPING_LETTER_H
#define MAPPING_LETTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/jid.h"
#include "mapping/report/status.h"

enum party_role { PARTY_TO, PARTY_CC, PARTY_BCC, PARTY_REPLY_TO };

struct party {
    const char *name; /* display name */
    struct addr mail; /* mail.domain NULL: no mail form is known */
    struct jid
        jid; /* jid.domain NULL: no Jabber form is known; a mail person's is their contact at gw */
    bool is_jabber;       /* lives on the Jabber side (md, home or map), else on the mail side */
    enum party_role role; /* in letter.parties */
    bool delivered;       /* XEP-0033: somebody else delivers to this one */
    struct party *next;
};

struct resent { /* jabber:x:envelope forwardedby, RFC 5322 §3.6.6 */
    struct party by;
    const struct party *to; /* first of a list, NULL: none */
    int64_t date_s;         /* 0: unknown */
    const char *message_id; /* without <>; NULL: none */
    struct resent *next;
};

struct attachment {
    const char *url;         /* jabber:x:oob url; NULL until it is served */
    const char *description; /* jabber:x:oob desc, Content-Description */
    const char *filename;    /* a safe base name */
    const char *media_type;  /* "image/png"; NULL: unknown */
    const char *content_id;  /* without <>; for cid: */
    const char *content;     /* decoded bytes; NULL: only the url is known */
    size_t size;
    const char *sha256; /* of the content, base64; NULL: not known */
    bool is_inline;
    struct attachment *next;
};

/* One text of the mail as it came, for the page that shows the whole (page_write).  HTML is a
 * stranger's here: it goes nowhere else. */
struct passage {
    const char *text; /* UTF-8 */
    bool is_html;
    struct passage *next;
};

struct reference { /* of References, oldest first, without <> */
    const char *message_id;
    struct reference *next;
};

enum report_action {
    REPORT_FAILED,
    REPORT_DELAYED,
    REPORT_DELIVERED,
    REPORT_RELAYED,
    REPORT_EXPANDED
};

struct report_recipient { /* RFC 3464 §2.3 */
    const char *address;  /* final or original recipient, as written; NULL: not said */
    enum report_action action;
    struct smtp_status status;
    struct report_recipient *next;
};

enum disposition {                   /* RFC 8098 §3.2.6 */
                   DISPOSITION_NONE, /* not a disposition notification */
                   DISPOSITION_DISPLAYED,
                   DISPOSITION_DELETED,
                   DISPOSITION_PROCESSED,
                   DISPOSITION_DISPATCHED
};

struct report { /* what a delivery report says (RFC 3464), or a bounce in another form */
    struct report_recipient *recipients;
    const char *envelope_id;         /* ENVID */
    const char *original_message_id; /* of the returned message, without <> */
    const char *original_from;       /* addr-spec of the returned message's From */
    const char *reporting_mta;
    enum disposition
        disposition; /* of a message disposition notification; recipients is empty then */
    const char *disposition_recipient; /* whose program sent it; NULL: not said */
};

/* Receipts asked for (XEP-0022, XEP-0184, XEP-0333; RFC 3461, RFC 8098). */
struct wishes {
    bool delivered, offline, displayed; /* jabber:x:event */
    bool receipt;               /* urn:xmpp:receipts request; on the mail side NOTIFY=SUCCESS */
    bool markable;              /* urn:xmpp:chat-markers */
    bool never;                 /* on the mail side NOTIFY=NEVER */
    const char *disposition_to; /* Disposition-Notification-To, addr-spec; NULL: not asked */
};

/* A letter that only says what became of another (no text): a receipt stanza. */
enum notice_kind {
    NOTICE_NONE, /* an ordinary letter */
    NOTICE_DELIVERED,
    NOTICE_OFFLINE,
    NOTICE_DISPLAYED,
    NOTICE_CANCELLED
};

/* What happens when a letter with a deadline passes it (XEP-0079 expire-at). */
enum expiry_action { EXPIRY_EVENT, EXPIRY_DROP, EXPIRY_ERROR, EXPIRY_ALERT, EXPIRY_NOTIFY };

struct contact { /* jabber:x:roster, XEP-0144, text/vcard */
    const char *name;
    const char *jid;  /* NULL: only a mail address is known */
    const char *mail; /* addr-spec; NULL: only a JID is known */
    const char **groups;
    size_t group_count;
    bool is_removed; /* while a stanza is read: to be removed from a roster, not added to it */
    struct contact *next;
};

struct portrait { /* a picture of somebody */
    const char *type, *image;
    size_t len;
};

struct variant { /* the same text in another language, RFC 5646 tag */
    const char *lang, *subject, *text;
    struct variant *next;
};

struct extra_header { /* XEP-0131 SHIM: Keywords, Comments, Organization, Importance, ... */
    const char *name, *value;
    struct extra_header *next;
};

enum letter_type { LETTER_NORMAL, LETTER_CHAT };

struct letter {
    struct arena *arena;
    enum letter_type type;

    /* People. */
    struct party from;          /* the author */
    struct party *claimed_from; /* envelope from / X33 ofrom as the stanza claims it; NULL: none */
    struct party *parties;      /* To, Cc, Bcc, Reply-To, in order */
    struct resent *resent;      /* newest first */
    struct party *recipients;   /* whom this very letter goes to */
    const char *reverse_path;   /* of a mail: "" is the null path; NULL: unknown */
    bool is_multicast;          /* the stanza was addressed to gw itself */
    bool is_reply_all;          /* to user@gw/all: for everybody of the mail that it answers */
    const char *reply_room;     /* XEP-0033 replyroom: bare JID of a chat room; NULL: none */

    /* Identity and thread. */
    const char *stanza_id;
    const char *thread;
    const char *message_id;  /* without <> */
    const char *in_reply_to; /* without <> */
    struct reference *references;
    const char *reply_to_id;  /* XEP-0461: stanza id that this answers */
    const char *reply_to_jid; /* XEP-0461: its sender */
    const char *replaces_id;  /* XEP-0308: stanza id of the message that this one corrects */

    /* Content. */
    const char *subject;
    const char *text;
    const char *uncut; /* the same with what was cut from it (is_cut); NULL: nothing was */
    const char *lang;
    const char *html;         /* sanitised HTML of the text: from XHTML-IM; NULL: none */
    struct variant *variants; /* further languages */
    struct attachment *attachments;
    struct contact *contacts;
    struct portrait *portrait; /* of the author, from their own vCard; NULL: none */
    struct extra_header *extra_headers;

    /* OpenPGP, end to end (XEP-0027): base64 between the armor's blank line and END line. */
    const char *encrypted;   /* the message itself; text, if any, is what stands beside it */
    const char *signature;   /* detached, of signed_text; of stanzas only */
    const char *signed_text; /* the text to the byte, as the stanza had it */
    const char *key_id;      /* of the sender's signed presence */

    const char *loop_mark; /* for X-Loop of a mail that leaves: its reverse-path; NULL: none */

    /* What is asked about this letter, or what it says about another. */
    struct wishes wishes;
    enum notice_kind notice_kind;
    const char *notice_id; /* stanza id that the notice is about */
    enum expiry_action expiry_action;

    /* Time, seconds since 1970 UTC; 0: none. */
    int64_t date_s;
    int64_t expires_s;

    /* Mail nobody wrote. */
    bool is_automatic; /* Auto-Submitted other than no, bulk or list mail */
    bool no_reply;     /* X33 noreply */
    const char *list_id;
    bool is_doubtful;      /* the server that took the mail says that From is not its author's */
    bool is_path_proven;   /* and that the reverse-path is its sender's */
    struct report *report; /* this letter is a delivery report */

    /* Words for the user on what the gateway noticed, one line each ("Replies go to ..."); NULL:
     * none. */
    const char *notice;
    bool is_cut;           /* quoted text or a signature was cut from the text */
    struct passage *whole; /* where the text shows less than the mail; NULL: it shows all */
    const char *whole_url; /* the page that does; NULL until it is served */
};

/* A letter in an arena of its own choosing; NULL when the arena is exhausted. */
struct letter *letter_new(struct arena *a);

/* Adds at the end of a list; NULL when the arena is exhausted. */
struct party *letter_add_party(struct letter *l, struct party **list);
struct attachment *letter_add_attachment(struct letter *l);
struct reference *letter_add_reference(struct letter *l, const char *message_id);

#endif
