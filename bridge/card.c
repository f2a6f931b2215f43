/*
 * card: the store is asked for a contact's name, then the vCard goes back.
 *
 * Data: one struct card per question, from the loop through the store's writer and back; when more
 * than CARDS_MAX are on their way, or the store fails, the answer has the address for a name.  A
 * crash loses an answer, and the client asks again.
 */
#include "bridge/card.h"

#include "base/log.h"
#include "component/vcard.h"
#include "store/faces.h"

#include <stdlib.h>

enum { CARDS_MAX = 100 };

struct card {
    struct store_work work;
    struct gateway *gateway;
    struct arena *arena;
    const struct xml_node *iq;
    const char *mail, *user, *contact;
    const char *name; /* found on the writer */
};

static void answer(struct gateway *g, struct arena *a, const struct xml_node *iq, const char *name,
                   const char *mail)
{
    const struct xml_node *reply = vcard_contact(a, iq, name, mail);

    if (!reply || stream_send_node(g->stream, reply) < 0)
        log_debug("card", "event=answer-dropped");
    arena_free(a);
}

static int find_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct card *c = (struct card *)work;

    return faces_get_contact(txn, c->arena, c->user, c->contact, &c->name, e);
}

static void find_done(struct store_work *work, const struct err *e)
{
    struct card *c = (struct card *)work;

    if (e)
        log_warning("card", "event=not-looked-up error=\"%s\"", e->text);
    c->gateway->cards--;
    answer(c->gateway, c->arena, c->iq, e ? NULL : c->name, c->mail);
    free(c);
}

static const char *bare(struct arena *a, const char *text)
{
    struct jid jid;

    return text && jid_parse(a, text, &jid, NULL) == 0 ? jid_bare(a, &jid) : NULL;
}

void card_answer(struct gateway *g, struct xml_node *iq, const char *mail, struct arena *arena)
{
    struct card *c = g->cards < CARDS_MAX ? calloc(1, sizeof *c) : NULL;

    if (!c) {
        answer(g, arena, iq, NULL, mail);
        return;
    }
    c->gateway = g;
    c->arena = arena;
    c->iq = iq;
    c->mail = mail;
    c->user = bare(arena, xml_get(iq, "from"));
    c->contact = bare(arena, xml_get(iq, "to"));
    c->work.run = find_run;
    c->work.done = find_done;
    if (!c->user || !c->contact || store_submit(g->store, &c->work) < 0) {
        free(c);
        answer(g, arena, iq, NULL, mail);
        return;
    }
    g->cards++;
}
