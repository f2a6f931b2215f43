/*
 * stream: the connection to the host server as a component (XEP-0114).
 *
 * Owns the connection, its parser, the timers and the pings that wait for an answer.  Loop thread
 * only; every callback is made from the loop.  A crash loses what was written and what was not yet
 * handed up: the first is covered by the barrier, of the second nothing was promised to anybody.
 * What the host says is for stream_heard.c, what is peculiar to each host server for host.c.
 */
#include "component/stream_inside.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum {
    STANZA_SIZE_DEFAULT = 256 * 1024,
    WAITING_DEFAULT = 4 * 1024 * 1024,
    OWN_ROOM = 1024 * 1024 /* above waiting_max, for pings and the closing tag */
};

static void connect_now(struct stream *s);

/* ---- states ---- */

static const char *state_name(enum stream_state state)
{
#define AS_NAME(name) #name,
    static const char *const names[] = {STREAM_STATES(AS_NAME)};

    return names[state];
}

/* How long a state may last; 0: for ever, or as long as the caller says. */
static int64_t state_limit(const struct stream *s, enum stream_state state)
{
    switch (state) {
    case STATE_OPENING:
    case STATE_HANDSHAKE:
        return s->times.answer;
    case STATE_WARMING: /* the next ping; the first one's own deadline ends the state */
        return s->times.warm;
    case STATE_CLOSING:
        return s->times.close;
    case STATE_CONNECTING: /* the connection has a deadline of its own */
    case STATE_IDLE:
    case STATE_WAITING:
    case STATE_UP:
    case STATE_COUNT:
        break;
    }
    return 0;
}

void stream_set_state(struct stream *s, enum stream_state state)
{
    int64_t limit = state_limit(s, state);

    log_debug("stream", "from=%s to=%s", state_name(s->state), state_name(state));
    s->state = state;
    if (limit > 0)
        loop_timer_start(s->deadline, limit);
    else
        loop_timer_stop(s->deadline);
}

static void enter(struct stream *s)
{
    s->calling++;
}

static void leave(struct stream *s)
{
    s->calling--;
    if (s->freed && s->calling == 0)
        free(s);
}

/* ---- pings ---- */

/* The stream is gone: tells whoever waits. */
static void fail_pings(struct stream *s)
{
    struct ping *p;

    while ((p = pings_take_first(&s->pings))) {
        if (p->fn && !s->freed)
            p->fn(false, p->arg);
        free(p);
    }
}

int stream_write(struct stream *s, const char *data, size_t len)
{
    if (!s->conn || conn_write(s->conn, data, len) < 0)
        return -1;
    s->queued += len;
    return 0;
}

int stream_ping(struct stream *s, void (*fn)(bool answered, void *arg), void *arg)
{
    struct ping *p = pings_make(&s->pings);

    if (!p)
        return -1;
    p->fn = fn;
    p->arg = arg;
    p->sent_ms = clock_mono_ms(s->clock);
    buf_reset(&s->scratch);
    pings_write(&s->pings, p, s->settings->jid, s->settings->ping_to, &s->scratch);
    if (buf_failed(&s->scratch) || stream_write(s, s->scratch.data, s->scratch.len) < 0) {
        free(p);
        return -1;
    }
    p->end = s->queued;
    if (s->pings.count == 0) {
        s->sent_at_check = s->queued - conn_waiting(s->conn);
        loop_timer_start(s->answer, s->times.answer);
    }
    pings_add(&s->pings, p);
    return 0;
}

/* The oldest ping is due.  A host that still takes what was written before the ping is slow, not
 * dead. */
static void on_answer_due(void *arg)
{
    struct stream *s = arg;
    const struct ping *p = s->pings.first;
    uint64_t sent;
    int64_t age, since;

    if (!p || !s->conn)
        return;
    if (s->paused) { /* the answer may be there, unread */
        loop_timer_start(s->answer, s->times.answer);
        return;
    }
    sent = s->queued - conn_waiting(s->conn);
    since = p->sent_ms > s->resumed_ms ? p->sent_ms : s->resumed_ms;
    age = clock_mono_ms(s->clock) - since;
    if (age < s->times.answer) {
        loop_timer_start(s->answer, s->times.answer - age);
        return;
    }
    if (sent < p->end && sent > s->sent_at_check) {
        s->sent_at_check = sent;
        loop_timer_start(s->answer, s->times.answer);
        return;
    }
    enter(s);
    if (s->twin_ms != 0 && clock_mono_ms(s->clock) - s->twin_ms <= 2 * s->times.answer)
        stream_lose(s, STREAM_LOSS_CONFLICT,
                    "another instance is connected as '%s', and gets what is meant for this one",
                    s->settings->jid);
    else
        stream_lose(s, STREAM_LOSS_NETWORK, "%s does not answer a ping", s->settings->ping_to);
    leave(s);
}

static void came_up(struct stream *s)
{
    /* Of the first pings one is answered: the others may be lost, and nobody waits for them. */
    pings_clear(&s->pings);
    loop_timer_stop(s->answer);
    s->refused = false;
    s->up_since_ms = clock_mono_ms(s->clock);
    stream_set_state(s, STATE_UP);
    log_info("stream", "state=up jid=%s host=%s port=%u", s->settings->jid, s->settings->host,
             s->settings->port);
    if (s->handler.up)
        s->handler.up(s->arg);
}

/* The id cannot be guessed, so who sends the answer need not be looked at. */
void stream_on_pong(struct stream *s, uint64_t number)
{
    struct ping *p = pings_take(&s->pings, number);

    if (!p)
        return; /* answered already */
    if (s->pings.count == 0)
        loop_timer_stop(s->answer);
    if (p->fn)
        p->fn(true, p->arg);
    free(p);
    if (s->state == STATE_WARMING && !s->freed)
        came_up(s);
}

/* ---- losing and getting back ---- */

static void disconnect(struct stream *s)
{
    conn_free(s->conn);
    s->conn = NULL;
    parser_free(s->parser);
    s->parser = NULL;
    s->refused = s->paused = false;
    loop_timer_stop(s->answer);
}

static void finish_stop(struct stream *s)
{
    void (*closed)(void *arg) = s->closed;

    disconnect(s);
    stream_set_state(s, STATE_IDLE);
    fail_pings(s);
    s->closed = NULL;
    if (closed && !s->freed)
        closed(s->closed_arg);
}

static void log_loss(const struct stream *s, enum stream_loss loss, const char *reason,
                     int64_t delay_ms)
{
    static const char *const names[] = {"network", "config", "conflict", "stanza"};

    if (loss == STREAM_LOSS_NETWORK)
        log_warning("stream", "state=lost loss=%s reason=\"%s\" retry_ms=%" PRId64, names[loss],
                    reason, delay_ms);
    else
        log_error("stream", "state=lost loss=%s jid=%s reason=\"%s\" retry_ms=%" PRId64,
                  names[loss], s->settings->jid, reason, delay_ms);
}

/* The one way by which a connection ends, but for stream_free.  Called between enter and leave
 * only. */
void stream_lose(struct stream *s, enum stream_loss loss, const char *fmt, ...)
{
    bool was_up = s->state == STATE_UP;
    char reason[512], *quote;
    int64_t delay_ms;
    va_list ap;

    if (s->state == STATE_CLOSING) {
        finish_stop(s);
        return;
    }
    va_start(ap, fmt);
    vsnprintf(reason, sizeof reason, fmt, ap);
    va_end(ap);
    for (quote = reason; (quote = strchr(quote, '"'));)
        *quote = '\''; /* it stands between such in the log */
    disconnect(s);
    if (was_up && clock_mono_ms(s->clock) - s->up_since_ms >= s->times.stable)
        backoff_reset(&s->backoff);
    if (s->settings->once) {
        stream_set_state(s, STATE_IDLE);
    } else {
        delay_ms = backoff_next(&s->backoff, &s->times, loss);
        log_loss(s, loss, reason, delay_ms);
        stream_set_state(s, STATE_WAITING);
        loop_timer_start(s->deadline, delay_ms);
    }
    fail_pings(s);
    if ((was_up || s->settings->once) && !s->freed && s->handler.down)
        s->handler.down(loss, reason, s->arg);
}

/* ---- the connection ---- */

static void send_opening(struct stream *s)
{
    struct buf *b = &s->scratch;

    buf_reset(b);
    buf_adds(b, "<?xml version='1.0'?><stream:stream xmlns='" STREAM_NS
                "' xmlns:stream='" STREAMS_NS "' to='");
    xml_escape(b, s->settings->jid);
    buf_adds(b, "'>");
    if (buf_failed(b) || stream_write(s, b->data, b->len) < 0)
        stream_lose(s, STREAM_LOSS_NETWORK, "cannot open the stream: out of memory");
    else
        stream_set_state(s, STATE_OPENING);
}

static void on_data(struct stream *s, const char *data, size_t len)
{
    struct parser *parser = s->parser;
    struct err e = {ERR_NONE, ""};
    const char *condition = "";

    /* A handler may have lost the stream and freed the parser: then 0 is returned. */
    if (!parser || parser_feed(parser, data, len, &condition, &e) == 0)
        return;
    stream_lose(s, STREAM_LOSS_NETWORK, "what the host sends cannot be read (%s): %s", condition,
                e.text);
}

static void tell_writable(struct stream *s)
{
    if (!s->refused || s->state != STATE_UP)
        return;
    s->refused = false;
    if (s->handler.writable)
        s->handler.writable(s->arg);
}

/* Silence, not death yet: a ping decides. */
static void on_silence(struct stream *s)
{
    if (s->pings.count > 0)
        return; /* one is under way, with a deadline */
    if (stream_ping(s, NULL, NULL) < 0)
        stream_lose(s, STREAM_LOSS_NETWORK, "the host is silent and takes no ping");
}

static void on_event(struct conn *c, enum conn_event event, const char *data, size_t len,
                     const struct err *e, void *arg)
{
    struct stream *s = arg;

    (void)c;
    enter(s);
    switch (event) {
    case CONN_CONNECTED:
        send_opening(s);
        break;
    case CONN_DATA:
        on_data(s, data, len);
        break;
    case CONN_DRAINED:
        tell_writable(s);
        break;
    case CONN_SECURED: /* the stream goes in the clear */
        break;
    case CONN_TIMEOUT:
        if (s->state == STATE_CONNECTING)
            stream_lose(s, STREAM_LOSS_NETWORK, "%s", e->text);
        else
            on_silence(s);
        break;
    case CONN_FAILED:
        stream_lose(s, STREAM_LOSS_NETWORK, "%s", e->text);
        break;
    case CONN_CLOSED:
        if (s->state == STATE_OPENING)
            stream_lose(
                s, STREAM_LOSS_NETWORK,
                "%s port %u closed the connection at once: is it the host's port for components?",
                s->settings->host, s->settings->port);
        else
            stream_lose(s, STREAM_LOSS_NETWORK, "the host has closed the connection");
        break;
    }
    leave(s);
}

static void connect_now(struct stream *s)
{
    static const struct parser_handler handler = {stream_heard_opening, stream_heard_stanza,
                                                  stream_heard_end, stream_heard_skipped};
    const struct parser_limits limits = {.stanza_bytes = s->stanza_size_max};
    struct err e = {ERR_NONE, ""};

    stream_set_state(s, STATE_CONNECTING);
    s->queued = 0;
    s->twin_ms = 0;
    s->parser = parser_new(&limits, &handler, s);
    if (!s->parser)
        err_memory(&e);
    else if (pings_begin(&s->pings, &e) == 0)
        s->conn = conn_connect(s->loop, s->pool, s->settings->host, s->settings->port,
                               s->times.connect, on_event, s, &e);
    if (!s->conn) {
        stream_lose(s, STREAM_LOSS_NETWORK, "%s", e.text);
        return;
    }
    conn_set_write_max(s->conn, s->waiting_max + OWN_ROOM);
}

static void on_deadline(void *arg)
{
    struct stream *s = arg;

    enter(s);
    switch (s->state) {
    case STATE_WAITING:
        connect_now(s);
        break;
    case STATE_OPENING:
        stream_lose(s, STREAM_LOSS_NETWORK,
                    "%s port %u does not answer: is it the host's port for components?",
                    s->settings->host, s->settings->port);
        break;
    case STATE_HANDSHAKE:
        stream_lose(s, STREAM_LOSS_NETWORK, "the host does not answer the handshake");
        break;
    case STATE_WARMING: /* the ping before may be lost; its deadline is on_answer_due's */
        stream_set_state(s, STATE_WARMING);
        if (stream_ping(s, NULL, NULL) < 0)
            stream_lose(s, STREAM_LOSS_NETWORK, "cannot send a ping: out of memory");
        break;
    case STATE_CLOSING:
        finish_stop(s);
        break;
    case STATE_UP: /* memory was out, see stream_send */
        tell_writable(s);
        break;
    case STATE_IDLE:
    case STATE_CONNECTING:
    case STATE_COUNT:
        break;
    }
    leave(s);
}

/* ---- calls of the owner ---- */

static int64_t or_default(int64_t value, int64_t otherwise)
{
    return value > 0 ? value : otherwise;
}

static void fill_defaults(struct stream *s)
{
    const struct stream_times *t = &s->settings->times;

    s->times.connect = or_default(t->connect, 15 * 1000);
    s->times.answer = or_default(t->answer, 30 * 1000);
    s->times.silence = or_default(t->silence, 60 * 1000);
    s->times.warm = or_default(t->warm, 2 * 1000);
    s->times.retry_min = or_default(t->retry_min, 1000);
    s->times.retry_max = or_default(t->retry_max, 60 * 1000);
    s->times.mend_min = or_default(t->mend_min, 60 * 1000);
    s->times.mend_max = or_default(t->mend_max, 600 * 1000);
    s->times.stable = or_default(t->stable, 30 * 1000);
    s->times.close = or_default(t->close, 5 * 1000);
    s->stanza_size_max =
        s->settings->stanza_size_max > 0 ? s->settings->stanza_size_max : STANZA_SIZE_DEFAULT;
    s->waiting_max = s->settings->waiting_max > 0 ? s->settings->waiting_max : WAITING_DEFAULT;
    if (s->waiting_max < s->stanza_size_max)
        s->waiting_max = s->stanza_size_max;
}

struct stream *stream_new(struct loop *loop, struct work_pool *pool, const struct clock *clock,
                          const struct stream_settings *settings,
                          const struct stream_handler *handler, void *arg, struct err *e)
{
    struct stream *s = calloc(1, sizeof *s);

    if (!s) {
        err_memory(e);
        return NULL;
    }
    s->loop = loop;
    s->pool = pool;
    s->clock = clock;
    s->settings = settings;
    s->handler = *handler;
    s->arg = arg;
    fill_defaults(s);
    buf_init(&s->scratch, s->stanza_size_max > 8192 ? s->stanza_size_max : 8192);
    s->deadline = loop_timer_new(loop, on_deadline, s);
    s->answer = loop_timer_new(loop, on_answer_due, s);
    if (!s->deadline || !s->answer) {
        stream_free(s);
        err_memory(e);
        return NULL;
    }
    return s;
}

void stream_start(struct stream *s)
{
    if (s->state != STATE_IDLE)
        return;
    stream_set_state(s, STATE_WAITING);
    loop_timer_start(s->deadline, 0);
}

void stream_stop(struct stream *s, void (*closed)(void *arg), void *arg)
{
    bool is_open = s->state == STATE_WARMING || s->state == STATE_UP;

    s->closed = closed;
    s->closed_arg = arg;
    if (s->state == STATE_CLOSING)
        return;
    if (is_open && stream_write(s, "</stream:stream>", 16) == 0) {
        stream_set_state(s, STATE_CLOSING);
        return;
    }
    disconnect(s);
    stream_set_state(s, STATE_CLOSING);
    loop_timer_start(s->deadline, 0); /* closed is called from the loop */
}

void stream_free(struct stream *s)
{
    if (!s)
        return;
    conn_free(s->conn);
    s->conn = NULL;
    parser_free(s->parser);
    s->parser = NULL;
    pings_clear(&s->pings);
    loop_timer_free(s->deadline);
    loop_timer_free(s->answer);
    s->deadline = s->answer = NULL;
    buf_clear(&s->scratch);
    s->freed = true;
    if (s->calling == 0)
        free(s);
}

bool stream_is_up(const struct stream *s)
{
    return s->state == STATE_UP;
}

static int send_stanza(struct stream *s, const char *xml, size_t len)
{
    size_t waiting;

    if (len > s->stanza_size_max)
        return STREAM_TOO_LARGE;
    if (s->state != STATE_UP && s->state != STATE_WARMING)
        return -1;
    waiting = conn_waiting(s->conn);
    if (waiting > s->waiting_max || len > s->waiting_max - waiting ||
        stream_write(s, xml, len) < 0) {
        s->refused = true;
        if (waiting == 0 && s->state == STATE_UP) /* out of memory: no CONN_DRAINED will come */
            loop_timer_start(s->deadline, 1000);
        return -1;
    }
    return 0;
}

/* Before the first ping has come back a host may stream_lose what is sent, and answer a later ping
 * all the same: the barrier would vouch for what was lost. */
int stream_send(struct stream *s, const char *xml, size_t len)
{
    if (len <= s->stanza_size_max && s->state != STATE_UP)
        return -1;
    return send_stanza(s, xml, len);
}

int stream_send_node(struct stream *s, const struct xml_node *stanza)
{
    buf_reset(&s->scratch);
    xml_write(&s->scratch, stanza, STREAM_NS);
    if (buf_failed(&s->scratch))
        return STREAM_TOO_LARGE; /* or no memory even for this one: it is better given up */
    return send_stanza(s, s->scratch.data, s->scratch.len);
}

void stream_pause(struct stream *s, bool paused)
{
    if (!s->conn || s->paused == paused)
        return;
    s->paused = paused;
    s->resumed_ms = clock_mono_ms(s->clock);
    conn_pause(s->conn, paused);
}

int stream_barrier(struct stream *s, void (*fn)(bool answered, void *arg), void *arg)
{
    return s->state == STATE_UP ? stream_ping(s, fn, arg) : -1;
}
