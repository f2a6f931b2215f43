/*
 * send_speed: mails through one sender, without the rest of the gateway.
 *
 *     send_speed PORT ENGINE CONNECTIONS SIZE COUNT      ENGINE: libesmtp or own
 *
 * Says on one line: mails a second, and microseconds of processor time a mail.  One loop; as many
 * jobs as WINDOW are with the sender at a time.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "mail/send.h"

enum { WINDOW = 500 };

struct load {
    struct loop *loop;
    struct sender *sender;
    char *message;
    size_t len;
    uint64_t to_submit, to_come, failed;
    struct item {
        struct load *load;
        struct send_job job;
        struct send_recipient recipient;
    } items[WINDOW];
};

static void die(const char *why)
{
    fprintf(stderr, "send_speed: %s\n", why);
    exit(1);
}

static void submit(struct item *item);

static void on_done(struct send_job *job)
{
    struct item *item = job->arg;
    struct load *load = item->load;

    if (item->recipient.trouble != SEND_ANSWERED || item->recipient.code / 100 != 2)
        load->failed++;
    if (--load->to_come == 0)
        loop_stop(load->loop);
    if (load->to_submit > 0)
        submit(item);
}

static void submit(struct item *item)
{
    struct load *load = item->load;

    load->to_submit--;
    item->recipient = (struct send_recipient){.address = "reader@bench.example"};
    item->job = (struct send_job){.reverse_path = "writer@bench.example",
                                  .recipients = &item->recipient,
                                  .recipient_count = 1,
                                  .message = load->message,
                                  .message_len = load->len,
                                  .done = on_done,
                                  .arg = item};
    if (sender_submit(load->sender, &item->job) < 0)
        die("the sender takes no more");
}

static void make_message(struct load *load, size_t size)
{
    static const char head[] = "Date: Sat, 1 Jan 2022 00:00:00 +0000\r\nFrom: a@bench.example\r\n"
                               "Message-ID: <1@bench.example>\r\nSubject: speed\r\n\r\n";
    static const char line[] = "A line of a mail, as long as many a line is in a mail.\r\n";

    load->message = malloc(size + sizeof head + sizeof line);
    if (!load->message)
        die("out of memory");
    strcpy(load->message, head);
    load->len = sizeof head - 1;
    while (load->len < size) {
        strcpy(load->message + load->len, line);
        load->len += sizeof line - 1;
    }
}

static double cpu_us(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

int main(int argc, char **argv)
{
    static struct load load;
    struct send_settings settings = {.server = {.host = "127.0.0.1", .user = ""},
                                     .helo_name = "bench.example"};
    struct err e = {0};
    double cpu, seconds;
    int64_t start_ms;
    uint64_t count;
    size_t i;

    if (argc != 6)
        die("PORT ENGINE CONNECTIONS SIZE COUNT are needed");
    signal(SIGPIPE, SIG_IGN);
    settings.server.port = (unsigned)atoi(argv[1]);
    settings.server.engine = strcmp(argv[2], "own") == 0 ? CONF_ENGINE_OWN : CONF_ENGINE_LIBESMTP;
    settings.connections = (unsigned)atoi(argv[3]);
    make_message(&load, (size_t)atoi(argv[4]));
    load.to_submit = load.to_come = count = strtoull(argv[5], NULL, 10);
    load.loop = loop_new(&e);
    load.sender = load.loop ? sender_new(load.loop, &settings, &e) : NULL;
    if (!load.sender)
        die(e.text);
    start_ms = clock_mono_ms(&clock_system);
    cpu = cpu_us();
    for (i = 0; i < WINDOW && load.to_submit > 0; i++) {
        load.items[i].load = &load;
        submit(&load.items[i]);
    }
    if (loop_run(load.loop, &e) < 0)
        die(e.text);
    seconds = (double)(clock_mono_ms(&clock_system) - start_ms) / 1000;
    cpu = cpu_us() - cpu;
    printf("%-8s connections=%s size=%s mails/s=%.0f cpu-us/mail=%.1f failed=%" PRIu64 "\n",
           argv[2], argv[3], argv[4], (double)count / seconds, cpu / (double)count, load.failed);
    sender_free(load.sender);
    loop_free(load.loop);
    free(load.message);
    return load.failed > 0;
}
