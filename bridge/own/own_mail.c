/*
 * own_mail: a mail in a user's own mailbox is accepted for that user, whoever its header names.
 *
 * Data: a catch for each mail on its way into the store.  Loop thread.  A crash at any point offers
 * the mail again, and the store knows by UIDVALIDITY and UID whether it has it.  The mail stays in
 * its mailbox, so what cannot be delivered is lost to nobody, and no report goes to its sender:
 * it is stored with the null reverse-path.
 */
#include "bridge/own/own_inside.h"

#include "base/log.h"
#include "base/step.h"
#include "store/cursors.h"
#include "store/queue.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PARCEL_ARENA = 64 << 10, NOTE_MAX = 512 };

struct catch
{
    struct store_work work;
    struct own *own;
    int64_t box;
    char name[OWN_BOX_NAME_SIZE];
    struct parcel *parcel;
    uint32_t uidvalidity, uid;
    bool is_new;
};

static void catch_free(struct catch *c)
{
    parcel_free(c->parcel);
    free(c);
}

static int put_run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct catch *c = (struct catch *)work;
    bool is_there;

    c->is_new = false;
    if (own_boxes_has(txn, c->box, &is_there, e) < 0)
        return -1;
    if (!is_there)
        return 0;
    if (queue_put_fetched(txn, &c->parcel->message, c->name, c->uidvalidity, c->uid, &c->is_new,
                          e) < 0)
        return -1;
    step("own.written");
    return 0;
}

static void put_done(struct store_work *work, const struct err *e)
{
    struct catch *c = (struct catch *)work;
    struct gateway *g = c->own->gateway;
    struct own_account *a = own_find(c->own, c->box);
    char id[ID_TEXT_SIZE];

    step("own.stored");
    if (e)
        log_error("own", "event=not-stored mailbox=%s uid=%u class=%s error=\"%s\"", c->name,
                  c->uid, err_class_name(e->class), e->text);
    else
        log_info("own", "event=%s id=%s mailbox=%s uid=%u", c->is_new ? "accepted" : "known",
                 id_format(c->parcel->message.id, id), c->name, c->uid);
    if (a && a->box)
        imap_box_done(a->box, c->uidvalidity, c->uid, !e);
    if (!e && c->is_new) {
        gateway_count(g, STAT_MAIL_ACCEPTED);
        courier_offer(g->mail_in, c->parcel);
        c->parcel = NULL;
    }
    catch_free(c);
}

/* ---- a mail that is too large: its header, and where to read it ---- */

static bool is_of_content(const char *line, size_t len)
{
    return (len >= 8 && strncasecmp(line, "Content-", 8) == 0) ||
           (len >= 13 && strncasecmp(line, "MIME-Version:", 13) == 0);
}

static char *shorten(const struct imap_mail *mail, const char *address, size_t *len_out)
{
    const char *at = mail->data ? mail->data : "", *end, *next;
    bool drops = false;
    struct buf b;

    buf_init(&b, mail->len + NOTE_MAX);
    end = at + (mail->data ? mail->len : 0);
    if (!mail->data) /* what the server never gives */
        buf_printf(&b, "From: %s\r\n", address);
    for (; at < end && *at != '\r' && *at != '\n'; at = next) {
        next = memchr(at, '\n', (size_t)(end - at));
        next = next ? next + 1 : end;
        if (*at != ' ' && *at != '\t')
            drops = is_of_content(at, (size_t)(next - at));
        if (!drops)
            buf_add(&b, at, (size_t)(next - at));
    }
    buf_printf(&b,
               "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
               "This mail has %lld bytes, which is too large to come here. Read it in your "
               "mailbox.\r\n",
               (long long)mail->size);
    return buf_detach(&b, len_out);
}

static char *take_data(const struct imap_mail *mail, const char *address, size_t *len_out)
{
    char *data;

    if (mail->is_truncated || !mail->data)
        return shorten(mail, address, len_out);
    data = malloc(mail->len + 1);
    if (!data)
        return NULL;
    memcpy(data, mail->data, mail->len);
    data[mail->len] = '\0';
    *len_out = mail->len;
    return data;
}

static int fill(struct catch *c, const struct own_account *a, const struct imap_mail *mail)
{
    struct gateway *g = c->own->gateway;
    struct parcel *p = c->parcel = parcel_new(PARCEL_ARENA);
    struct queue_message *m;

    if (!p)
        return -1;
    m = &p->message;
    p->heap = take_data(mail, a->what.address, &m->content_len);
    m->content = p->heap;
    m->id = id_next(&g->ids);
    m->kind = QUEUE_MAIL_IN;
    m->origin = arena_strdup(parcel_arena(p), a->name);
    m->sender = "";
    m->created_s = gateway_now_s(g);
    m->uidvalidity = mail->uidvalidity;
    m->uid = mail->uid;
    m->lane = queue_lane(a->bare_jid);
    m->items = arena_alloc(parcel_arena(p), sizeof *m->items);
    if (!p->heap || !m->origin || !m->items)
        return -1;
    m->item_count = 1;
    m->items[0].recipient = arena_strdup(parcel_arena(p), a->what.address);
    m->items[0].next_at_s = m->created_s;
    m->items[0].last_error = "";
    return m->items[0].recipient ? 0 : -1;
}

bool own_mail_arrived(struct imap_box *box, const struct imap_mail *mail, void *arg)
{
    struct own_account *a = imap_box_owner(box);
    struct own *own = arg;
    struct catch *c;

    if (own->is_stopping)
        return false;
    c = calloc(1, sizeof *c);
    if (!c)
        return false;
    c->own = own;
    c->box = a->id;
    memcpy(c->name, a->name, sizeof c->name);
    c->uidvalidity = mail->uidvalidity;
    c->uid = mail->uid;
    c->work.run = put_run;
    c->work.done = put_done;
    if (fill(c, a, mail) == 0 && store_submit(own->gateway->store, &c->work) == 0) {
        step("own.fetched");
        return true;
    }
    catch_free(c);
    return false;
}

/* ---- how far it was read ---- */

struct cursor_work {
    struct persist_work work;
    int64_t box;
    struct imap_cursor cursor;
};

static int cursor_run(struct store_txn *txn, struct persist_work *w, struct err *e)
{
    struct cursor_work *c = (struct cursor_work *)w;
    char name[OWN_BOX_NAME_SIZE];
    bool is_there;

    if (own_boxes_has(txn, c->box, &is_there, e) < 0)
        return -1;
    if (!is_there)
        return 0;
    return cursors_put(txn, own_box_name(c->box, name), c->cursor.uidvalidity, c->cursor.uid_next,
                       e);
}

static void cursor_done(struct persist_work *w, const struct err *e)
{
    if (e)
        log_warning("own", "event=cursor-not-stored error=\"%s\"", e->text);
    step("own.cursor");
    free(w);
}

void own_cursor_moved(struct imap_box *box, const struct imap_cursor *cursor, void *arg)
{
    struct own_account *a = imap_box_owner(box);
    struct own *own = arg;
    struct cursor_work *c = calloc(1, sizeof *c);

    if (!c)
        return; /* losing it costs a second look at the mails */
    c->box = a->id;
    c->cursor = *cursor;
    c->work.run = cursor_run;
    c->work.done = cursor_done;
    persist_submit(own->gateway->persist, &c->work);
}
