/*
 * own_plan: a described mailbox becomes a row, and then an account.
 *
 * No data of its own.  Another mailbox in the place of an old one gets another id, for how far the
 * old one was read says nothing about it.  A crash after the commit finds it in the store, and what
 * came for it since it was tried is read.
 */
#include "bridge/own/own_plan.h"

#include <limits.h>

#include "base/log.h"
#include "store/cursors.h"

int own_plan_make(struct gateway *g, struct arena *a, const char *bare_jid,
                  const struct own_account *old, bool is_first, struct own_plan *plan,
                  struct err *e)
{
    plan->changed = old ? old->id : 0;
    plan->old = old && plan->wish.is_elsewhere ? old->id : 0;
    plan->row = (struct own_box_row){
        .id = old && !plan->old ? old->id : id_next(&g->ids),
        .bare_jid = bare_jid,
        .address = plan->wish.what.address,
        .is_first = old ? old->is_first : is_first,
        .copies = plan->wish.copies,
        .created_s = old ? old->created_s : gateway_now_s(g),
    };
    plan->row.sealed = own_seal(&g->own->key, a, bare_jid, plan->row.id, &plan->wish.what,
                                &plan->row.sealed_len, e);
    return plan->row.sealed ? 0 : -1;
}

static int put(struct store_txn *txn, struct own_plan *plan, unsigned per_user, struct err *e)
{
    char name[OWN_BOX_NAME_SIZE];

    if (own_boxes_put(txn, &plan->row, per_user, &plan->is_full, e) < 0)
        return -1;
    if (plan->is_full || plan->from.uidvalidity == 0 || plan->changed == plan->row.id)
        return 0;
    return cursors_put(txn, own_box_name(plan->row.id, name), plan->from.uidvalidity,
                       plan->from.uid_next, e);
}

int own_plan_store(struct store_txn *txn, struct own_plan *plan, int64_t per_user, struct err *e)
{
    bool is_there;

    plan->is_full = plan->is_gone = false; /* of an earlier run */
    if (!plan->changed)
        return put(txn, plan, (unsigned)per_user, e);
    if (own_boxes_is_of(txn, plan->row.bare_jid, plan->changed, &is_there, e) < 0)
        return -1;
    plan->is_gone = !is_there;
    if (plan->is_gone)
        return 0;
    if (plan->old && own_boxes_remove(txn, plan->row.bare_jid, plan->old, e) < 0)
        return -1;
    return put(txn, plan, UINT_MAX, e);
}

void own_plan_settle(struct gateway *g, const struct own_plan *plan)
{
    const struct own_change change = {plan->changed, !plan->wish.is_tried};
    char name[OWN_BOX_NAME_SIZE];
    struct err e;

    log_info("own", "event=kept from=%s mailbox=%s", plan->row.bare_jid,
             own_box_name(plan->row.id, name));
    if (own_put(g->own, &plan->row, &plan->wish.what, plan->changed ? &change : NULL, &e) < 0)
        log_error("own", "event=not-in-force from=%s next=\"it will be after a restart\"",
                  plan->row.bare_jid);
}

void own_plan_wipe(struct own_plan *plan)
{
    own_wipe(&plan->wish.what);
    own_wipe(&plan->wish.was);
}
