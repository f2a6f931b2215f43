/*
 * imap_watch_errand: errands wait in their order for the next turn of a watch, and are answered on
 * the loop.  Works on the watch's own list; the errands are their owners'.  Loop thread.  After a
 * crash their owner has them in its queue.
 */
#include "mail/imap/imap_errand.h"
#include "mail/imap/imap_watch_inside.h"

enum {
    WAITING_MAX = 64,
    TURN_MAX = 16 /* flags in one turn, or up to one mail to append */
};

int imap_watch_errand(struct imap_watch *w, struct imap_errand *errand)
{
    if (w->is_stopping || w->errand_count >= WAITING_MAX)
        return -1;
    errand->outcome = IMAP_ERRAND_RETRY;
    err_clear(&errand->e);
    errand->folder[0] = '\0';
    chain_push(&w->errands, &errand->link);
    w->errand_count++;
    imap_watch_kick(w);
    return 0;
}

bool imap_watch_has_errands(const struct imap_watch *w)
{
    return w->errands.head != NULL;
}

struct chain imap_watch_take_errands(struct imap_watch *w)
{
    struct chain taken = {NULL, NULL};
    struct imap_errand *errand;
    unsigned n = 0;

    while (n < TURN_MAX && (errand = chain_pop(&w->errands))) {
        chain_push(&taken, &errand->link);
        w->errand_count--;
        n = errand->kind == IMAP_ERRAND_APPEND ? TURN_MAX : n + 1;
    }
    return taken;
}

void imap_watch_answer(struct chain errands, const struct err *why)
{
    struct imap_errand *errand;

    while ((errand = chain_pop(&errands))) {
        if (errand->outcome == IMAP_ERRAND_RETRY && errand->e.class == ERR_NONE)
            err_set(&errand->e, ERR_RETRY, "%s", why->text);
        errand->done(errand);
    }
}

void imap_watch_refuse_errands(struct imap_watch *w, const struct err *why)
{
    struct chain errands = w->errands;

    w->errands = (struct chain){NULL, NULL};
    w->errand_count = 0;
    imap_watch_answer(errands, why);
}

const char *imap_fault_name(enum imap_fault fault)
{
    static const char *const names[] = {"none", "away", "name", "tls", "login", "folder", "server"};

    return names[fault];
}
