/*
 * mailbox_load: how many mailboxes one process watches, and what each of them costs while it waits.
 *
 *     mailbox_load COUNT clear|tls
 *
 * A server in a process of its own takes the connections and holds them in IDLE.  Says on one line:
 * mailboxes that wait in IDLE, seconds until they did, bytes of memory for each (resident, and what
 * the allocator has given out), microseconds of processor time for each, seconds until all have had
 * a mail that came, threads.
 */
#include <dirent.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptors.h"
#include "base/log.h"
#include "mail/imap/imap_boxes.h"
#include "tests/fake/imap_hall.h"
#include "tests/fake/tls.h"

enum { WAIT_MS = 600000 };

struct load {
    struct loop *loop;
    struct imap_boxes *boxes;
    size_t count, mails, failures;
    bool is_stopped;
};

static void die(const char *why)
{
    fprintf(stderr, "mailbox_load: %s\n", why);
    exit(1);
}

static long resident(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long size = 0, pages = 0;

    if (!f || fscanf(f, "%ld %ld", &size, &pages) != 2)
        die("no /proc");
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

static size_t given_out(void)
{
    struct mallinfo2 m = mallinfo2();

    return m.uordblks + m.hblkhd;
}

static unsigned threads(void)
{
    DIR *d = opendir("/proc/self/task");
    unsigned n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n > 2 ? n - 2 : 0;
}

static bool take(struct imap_box *box, const struct imap_mail *mail, void *arg)
{
    ((struct load *)arg)->mails++;
    imap_box_done(box, mail->uidvalidity, mail->uid, true);
    return true;
}

static void note_cursor(struct imap_box *box, const struct imap_cursor *cursor, void *arg)
{
    (void)box;
    (void)cursor;
    (void)arg;
}

static void note_state(struct imap_box *box, const struct imap_state *state, void *arg)
{
    struct load *l = arg;

    (void)box;
    if (state->at == IMAP_FAILED && l->failures++ == 0)
        fprintf(stderr, "mailbox_load: %s\n", state->e.text);
}

static bool all_watch(void *arg)
{
    const struct load *l = arg;

    return imap_boxes_watching(l->boxes) == l->count;
}

static bool all_have_it(void *arg)
{
    const struct load *l = arg;

    return l->mails == l->count;
}

static bool is_stopped(void *arg)
{
    return ((struct load *)arg)->is_stopped;
}

static void note_stopped(void *arg)
{
    ((struct load *)arg)->is_stopped = true;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

/* The server's process: delivers a mail for each byte that comes. */
static pid_t serve(struct imap_hall *hall, int commands)
{
    pid_t pid = fork();
    char byte;

    if (pid != 0)
        return pid;
    imap_hall_start(hall);
    while (read(commands, &byte, 1) == 1)
        imap_hall_deliver(hall);
    _exit(0);
}

static double cpu_s(void)
{
    struct rusage r;

    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void add(struct load *l, unsigned port, bool tls)
{
    struct conf_mailbox m = {.server = {.host = "127.0.0.1",
                                        .port = port,
                                        .tls = tls ? CONF_TLS_IMPLICIT : CONF_TLS_NONE,
                                        .password = "secret"},
                             .folder = "INBOX"};
    char name[32], user[64];
    struct err e;
    size_t i;

    for (i = 0; i < l->count; i++) {
        snprintf(name, sizeof name, "user%zu", i);
        snprintf(user, sizeof user, "user%zu@example.org", i);
        m.name = name;
        m.server.user = user;
        if (!imap_boxes_add(l->boxes, &m, (struct imap_cursor){0, 0}, NULL, &e))
            die(e.text);
    }
}

static void measure(struct load *l, struct imap_hall *hall, bool tls, int commands)
{
    int64_t start = clock_mono_ms(&clock_system), opened, told, got;
    double cpu = cpu_s();
    long before = resident();
    size_t given = given_out();

    add(l, imap_hall_port(hall), tls);
    loop_run_until(l->loop, all_watch, l, WAIT_MS);
    opened = clock_mono_ms(&clock_system);
    cpu = cpu_s() - cpu;
    if (!all_watch(l))
        die("not all of them wait");
    loop_run_until(l->loop, never, l, 3500); /* memory is given back after the wave */
    before = resident() - before;
    given = given_out() - given;
    told = clock_mono_ms(&clock_system);
    (void)!write(commands, "x", 1);
    loop_run_until(l->loop, all_have_it, l, WAIT_MS);
    got = clock_mono_ms(&clock_system);
    printf("mailbox_load mailboxes=%zu ready-s=%.1f bytes=%ld heap-bytes=%zu cpu-us/mailbox=%.0f "
           "told-s=%.1f threads=%u\n",
           l->count, (double)(opened - start) / 1000, before / (long)l->count, given / l->count,
           cpu * 1e6 / (double)l->count, all_have_it(l) ? (double)(got - told) / 1000 : -1,
           threads());
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const struct imap_boxes_handler handler = {take, note_cursor, note_state};
    static const struct fake_tls cert = {"IP:127.0.0.1", 5, false};
    struct imap_boxes_settings settings = {.per_host = 16};
    struct load l = {0};
    struct imap_hall *hall;
    char ca_file[64];
    bool tls;
    int pipe_fds[2];
    struct err e;
    pid_t pid;

    if (argc != 3 || (l.count = strtoul(argv[1], NULL, 10)) == 0 || pipe(pipe_fds) < 0)
        die("usage: mailbox_load COUNT clear|tls");
    tls = strcmp(argv[2], "tls") == 0;
    log_set_level(LOG_LEVEL_ERROR);
    descriptors_raise();
    snprintf(ca_file, sizeof ca_file, "/tmp/mailbox_load.%d.pem", (int)getpid());
    hall = imap_hall_open(tls ? fake_tls_server(&cert, ca_file) : NULL, false);
    settings.ca_file = tls ? ca_file : "";
    pid = serve(hall, pipe_fds[0]);
    l.loop = loop_new(&e);
    l.boxes = imap_boxes_new(l.loop, &clock_system, &settings, &handler, &l, &e);
    if (pid < 0 || !l.loop || !l.boxes)
        die("cannot start");
    measure(&l, hall, tls, pipe_fds[1]);
    imap_boxes_stop(l.boxes, note_stopped, &l);
    loop_run_until(l.loop, is_stopped, &l, WAIT_MS);
    imap_boxes_free(l.boxes);
    loop_free(l.loop);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    unlink(ca_file);
    return 0;
}
