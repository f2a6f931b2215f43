/*
 * run: `postern run`: puts the parts together, keeps them running, takes them apart.
 *
 * Owns every part of the running program.  Loop thread.  Starting order: what may refuse the
 * configuration first, the network last.  Stopping order: mailboxes and new deliveries, then what
 * is under way (at most DRAIN_S), then the stream, then the threads and the store.  A crash leaves
 * the database as the last commit left it.
 */
#include "bridge/gateway.h"

#include "base/descriptors.h"
#include "base/log.h"
#include "base/resident.h"
#include "base/step.h"
#include "bridge/clean.h"
#include "bridge/people/ad_hoc.h"
#include "bridge/people/announce.h"
#include "bridge/people/attendance.h"
#include "bridge/cli/command.h"
#include "bridge/reports/delay.h"
#include "bridge/to_jabber/deliver_jabber.h"
#include "bridge/to_jabber/deliver_stanza.h"
#include "bridge/to_mail/deliver_mail.h"
#include "bridge/to_mail/fetch.h"
#include "bridge/to_jabber/inbound.h"
#include "bridge/to_jabber/inbound_lmtp.h"
#include "bridge/people/nickname.h"
#include "bridge/notify.h"
#include "bridge/own/own.h"
#include "bridge/reports/poison.h"
#include "bridge/people/registration.h"
#include "bridge/reload.h"
#include "bridge/rate.h"
#include "bridge/rulings.h"
#include "bridge/reports/receipt.h"
#include "bridge/to_jabber/release.h"
#include "bridge/to_jabber/screen.h"
#include "bridge/people/roster.h"
#include "bridge/status/status.h"
#include "bridge/to_jabber/upload.h"
#include "bridge/reports/success.h"
#include "bridge/to_mail/waiting.h"
#include "bridge/wiring.h"
#include "bridge/people/words.h"
#include "store/files.h"
#include "store/life.h"
#include "store/uploads.h"

#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum {
    DRAIN_S = 20,
    TICK_MS = 1000,
    CLEAN_EVERY_TICKS = 60,
    DELAY_EVERY_TICKS = 5,
    REST_AFTER_TICKS = 15, /* without a message */
    REST_AFTER_START_TICKS = 3,
    SWEEP_EVERY_TICKS = 5,
    SET_BACK_S = 5,
    PARCELS_MAX = 1000,
    PARCEL_BYTES_MAX = 16 << 20,
    WINDOW_MAX = 1000,
    WINDOW_BYTES_MAX = 1 << 20,
    NET_THREADS = 4,
    WORKER_THREADS = 2,
    READER_PROCESSES = 2,
    READER_IDLE_MS = 120000,
    POOL_WAITING_MAX = 1000,
    DESCRIPTORS_OWN = 200 /* of the store, of readers, of transfers, and of what web servers ask */
};

/* The running gateway and what only its life needs. */
struct life {
    struct gateway g;
    struct stream_settings stream_settings;
    struct send_settings send_settings;
    struct router_settings router_settings;
    struct loop_signal *on_term, *on_int, *on_hup;
    struct loop_timer *tick, *drain;
    unsigned ticks, quiet_ticks;
    uint64_t counted; /* messages, at the last tick */
    int64_t ahead_s;  /* by so much the wall clock was ahead of the monotonic one */
    int64_t drain_until_ms;
    bool is_inbound_stopped, is_own_stopped, is_stream_closed, is_closing;
    const char *conf_path;
};

static struct life *life_of(struct gateway *g)
{
    return (struct life *)g; /* its first member */
}

/* What waits for its next try would wait for so much longer. */
static bool is_set_back(struct life *life)
{
    const struct clock *clock = life->g.clock;
    int64_t ahead_s = clock_wall_s(clock) - clock_mono_ms(clock) / 1000;
    bool is_back = ahead_s < life->ahead_s - SET_BACK_S;

    life->ahead_s = ahead_s;
    return is_back;
}

/* What starting or a load took, and nothing needs any more, is given back: once in each pause. */
static void rest(struct life *life)
{
    uint64_t counted = stats_all(&life->g.stats);

    life->quiet_ticks = counted == life->counted ? life->quiet_ticks + 1 : 0;
    life->counted = counted;
    if (life->quiet_ticks == REST_AFTER_TICKS)
        resident_give_back();
}

static void ticked(void *arg)
{
    struct life *life = arg;
    struct gateway *g = &life->g;

    if (store_has_foreign_change(g->store)) /* `postern queue` was here */
        gateway_rescan(g);
    courier_poke(g->mail_out); /* one that found no memory to deliver with tries again */
    courier_poke(g->mail_in);
    courier_poke(g->stanza_out);
    deliver_jabber_overdue(g);
    announce_tick(g->announce);
    own_tick(g);
    if (!g->is_stopping) {
        attendance_tick(g->attendance);
        release_tick(g->release);
    }
    if (life->ticks % SWEEP_EVERY_TICKS == 0)
        success_tick(g);
    if (life->ticks++ % CLEAN_EVERY_TICKS == 0 || is_set_back(life))
        clean_start(g);
    if (life->ticks % DELAY_EVERY_TICKS == 1)
        delay_look(g);
    rest(life);
    loop_timer_start(life->tick, TICK_MS);
}

/* Reloading. */

static enum log_level level_of(const char *name)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    size_t i;

    for (i = 0; i < sizeof names / sizeof names[0]; i++)
        if (name && strcmp(name, names[i]) == 0)
            return (enum log_level)i;
    return LOG_LEVEL_INFO;
}

static void set_router(struct life *life, const struct conf *conf)
{
    life->router_settings = (struct router_settings){
        .jid = life->g.started->conf->jid,
        .version = POSTERN_VERSION,
        .disco = {conf->contacts, conf->contact_count},
    };
}

static void adopt(struct gateway *g, struct settings *next)
{
    set_router(life_of(g), next->conf);
    router_settle(g->router);
    address_map_register(next->map, g->registered);
    settings_drop(g->settings);
    g->settings = next;
}

static int reload(struct gateway *g, struct err *e)
{
    struct life *life = life_of(g);
    struct settings *next;
    struct conf *conf;

    conf = conf_read(life->conf_path, CONF_SERVE, e);
    next = conf && reload_check(g->started->conf, conf, e) == 0
               ? settings_new(&conf, &g->settings->key, e)
               : NULL;
    conf_free(conf); /* when it was not handed over */
    if (!next) {
        log_error("gateway",
                  "event=reload-refused error=\"%s\" next=\"the old configuration stays\"",
                  e->text);
        return -1;
    }
    if (reload_is_partial(g->started->conf, next->conf))
        log_warning(
            "gateway",
            "event=reload-partial reason=\"changes of jabber, smtp, mailbox, lmtp, store, "
            "web.listen, web.per_address, limit and accounts take effect after a restart\"");
    adopt(g, rulings_apply_most(next, g->rulings));
    log_set_level(level_of(g->settings->conf->log_level));
    log_info("gateway", "event=reloaded file=%s", life->conf_path);
    return 0;
}

static void hung_up(int signo, void *arg)
{
    struct life *life = arg;
    struct err told;

    (void)signo;
    if (reload(&life->g, &told) < 0)
        return; /* the log says why */
}

/* Stopping. */

static void check_stopped(struct life *life)
{
    if (life->is_inbound_stopped && life->is_own_stopped && life->is_stream_closed)
        loop_stop(life->g.loop);
}

static void inbound_has_stopped(struct gateway *g)
{
    life_of(g)->is_inbound_stopped = true;
    check_stopped(life_of(g));
}

static void own_has_stopped(struct gateway *g)
{
    life_of(g)->is_own_stopped = true;
    check_stopped(life_of(g));
}

static void stream_has_closed(void *arg)
{
    struct life *life = arg;

    life->is_stream_closed = true;
    check_stopped(life);
}

/* Waits for what is under way, then closes the stream. */
static void drain(void *arg)
{
    struct life *life = arg;
    struct gateway *g = &life->g;
    bool is_idle = g->accepting == 0 && g->sending == 0 && g->preparing == 0 && g->uploading == 0 &&
                   window_is_empty(g->window) && roster_is_idle(g->roster) &&
                   inbound_lmtp_is_idle(g);

    if (!is_idle && clock_mono_ms(g->clock) < life->drain_until_ms) {
        loop_timer_start(life->drain, 50);
        return;
    }
    if (life->is_closing)
        return;
    step("stop.drained");
    life->is_closing = true;
    stream_stop(g->stream, stream_has_closed, life);
}

static void terminate(int signo, void *arg)
{
    struct life *life = arg;
    struct gateway *g = &life->g;

    (void)signo;
    if (g->is_stopping)
        return;
    g->is_stopping = true;
    log_info("gateway", "event=stopping");
    step("stop.begun");
    notify_send("STOPPING=1");
    courier_stop(g->mail_out);
    courier_stop(g->mail_in);
    courier_stop(g->stanza_out);
    inbound_stop(g, inbound_has_stopped);
    own_stop(g, own_has_stopped);
    inbound_lmtp_stop(g);
    roster_farewell(g->roster);
    life->drain_until_ms = clock_mono_ms(g->clock) + DRAIN_S * 1000;
    loop_timer_start(life->drain, 0);
}

/* Starting. */

static void say_pending(const char *text, void *arg)
{
    (void)arg;
    log_warning("conf", "event=not-yet option=\"%s\"", text);
}

static int begin_life(struct store_txn *txn, void *arg, struct err *e)
{
    return life_begin(txn, gateway_now_s(arg), e);
}

/* What the last life left: its claims are free, and what it may have ended over is suspected. */
static int open_flight(struct gateway *g, struct err *e)
{
    if (store_now(g->store, begin_life, g, e) < 0)
        return -1;
    g->flight = flight_open(g->store, e);
    if (!g->flight ||
        poison_take_stock(g->store, g->flight, g->settings, &g->ids, gateway_now_s(g), e) < 0)
        return -1;
    return flight_start(g->flight, e);
}

static int open_store(struct gateway *g, struct conf **conf, struct err *e)
{
    struct keyed_key key;

    g->store = store_open((*conf)->store_url, STORE_READ_WRITE, e);
    if (!g->store || store_lock(g->store, e) < 0 || store_key(g->store, &key, e) < 0 ||
        files_sweep(g->store, e) < 0)
        return -1;
    g->rulings = rulings_load(g->store, e);
    if (!g->rulings)
        return -1;
    g->settings = settings_new(conf, &key, e);
    if (!g->settings)
        return -1;
    g->settings = rulings_apply_most(g->settings, g->rulings);
    g->started = settings_hold(g->settings);
    g->registered = registration_load(g->store, e);
    if (!g->registered)
        return -1;
    address_map_register(g->settings->map, g->registered);
    g->screen = screen_open(g->store, e);
    if (!g->screen)
        return -1;
    g->attendance = attendance_open(g, e);
    return g->attendance ? open_flight(g, e) : -1;
}

static int open_jabber(struct life *life, struct err *e)
{
    struct gateway *g = &life->g;
    const struct conf *conf = g->started->conf;

    life->stream_settings = (struct stream_settings){
        .jid = conf->jid,
        .host = conf->jabber.host,
        .port = conf->jabber.port,
        .secret = conf->jabber.secret,
        .ping_to = conf->home_count > 0 ? conf->home[0] : conf->jid,
        .stanza_size_max = (size_t)conf->limit.stanza_size_max,
    };
    set_router(life, conf);
    g->stream = stream_new(g->loop, g->net, g->clock, &life->stream_settings, &wiring_stream, g, e);
    if (!g->stream)
        return -1;
    g->window = window_new(g->loop, g->stream, WINDOW_MAX, WINDOW_BYTES_MAX);
    if (g->window)
        window_on_room(g->window, wiring_room, g);
    g->router = router_new(g->clock, &life->router_settings, &wiring_router, g);
    g->asks = asks_new(g->loop, g->clock, g->stream, conf->jid);
    g->http = http_new(g->loop, g->clock, e);
    if (!g->http)
        return -1;
    g->uploads = uploads_new(g);
    g->fetches = fetches_new(g);
    return g->window && g->router && g->asks && g->uploads && g->fetches ? 0 : err_memory(e);
}

static int open_mail(struct life *life, struct err *e)
{
    struct gateway *g = &life->g;
    const struct conf *conf = g->started->conf;

    life->send_settings = (struct send_settings){
        .server = conf->smtp,
        .connections = conf->smtp_connections,
        .helo_name = conf->mail_domain,
        .connect_timeout_s = conf->smtp_connect_timeout_s,
        .reply_timeout_s = conf->smtp_reply_timeout_s,
    };
    g->sender = sender_new(g->loop, &life->send_settings, e);
    if (!g->sender)
        return -1;
    if (conf->web.text) {
        g->web = web_new(g->loop, g->clock, &conf->web, conf->web_per_address, &g->started->key,
                         wiring_find_file, g, e);
        if (!g->web)
            return -1;
    }
    if (status_open(g, e) < 0 || own_open(g, e) < 0)
        return -1;
    return inbound_open(g, e) < 0 ? -1 : inbound_lmtp_open(g, e);
}

static int open_couriers(struct gateway *g, struct err *e)
{
    const struct courier_limits limits = {
        .parcels_max = PARCELS_MAX,
        .bytes_max = PARCEL_BYTES_MAX,
        .message_max = (size_t)g->started->conf->limit.mail_size_max,
    };

    g->persist = persist_new(g->loop, g->store);
    g->mail_out =
        courier_new(g->loop, g->store, g->clock, QUEUE_MAIL_OUT, &limits, deliver_mail, g);
    g->mail_in =
        courier_new(g->loop, g->store, g->clock, QUEUE_MAIL_IN, &limits, deliver_jabber_mail, g);
    g->stanza_out =
        courier_new(g->loop, g->store, g->clock, QUEUE_STANZA_OUT, &limits, deliver_stanza, g);
    g->waiting = waiting_new(g);
    g->volley = volley_new(e);
    if (!g->volley)
        return -1;
    g->nicknames = nicknames_new(g);
    g->rate = rate_new(e);
    if (!g->rate)
        return -1;
    g->words = words_new(g);
    g->ad_hoc = ad_hoc_new(g);
    g->announce = announce_new(g);
    g->roster = roster_new(g);
    g->release = release_new(g);
    if (g->mail_out && g->mail_in) {
        courier_set_flight(g->mail_out, g->flight);
        courier_set_flight(g->mail_in, g->flight);
    }
    return g->persist && g->mail_out && g->mail_in && g->stanza_out && g->waiting && g->nicknames &&
                   g->words && g->ad_hoc && g->announce && g->roster && g->release
               ? 0
               : err_memory(e);
}

static int open_loop(struct life *life, struct err *e)
{
    const struct readers_settings reading = {READER_PROCESSES, POOL_WAITING_MAX, READER_IDLE_MS,
                                             reader_limits_usual, reader_term_usual};
    struct gateway *g = &life->g;

    g->loop = loop_new(e);
    if (!g->loop)
        return -1;
    g->net = work_pool_new(g->loop, "net", NET_THREADS, POOL_WAITING_MAX, e);
    g->workers =
        g->net ? work_pool_new(g->loop, "workers", WORKER_THREADS, POOL_WAITING_MAX, e) : NULL;
    g->readers = g->workers ? readers_new(g->loop, &reading, e) : NULL;
    if (!g->readers)
        return -1;
    life->on_term = loop_signal_new(g->loop, SIGTERM, terminate, life);
    life->on_int = loop_signal_new(g->loop, SIGINT, terminate, life);
    life->on_hup = loop_signal_new(g->loop, SIGHUP, hung_up, life);
    life->tick = loop_timer_new(g->loop, ticked, life);
    life->drain = loop_timer_new(g->loop, drain, life);
    return life->on_term && life->on_int && life->on_hup && life->tick && life->drain
               ? 0
               : err_memory(e);
}

static int start(struct life *life, struct err *e)
{
    struct gateway *g = &life->g;

    step("start.opened");
    resident_give_back();
    if (store_start(g->store, g->loop, e) < 0)
        return -1;
    stream_start(g->stream);
    courier_start(g->mail_out);
    courier_start(g->mail_in);
    courier_start(g->stanza_out);
    inbound_start(g);
    own_start(g);
    loop_timer_start(life->tick, TICK_MS);
    log_info("gateway", "event=started version=%s jid=%s mail_domain=%s", POSTERN_VERSION,
             g->settings->conf->jid, g->settings->conf->mail_domain);
    notify_send("READY=1");
    return 0;
}

/* Threads first: what they finish still finds everything in place.  Then who gives work back, then
 * who takes it. */
static void close_all(struct life *life)
{
    struct gateway *g = &life->g;

    g->is_closing = true;
    if (g->uploads)
        uploads_stop(g->uploads);
    if (g->asks)
        asks_lost(g->asks);
    if (g->fetches)
        fetches_stop(g->fetches);
    http_free(g->http);
    sender_free(g->sender);
    own_end(g);
    readers_free(g->readers);
    work_pool_free(g->workers);
    work_pool_free(g->net);
    if (g->store)
        store_stop(g->store);
    step("stop.written");
    inbound_close(g);
    own_close(g);
    inbound_lmtp_close(g);
    status_close(g);
    web_free(g->web);
    window_free(g->window);
    persist_free(g->persist);
    router_free(g->router);
    uploads_free(g->uploads);
    fetches_free(g->fetches);
    asks_free(g->asks);
    stream_free(g->stream);
    receipt_close(g);
    waiting_free(g->waiting);
    volley_free(g->volley);
    nicknames_free(g->nicknames);
    rate_free(g->rate);
    words_free(g->words);
    ad_hoc_free(g->ad_hoc);
    announce_free(g->announce);
    roster_free(g->roster);
    release_free(g->release);
    courier_free(g->mail_out);
    courier_free(g->mail_in);
    courier_free(g->stanza_out);
    flight_close(g->flight);
    screen_close(g->screen);
    attendance_close(g->attendance);
    store_close(g->store);
    loop_timer_free(life->tick);
    loop_timer_free(life->drain);
    loop_signal_free(life->on_term);
    loop_signal_free(life->on_int);
    loop_signal_free(life->on_hup);
    loop_free(g->loop);
    settings_drop(g->started);
    settings_drop(g->settings);
    pairs_free(g->registered);
    rulings_free(g->rulings);
}

static int open_all(struct life *life, struct conf **conf, struct err *e)
{
    struct gateway *g = &life->g;

    g->clock = &clock_system;
    g->reload = reload;
    g->adopt = adopt;
    id_maker_init(&g->ids, g->clock);
    if (send_check(&(*conf)->smtp, e) < 0 || open_store(g, conf, e) < 0 || open_loop(life, e) < 0 ||
        open_couriers(g, e) < 0 || open_jabber(life, e) < 0 || open_mail(life, e) < 0)
        return -1;
    return start(life, e);
}

/* Clients that are turned away for want of descriptors come again; somebody should know why. */
static void take_descriptors(const struct conf *conf)
{
    unsigned have = descriptors_raise();
    size_t want = DESCRIPTORS_OWN + conf->smtp_connections + conf->mailbox_count +
                  (conf->lmtp.text ? conf->lmtp_connections : 0);

    if (have < want)
        log_warning("gateway",
                    "event=few-descriptors have=%u want=%zu next=\"raise the limit of open files "
                    "(LimitNOFILE=), or lower lmtp.connections\"",
                    have, want);
}

static int serve(const char *conf_path)
{
    struct life *life;
    struct conf *conf;
    struct err e;
    int status = EX_OK;

    /* Its first use may not fail for want of memory: it would not be told. */
    if (OPENSSL_init_crypto(0, NULL) != 1) {
        fputs("postern: OpenSSL cannot be initialised\n", stderr);
        return EX_TEMPFAIL;
    }
    conf = conf_read(conf_path, CONF_SERVE, &e);
    if (!conf)
        return command_fail(&e, EX_CONFIG);
    log_set_journal(getenv("JOURNAL_STREAM") != NULL);
    log_set_level(level_of(conf->log_level));
    conf_each_pending(conf, say_pending, NULL);
    take_descriptors(conf);
    life = calloc(1, sizeof *life);
    if (!life) {
        conf_free(conf);
        return EX_TEMPFAIL;
    }
    life->conf_path = conf_path;
    life->quiet_ticks = REST_AFTER_TICKS - REST_AFTER_START_TICKS;
    if (open_all(life, &conf, &e) < 0 || loop_run(life->g.loop, &e) < 0)
        status = command_fail(&e, EX_CONFIG);
    close_all(life);
    conf_free(conf); /* when it was not handed over */
    free(life);
    if (status == EX_OK)
        log_info("gateway", "event=stopped");
    return status;
}

int command_run(const struct command_line *line)
{
    if (line->argc > 0)
        return command_usage("run takes no arguments");
    return serve(line->conf_path);
}
