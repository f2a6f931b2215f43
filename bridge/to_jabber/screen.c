/*
 * screen: whose mail a user does not want.
 *
 * Data: the bits.  Where the envelope shows a blocked sender and LMTP asks, it is refused there.
 * What is known only from the mail itself came when it had been accepted already.  A report to a
 * blocked sender whose address is proven says so; to one that may be forged it would strike
 * somebody else, and the mail is dropped: its recipient wanted that, and the log says it.  To
 * strangers, who may be anybody and mean well, a report is owed.  A crash leaves nothing behind.
 */
#include "bridge/to_jabber/screen.h"

#include <stdlib.h>
#include <string.h>

struct screen {
    unsigned char bits[SCREEN_BITS / 8]; /* atomic, only ever set */
};

static size_t bit_of(const char *bare_jid)
{
    uint32_t hash = 2166136261u;

    for (; *bare_jid; bare_jid++)
        hash = (hash ^ (unsigned char)*bare_jid) * 16777619u;
    return (hash ^ hash >> 16) % SCREEN_BITS;
}

void screen_add(struct screen *s, const char *bare_jid)
{
    size_t bit = bit_of(bare_jid);

    __atomic_fetch_or(&s->bits[bit / 8], (unsigned char)(1u << bit % 8), __ATOMIC_RELAXED);
}

bool screen_has(struct screen *s, const char *bare_jid)
{
    size_t bit = bit_of(bare_jid);

    return __atomic_load_n(&s->bits[bit / 8], __ATOMIC_RELAXED) & (1u << bit % 8);
}

static void add_user(const char *bare_jid, void *arg)
{
    screen_add(arg, bare_jid);
}

static int load(struct store_txn *txn, void *arg, struct err *e)
{
    return senders_each_user(txn, add_user, arg, e);
}

struct screen *screen_open(struct store *store, struct err *e)
{
    struct screen *s = calloc(1, sizeof *s);

    if (!s) {
        err_memory(e);
        return NULL;
    }
    if (store_now(store, load, s, e) == 0)
        return s;
    screen_close(s);
    return NULL;
}

void screen_close(struct screen *s)
{
    free(s);
}

static const char *lower(struct arena *a, const char *text)
{
    char *copy = arena_strdup(a, text), *p;

    for (p = copy; p && *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + ('a' - 'A'));
    return copy;
}

const char *screen_sender(struct arena *a, const char *text, struct err *e)
{
    struct addr addr;
    const char *made;

    if (!strchr(text, '@')) {
        if (!strchr(text, '.') || addr_domain(a, text, &made, e) < 0) {
            err_set(e, ERR_PERMANENT, "'%s' is no domain", text);
            return NULL;
        }
        return made;
    }
    if (addr_parse(a, text, &addr, e) < 0)
        return NULL;
    made = addr_text(a, &addr);
    made = made ? lower(a, made) : NULL;
    if (!made)
        err_memory(e);
    return made;
}

static int judge(struct store_txn *txn, struct arena *a, const char *bare_jid, const char *address,
                 enum sender_verdict *out, struct err *e)
{
    const char *key = lower(a, address);

    return key ? senders_judge(txn, bare_jid, key, out, e) : err_memory(e);
}

int screen_know(struct store_txn *txn, struct screen *s, struct arena *a, const char *bare_jid,
                const char *mail, struct err *e)
{
    const char *key;

    if (!screen_has(s, bare_jid))
        return 0;
    key = lower(a, mail);
    return key ? senders_know(txn, bare_jid, key, e) : err_memory(e);
}

int screen_is_blocked(struct store_txn *txn, struct arena *a, const char *bare_jid,
                      const char *reverse_path, bool *out, struct err *e)
{
    enum sender_verdict verdict;

    if (judge(txn, a, bare_jid, reverse_path, &verdict, e) < 0)
        return -1;
    *out = verdict == SENDER_BLOCKED;
    return 0;
}

static int is_acquainted(struct store_txn *txn, const struct leg *leg, bool *out, struct err *e)
{
    const struct letter *l = leg->shipment->letter;
    struct arena *a = leg->shipment->arena;
    const char *contact = l->from.jid.domain ? jid_bare(a, &l->from.jid) : NULL;
    const char *answered = l->report ? l->report->original_message_id : l->in_reply_to;
    struct link *link = NULL;

    *out = false;
    if (answered && links_by_message_id(txn, a, answered, leg->jid, &link, e) < 0)
        return -1;
    *out = link && link->direction == LINK_TO_MAIL;
    return *out || !contact ? 0 : senders_has_link(txn, leg->jid, contact, out, e);
}

static void refuse(struct leg *leg, bool is_told, const char *text)
{
    leg->fate = is_told ? LEG_FAILED : LEG_DROPPED;
    leg->why = text;
    if (is_told)
        leg->status = (struct smtp_status){.code = 550, .enhanced = "5.7.1", .text = text};
}

int screen_leg(struct store_txn *txn, struct leg *leg, struct err *e)
{
    struct shipment *s = leg->shipment;
    const struct letter *l = s->letter;
    const char *from = l->from.mail.domain ? addr_text(s->arena, &l->from.mail) : "";
    const char *path = s->parcel->message.sender;
    enum sender_verdict verdict = SENDER_UNKNOWN;
    struct choices choices;
    bool is_acquaintance;

    if (!screen_has(s->gateway->screen, leg->jid))
        return 0;
    if (!from)
        return err_memory(e);
    if (judge(txn, s->arena, leg->jid, from, &verdict, e) < 0)
        return -1;
    if (verdict == SENDER_UNKNOWN && *path && judge(txn, s->arena, leg->jid, path, &verdict, e) < 0)
        return -1;
    if (verdict == SENDER_BLOCKED)
        refuse(leg, l->is_path_proven, "the recipient has blocked this sender");
    if (verdict != SENDER_UNKNOWN)
        return 0;
    if (choices_get(txn, leg->jid, &choices, e) < 0)
        return -1;
    if (choices.of[CHOICE_STRANGERS] != CHOICE_NO)
        return 0;
    if (is_acquainted(txn, leg, &is_acquaintance, e) < 0)
        return -1;
    if (!is_acquaintance)
        refuse(leg, !l->is_doubtful,
               "the recipient takes mail only from people they have written to or allowed");
    return 0;
}
