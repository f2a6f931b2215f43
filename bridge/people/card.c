/*
 * card: the store is asked for a contact's name, then the vCard goes back.
 *
 * Data: one struct card per question, from the loop through the store's writer and back; when more
 * than CARDS_MAX are on their way, or the store fails, the answer has the address for a name.  A
 * crash loses an answer, and the client asks again.
 */
#include "bridge/people/card.h"

#include "base/log.h"
#include "component/vcard.h"
#include "mapping/mime/transfer.h"
#include "store/faces.h"

#include <stdlib.h>

enum { CARDS_MAX = 100, FOUND_MAX = 512 << 10 };

struct card {
    struct store_work work;
    struct gateway *gateway;
    struct arena *arena; /* of the iq */
    struct arena *found; /* what is in the store, and what is made of it */
    const struct xml_node *iq;
    const char *mail, *user, *contact;
    const char *name; /* found on the writer, as what follows */
    struct face_portrait portrait;
};

/* The picture as a vCard carries it; NULL: there is none, or no memory for it. */
static const struct vcard_photo *photo_of(struct arena *a, const struct face_portrait *portrait)
{
    struct vcard_photo *photo = portrait->type ? arena_alloc(a, sizeof *photo) : NULL;
    char *base64 = photo ? arena_alloc(a, portrait->len * 2 + 100) : NULL;
    struct buf lines;
    size_t i, n = 0;

    if (!base64)
        return NULL;
    buf_init(&lines, portrait->len * 2 + 100);
    transfer_write_bytes(&lines, portrait->image, portrait->len);
    for (i = 0; i < lines.len; i++)
        if (lines.data[i] > ' ')
            base64[n++] = lines.data[i];
    photo->type = portrait->type;
    photo->base64 = base64;
    if (buf_failed(&lines))
        photo = NULL;
    buf_clear(&lines);
    return photo;
}

static void answer(struct gateway *g, struct arena *a, const struct xml_node *iq, const char *name,
                   const char *mail, const struct vcard_photo *photo)
{
    const struct xml_node *reply = vcard_contact(a, iq, name, mail, photo);

    if (!reply || window_answer(g->window, reply) < 0)
        log_debug("card", "event=answer-dropped");
}

static int find_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct card *c = (struct card *)work;

    if (faces_get_contact(txn, c->arena, c->user, c->contact, &c->name, e) < 0)
        return -1;
    return faces_get_portrait(txn, c->found, c->user, c->contact, &c->portrait, e);
}

static void find_done(struct store_work *work, const struct err *e)
{
    struct card *c = (struct card *)work;

    if (e)
        log_warning("card", "event=not-looked-up error=\"%s\"", e->text);
    c->gateway->cards--;
    answer(c->gateway, c->found, c->iq, e ? NULL : c->name, c->mail,
           e ? NULL : photo_of(c->found, &c->portrait));
    arena_free(c->found);
    arena_free(c->arena);
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
        answer(g, arena, iq, NULL, mail, NULL);
        arena_free(arena);
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
    c->found = arena_new(FOUND_MAX);
    if (!c->user || !c->contact || !c->found || store_submit(g->store, &c->work) < 0) {
        arena_free(c->found);
        free(c);
        answer(g, arena, iq, NULL, mail, NULL);
        arena_free(arena);
        return;
    }
    g->cards++;
}
