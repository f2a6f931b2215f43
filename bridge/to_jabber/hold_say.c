/*
 * hold_say: what users are told of mails that are held for them.  No data; a telling and the mark
 * that it was told are one transaction.
 */
#include "bridge/to_jabber/hold_say.h"

#include "base/id.h"
#include "bridge/people/texts.h"
#include "component/stream.h"
#include "store/queue.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 48 << 10 };

const char *hold_line(struct arena *a, const char *text, size_t max)
{
    char *out = arena_alloc(a, max + 1);
    size_t n = 0;

    if (!out)
        return NULL;
    for (; text && *text && n < max; text++) {
        unsigned char c = (unsigned char)*text;

        if (c > ' ' && c != 0x7f)
            out[n++] = (char)c;
        else if (n > 0 && out[n - 1] != ' ')
            out[n++] = ' ';
    }
    if (text && *text) /* no half a character */
        while (n > 0 && ((unsigned char)out[n - 1] & 0x80)) {
            bool is_first = ((unsigned char)out[n - 1] & 0xc0) == 0xc0;

            n--;
            if (is_first)
                break;
        }
    while (n > 0 && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
    return out;
}

static const char *lang_of(const struct choices *choices)
{
    return texts_lang(choices->of[CHOICE_LANGUAGE]);
}

/* "Romeo <romeo@example.net>: Moonlight (3 kB)" */
static void say_mail(struct buf *out, const char *lang, const struct held_mail *m)
{
    if (*m->name)
        buf_printf(out, *m->mail ? "%s <%s>" : "%s", m->name, m->mail);
    else
        buf_adds(out, *m->mail ? m->mail : "<>");
    buf_printf(out, ": %s (%" PRId64 " kB)",
               *m->subject ? m->subject : texts_get(lang, TEXT_HELD_NO_SUBJECT),
               (m->size + 1023) / 1024);
}

void hold_say_list(struct buf *out, const char *lang, const struct held_mail *list, size_t count,
                   int64_t total)
{
    char number[24];
    size_t i;

    if (total == 0) {
        buf_adds(out, texts_get(lang, TEXT_HELD_NONE));
        return;
    }
    snprintf(number, sizeof number, "%" PRId64, total);
    texts_write(out, lang, TEXT_HELD_LIST, number, NULL);
    for (i = 0; i < count; i++) {
        buf_printf(out, "\n%zu. ", i + 1);
        say_mail(out, lang, &list[i]);
        if (*list[i].words)
            buf_printf(out, " - %s", list[i].words);
    }
    if (total > (int64_t)count) {
        snprintf(number, sizeof number, "%" PRId64, total - (int64_t)count);
        buf_addc(out, '\n');
        texts_write(out, lang, TEXT_HELD_MORE, number, NULL);
    }
    buf_printf(out, "\n%s", texts_get(lang, TEXT_HELD_HOW));
}

/* As a chat, so that the answer goes to gw. */
static int set_content(const struct hold_telling *t, const struct buf *text,
                       struct queue_message *m, struct err *e)
{
    struct arena *a = t->arena;
    struct xml_node *stanza = xml_new(a, STREAM_NS, "message");
    char id[ID_TEXT_SIZE];
    struct buf b;

    stanza = xml_set(a, stanza, "from", m->sender);
    stanza = xml_set(a, stanza, "to", t->bare_jid);
    stanza = xml_set(a, stanza, "type", "chat");
    stanza = xml_set(a, stanza, "id", arena_printf(a, "%s-0", id_format(m->id, id)));
    if (buf_failed(text) || !xml_add_with_text(a, stanza, STREAM_NS, "body", text->data))
        return err_memory(e);
    buf_init(&b, 8 * TEXT_MAX);
    xml_write(&b, stanza, STREAM_NS);
    m->content_len = b.len;
    m->content = buf_failed(&b) ? NULL : arena_strndup(a, b.data, b.len);
    buf_clear(&b);
    return m->content ? 0 : err_memory(e);
}

static int put(struct store_txn *txn, const struct hold_telling *t, const struct buf *text,
               struct err *e)
{
    struct queue_item item = {.recipient = t->bare_jid, .next_at_s = t->now_s, .last_error = ""};
    struct queue_message m = {
        .id = t->id,
        .kind = QUEUE_STANZA_OUT,
        .sender = address_map_gateway(t->settings->map),
        .origin = "mail",
        .created_s = t->now_s,
        .lane = queue_lane(t->bare_jid),
        .items = &item,
        .item_count = 1,
    };

    return set_content(t, text, &m, e) < 0 ? -1 : queue_put(txn, &m, e);
}

int hold_tell_new(struct store_txn *txn, const struct hold_telling *t,
                  const struct choices *choices, const struct held_mail *mail, struct err *e)
{
    const char *lang = lang_of(choices);
    struct buf text;
    int r;

    buf_init(&text, TEXT_MAX);
    buf_printf(&text, "%s ", texts_get(lang, TEXT_HELD_NEW));
    say_mail(&text, lang, mail);
    buf_printf(&text, "\n%s", texts_get(lang, TEXT_HELD_HOW));
    r = put(txn, t, &text, e);
    buf_clear(&text);
    return r;
}

int hold_tell_list(struct store_txn *txn, const struct hold_telling *t,
                   const struct choices *choices, int hows, bool *put_out, struct err *e)
{
    struct held_mail list[HOLD_LIST_MAX];
    struct buf text;
    int64_t total;
    size_t count;
    int r;

    *put_out = false;
    if (held_list(txn, t->arena, t->bare_jid, hows, true, HOLD_LIST_MAX, list, &count, &total, e) <
        0)
        return -1;
    if (total == 0)
        return 0;
    buf_init(&text, TEXT_MAX);
    hold_say_list(&text, lang_of(choices), list, count, total);
    r = put(txn, t, &text, e);
    buf_clear(&text);
    if (r < 0 || held_tell(txn, t->bare_jid, hows, e) < 0)
        return -1;
    *put_out = true;
    return 0;
}
