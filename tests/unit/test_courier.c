/* courier: every message is delivered once, whatever memory holds and however often delivery
 * refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <stdatomic.h>

#include "base/log.h"
#include "bridge/courier.h"
#include "tests/unit/fixture_store.h"

/* Memory that is out for parcels, on demand: calloc of its own, which all libraries use, too. */
#if defined __SANITIZE_ADDRESS__
#define REAL_CALLOC __interceptor_calloc
#define EARLY       __attribute__((no_sanitize("address", "undefined")))
#elif defined __SANITIZE_THREAD__
#define REAL_CALLOC __interceptor_calloc
#define EARLY       __attribute__((no_sanitize("thread")))
#else
#define REAL_CALLOC __libc_calloc
#define EARLY
#endif
void *REAL_CALLOC(size_t count, size_t size);

static atomic_bool is_memory_out;
static atomic_uint refused;

EARLY void *calloc(size_t count, size_t size)
{
    if (size != sizeof(struct parcel) || !is_memory_out)
        return REAL_CALLOC(count, size);
    refused++;
    return NULL;
}

enum { MESSAGES = 1000, MEMORY = 16, AT_ONCE = 5, CROWD = 900 };

struct scene {
    char folder[FOLDER_SIZE];
    struct loop *loop;
    struct store *store;
    struct courier *courier;
    unsigned delivered[MESSAGES + 1]; /* by id */
    unsigned finished, under_way, most;
    unsigned random;
    bool is_deferring; /* each item is deferred once before it is done */
    unsigned attempts_seen;
    int64_t now_ms;
    bool is_crowded; /* the first CROWD messages are one party's, the rest of many */
    unsigned behind; /* deliveries between the last arrival of a newcomer and its own, at most */
    unsigned deliveries, newcomers_done;
    unsigned suspects_out;
};

static int64_t fake_now(void *arg)
{
    return ((struct scene *)arg)->now_ms;
}

static struct clock fake_clock(struct scene *s)
{
    return (struct clock){fake_now, fake_now, s};
}

/* The same numbers in every run. */
static unsigned next_random(struct scene *s)
{
    s->random = s->random * 1103515245 + 12345;
    return s->random >> 16;
}

/* A delivery that ends a moment later. */
struct delivery {
    struct store_work work;
    struct scene *scene;
    struct parcel *parcel;
    struct loop_timer *timer;
    unsigned n; /* of the item */
    bool is_deferred;
    int64_t next_s; /* when it is due again */
};

static int write_outcome(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct delivery *d = (struct delivery *)work;
    const struct queue_message *m = &d->parcel->message;

    if (d->is_deferred)
        return queue_defer(txn, m->id, d->n, d->next_s, "later", e);
    return queue_remove(txn, m->id, d->n, e);
}

static void outcome_written(struct store_work *work, const struct err *e)
{
    struct delivery *d = (struct delivery *)work;
    struct scene *s = d->scene;

    assert_null(e);
    s->under_way--;
    if (d->parcel->message.items[0].crashes > 0)
        s->suspects_out--;
    courier_finish(s->courier, d->parcel, d->is_deferred ? d->next_s : 0);
    if (!d->is_deferred && ++s->finished == MESSAGES)
        loop_stop(s->loop);
    free(d);
    courier_poke(s->courier);
}

static void delivery_ended(void *arg)
{
    struct delivery *d = arg;

    loop_timer_free(d->timer);
    assert_int_equal(store_submit(d->scene->store, &d->work), 0);
}

static bool deliver(struct parcel *p, void *arg)
{
    struct scene *s = arg;
    struct delivery *d;

    if (s->under_way >= AT_ONCE || next_random(s) % 7 == 0)
        return false;
    assert_true(p->message.id > 0 && p->message.id <= MESSAGES);
    assert_int_equal(p->message.item_count, 1);
    d = calloc(1, sizeof *d);
    d->scene = s;
    d->parcel = p;
    d->work.run = write_outcome;
    d->work.done = outcome_written;
    d->is_deferred = s->is_deferring && p->message.items[0].attempts == 0;
    d->next_s = s->now_ms / 1000 + 10;
    s->attempts_seen += p->message.items[0].attempts;
    if (!d->is_deferred)
        s->delivered[p->message.id]++;
    s->deliveries++;
    if (s->is_crowded && p->message.id > CROWD && ++s->newcomers_done == MESSAGES - CROWD)
        s->behind = s->deliveries;
    s->under_way++;
    if (courier_in_flight(s->courier) > s->most)
        s->most = (unsigned)courier_in_flight(s->courier);
    d->timer = loop_timer_new(s->loop, delivery_ended, d);
    loop_timer_start(d->timer, next_random(s) % 2);
    return true;
}

/* New messages arrive in bursts. */
struct arrival {
    struct store_work work;
    struct scene *scene;
    struct parcel *parcel;
};

static int put(struct store_txn *txn, struct store_work *work, struct err *e)
{
    return queue_put(txn, &((struct arrival *)work)->parcel->message, e);
}

static void was_put(struct store_work *work, const struct err *e)
{
    struct arrival *a = (struct arrival *)work;

    assert_null(e);
    courier_offer(a->scene->courier, a->parcel);
    free(a);
}

static void arrive(struct scene *s, int64_t id)
{
    struct arrival *a = calloc(1, sizeof *a);
    struct queue_message *m;

    a->scene = s;
    a->parcel = parcel_new(4096);
    m = &a->parcel->message;
    m->id = id;
    m->kind = QUEUE_MAIL_OUT;
    m->sender = m->origin = "";
    m->created_s = s->now_ms / 1000;
    m->lane = s->is_crowded ? (id > CROWD ? 1 + (unsigned)id % 50 : 0) : (unsigned)id % 3;
    m->content = "x";
    m->content_len = 1;
    m->items = arena_alloc(parcel_arena(a->parcel), sizeof *m->items);
    m->item_count = 1;
    m->items[0].recipient = "r";
    m->items[0].last_error = "";
    m->items[0].next_at_s = s->now_ms / 1000;
    a->work.run = put;
    a->work.done = was_put;
    assert_int_equal(store_submit(s->store, &a->work), 0);
}

struct source {
    struct scene *scene;
    struct loop_timer *timer;
    int64_t next;
};

static void burst(void *arg)
{
    struct source *source = arg;
    unsigned count = source->scene->is_crowded ? MESSAGES : next_random(source->scene) % 120;

    while (count-- > 0 && source->next <= MESSAGES)
        arrive(source->scene, source->next++);
    if (source->next <= MESSAGES)
        loop_timer_start(source->timer, 1);
}

/* A random poke from outside, and time that goes by. */
static void tick(void *arg)
{
    struct source *source = arg;
    struct scene *s = source->scene;

    s->now_ms += 2000;
    courier_rescan(s->courier);
    if (s->finished < MESSAGES)
        loop_timer_start(source->timer, 5);
}

static void run_all(struct scene *s, bool is_deferring)
{
    const struct courier_limits limits = {MEMORY, 1 << 20, 4096};
    struct clock clock = fake_clock(s);
    struct source source = {.scene = s, .next = 1}, ticker = {.scene = s};
    struct err e;
    int i;

    s->is_deferring = is_deferring;
    s->random = 42;
    s->now_ms = 1000000;
    s->courier = courier_new(s->loop, s->store, &clock, QUEUE_MAIL_OUT, &limits, deliver, s);
    assert_non_null(s->courier);
    assert_int_equal(store_start(s->store, s->loop, &e), 0);
    courier_start(s->courier);
    source.timer = loop_timer_new(s->loop, burst, &source);
    ticker.timer = loop_timer_new(s->loop, tick, &ticker);
    loop_timer_start(source.timer, 0);
    loop_timer_start(ticker.timer, 5);
    alarm(300); /* a courier that forgets a message ends here */
    assert_int_equal(loop_run(s->loop, &e), 0);
    alarm(0);
    loop_timer_free(source.timer);
    loop_timer_free(ticker.timer);
    for (i = 1; i <= MESSAGES; i++)
        assert_int_equal(s->delivered[i], 1);
    assert_true(s->most <= MEMORY);
    assert_int_equal(courier_in_flight(s->courier), 0);
    courier_stop(s->courier);
    store_stop(s->store);
    courier_free(s->courier);
}

static void each_message_is_delivered_once(void **state)
{
    run_all(*state, false);
}

static void deferred_messages_come_again(void **state)
{
    struct scene *s = *state;

    run_all(s, true);
    assert_int_equal(s->attempts_seen, MESSAGES);
}

/* One party has 900 messages in the queue when 100 others write one each: they are through long
 * before it is. */
static void a_crowd_delays_its_own(void **state)
{
    struct scene *s = *state;

    s->is_crowded = true;
    run_all(s, false);
    assert_int_equal(s->newcomers_done, MESSAGES - CROWD);
    assert_true(s->behind < MESSAGES / 2);
}

/* What the program ended over goes alone among its like, and the rest goes on. */

enum { SUSPECTS = 20, OTHERS = 100 };

static bool deliver_suspects(struct parcel *p, void *arg)
{
    struct scene *s = arg;
    struct delivery *d;

    if (p->message.items[0].crashes > 0)
        assert_int_equal(++s->suspects_out, 1);
    d = calloc(1, sizeof *d);
    d->scene = s;
    d->parcel = p;
    d->work.run = write_outcome;
    d->work.done = outcome_written;
    s->delivered[p->message.id]++;
    s->under_way++;
    if (p->message.items[0].crashes == 0 && s->suspects_out > 0)
        s->behind++; /* passed a suspect */
    d->timer = loop_timer_new(s->loop, delivery_ended, d);
    loop_timer_start(d->timer, p->message.items[0].crashes > 0 ? 3 : 1);
    return true;
}

static int put_suspects(struct store_txn *txn, void *arg, struct err *e)
{
    struct scene *s = arg;
    int64_t id;

    for (id = 1; id <= SUSPECTS + OTHERS; id++) {
        struct queue_item item = {
            .recipient = "r", .last_error = "", .crashes = id <= SUSPECTS, .next_at_s = 1};
        struct queue_message m = {.id = id,
                                  .kind = QUEUE_MAIL_OUT,
                                  .sender = "",
                                  .origin = "",
                                  .lane = (unsigned)id % 5,
                                  .content = "x",
                                  .content_len = 1,
                                  .items = &item,
                                  .item_count = 1};

        if (queue_put(txn, &m, e) < 0)
            return -1;
    }
    s->finished = MESSAGES - SUSPECTS - OTHERS; /* the last one stops the loop */
    return 0;
}

static void suspects_go_one_by_one(void **state)
{
    const struct courier_limits limits = {1000, 1 << 20, 4096};
    struct scene *s = *state;
    struct clock clock = fake_clock(s);
    struct err e;
    int i;

    s->now_ms = 1000000;
    assert_int_equal(store_now(s->store, put_suspects, s, &e), 0);
    s->courier =
        courier_new(s->loop, s->store, &clock, QUEUE_MAIL_OUT, &limits, deliver_suspects, s);
    assert_int_equal(store_start(s->store, s->loop, &e), 0);
    courier_start(s->courier);
    alarm(300);
    assert_int_equal(loop_run(s->loop, &e), 0);
    alarm(0);
    for (i = 1; i <= SUSPECTS + OTHERS; i++)
        assert_int_equal(s->delivered[i], 1);
    assert_true(s->behind > 0);
    courier_stop(s->courier);
    store_stop(s->store);
    courier_free(s->courier);
}

/* ---- memory is out ---- */

static void stop_waiting(void *arg)
{
    loop_stop(((struct scene *)arg)->loop);
}

/* A message on disk for which there is no memory is tried now and then, and goes when there is. */
static void memory_that_is_out_is_waited_for(void **state)
{
    const struct courier_limits limits = {1000, 1 << 20, 4096};
    struct scene *s = *state;
    struct clock clock = fake_clock(s);
    struct loop_timer *timer;
    struct err e;
    unsigned i;

    s->now_ms = 1000000;
    assert_int_equal(store_now(s->store, put_suspects, s, &e), 0);
    s->courier =
        courier_new(s->loop, s->store, &clock, QUEUE_MAIL_OUT, &limits, deliver_suspects, s);
    assert_int_equal(store_start(s->store, s->loop, &e), 0);
    timer = loop_timer_new(s->loop, stop_waiting, s);
    is_memory_out = true;
    courier_start(s->courier);
    loop_timer_start(timer, 200);
    assert_int_equal(loop_run(s->loop, &e), 0);
    is_memory_out = false;
    assert_in_range(refused, SUSPECTS + OTHERS, 3 * (SUSPECTS + OTHERS));
    alarm(300);
    assert_int_equal(loop_run(s->loop, &e), 0);
    alarm(0);
    for (i = 1; i <= SUSPECTS + OTHERS; i++)
        assert_int_equal(s->delivered[i], 1);
    loop_timer_free(timer);
    courier_stop(s->courier);
    store_stop(s->store);
    courier_free(s->courier);
}

/* ---- recipients that are due apart ---- */

enum { APART = 1 };

/* The first recipient goes, and takes longer than the second one still had to wait. */
static bool deliver_apart(struct parcel *p, void *arg)
{
    struct scene *s = arg;
    struct delivery *d = calloc(1, sizeof *d);

    assert_int_equal(p->message.item_count, 1);
    assert_int_equal(p->message.items[0].n, s->deliveries);
    d->scene = s;
    d->parcel = p;
    d->n = p->message.items[0].n;
    d->work.run = write_outcome;
    d->work.done = outcome_written;
    s->deliveries++;
    s->under_way++;
    s->now_ms += 1000;
    d->timer = loop_timer_new(s->loop, delivery_ended, d);
    loop_timer_start(d->timer, d->n == 0 ? 1300 : 0);
    return true;
}

static int put_apart(struct store_txn *txn, void *arg, struct err *e)
{
    struct scene *s = arg;
    int64_t now_s = s->now_ms / 1000;
    struct queue_item items[] = {
        {.n = 0, .recipient = "r", .last_error = "", .next_at_s = now_s},
        {.n = 1, .recipient = "r", .last_error = "", .next_at_s = now_s + 1}};
    struct queue_message m = {.id = APART,
                              .kind = QUEUE_MAIL_OUT,
                              .sender = "",
                              .origin = "",
                              .content = "x",
                              .content_len = 1,
                              .items = items,
                              .item_count = 2};

    s->finished = MESSAGES - 2; /* the last one stops the loop */
    return queue_put(txn, &m, e);
}

/* A recipient that falls due while another one's attempt is under way goes after it. */
static void what_falls_due_meanwhile_goes(void **state)
{
    const struct courier_limits limits = {1000, 1 << 20, 4096};
    struct scene *s = *state;
    struct clock clock = fake_clock(s);
    struct loop_timer *limit;
    struct err e;

    s->now_ms = 1000000;
    assert_int_equal(store_now(s->store, put_apart, s, &e), 0);
    s->courier = courier_new(s->loop, s->store, &clock, QUEUE_MAIL_OUT, &limits, deliver_apart, s);
    assert_int_equal(store_start(s->store, s->loop, &e), 0);
    limit = loop_timer_new(s->loop, stop_waiting, s);
    loop_timer_start(limit, 10000); /* when nobody looks for it any more */
    courier_start(s->courier);
    assert_int_equal(loop_run(s->loop, &e), 0);
    loop_timer_free(limit);
    courier_stop(s->courier);
    store_stop(s->store);
    courier_free(s->courier);
    assert_int_equal(s->deliveries, 2);
    assert_int_equal(s->finished, MESSAGES);
}

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct err e;

    log_set_level(LOG_LEVEL_ERROR);
    s->loop = loop_new(&e);
    s->store = store_make("courier", s->folder);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;

    store_remove(s->store, s->folder);
    loop_free(s->loop);
    free(s);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_message_is_delivered_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deferred_messages_come_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_crowd_delays_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(suspects_go_one_by_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_that_is_out_is_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_falls_due_meanwhile_goes, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("courier", tests, NULL, NULL);
}
