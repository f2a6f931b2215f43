/*
 * store_speed: rows a second through the store's writer, for pairs of put and remove.
 *
 * Built by `make bench`, which does not run it:
 *   build/bench/store_speed FOLDER WAITING MESSAGES [link] [BACKLOG]
 * WAITING pieces of work are under way at any time.  Each puts a message of 1 kB with one recipient
 * (and, with "link", a link), then removes it.  BACKLOG messages lie in the queue meanwhile.  A row
 * is one message put or removed.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "store/links.h"
#include "store/queue.h"
#include "store/store.h"

struct bench {
    struct store *store;
    struct loop *loop;
    int64_t next_id, left, under_way, rows;
    bool has_links;
    double *waits;
    size_t wait_count;
};

struct piece {
    struct store_work work;
    struct bench *bench;
    int64_t id;
    bool removes;
    double since;
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int put(struct store_txn *txn, int64_t id, struct err *e)
{
    static const char content[1000] = "Subject: x";
    struct queue_item item = {.recipient = "romeo@example.net", .next_at_s = 1, .last_error = ""};
    struct queue_message m = {.id = id,
                              .kind = QUEUE_MAIL_OUT,
                              .sender = "b+0000000000000.0000.00000000000000000000@example.org",
                              .origin = "jabber",
                              .content = content,
                              .content_len = sizeof content,
                              .items = &item,
                              .item_count = 1};

    return queue_put(txn, &m, e);
}

static int put_link(struct store_txn *txn, int64_t id, struct err *e)
{
    char jid[64], contact[64], message_id[64], stanza[32];
    struct link link = {.id = id,
                        .direction = LINK_TO_MAIL,
                        .jid = jid,
                        .contact = contact,
                        .mail = "romeo@example.net",
                        .alias = "juliet@example.org",
                        .stanza_id = stanza,
                        .thread = "e0ffe42b28561960c6b12b944a092794b9683a38",
                        .message_id = message_id,
                        .references = "",
                        .created_s = id >> 10};
    uint64_t mixed = (uint64_t)id * 0x9e3779b97f4a7c15u;

    snprintf(jid, sizeof jid, "user%" PRIu64 "@capulet.example/balcony", mixed % 1000);
    snprintf(contact, sizeof contact, "friend%" PRIu64 "\\40example.net@gw", mixed % 7);
    snprintf(message_id, sizeof message_id, "%016" PRIx64 "@gw.example", (uint64_t)id);
    snprintf(stanza, sizeof stanza, "%016" PRIx64, mixed);
    return links_put(txn, &link, e);
}

static int run(struct store_txn *txn, struct store_work *work, struct err *e)
{
    struct piece *p = (struct piece *)work;

    if (p->removes)
        return queue_remove(txn, p->id, 0, e);
    if (p->bench->has_links && put_link(txn, p->id, e) < 0)
        return -1;
    return put(txn, p->id, e);
}

static void submit(struct piece *p)
{
    p->since = now();
    if (store_submit(p->bench->store, &p->work) < 0)
        abort();
}

static void done(struct store_work *work, const struct err *e)
{
    struct piece *p = (struct piece *)work;
    struct bench *b = p->bench;

    if (e) {
        fprintf(stderr, "%s\n", e->text);
        abort();
    }
    b->rows++;
    b->waits[b->wait_count++] = now() - p->since;
    p->removes = !p->removes;
    if (!p->removes) {
        if (b->left == 0) {
            if (--b->under_way == 0)
                loop_stop(b->loop);
            return;
        }
        b->left--;
        p->id = ++b->next_id;
    }
    submit(p);
}

static int put_backlog(struct store_txn *txn, void *arg, struct err *e)
{
    struct bench *b = arg;
    int i;

    for (i = 0; i < 1000; i++)
        if (put(txn, ++b->next_id, e) < 0)
            return -1;
    return 0;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void report(struct bench *b, int64_t waiting, double seconds)
{
    struct rusage use;

    qsort(b->waits, b->wait_count, sizeof *b->waits, compare);
    getrusage(RUSAGE_SELF, &use);
    printf("waiting=%" PRId64 " rows=%" PRId64 " rows_per_s=%.0f p50_ms=%.1f p99_ms=%.1f "
           "memory_mb=%.1f\n",
           waiting, b->rows, (double)b->rows / seconds, b->waits[b->wait_count / 2] * 1000,
           b->waits[b->wait_count * 99 / 100] * 1000, (double)use.ru_maxrss / 1024);
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    struct piece *pieces;
    struct err e;
    char url[300];
    int64_t waiting, i, backlog;
    double start;

    if (argc < 4)
        return 64;
    waiting = atoi(argv[2]);
    b.left = atoi(argv[3]);
    b.has_links = argc > 4 && strcmp(argv[4], "link") == 0;
    backlog = argc > 4 + b.has_links ? atoi(argv[4 + b.has_links]) : 0;
    snprintf(url, sizeof url, "sqlite:%s/speed.db", argv[1]);
    b.waits = calloc((size_t)b.left * 2 + 10, sizeof *b.waits);
    pieces = calloc((size_t)waiting, sizeof *pieces);
    b.loop = loop_new(&e);
    b.store = store_open(url, STORE_READ_WRITE, &e);
    if (!b.store || !pieces || !b.waits) {
        fprintf(stderr, "%s\n", e.text);
        return 75;
    }
    for (i = 0; i < backlog; i += 1000)
        if (store_now(b.store, put_backlog, &b, &e) < 0)
            abort();
    if (store_start(b.store, b.loop, &e) < 0)
        abort();
    start = now();
    for (i = 0; i < waiting && b.left > 0; i++, b.left--) {
        b.under_way++;
        pieces[i].work.run = run;
        pieces[i].work.done = done;
        pieces[i].bench = &b;
        pieces[i].id = ++b.next_id;
        submit(&pieces[i]);
    }
    if (loop_run(b.loop, &e) < 0)
        abort();
    start = now() - start;
    store_stop(b.store);
    store_close(b.store);
    loop_free(b.loop);
    report(&b, waiting, start);
    free(b.waits);
    free(pieces);
    return 0;
}
