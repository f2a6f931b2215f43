/* The component's stream against a host that this test plays, on the same loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/keyed.h"
#include "base/log.h"
#include "component/stream.h"

#define ERRORS " xmlns='urn:ietf:params:xml:ns:xmpp-streams'"
#define OPENING                                                                                    \
    "<?xml version='1.0'?><stream:stream id='id&amp;1' xmlns='jabber:component:accept' "           \
    "xml:lang='en' xmlns:stream='http://etherx.jabber.org/streams' from='gw.test'>"
#define STREAM_ERROR(what) "<stream:error><" what ERRORS "/></stream:error></stream:stream>"

/* What the host does on each connection. */
struct script {
    const char *opening;   /* NULL: nothing */
    const char *handshake; /* the answer to a handshake; NULL: nothing */
    int lost_pings;        /* the first so many are not answered; -1: none ever is */
    bool error_pings;      /* answered by an error */
    bool split;            /* every byte on its own */
    bool mute_end;         /* our closing tag is not answered */
    bool hang_up;          /* close as soon as our opening tag is there */
};

static const struct script good = {.opening = OPENING, .handshake = "<handshake/>"};

struct world {
    struct loop *loop;
    struct loop_timer *guard, *dribble;
    const struct script *script;

    int listener, fd;
    struct loop_watch *accepting, *reading;
    struct buf in, out; /* of the present connection; out waits to be dribbled */
    size_t read_to;     /* of in */
    int accepted, pings, ended;
    bool reads_nothing, greeted, shaken;
    char hash[48];

    struct stream_settings settings;
    struct stream *stream;
    char trace[512]; /* words for what was told */
    const char *stop_at, *free_at;
    enum stream_loss loss;
    char reason[600];
};

static void note(struct world *w, const char *word)
{
    size_t n = strlen(w->trace);

    assert_true(n + strlen(word) + 2 < sizeof w->trace);
    snprintf(w->trace + n, sizeof w->trace - n, "%s%s", n > 0 ? " " : "", word);
    if (w->free_at && strcmp(w->free_at, word) == 0) {
        stream_free(w->stream);
        w->stream = NULL;
    }
    if (w->stop_at && strcmp(w->stop_at, word) == 0)
        loop_stop(w->loop);
}

/* ---- the host ---- */

static void dribble(void *arg)
{
    struct world *w = arg;
    size_t n = w->script->split ? 1 : w->out.len;

    if (w->fd < 0 || w->out.len == 0)
        return;
    assert_int_equal(send(w->fd, w->out.data, n, MSG_NOSIGNAL), n);
    buf_consume(&w->out, n);
    if (w->out.len > 0)
        loop_timer_start(w->dribble, 0);
}

static void host_say(struct world *w, const char *text)
{
    buf_adds(&w->out, text);
    loop_timer_start(w->dribble, 0);
}

static void host_hang_up(struct world *w)
{
    loop_watch_free(w->reading);
    w->reading = NULL;
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

static void host_pong(struct world *w, const char *iq)
{
    const char *id = strstr(iq, "id='") + 4;
    char reply[256];

    w->pings++;
    assert_non_null(strstr(iq, "from='gw.test' to='home.test'><ping xmlns='urn:xmpp:ping'/></iq>"));
    if (w->script->lost_pings < 0 || w->pings <= w->script->lost_pings)
        return;
    snprintf(reply, sizeof reply, "<iq type='%s' id='%.*s' from='home.test' to='gw.test'/>",
             w->script->error_pings ? "error" : "result", (int)strcspn(id, "'"), id);
    host_say(w, reply);
}

/* Takes the next whole thing off what has come; false: nothing whole is left. */
static bool host_step(struct world *w)
{
    const char *p = w->in.data + w->read_to, *end, *iq;

    if (!w->greeted) {
        if (!strstr(p, " to='gw.test'>"))
            return false;
        w->greeted = true;
        w->read_to += (size_t)(strstr(p, " to='gw.test'>") - p) + 14;
        if (w->script->opening)
            host_say(w, w->script->opening);
        if (w->script->hang_up)
            host_hang_up(w);
        return true;
    }
    if (!w->shaken) {
        end = strstr(p, "</handshake>");
        if (!end)
            return false;
        w->shaken = true;
        snprintf(w->hash, sizeof w->hash, "%.*s", (int)(end - p - 11), p + 11);
        w->read_to += (size_t)(end - p) + 12;
        if (w->script->handshake)
            host_say(w, w->script->handshake);
        return true;
    }
    iq = strstr(p, "<iq type='get'");
    end = strstr(p, "</stream:stream>");
    if (end && (!iq || end < iq)) {
        w->ended++;
        w->read_to += (size_t)(end - p) + 16;
        if (!w->script->mute_end)
            host_say(w, "</stream:stream>");
        return true;
    }
    end = iq ? strstr(iq, "</iq>") : NULL;
    if (!end)
        return false;
    w->read_to += (size_t)(end - p) + 5;
    host_pong(w, iq);
    return true;
}

static void host_readable(void *arg)
{
    struct world *w = arg;
    char data[4096];
    ssize_t n;

    n = recv(w->fd, data, sizeof data, 0);
    if (n <= 0) {
        host_hang_up(w);
        return;
    }
    buf_add(&w->in, data, (size_t)n);
    while (host_step(w))
        ;
}

static void host_accept(void *arg)
{
    struct world *w = arg;
    int one = 1;

    host_hang_up(w);
    buf_reset(&w->in);
    buf_reset(&w->out);
    w->read_to = 0;
    w->greeted = w->shaken = false;
    w->pings = 0;
    w->accepted++;
    w->fd = accept(w->listener, NULL, NULL);
    assert_true(w->fd >= 0);
    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    w->reading = loop_watch_new(w->loop, w->fd, host_readable, w);
    assert_non_null(w->reading);
}

static void host_listen(struct world *w)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof addr;
    int small = 4096;

    w->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(setsockopt(w->listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    assert_int_equal(bind(w->listener, (struct sockaddr *)&addr, size), 0);
    assert_int_equal(listen(w->listener, 5), 0);
    assert_int_equal(getsockname(w->listener, (struct sockaddr *)&addr, &size), 0);
    w->settings.port = ntohs(addr.sin_port);
    w->accepting = loop_watch_new(w->loop, w->listener, host_accept, w);
    assert_non_null(w->accepting);
}

/* ---- the gateway's side ---- */

static void on_up(void *arg)
{
    note(arg, "up");
}

static void on_down(enum stream_loss loss, const char *reason, void *arg)
{
    static const char *const words[] = {"down:network", "down:config", "down:conflict",
                                        "down:stanza"};
    struct world *w = arg;

    snprintf(w->reason, sizeof w->reason, "%s", reason);
    note(w, words[loss]);
}

static void on_stanza(struct xml_node *stanza, struct arena *arena, void *arg)
{
    struct world *w = arg;
    struct buf b;

    buf_init(&b, 10000);
    xml_write(&b, stanza, STREAM_NS);
    note(w, b.data);
    buf_clear(&b);
    arena_free(arena);
}

static void on_writable(void *arg)
{
    note(arg, "writable");
}

static void on_closed(void *arg)
{
    note(arg, "closed");
}

static void on_barrier(bool answered, void *arg)
{
    note(arg, answered ? "answered" : "unanswered");
}

static const struct stream_handler handler = {on_up, on_down, on_stanza, on_writable};

static void give_up(void *arg)
{
    struct world *w = arg;

    loop_stop(w->loop);
}

static void world_open(struct world *w, const struct script *script)
{
    struct err e;

    memset(w, 0, sizeof *w);
    w->fd = -1;
    w->script = script;
    buf_init(&w->in, 64 << 20);
    buf_init(&w->out, 1 << 20);
    w->loop = loop_new(&e);
    assert_non_null(w->loop);
    w->guard = loop_timer_new(w->loop, give_up, w);
    w->dribble = loop_timer_new(w->loop, dribble, w);
    assert_non_null(w->guard);
    assert_non_null(w->dribble);
    w->settings = (struct stream_settings){
        .jid = "gw.test",
        .host = "127.0.0.1",
        .secret = "s3cret",
        .ping_to = "home.test",
        .times = {.connect = 3000,
                  .answer = 3000,
                  .warm = 1000,
                  .retry_min = 10,
                  .retry_max = 40,
                  .mend_min = 10,
                  .mend_max = 40,
                  .close = 1000},
    };
    host_listen(w);
}

static void world_start(struct world *w)
{
    struct err e;

    w->stream = stream_new(w->loop, NULL, &clock_system, &w->settings, &handler, w, &e);
    assert_non_null(w->stream);
    stream_start(w->stream);
    assert_false(stream_is_up(w->stream));
}

static void world_run(struct world *w, const char *stop_at, int64_t ms)
{
    struct err e;

    w->stop_at = stop_at;
    loop_timer_start(w->guard, ms);
    assert_int_equal(loop_run(w->loop, &e), 0);
}

static void world_up(struct world *w, const struct script *script)
{
    world_open(w, script);
    world_start(w);
    world_run(w, "up", 5000);
    assert_string_equal(w->trace, "up");
    assert_true(stream_is_up(w->stream));
    w->trace[0] = '\0';
}

static void world_close(struct world *w)
{
    stream_free(w->stream);
    host_hang_up(w);
    loop_watch_free(w->accepting);
    close(w->listener);
    loop_timer_free(w->guard);
    loop_timer_free(w->dribble);
    loop_free(w->loop);
    buf_clear(&w->in);
    buf_clear(&w->out);
}

/* ---- tests ---- */

static void test_comes_up(void **state)
{
    static const struct script rows[] = {
        {.opening = OPENING, .handshake = "<handshake/>"},
        {.opening = OPENING, .handshake = "<handshake/>", .split = true},
        {.opening = OPENING, .handshake = "<handshake/>", .error_pings = true},
        {.opening = OPENING,
         .handshake = "<handshake xmlns='jabber:component:accept'></handshake>"},
    };
    char hash[41];
    size_t i;

    (void)state;
    keyed_sha1_hex("id&1s3cret", 10, hash);
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;

        world_up(&w, &rows[i]);
        assert_string_equal(w.hash, hash);
        assert_int_equal(w.pings, 1);
        world_close(&w);
    }
}

static void test_first_ping_lost(void **state)
{
    static const struct script script = {
        .opening = OPENING, .handshake = "<handshake/>", .lost_pings = 2};
    struct world w;

    (void)state;
    world_open(&w, &script);
    w.settings.times.warm = 10;
    w.settings.times.answer = 150;
    world_start(&w);
    world_run(&w, "up", 5000);
    assert_int_equal(w.pings, 3);
    world_run(&w, NULL, 250); /* nobody waits for the lost ones any more */
    assert_string_equal(w.trace, "up");
    world_close(&w);
}

static void probed(const struct err *e, enum stream_loss loss, void *arg)
{
    struct world *w = arg;

    w->loss = loss;
    snprintf(w->reason, sizeof w->reason, "%s", e ? e->text : "");
    note(w, e ? "failed" : "ok");
}

static const struct {
    struct script script;
    enum stream_loss loss;
    const char *reason; /* stands in it; NULL: it succeeds */
} openings[] = {
    {{.opening = OPENING, .handshake = "<handshake/>"}, STREAM_LOSS_NETWORK, NULL},
    /* Prosody, ejabberd and jabberd2 refuse a secret */
    {{.opening = OPENING, .handshake = STREAM_ERROR("not-authorized")},
     STREAM_LOSS_CONFIG,
     "refuses the secret: compare jabber.secret"},
    {{.opening = OPENING,
      .handshake = "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>"
                   "<not-authorized" ERRORS "/><text" ERRORS ">hash didn't match, auth failed"
                   "</text></stream:error></stream:stream>",
      .split = true},
     STREAM_LOSS_CONFIG,
     "refuses the secret"},
    {{.opening = OPENING, .handshake = "<stream:error>Invalid handshake</stream:error>"},
     STREAM_LOSS_CONFIG,
     "refuses the secret"},
    /* Prosody does not know the name */
    {{.opening = "<?xml version='1.0'?><stream:stream version='1.0' id='' "
                 "xmlns:stream='http://etherx.jabber.org/streams' "
                 "xmlns='jabber:component:accept'>" STREAM_ERROR("host-unknown")},
     STREAM_LOSS_CONFIG,
     "no component 'gw.test'"},
    {{.opening = OPENING STREAM_ERROR("invalid-namespace")},
     STREAM_LOSS_CONFIG,
     "not for components"},
    {{.opening = OPENING, .handshake = STREAM_ERROR("conflict")},
     STREAM_LOSS_CONFLICT,
     "another instance"},
    {{.opening = OPENING, .handshake = STREAM_ERROR("system-shutdown")},
     STREAM_LOSS_NETWORK,
     "system-shutdown"},
    {{.opening = NULL}, STREAM_LOSS_NETWORK, "does not answer: is it"},
    {{.opening = NULL, .hang_up = true}, STREAM_LOSS_NETWORK, "closed the connection at once"},
    {{.opening = OPENING, .handshake = NULL}, STREAM_LOSS_NETWORK, "answer the handshake"},
    {{.opening = OPENING, .handshake = "<message/>"}, STREAM_LOSS_NETWORK, "where the handshake"},
    {{.opening = OPENING, .handshake = "</stream:stream>"}, STREAM_LOSS_NETWORK, "has closed"},
    {{.opening = OPENING, .handshake = "<handshake/>", .lost_pings = -1},
     STREAM_LOSS_NETWORK,
     "home.test does not answer a ping"},
    {{.opening = "<!DOCTYPE stream><stream>"}, STREAM_LOSS_NETWORK, "restricted-xml"},
    {{.opening = "SSH-2.0-OpenSSH_9.2\r\n<"}, STREAM_LOSS_NETWORK, "not-well-formed"},
    {{.opening = "<html><body>"}, STREAM_LOSS_NETWORK, "does not speak XMPP"},
};

static void test_openings(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof openings / sizeof openings[0]; i++) {
        struct stream_probe *probe;
        struct world w;

        world_open(&w, &openings[i].script);
        w.settings.times.answer = openings[i].script.split ? 2000 : 60;
        probe = stream_probe_start(w.loop, NULL, &w.settings, probed, &w);
        assert_non_null(probe);
        assert_string_equal(w.trace, "");
        world_run(&w, openings[i].reason ? "failed" : "ok", 5000);
        world_run(&w, NULL, 30);
        assert_string_equal(w.trace, openings[i].reason ? "failed" : "ok");
        assert_int_equal(w.accepted, 1); /* no second attempt */
        if (openings[i].reason) {
            assert_int_equal(w.loss, openings[i].loss);
            if (!strstr(w.reason, openings[i].reason))
                fail_msg("%s", w.reason);
        }
        stream_probe_free(probe);
        world_close(&w);
    }
}

static void test_probe_sends_messages_back(void **state)
{
    static const struct script script = {
        .opening = OPENING,
        .handshake = "<handshake/><message id='m' from='u@home.test' to='a@gw.test'><body>x</body>"
                     "</message><message type='error' from='u@home.test' to='gw.test'/>"};
    struct stream_probe *probe;
    struct world w;

    (void)state;
    world_open(&w, &script);
    w.settings.times.answer = 200;
    probe = stream_probe_start(w.loop, NULL, &w.settings, probed, &w);
    world_run(&w, "failed", 100);
    assert_non_null(strstr(w.in.data, "<message type='error' id='m' from='a@gw.test' "
                                      "to='u@home.test'><error code='503' type='wait'>"));
    assert_null(strstr(strstr(w.in.data, "<message") + 1, "<message")); /* none for an error */
    stream_probe_free(probe);
    world_close(&w);
}

static const struct {
    const char *say; /* NULL: hangs up */
    const char *down;
} losses[] = {
    {NULL, "down:network"},
    {"</stream:stream>", "down:network"},
    {"<!DOCTYPE x>", "down:network"},
    {"<a></b>", "down:network"},
    {"<!-- -->", "down:network"},
    {STREAM_ERROR("conflict"), "down:conflict"},
    {STREAM_ERROR("host-unknown"), "down:config"},
    {STREAM_ERROR("not-well-formed"), "down:stanza"},
    {STREAM_ERROR("xml-not-well-formed"), "down:stanza"},
    {STREAM_ERROR("invalid-from"), "down:stanza"},
    {STREAM_ERROR("improper-addressing"), "down:stanza"},
    {STREAM_ERROR("policy-violation"), "down:stanza"},
    {STREAM_ERROR("system-shutdown"), "down:network"},
    {STREAM_ERROR("new-words"), "down:network"},
};

static void test_lost_and_back(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof losses / sizeof losses[0]; i++) {
        struct world w;
        char expected[64];

        world_up(&w, &good);
        if (losses[i].say)
            host_say(&w, losses[i].say);
        else
            host_hang_up(&w);
        world_run(&w, "up", 5000);
        snprintf(expected, sizeof expected, "%s up", losses[i].down);
        assert_string_equal(w.trace, expected);
        assert_int_equal(w.accepted, 2);
        world_close(&w);
    }
}

/* A stanza over a limit costs its sender an answer, and nobody the stream. */
static void test_over_limits_from_the_host(void **state)
{
    static const struct {
        const char *head, *tail;
        const char *answer; /* what is said to the sender; NULL: nothing */
        const char *trace;
    } rows[] = {
        {"<message id='q' from='u@home.test/r' to='c@gw.test'><body>", "</body></message>",
         "<message type='error' id='q' from='c@gw.test' to='u@home.test/r'><error code='406' "
         "type='modify'><not-acceptable",
         "up <next/>"},
        {"<iq type='set' id='q' from='u@home.test/r' to='gw.test'><a>", "</a></iq>",
         "<iq type='error' id='q' from='gw.test' to='u@home.test/r'><error code='406'",
         "up <next/>"},
        {"<iq type='result' id='q' from='u@home.test/r' to='gw.test'><a>", "</a></iq>", NULL,
         "up <next/>"},
        {"<presence from='u@home.test/r' to='c@gw.test'><a>", "</a></presence>", NULL,
         "up <next/>"},
        {"<message id='q' to='c@gw.test'><body>", "</body></message>", NULL, "up <next/>"},
        {"<message type='error' id='q' from='u@home.test' to='c@gw.test'><body>",
         "</body></message>", NULL,
         "up <message type='error' id='q' from='u@home.test' to='c@gw.test'/> <next/>"},
    };
    struct world w;
    struct buf b;
    size_t i, n;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world_open(&w, &good);
        w.settings.stanza_size_max = 1000;
        world_start(&w);
        world_run(&w, "up", 5000);
        buf_init(&b, 10000);
        buf_adds(&b, rows[i].head);
        for (n = 0; n < 1000; n++)
            buf_addc(&b, 'x');
        buf_adds(&b, rows[i].tail);
        buf_adds(&b, "<next/>");
        host_say(&w, b.data);
        buf_clear(&b);
        world_run(&w, "<next/>", 5000);
        assert_string_equal(w.trace, rows[i].trace);
        assert_int_equal(w.accepted, 1);
        assert_int_equal(stream_barrier(w.stream, on_barrier, &w), 0);
        world_run(&w, "answered", 5000);
        if (rows[i].answer)
            assert_non_null(strstr(w.in.data, rows[i].answer));
        else
            assert_null(strstr(w.in.data, "not-acceptable"));
        world_close(&w);
    }
}

static void test_endless_from_the_host(void **state)
{
    struct world w;
    struct buf b;
    int i;

    (void)state;
    world_open(&w, &good);
    w.settings.stanza_size_max = 1000;
    world_start(&w);
    world_run(&w, "up", 5000);
    buf_init(&b, 10000);
    buf_adds(&b, "<message><body>");
    for (i = 0; i < 5000; i++)
        buf_addc(&b, 'x');
    host_say(&w, b.data);
    buf_clear(&b);
    world_run(&w, "down:network", 5000);
    assert_string_equal(w.trace, "up down:network");
    assert_non_null(strstr(w.reason, "larger than the limit"));
    world_close(&w);
}

static void test_back_off(void **state)
{
    static const struct script hang_up = {.hang_up = true};
    static const struct script unknown = {.opening = OPENING STREAM_ERROR("host-unknown")};
    static const struct {
        const struct script *script;
        int64_t retry_min, retry_max, mend_min;
        int least, most; /* attempts in 400 ms */
    } rows[] = {
        {&hang_up, 10, 40, 10000, 4, 20},   /* at most 5, 10, 20, 20, ... at least 10, 20, 40, 40 */
        {&hang_up, 40, 10000, 10000, 2, 5}, /* 20..40, 40..80, 80..160, 160..320 */
        {&hang_up, 10000, 10000, 10, 1, 1},   {&unknown, 10, 40, 10000, 1, 1},
        {&unknown, 10000, 10000, 10, 3, 100},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;

        world_open(&w, rows[i].script);
        w.settings.times.retry_min = rows[i].retry_min;
        w.settings.times.retry_max = rows[i].retry_max;
        w.settings.times.mend_min = rows[i].mend_min;
        w.settings.times.mend_max = rows[i].mend_min > 40 ? 10000 : 40;
        world_start(&w);
        world_run(&w, NULL, 400);
        if (w.accepted < rows[i].least || w.accepted > rows[i].most)
            fail_msg("row %zu: %d attempts", i, w.accepted);
        assert_string_equal(w.trace, ""); /* down is not told of what never was up */
        world_close(&w);
    }
}

static void test_back_off_starts_anew(void **state)
{
    struct world w;
    int i;

    (void)state;
    world_open(&w, &good);
    w.settings.times.retry_min = 8;
    w.settings.times.retry_max = 100000;
    w.settings.times.stable = 20;
    world_start(&w);
    for (i = 0; i < 12; i++) { /* doubled each time, the last would take 16 s */
        world_run(&w, "up", 3000);
        assert_true(stream_is_up(w.stream));
        world_run(&w, NULL, 30);
        host_hang_up(&w);
        world_run(&w, "down:network", 3000);
        w.trace[0] = '\0';
    }
    world_close(&w);
}

static void test_keep_alive(void **state)
{
    static const struct script mute = {
        .opening = OPENING, .handshake = "<handshake/>", .lost_pings = -1};
    struct world w;

    (void)state;
    world_open(&w, &good);
    w.settings.times.silence = 15;
    w.settings.times.answer = 60;
    world_start(&w);
    world_run(&w, "up", 5000);
    world_run(&w, NULL, 200);
    assert_string_equal(w.trace, "up");
    assert_true(w.pings >= 4); /* one for each silence */
    w.script = &mute;
    world_run(&w, "down:network", 1000);
    assert_string_equal(w.trace, "up down:network");
    assert_non_null(strstr(w.reason, "does not answer a ping"));
    world_close(&w);
}

/* ejabberd lets two in and answers either: who misses an answer and has got one of another's is not
 * cut off, but one of two. */
static void test_another_instance(void **state)
{
    static const struct script mute = {
        .opening = OPENING, .handshake = "<handshake/>", .lost_pings = -1};
    static const struct {
        const char *say, *down;
    } rows[] = {
        {"<iq type='result' from='home.test' to='gw.test' id='p0123456789abcdef-1'/>",
         "down:conflict"},
        {"<iq type='error' from='home.test' to='gw.test' id='p0123456789abcdef-77'/>",
         "down:conflict"},
        {"<iq type='result' from='u@home.test' to='gw.test' id='p0123456789abcdef-1'/>",
         "down:network"}, /* a stranger who would like to be believed */
        {"<iq type='result' from='home.test' to='gw.test' id='p0123456789abcde-1'/>",
         "down:network"},
        {"<message from='home.test' to='gw.test' id='p0123456789abcdef-1'/>", "down:network"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;

        world_open(&w, &good);
        w.settings.times.answer = 60;
        world_start(&w);
        world_run(&w, "up", 5000);
        w.script = &mute;
        host_say(&w, rows[i].say);
        assert_int_equal(stream_barrier(w.stream, NULL, NULL), 0);
        world_run(&w, rows[i].down, 2000);
        assert_non_null(strstr(w.trace, rows[i].down));
        assert_int_equal(strcmp(rows[i].down, "down:conflict") == 0,
                         strstr(w.reason, "another instance is connected as 'gw.test'") != NULL);
        world_close(&w);
    }
}

static void test_barrier(void **state)
{
    static const struct script error = {
        .opening = OPENING, .handshake = "<handshake/>", .error_pings = true};
    const struct script *rows[] = {&good, &error};
    struct world w;
    size_t i;

    (void)state;
    for (i = 0; i < 2; i++) {
        world_up(&w, rows[i]);
        assert_int_equal(stream_barrier(w.stream, on_barrier, &w), 0);
        assert_int_equal(stream_barrier(w.stream, on_barrier, &w), 0);
        assert_string_equal(w.trace, "");
        world_run(&w, NULL, 50);
        assert_string_equal(w.trace, "answered answered");
        world_close(&w);
    }
}

static void test_barrier_lost(void **state)
{
    static const struct script mute_later = {
        .opening = OPENING, .handshake = "<handshake/>", .lost_pings = -1};
    struct world w;
    int i;

    (void)state;
    world_up(&w, &good);
    w.script = &mute_later;
    assert_int_equal(stream_barrier(w.stream, on_barrier, &w), 0);
    assert_int_equal(stream_barrier(w.stream, on_barrier, &w), 0);
    world_run(&w, NULL, 20);
    host_hang_up(&w);
    assert_string_equal(w.trace, "");
    world_run(&w, "down:network", 1000);
    assert_string_equal(w.trace, "unanswered unanswered down:network");
    assert_int_equal(stream_barrier(w.stream, on_barrier, &w), -1);
    world_close(&w);

    /* and the number of those that wait is bounded */
    world_up(&w, &good);
    w.script = &mute_later;
    for (i = 0; i < 100000 && stream_barrier(w.stream, on_barrier, NULL) == 0; i++)
        ;
    assert_int_equal(i, 1024);
    world_close(&w);
}

static void test_barrier_is_behind(void **state)
{
    static const char message[] = "<message to='u@home.test' from='a@gw.test' id='1'/>";
    struct world w;
    const char *at;

    (void)state;
    world_up(&w, &good);
    assert_int_equal(stream_send(w.stream, message, sizeof message - 1), 0);
    assert_int_equal(stream_barrier(w.stream, on_barrier, &w), 0);
    assert_int_equal(stream_send(w.stream, message, sizeof message - 1), 0);
    world_run(&w, NULL, 30);
    at = strstr(w.in.data, message);
    assert_non_null(at);
    at = strstr(at, "<iq type='get'");
    assert_non_null(at);
    assert_non_null(strstr(at, message));
    world_close(&w);
}

static void test_slow_is_not_dead(void **state)
{
    /* The host takes what was written, but so slowly that the ping behind it is late. */
    char *big = malloc(100000);
    struct world w;
    int i, large = 1 << 20;

    (void)state;
    assert_non_null(big);
    memset(big, ' ', 100000);
    world_open(&w, &good);
    assert_int_equal(setsockopt(w.listener, SOL_SOCKET, SO_RCVBUF, &large, sizeof large), 0);
    w.settings.times.answer = 400;
    w.settings.waiting_max = 64 << 20;
    world_start(&w);
    world_run(&w, "up", 5000);
    loop_watch_free(w.reading); /* from now on it is read here */
    w.reading = NULL;
    for (i = 0; i < 240; i++)
        assert_int_equal(stream_send(w.stream, big, 100000), 0);
    assert_int_equal(stream_barrier(w.stream, on_barrier, &w), 0);
    for (i = 0; i < 9; i++) {
        size_t n = 0;

        world_run(&w, "down:network", 100);
        while (n < 2000000) {
            ssize_t r = recv(w.fd, big, 100000, MSG_DONTWAIT);

            if (r > 0)
                n += (size_t)r;
            else
                world_run(&w, "down:network", 1);
            assert_string_equal(w.trace, "up");
        }
    }
    world_run(&w, "down:network", 3000); /* now it stands still */
    assert_string_equal(w.trace, "up unanswered down:network");
    free(big);
    world_close(&w);
}

static void test_paused(void **state)
{
    static const struct script mute = {
        .opening = OPENING, .handshake = "<handshake/>", .lost_pings = -1};
    struct world w;
    int i;

    (void)state;
    world_open(&w, &good);
    w.settings.times.answer = 60;
    world_start(&w);
    world_run(&w, "up", 5000);
    for (i = 0; i < 2; i++) { /* an end of the pause just before the ping is due */
        w.trace[0] = '\0';
        assert_int_equal(stream_barrier(w.stream, on_barrier, &w), 0);
        stream_pause(w.stream, true);
        host_say(&w, "<presence/>");
        world_run(&w, NULL, i == 0 ? 55 : 200);
        assert_string_equal(w.trace, ""); /* neither a stanza nor the answer, and not lost */
        stream_pause(w.stream, false);
        world_run(&w, "answered", 1000);
        world_run(&w, NULL, 20);
        assert_true(strcmp(w.trace, "<presence/> answered") == 0 ||
                    strcmp(w.trace, "answered <presence/>") == 0);
    }
    stream_pause(w.stream, true); /* and a ping that never is answered still ends it */
    stream_pause(w.stream, false);
    w.script = &mute;
    w.trace[0] = '\0';
    assert_int_equal(stream_barrier(w.stream, on_barrier, &w), 0);
    world_run(&w, "down:network", 1000);
    assert_string_equal(w.trace, "unanswered down:network");
    world_close(&w);
}

static void test_answers_before_up(void **state)
{
    /* ejabberd may lose the first pings: an answer is taken meanwhile, what must be safe is not. */
    static const struct script script = {
        .opening = OPENING, .handshake = "<handshake/><presence/>", .lost_pings = 1};
    struct world w;
    struct arena *a = arena_new(10000);

    (void)state;
    world_open(&w, &script);
    w.settings.times.warm = 60;
    world_start(&w);
    world_run(&w, "<presence/>", 5000);
    assert_string_equal(w.trace, "<presence/>");
    assert_int_equal(stream_send(w.stream, "<presence/>", 11), -1);
    assert_int_equal(stream_barrier(w.stream, on_barrier, &w), -1);
    assert_int_equal(stream_send_node(w.stream, xml_new(a, STREAM_NS, "message")), 0);
    world_run(&w, "up", 5000);
    assert_string_equal(w.trace, "<presence/> up");
    assert_non_null(strstr(w.in.data, "<message/>"));
    assert_int_equal(stream_send(w.stream, "<presence/>", 11), 0);
    arena_free(a);
    world_close(&w);
}

static void test_sending(void **state)
{
    enum { SIZE = 50000 };
    char *text = malloc(SIZE + 1);
    struct world w;
    struct arena *a = arena_new(1 << 20);
    struct xml_node *node;
    int sent = 0, tries;

    (void)state;
    assert_non_null(text);
    memset(text, ' ', SIZE + 1);
    world_open(&w, &good);
    w.settings.stanza_size_max = SIZE;
    w.settings.waiting_max = 1000000;
    world_start(&w);
    assert_int_equal(stream_send(w.stream, text, 10), -1); /* not up */
    world_run(&w, "up", 5000);
    assert_int_equal(stream_send(w.stream, text, SIZE + 1), STREAM_TOO_LARGE);
    text[SIZE] = '\0';
    node = xml_new(a, STREAM_NS, "message");
    assert_non_null(xml_add_with_text(a, node, STREAM_NS, "body", text));
    assert_int_equal(stream_send_node(w.stream, node), STREAM_TOO_LARGE);
    while (sent < 1000 && stream_send(w.stream, text, SIZE) == 0)
        sent++;
    assert_int_equal(sent, 1000000 / SIZE); /* nothing left yet: the loop has not run */
    world_run(&w, "writable", 5000);
    assert_string_equal(w.trace, "up writable");
    world_run(&w, "writable", 20);
    assert_string_equal(w.trace, "up writable"); /* only after a refusal */
    node = xml_new(a, STREAM_NS, "presence");
    assert_int_equal(stream_send_node(w.stream, node), 0);
    for (tries = 0; tries < 100 && !strstr(w.in.data + w.in.len - 20, "<presence/>"); tries++)
        world_run(&w, NULL, 50);
    assert_true(tries < 100);
    arena_free(a);
    free(text);
    world_close(&w);
}

static void test_stanzas(void **state)
{
    static const struct {
        const char *say, *told;
    } rows[] = {
        {"<message to='a@gw.test'><body>x</body></message>",
         "<message to='a@gw.test'><body>x</body></message>"},
        /* jabberd2 */
        {"<message xmlns='jabber:client' to='a@gw.test'><body>x</body><forwarded xmlns='urn:f'>"
         "<message xmlns='jabber:client'/></forwarded></message>",
         "<message to='a@gw.test'><body>x</body><forwarded xmlns='urn:f'>"
         "<message xmlns='jabber:client'/></forwarded></message>"},
        {"<message type='error' from='a@gw.test/x' to='u@home.test' id='1'/>",
         "<message type='error' from='u@home.test' to='a@gw.test/x' id='1'/>"},
        /* not turned: it is from the host, or no error, or from ourselves to ourselves */
        {"<message type='error' from='u@home.test/gw.test' to='gw.test'/>",
         "<message type='error' from='u@home.test/gw.test' to='gw.test'/>"},
        {"<message type='error' from='u@xgw.test' to='a@gw.test'/>",
         "<message type='error' from='u@xgw.test' to='a@gw.test'/>"},
        {"<message from='a@gw.test' to='u@home.test'/>",
         "<message from='a@gw.test' to='u@home.test'/>"},
        /* an answer that is none of ours */
        {"<iq type='result' id='p1' from='home.test'/>",
         "<iq type='result' id='p1' from='home.test'/>"},
        {"<stream:features/><presence/>", "<presence/>"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;

        world_up(&w, &good);
        host_say(&w, rows[i].say);
        world_run(&w, rows[i].told, 2000);
        assert_string_equal(w.trace, rows[i].told);
        world_close(&w);
    }
}

static void test_stop(void **state)
{
    static const struct script mute_end = {
        .opening = OPENING, .handshake = "<handshake/>", .mute_end = true};
    static const struct script hang = {.hang_up = true};
    struct world w;

    (void)state;
    /* in order, with what waits written before, and a ping that is still answered */
    world_up(&w, &good);
    assert_int_equal(stream_send(w.stream, "<presence/>", 11), 0);
    stream_stop(w.stream, on_closed, &w);
    assert_string_equal(w.trace, "");
    assert_int_equal(stream_send(w.stream, "<presence/>", 11), -1);
    assert_int_equal(stream_barrier(w.stream, on_barrier, &w), -1);
    world_run(&w, "closed", 500);
    assert_string_equal(w.trace, "closed");
    assert_non_null(strstr(w.in.data, "<presence/></stream:stream>"));
    world_run(&w, NULL, 30);
    assert_int_equal(w.accepted, 1); /* and it stays closed */
    world_close(&w);

    /* a host that does not answer the end */
    world_open(&w, &mute_end);
    w.settings.times.close = 40;
    world_start(&w);
    world_run(&w, "up", 5000);
    stream_stop(w.stream, on_closed, &w);
    world_run(&w, "closed", 1000);
    assert_string_equal(w.trace, "up closed");
    world_close(&w);

    /* while nothing is open, and before the start */
    world_open(&w, &hang);
    w.settings.times.retry_min = w.settings.times.retry_max = 5000;
    world_start(&w);
    world_run(&w, NULL, 50);
    stream_stop(w.stream, on_closed, &w);
    assert_string_equal(w.trace, "");
    world_run(&w, "closed", 1000);
    assert_string_equal(w.trace, "closed");
    stream_stop(w.stream, on_closed, &w);
    world_run(&w, "closed", 1000);
    assert_string_equal(w.trace, "closed closed");
    world_close(&w);
}

static void test_stop_fails_barriers(void **state)
{
    static const struct script mute = {
        .opening = OPENING, .handshake = "<handshake/>", .lost_pings = -1};
    struct world w;

    (void)state;
    world_up(&w, &good);
    w.script = &mute;
    assert_int_equal(stream_barrier(w.stream, on_barrier, &w), 0);
    stream_stop(w.stream, on_closed, &w);
    world_run(&w, "closed", 1000);
    assert_string_equal(w.trace, "unanswered closed");
    world_close(&w);
}

static void test_freed_in_callbacks(void **state)
{
    static const char *const rows[] = {"up",     "down:stanza", "<presence/>", "answered",
                                       "closed", "unanswered",  "writable"};
    static const struct script mute = {
        .opening = OPENING, .handshake = "<handshake/>", .lost_pings = -1};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        char text[1000];

        world_open(&w, &good);
        w.settings.stanza_size_max = 1000;
        w.settings.waiting_max = 1000;
        world_start(&w);
        w.free_at = rows[i];
        world_run(&w, "up", 5000);
        if (i == 1 || i == 5)
            host_say(&w, STREAM_ERROR("bad-format") "<presence/>");
        if (i == 2)
            host_say(&w, "<presence/><presence/><presence/>");
        if (i == 3 || i == 5) {
            assert_int_equal(stream_barrier(w.stream, on_barrier, &w), 0);
            assert_int_equal(stream_barrier(w.stream, on_barrier, &w), 0);
        }
        if (i == 4)
            stream_stop(w.stream, on_closed, &w);
        if (i == 6) {
            memset(text, ' ', sizeof text);
            assert_int_equal(stream_send(w.stream, text, 1000), 0);
            assert_int_equal(stream_send(w.stream, text, 1000), -1);
        }
        if (i == 5) /* the error comes before the answers */
            w.script = &mute;
        if (i > 0)
            world_run(&w, rows[i], 2000);
        assert_null(w.stream);
        assert_string_equal(
            strlen(w.trace) < strlen(rows[i]) ? "" : w.trace + strlen(w.trace) - strlen(rows[i]),
            rows[i]);
        world_run(&w, NULL, 20);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_up),
        cmocka_unit_test(test_first_ping_lost),
        cmocka_unit_test(test_openings),
        cmocka_unit_test(test_probe_sends_messages_back),
        cmocka_unit_test(test_lost_and_back),
        cmocka_unit_test(test_over_limits_from_the_host),
        cmocka_unit_test(test_endless_from_the_host),
        cmocka_unit_test(test_back_off),
        cmocka_unit_test(test_back_off_starts_anew),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_another_instance),
        cmocka_unit_test(test_barrier),
        cmocka_unit_test(test_barrier_lost),
        cmocka_unit_test(test_barrier_is_behind),
        cmocka_unit_test(test_slow_is_not_dead),
        cmocka_unit_test(test_paused),
        cmocka_unit_test(test_answers_before_up),
        cmocka_unit_test(test_sending),
        cmocka_unit_test(test_stanzas),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_stop_fails_barriers),
        cmocka_unit_test(test_freed_in_callbacks),
    };

    if (!getenv("VERBOSE"))
        log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
