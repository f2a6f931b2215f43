/*
 * stream_heard: what the host says, from the first tag of its stream to the last.
 *
 * Part of stream; owns nothing.  Loop thread; a crash leaves nothing behind.
 */
#include "component/stream_inside.h"

#include <string.h>

#include "base/keyed.h"
#include "base/log.h"
#include "component/host.h"
#include "component/reply.h"

static void on_stream_error(struct stream *s, const struct xml_node *error, struct arena *a)
{
    struct buf reason;
    enum stream_loss loss;

    buf_init(&reason, 1024);
    loss = host_error(error, s->settings, a, &reason);
    stream_lose(s, loss, "%s", reason.data);
    buf_clear(&reason);
}

/* ejabberd and jabberd2 let two in, and answer either of them. */
static void note_twin(struct stream *s)
{
    if (s->twin_ms == 0)
        log_warning("stream",
                    "event=another-instance jid=%s reason=\"answers to its pings come here\" "
                    "next=\"end one of the two: each gets a part of what is meant for the other\"",
                    s->settings->jid);
    s->twin_ms = clock_mono_ms(s->clock);
}

static void on_stanza_flowing(struct stream *s, struct xml_node *stanza, struct arena *arena)
{
    uint64_t number;

    host_normalise(stanza, s->settings->jid);
    if (pings_is_answer(&s->pings, stanza, &number)) {
        arena_free(arena);
        stream_on_pong(s, number);
    } else if (pings_is_foreign(&s->pings, stanza, s->settings->ping_to)) {
        arena_free(arena);
        note_twin(s);
    } else if (s->handler.stanza) {
        s->handler.stanza(stanza, arena, s->arg);
    } else {
        arena_free(arena);
    }
}

static void on_stanza_handshake(struct stream *s, struct xml_node *stanza, struct arena *arena)
{
    bool accepted = strcmp(stanza->name, "handshake") == 0;

    if (!accepted) {
        stream_lose(s, STREAM_LOSS_NETWORK, "the host sent <%.50s/> where the handshake was due",
                    stanza->name);
    } else {
        stream_set_state(s, STATE_WARMING);
        conn_set_timeout(s->conn, s->times.silence);
        if (stream_ping(s, NULL, NULL) < 0)
            stream_lose(s, STREAM_LOSS_NETWORK, "cannot send the first ping: out of memory");
    }
    arena_free(arena);
}

void stream_heard_stanza(struct xml_node *stanza, struct arena *arena, void *arg)
{
    struct stream *s = arg;

    if (strcmp(stanza->ns, STREAMS_NS) == 0) {
        if (strcmp(stanza->name, "error") == 0)
            on_stream_error(s, stanza, arena);
        arena_free(arena); /* anything else there, such as features, means nothing to a component */
        return;
    }
    if (s->state == STATE_HANDSHAKE)
        on_stanza_handshake(s, stanza, arena);
    else if (s->state == STATE_WARMING || s->state == STATE_UP || s->state == STATE_CLOSING)
        on_stanza_flowing(s, stanza, arena);
    else
        arena_free(arena);
}

static bool is_answerable(const struct xml_node *stanza, const char *type)
{
    if (!xml_get(stanza, "from") || !xml_get(stanza, "to"))
        return false;
    if (strcmp(stanza->name, "iq") == 0)
        return type && (strcmp(type, "get") == 0 || strcmp(type, "set") == 0);
    return strcmp(stanza->name, "message") == 0;
}

/* What anybody may send must not cost all others the stream: its sender is told.  An error counts
 * without what is in it: a bounce may hold the whole original. */
void stream_heard_skipped(const struct xml_node *top, const char *why, void *arg)
{
    enum { OUTLINE_MAX = 64 << 10 };
    struct stream *s = arg;
    struct xml_node *outline, *reply = NULL;
    struct arena *a;
    const char *type;

    log_warning("stream", "event=stanza-passed-over name=%.20s reason=\"%s\"", top->name, why);
    if ((s->state != STATE_WARMING && s->state != STATE_UP) || !(a = arena_new(OUTLINE_MAX)))
        return;
    outline = host_outline(a, top, s->settings->jid);
    type = outline ? xml_get(outline, "type") : NULL;
    if (type && strcmp(type, "error") == 0 && s->handler.stanza) {
        s->handler.stanza(outline, a, s->arg);
        return;
    }
    if (outline && is_answerable(outline, type))
        reply = reply_error(a, outline, REPLY_NOT_ACCEPTABLE, why);
    if (reply && stream_send_node(s, reply) < 0)
        log_debug("stream", "event=refusal-not-sent");
    arena_free(a);
}

/* XEP-0114 §3: SHA-1 over the id as it was parsed, then the secret. */
static void send_handshake(struct stream *s, const char *id)
{
    struct buf *b = &s->scratch;
    char hash[41];

    buf_reset(b);
    buf_adds(b, id);
    buf_adds(b, s->settings->secret);
    if (buf_failed(b)) {
        stream_lose(s, STREAM_LOSS_NETWORK, "cannot shake hands: out of memory");
        return;
    }
    keyed_sha1_hex(b->data, b->len, hash);
    explicit_bzero(b->data, b->len);
    buf_reset(b);
    buf_printf(b, "<handshake>%s</handshake>", hash);
    if (buf_failed(b) || stream_write(s, b->data, b->len) < 0) {
        stream_lose(s, STREAM_LOSS_NETWORK, "cannot shake hands: out of memory");
        return;
    }
    stream_set_state(s, STATE_HANDSHAKE);
}

void stream_heard_opening(const struct xml_node *root, void *arg)
{
    struct stream *s = arg;
    const char *id = xml_get(root, "id");

    if (strcmp(root->ns, STREAMS_NS) != 0 || strcmp(root->name, "stream") != 0) {
        stream_lose(s, STREAM_LOSS_NETWORK, "%s port %u does not speak XMPP", s->settings->host,
                    s->settings->port);
        return;
    }
    /* Prosody opens with an empty id when an error is all it has to say. */
    if (s->state == STATE_OPENING && id && id[0] != '\0')
        send_handshake(s, id);
}

void stream_heard_end(void *arg)
{
    stream_lose(arg, STREAM_LOSS_NETWORK, "the host has closed the stream");
}
