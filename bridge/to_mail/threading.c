/*
 * threading: which mail a message answers.  No data of its own; runs inside store work on its
 * thread.
 */
#include "bridge/to_mail/threading.h"

#include "store/links.h"
#include "store/queue.h"

#include <string.h>

enum { REFERENCES_MAX = 20 };

/* Adds the ids of a space-separated list. */
static int add_references(struct letter *letter, const char *list)
{
    while (list && *list) {
        size_t n = strcspn(list, " ");
        char *id = arena_strndup(letter->arena, list, n);

        if (!id || (n > 0 && !letter_add_reference(letter, id)))
            return -1;
        list += n + strspn(list + n, " ");
    }
    return 0;
}

static int answer(struct letter *letter, const struct link *parent, struct err *e)
{
    letter->references = NULL; /* the work may be run again */
    letter->in_reply_to = NULL;
    if (!parent || !parent->message_id)
        return 0;
    letter->in_reply_to = parent->message_id;
    if (add_references(letter, parent->references) < 0 ||
        !letter_add_reference(letter, parent->message_id))
        return err_memory(e);
    if (!letter->subject && parent->subject) {
        bool has_re = strncmp(parent->subject, "Re:", 3) == 0;

        letter->subject =
            arena_printf(letter->arena, "%s%s", has_re ? "" : "Re: ", parent->subject);
        if (!letter->subject)
            return err_memory(e);
    }
    return 0;
}

/* Is the letter for this mail address too? */
static bool is_for(const struct letter *letter, const char *address)
{
    const struct party *r;
    const char *text;

    for (r = letter->recipients; r; r = r->next) {
        text = r->is_jabber ? NULL : addr_text(letter->arena, &r->mail);
        if (text && strcmp(text, address) == 0)
            return true;
    }
    return false;
}

/* Takes a message out of the queue, which the letter replaces; *done_out: it was there, nobody is
 * working on it, and nobody it was for goes without.  What was deferred is not in anybody's hands
 * before it falls due. */
static int take_back(struct store_txn *txn, struct letter *letter, int64_t id, int64_t now_s,
                     bool *done_out, struct err *e)
{
    enum { MARGIN_S = 2 };
    struct queue_message *m;
    size_t i;

    *done_out = false;
    if (queue_get(txn, letter->arena, id, &m, e) < 0)
        return -1;
    if (!m)
        return 0;
    for (i = 0; i < m->item_count; i++)
        if (m->items[i].attempts == 0 || m->items[i].next_at_s <= now_s + MARGIN_S ||
            !is_for(letter, m->items[i].recipient))
            return 0;
    for (i = 0; i < m->item_count; i++)
        if (queue_remove(txn, id, m->items[i].n, e) < 0)
            return -1;
    *done_out = true;
    return 0;
}

/* The letter stands where the original stood: it answers what that answered. */
static int stand_in(struct letter *letter, const struct link *original, struct err *e)
{
    const struct reference *r;

    letter->references = NULL;
    letter->in_reply_to = NULL;
    if (add_references(letter, original->references) < 0)
        return err_memory(e);
    for (r = letter->references; r; r = r->next)
        letter->in_reply_to = r->message_id;
    if (!letter->subject)
        letter->subject = original->subject;
    return 0;
}

static int answer_with_correction(struct letter *letter, const struct link *original, struct err *e)
{
    const char *subject = letter->subject ? letter->subject : original->subject;

    if (answer(letter, original, e) < 0)
        return -1;
    if (!subject)
        subject = "";
    if (strncmp(subject, "Correction", 10) != 0)
        letter->subject =
            arena_printf(letter->arena, "Correction%s%s", *subject ? ": " : "", subject);
    return letter->subject ? 0 : err_memory(e);
}

int threading_correction(struct store_txn *txn, struct letter *letter, const char *bare_jid,
                         const char *bare_contact, int64_t now_s, bool *found_out, struct err *e)
{
    struct link *original = NULL;
    bool is_taken_back = false;

    if (letter->replaces_id && links_by_stanza_id(txn, letter->arena, bare_jid, bare_contact,
                                                  letter->replaces_id, &original, e) < 0)
        return -1;
    *found_out = original != NULL;
    if (!original)
        return 0;
    if (take_back(txn, letter, original->id, now_s, &is_taken_back, e) < 0)
        return -1;
    return is_taken_back ? stand_in(letter, original, e)
                         : answer_with_correction(letter, original, e);
}

int threading_parent(struct store_txn *txn, struct letter *letter, const char *bare_jid,
                     const char *bare_contact, struct link **out, struct err *e)
{
    *out = NULL;
    if (letter->reply_to_id && links_by_stanza_id(txn, letter->arena, bare_jid, bare_contact,
                                                  letter->reply_to_id, out, e) < 0)
        return -1;
    if (*out || !letter->thread)
        return 0;
    return links_last_in_thread(txn, letter->arena, bare_jid, bare_contact, letter->thread, out, e);
}

int threading_to_mail(struct store_txn *txn, struct letter *letter, const char *bare_jid,
                      const char *bare_contact, struct err *e)
{
    struct link *parent;

    if (threading_parent(txn, letter, bare_jid, bare_contact, &parent, e) < 0)
        return -1;
    return answer(letter, parent, e);
}

/* The newest known link among In-Reply-To and References. */
static int find_parent(struct store_txn *txn, struct letter *letter, const char *bare_jid,
                       struct link **out, struct err *e)
{
    const char *ids[REFERENCES_MAX];
    const struct reference *r;
    size_t count = 0;

    *out = NULL;
    if (letter->in_reply_to &&
        links_by_message_id(txn, letter->arena, letter->in_reply_to, bare_jid, out, e) < 0)
        return -1;
    for (r = letter->references; r; r = r->next) {
        if (count == REFERENCES_MAX) {
            memmove(ids, ids + 1, sizeof ids - sizeof ids[0]);
            count--;
        }
        ids[count++] = r->message_id;
    }
    while (!*out && count > 0)
        if (links_by_message_id(txn, letter->arena, ids[--count], bare_jid, out, e) < 0)
            return -1;
    return 0;
}

const char *threading_root(const struct context *ctx, const struct letter *letter)
{
    const char *root = letter->references    ? letter->references->message_id
                       : letter->in_reply_to ? letter->in_reply_to
                                             : letter->message_id;
    char hash[33];

    if (!root)
        return NULL;
    keyed_hash_hex(ctx->key, "thread", root, strlen(root), 16, hash);
    return arena_strdup(letter->arena, hash);
}

int threading_to_jabber(struct store_txn *txn, const struct context *ctx, struct letter *letter,
                        const char *bare_jid, struct err *e)
{
    struct link *parent;

    letter->reply_to_id = NULL;
    letter->reply_to_jid = NULL;
    letter->thread = NULL;
    letter->type = LETTER_NORMAL;
    if (find_parent(txn, letter, bare_jid, &parent, e) < 0)
        return -1;
    if (parent) {
        letter->thread = parent->thread;
        if (parent->asked & LINK_IS_CHAT) /* an answer stands where the question does */
            letter->type = LETTER_CHAT;
        letter->reply_to_id = parent->stanza_id;
        letter->reply_to_jid = parent->direction == LINK_TO_MAIL ? parent->jid : parent->contact;
    }
    if (!letter->thread)
        letter->thread = threading_root(ctx, letter);
    return 0;
}
