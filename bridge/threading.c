/*
 * threading: which mail a message answers.  No data of its own; runs inside store work on its
 * thread.
 */
#include "bridge/threading.h"

#include "store/links.h"

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

int threading_to_mail(struct store_txn *txn, struct letter *letter, const char *bare_jid,
                      const char *bare_contact, struct err *e)
{
    struct link *parent = NULL;

    if (letter->reply_to_id && links_by_stanza_id(txn, letter->arena, bare_jid, bare_contact,
                                                  letter->reply_to_id, &parent, e) < 0)
        return -1;
    if (!parent && letter->thread &&
        links_last_in_thread(txn, letter->arena, bare_jid, bare_contact, letter->thread, &parent,
                             e) < 0)
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
    if (find_parent(txn, letter, bare_jid, &parent, e) < 0)
        return -1;
    if (parent) {
        letter->thread = parent->thread;
        letter->reply_to_id = parent->stanza_id;
        letter->reply_to_jid = parent->direction == LINK_TO_MAIL ? parent->jid : parent->contact;
    }
    if (!letter->thread)
        letter->thread = threading_root(ctx, letter);
    return 0;
}
