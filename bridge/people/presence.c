/*
 * presence: the key id of a signed presence is kept for the OpenPGP field of its user's mails.
 *
 * Data: one struct sighting per signed presence, from the loop through the store's writer and back,
 * at most SIGHTINGS_MAX at a time: what comes in a flood is dropped, the next presence says it
 * again.  So does a crash.
 */
#include "bridge/people/presence.h"

#include "base/log.h"
#include "bridge/policy.h"
#include "mapping/names.h"
#include "mapping/openpgp/openpgp.h"
#include "store/keys.h"

#include <stdlib.h>

enum { SIGHTINGS_MAX = 100, ARENA_MAX = 1 << 20 };

struct sighting {
    struct store_work work;
    struct gateway *gateway;
    struct arena *arena;
    const char *bare_jid;
    char key_id[OPENPGP_KEY_ID_SIZE];
};

static void sighting_free(struct sighting *s)
{
    arena_free(s->arena);
    free(s);
}

static int keep_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct sighting *s = (struct sighting *)work;

    return keys_put(txn, s->bare_jid, s->key_id, e);
}

static void keep_done(struct store_work *work, const struct err *e)
{
    struct sighting *s = (struct sighting *)work;

    if (e)
        log_warning("presence", "event=key-not-stored class=%s error=\"%s\"",
                    err_class_name(e->class), e->text);
    else
        log_debug("presence", "event=key from=%s key=%s", s->bare_jid, s->key_id);
    s->gateway->sightings--;
    sighting_free(s);
}

/* Who signs with which key; false: nobody who may send, no signature, or no memory. */
static bool look(struct sighting *s, const struct xml_node *stanza)
{
    const struct xml_node *x = xml_child(stanza, NS_X_SIGNED, "x");
    const char *text = xml_text(s->arena, x), *data;
    struct jid from;

    if (!text || jid_parse(s->arena, xml_get(stanza, "from"), &from, NULL) < 0 ||
        !policy_may_send(s->gateway->settings, &from) ||
        openpgp_read_data(s->arena, text, &data) < 0 || !data || !openpgp_key_id(data, s->key_id))
        return false;
    s->bare_jid = jid_bare(s->arena, &from);
    return s->bare_jid;
}

void presence_available(struct gateway *g, const struct xml_node *stanza)
{
    struct sighting *s;

    if (!xml_child(stanza, NS_X_SIGNED, "x") || g->sightings >= SIGHTINGS_MAX)
        return;
    s = calloc(1, sizeof *s);
    if (!s)
        return;
    s->gateway = g;
    s->arena = arena_new(ARENA_MAX);
    s->work.run = keep_run;
    s->work.done = keep_done;
    if (!s->arena || !look(s, stanza) || store_submit(g->store, &s->work) < 0) {
        sighting_free(s);
        return;
    }
    g->sightings++;
}
