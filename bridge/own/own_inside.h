/*
 * own_inside: what the files of bridge/own/ share, and what forms and registration need of them.
 */
#ifndef BRIDGE_OWN_OWN_INSIDE_H
#define BRIDGE_OWN_OWN_INSIDE_H

#include "base/conf.h"
#include "base/sealed.h"
#include "bridge/own/own.h"
#include "component/reply.h"
#include "mail/imap/imap_boxes.h"
#include "store/own_boxes.h"

enum { OWN_HEADS = 256, OWN_TEXT_MAX = 255, OWN_TRIALS_MAX = 32 };

/* A mailbox as its user describes it. */
struct own_description {
    const char *address;
    struct conf_server imap, smtp;
    const char *folder;
};

struct own_account {
    struct own *own;
    struct arena *arena; /* of all texts */
    int64_t id, created_s;
    char name[OWN_BOX_NAME_SIZE];
    const char *bare_jid;
    struct own_description what;
    bool is_locked; /* the key does not open it; only what.address is known */
    bool is_first, copies, is_told;
    struct imap_box *box; /* NULL: not watched */
    struct sender *sender;
    /* How it stands: */
    bool is_watching, is_failing; /* failing: its user is to see it */
    int64_t away_since_ms;        /* 0: it is not */
    char reason[300];             /* of the mailbox */
    char refusal[300];            /* of the submission server's log-in; "": none */
    bool is_at_work;              /* a chore of it is under way */
    int64_t chores_due_ms;        /* one is tried again then; 0: none is known */
    int64_t chore;                /* that was not done, */
    unsigned chore_tries;         /* so often in a row */
    struct own_account *next_by_id, *next_by_user;
};

struct own_trial;

struct own {
    struct gateway *gateway;
    struct sealed_key key, old_key;
    bool is_on, has_old_key;
    struct imap_boxes *boxes;
    struct send_common *common;
    struct own_account *by_id[OWN_HEADS], *by_user[OWN_HEADS];
    struct own_trial *trials;
    unsigned trial_count;
    bool is_stopping, was_started;
    void (*stopped)(struct gateway *g);
};

/* own.c */
struct own_account *own_find(const struct own *own, int64_t id);
struct own_account *own_find_name(const struct own *own, const char *name);
/* The user's mailboxes, one after the other; the first: after NULL. */
struct own_account *own_next_of(const struct own *own, const char *bare_jid,
                                const struct own_account *after);
/* The one that new mails leave from; NULL: the user has none. */
struct own_account *own_first_of(const struct own *own, const char *bare_jid);
/* What another takes the place of. */
struct own_change {
    int64_t id;
    bool is_proven; /* both servers have just let us log in */
};
/* In memory, once it is on disk: a new one (change NULL), or in another's place.  -1: memory; it is
 * in force after a restart. */
int own_put(struct own *own, const struct own_box_row *row, const struct own_description *what,
            const struct own_change *change, struct err *e) MUST_CHECK;
void own_drop(struct own *own, int64_t id);
void own_make_first(struct own *own, const char *bare_jid, int64_t id);
void own_drop_all(struct own *own, const char *bare_jid);
void own_watch(struct own_account *a);
bool own_is_public(const struct sockaddr *address);

/* own_seal.c */
/* The bytes for a row, in the arena; NULL: *e. */
const char *own_seal(const struct sealed_key *key, struct arena *a, const char *bare_jid,
                     int64_t id, const struct own_description *what, size_t *len_out,
                     struct err *e);
int own_unseal(const struct sealed_key *key, struct arena *a, const struct own_box_row *row,
               struct own_description *out, struct err *e) MUST_CHECK;
int own_copy(struct arena *a, const struct own_description *what, struct own_description *out);
void own_wipe(struct own_description *what);

/* own_trial.c */
struct own_verdict {
    bool is_ok;
    struct imap_cursor end; /* of the mailbox as it was then; uidvalidity 0: not known */
    enum reply_error error;
    const char *text;
};
/* Logs in at both servers; done is called once, later.  what is borrowed until then.  -1: not
 * begun, *refused_out says why. */
int own_try(struct own *own, const char *bare_jid, const struct own_description *what,
            void (*done)(const struct own_verdict *verdict, void *arg), void *arg,
            struct own_verdict *refused_out);
void own_trials_end(struct own *own);

/* own_mail.c */
bool own_mail_arrived(struct imap_box *box, const struct imap_mail *mail, void *arg);
void own_cursor_moved(struct imap_box *box, const struct imap_cursor *cursor, void *arg);

/* own_tell.c */
void own_state_changed(struct imap_box *box, const struct imap_state *state, void *arg);
void own_look_after(struct own_account *a);
/* Its contacts' presence is to be said again. */
void own_announce(struct own *own, const char *bare_jid);

/* own_chores.c */
void own_chores_go_on(struct own_account *a);

#endif
