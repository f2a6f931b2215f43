/*
 * test_readers: mail is read in processes of its own, and what those do, or is done to them, costs
 * at most the one mail.
 *
 * This program is its own reader: started with the hidden command it reads mail like the gateway,
 * and a mail with the field X-Trial makes it do what a parser must not.
 */
#define _GNU_SOURCE /* prlimit, mremap */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/confine.h"
#include "bridge/reading/reader_process.h"
#include "bridge/reading/readers.h"

/* ---- what a reader is made to do ---- */

enum { HELD = 9, NOT_HELD = 7 }; /* exit statuses: the limit held, or it did not */

static void balloon(void)
{
    size_t mb;

    for (mb = 0; mb < 2000; mb++) {
        char *p = malloc(1 << 20);

        if (!p)
            _exit(HELD);
        memset(p, 1, 1 << 20);
    }
    _exit(NOT_HELD);
}

static void answer_nonsense(size_t body_len)
{
    struct wire_answer a;
    char body[64];

    memset(&a, 0, sizeof a);
    memset(body, 0xff, sizeof body);
    a.kind = WIRE_LETTER;
    a.body_len = body_len;
    if (write(STDIN_FILENO, &a, sizeof a) < 0 || write(STDIN_FILENO, body, sizeof body) < 0)
        _exit(NOT_HELD);
}

/* A long letter, a byte at a time, for half a minute. */
static void dribble(void)
{
    int64_t now = clock_mono_ms(&clock_system), next;

    for (answer_nonsense(1 << 20), next = now; next < now + 30000; next += 20) {
        while (clock_mono_ms(&clock_system) < next)
            ;
        if (write(STDIN_FILENO, "", 1) < 0)
            break;
    }
    _exit(NOT_HELD);
}

/* Memory that RLIMIT_DATA does not count. */
static void map_uncounted(void)
{
    static const int flags[] = {MAP_SHARED, MAP_PRIVATE | MAP_GROWSDOWN};
    size_t size = (size_t)sysconf(_SC_PAGESIZE), i;
    char *page = (char *)((uintptr_t)&size & ~(uintptr_t)(size - 1));

    for (i = 0; i < sizeof flags / sizeof *flags; i++)
        if (mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, flags[i] | MAP_ANONYMOUS, -1, 0) !=
                MAP_FAILED ||
            errno != EACCES)
            _exit(NOT_HELD);
    /* nor what a stack is made into */
    _exit(mremap(page, size, (size_t)1 << 30, MREMAP_MAYMOVE) == MAP_FAILED ? HELD : NOT_HELD);
}

static void open_files(void)
{
    _exit(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES ? HELD : NOT_HELD);
}

static void look_around(void)
{
    int fd, count = 0;

    for (fd = 0; fd < 1000; fd++)
        if (write(fd, "", 0) == 0)
            count++;
    _exit(count == 3 && !getenv("POSTERN_TEST_SECRET") ? HELD : NOT_HELD);
}

static void trial(const char *mail, size_t len)
{
    const char *field = buf_find(mail, len, "X-Trial: ", 9);
    const char *word = field ? field + 9 : "";
    volatile int *volatile nowhere = NULL;
    volatile bool on = true;
    static unsigned third; /* mails of this process that count themselves */
    static unsigned mails;

#define IS(name) (strncmp(word, name "\r\n", sizeof name + 1) == 0)
    if (++mails > 1 && IS("not-first"))
        abort();
    if (IS("segfault"))
        *nowhere = 1;
    if (IS("third") && ++third == 3)
        raise(SIGKILL);
    if (IS("abort"))
        abort();
    if (IS("killed"))
        raise(SIGKILL);
    if (IS("exit"))
        _exit(3);
    while (IS("spin") && on)
        ;
    if (IS("stop"))
        raise(SIGSTOP);
    if (IS("balloon"))
        balloon();
    if (IS("uncounted"))
        map_uncounted();
    if (IS("open"))
        open_files();
    if (IS("look"))
        look_around();
    if (IS("socket"))
        _exit(socket(AF_INET, SOCK_STREAM, 0) < 0 ? HELD : NOT_HELD);
    if (IS("fork"))
        _exit(fork() < 0 ? HELD : NOT_HELD);
    if (IS("exec"))
        _exit(execl("/bin/true", "true", (char *)NULL) < 0 ? HELD : NOT_HELD);
    if (IS("kill"))
        _exit(kill(1, 0) < 0 ? HELD : NOT_HELD);
    if (IS("nonsense"))
        answer_nonsense(64);
    if (IS("boast"))
        answer_nonsense((size_t)1 << 62);
    if (IS("dribble"))
        dribble();
#undef IS
}

/* ---- the processes there are ---- */

static void sleep_ms(unsigned ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

/* "reader" is one that reads mail, "reader-template" one that is copied for that. */
static bool is_named(int pid, const char *wanted)
{
    char path[64], name[32] = "";
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    f = fopen(path, "r");
    if (!f)
        return false;
    if (fgets(name, sizeof name, f))
        name[strcspn(name, "\n")] = '\0';
    fclose(f);
    return strcmp(name, wanted) == 0;
}

/* Children of ours, up to max. */
static unsigned find_children(pid_t *out, unsigned max)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *d;
    unsigned count = 0;

    assert_non_null(tasks);
    while ((d = readdir(tasks))) {
        char path[300];
        FILE *f;
        int pid;

        snprintf(path, sizeof path, "/proc/self/task/%s/children", d->d_name);
        f = d->d_name[0] == '.' ? NULL : fopen(path, "r");
        while (f && count < max && fscanf(f, "%d", &pid) == 1)
            out[count++] = pid;
        if (f)
            fclose(f);
    }
    closedir(tasks);
    return count;
}

/* Those of them that read mail. */
static unsigned find_readers(pid_t *out, unsigned max)
{
    pid_t children[16];
    unsigned count = 0, all = find_children(children, 16), i;

    for (i = 0; i < all && count < max; i++)
        if (is_named(children[i], "reader"))
            out[count++] = children[i];
    return count;
}

/* ---- the gateway's side ---- */

struct bed {
    struct loop *loop;
    struct readers *readers;
    struct settings *settings;
    unsigned under_way;
    unsigned readers_max; /* seen at a time, by the one thread of this bed */
};

static atomic_uint mails_done; /* by any bed */

struct mail {
    struct reader_job job;
    struct bed *bed;
    char *text;
    bool was_read;
};

static struct settings *make_settings(void)
{
    static const struct keyed_key key;
    struct conf *conf = conf_sample(NULL);
    struct settings *s = conf ? settings_new(&conf, &key, NULL) : NULL;

    if (!s)
        abort();
    return s;
}

/* Limits that only what goes on for ever reaches, on a machine with much else to do. */
static const struct helper_limits patient = {.cpu_ms = 30000, .wall_ms = 120000};

static void open_bed_for(struct bed *b, unsigned processes, int64_t idle_ms,
                         const struct helper_limits *limits, const struct reader_term *term)
{
    const struct readers_settings settings = {processes, 1000, idle_ms, *limits, *term};

    memset(b, 0, sizeof *b);
    b->loop = loop_new(NULL);
    b->readers = b->loop ? readers_new(b->loop, &settings, NULL) : NULL;
    assert_non_null(b->readers);
    b->settings = make_settings();
}

static void open_bed_with(struct bed *b, unsigned processes, int64_t idle_ms,
                          const struct helper_limits *limits)
{
    static const struct reader_term no_end;

    open_bed_for(b, processes, idle_ms, limits, &no_end);
}

static void open_bed(struct bed *b, unsigned processes, int64_t idle_ms)
{
    open_bed_with(b, processes, idle_ms, &patient);
}

static void close_bed(struct bed *b)
{
    pid_t pids[4];

    readers_free(b->readers);
    loop_free(b->loop);
    settings_drop(b->settings);
    assert_int_equal(find_children(pids, 4), 0); /* nor one that is dead and not waited for */
}

static void mail_read(struct reader_job *job)
{
    ((struct mail *)job)->was_read = true;
}

static void mail_done(struct reader_job *job)
{
    struct mail *m = (struct mail *)job;

    assert_true(m->was_read);
    atomic_fetch_add(&mails_done, 1);
    if (--m->bed->under_way == 0)
        loop_stop(m->bed->loop);
}

static struct mail *new_mail(struct bed *b, unsigned n, const char *trial_word, size_t size)
{
    struct mail *m = calloc(1, sizeof *m);
    char *text = malloc(size + 500);
    int len;

    if (!m || !text)
        abort();
    m->bed = b;
    m->text = text;
    len = snprintf(text, 500,
                   "From: friend@example.net\r\nTo: romeo@mail.example.org\r\n"
                   "Subject: number %u\r\n%s%s%s\r\nhello\r\n",
                   n, trial_word ? "X-Trial: " : "", trial_word ? trial_word : "",
                   trial_word ? "\r\n" : "");
    memset(text + len, 'x', size);
    m->job.mail = m->text;
    m->job.len = (size_t)len + size;
    m->job.arena = arena_new(reader_arena_max(m->job.len));
    assert_non_null(m->job.arena);
    m->job.settings = b->settings;
    m->job.request.now_s = 1790000000;
    m->job.id = 1;
    m->job.read = mail_read;
    m->job.done = mail_done;
    return m;
}

static void submit(struct mail *m)
{
    m->bed->under_way++;
    assert_int_equal(readers_submit(m->bed->readers, &m->job), 0);
}

static void free_mail(struct mail *m)
{
    arena_free(m->job.arena);
    free(m->text);
    free(m);
}

static void assert_is_read(const struct mail *m, unsigned n)
{
    char subject[32];

    snprintf(subject, sizeof subject, "number %u", n);
    if (!m->job.letter)
        fail_msg("mail %u: %s", n, m->job.err.text);
    assert_false(m->job.is_blamed);
    assert_string_equal(m->job.letter->subject, subject);
    assert_string_equal(m->job.letter->recipients->jid.node, "romeo");
    assert_memory_equal(m->job.letter->text, "hello", 5);
}

static void run(struct bed *b)
{
    assert_int_equal(loop_run(b->loop, NULL), 0);
    assert_int_equal(b->under_way, 0);
}

static void test_many_mails(void **state)
{
    enum { COUNT = 300 };
    struct mail *mails[COUNT];
    struct bed b;
    unsigned i;

    (void)state;
    open_bed(&b, 2, 60000);
    for (i = 0; i < COUNT; i++) {
        mails[i] = new_mail(&b, i, NULL, i % 50 == 7 ? 3 << 20 : i * 100);
        submit(mails[i]);
    }
    run(&b);
    for (i = 0; i < COUNT; i++) {
        assert_is_read(mails[i], i);
        assert_int_equal(strlen(mails[i]->job.letter->text) > 5, i > 0);
        free_mail(mails[i]);
    }
    close_bed(&b);
}

/* What is asked for at once fits into the socket with its envelopes too: nobody is kept waiting
 * until time is up, and the process that began goes on to the end. */
static void test_many_recipients(void **state)
{
    enum { COUNT = 33, RECIPIENTS = 100 };
    const struct helper_limits limits = {.cpu_ms = 30000, .wall_ms = 5000};
    const char *recipients[RECIPIENTS];
    pid_t before, after;
    struct mail *mails[COUNT];
    char addresses[RECIPIENTS][300];
    struct bed b;
    unsigned i;

    (void)state;
    for (i = 0; i < RECIPIENTS; i++) {
        snprintf(addresses[i], sizeof addresses[i], "%0200u@mail.example.org", i);
        recipients[i] = addresses[i];
    }
    open_bed_with(&b, 1, 60000, &limits);
    for (i = 0; i < COUNT; i++) {
        mails[i] = new_mail(&b, i, NULL, 0);
        mails[i]->job.request.envelope.recipients = recipients;
        mails[i]->job.request.envelope.recipient_count = RECIPIENTS;
    }
    submit(mails[0]);
    run(&b);
    assert_int_equal(find_readers(&before, 1), 1);
    for (i = 1; i < COUNT; i++)
        submit(mails[i]);
    run(&b);
    assert_int_equal(find_readers(&after, 1), 1);
    assert_int_equal(before, after);
    for (i = 0; i < COUNT; i++) {
        assert_non_null(mails[i]->job.letter);
        free_mail(mails[i]);
    }
    close_bed(&b);
}

static void assert_is_blamed(const struct mail *m, const char *word, const char *expected)
{
    const struct reader_job *job = &m->job;

    assert_null(job->letter);
    assert_int_equal(job->err.class, ERR_RETRY);
    if (!job->is_blamed || (!confine_is_relaxed() && !strstr(job->err.text, expected)))
        fail_msg("%s: %s", word, job->err.text);
}

/* Only the one mail is lost to the trial; those before and behind it are read. */
static void test_one_of_many(void **state)
{
    static const struct {
        const char *word, *expected;
        bool needs_confinement;
    } rows[] = {
        {"abort", "signal 6", false},       {"exit", "exit status 3", false},
        {"killed", "signal 9", false},      {"nonsense", "no letter", false},
        {"boast", "no letter", false},      {"segfault", "signal 11", true},
        {"balloon", "exit status 9", true}, {"open", "exit status 9", true},
        {"look", "exit status 9", true},    {"socket", "it asked for", true},
        {"fork", "it asked for", true},     {"exec", "it asked for", true},
        {"kill", "it asked for", true},     {"uncounted", "exit status 9", true},
    };
    enum { COUNT = 9, BAD = 4 };
    struct mail *mails[COUNT];
    struct bed b;
    unsigned i;
    size_t r;

    (void)state;
    setenv("POSTERN_TEST_SECRET", "1", 1);
    open_bed(&b, 2, 60000);
    for (r = 0; r < sizeof rows / sizeof *rows; r++) {
        if (confine_is_relaxed() && rows[r].needs_confinement)
            continue;
        for (i = 0; i < COUNT; i++) {
            mails[i] = new_mail(&b, i, i == BAD ? rows[r].word : NULL, 100);
            submit(mails[i]);
        }
        run(&b);
        for (i = 0; i < COUNT; i++) {
            if (i == BAD)
                assert_is_blamed(mails[i], rows[r].word, rows[r].expected);
            else
                assert_is_read(mails[i], i);
            free_mail(mails[i]);
        }
    }
    close_bed(&b);
}

/* What would go on for ever is ended. */
static void test_too_long(void **state)
{
    static const struct {
        const char *word, *expected;
        struct helper_limits limits;
    } rows[] = {
        {"spin", "more of the processor", {.cpu_ms = 300, .wall_ms = 120000}},
        {"stop", "did not answer", {.cpu_ms = 30000, .wall_ms = 500}},
        {"dribble", "did not answer", {.cpu_ms = 30000, .wall_ms = 500}},
    };
    struct mail *m;
    struct bed b;
    size_t r;

    (void)state;
    for (r = 0; r < sizeof rows / sizeof *rows; r++) {
        open_bed_with(&b, 1, 60000, &rows[r].limits);
        m = new_mail(&b, 1, rows[r].word, 0);
        submit(m);
        run(&b);
        assert_is_blamed(m, rows[r].word, rows[r].expected);
        free_mail(m);
        close_bed(&b);
    }
}

static void test_settings_change(void **state)
{
    struct bed b;
    struct mail *first, *second;
    struct settings *before;

    (void)state;
    open_bed(&b, 1, 60000);
    before = b.settings;
    first = new_mail(&b, 1, NULL, 0);
    b.settings = make_settings();
    b.settings->owned->jid = "other.example.org";
    second = new_mail(&b, 2, NULL, 0);
    submit(first);
    submit(second);
    run(&b);
    assert_string_equal(first->job.letter->from.jid.domain, "mail.example.org");
    assert_string_equal(second->job.letter->from.jid.domain, "other.example.org");
    free_mail(first);
    free_mail(second);
    settings_drop(before);
    close_bed(&b);
}

/* Who is killed again before anything is read has longer and longer: a mail over which as many
 * readers as the limit has were killed would be blamed.  Now and then the one that is copied, too.
 */
static void *kill_children(void *arg)
{
    atomic_bool *go_on = arg;
    unsigned round, done = 0;
    int64_t pause_ms = 70, waited_ms;

    for (round = 1; atomic_load(go_on); round++) {
        pid_t pids[8];
        unsigned n = round % 12 == 0 ? find_children(pids, 8) : find_readers(pids, 8);

        while (n > 0)
            kill(pids[--n], SIGKILL);
        pause_ms = atomic_load(&mails_done) > done ? 70 : pause_ms * 2;
        done = atomic_load(&mails_done);
        for (waited_ms = 0; waited_ms < pause_ms && atomic_load(go_on); waited_ms += 10)
            sleep_ms(10);
    }
    return NULL;
}

/* As soon as it is there, or when it has made some copies. */
static void *kill_templates(void *arg)
{
    atomic_bool *go_on = arg;
    unsigned round;

    for (round = 0; atomic_load(go_on); round++) {
        pid_t pids[8];
        unsigned n = find_children(pids, 8);

        nanosleep(&(struct timespec){0, round % 40 * 100000}, NULL);
        while (n > 0)
            if (is_named(pids[--n], "reader-template"))
                kill(pids[n], SIGKILL);
    }
    return NULL;
}

enum { MANY = 400, FEW = 100 };

static void read_while_killed(const struct reader_term *term, unsigned count,
                              void *(*killer_main)(void *))
{
    struct mail *mails[MANY];
    atomic_bool go_on = true;
    pthread_t killer;
    struct bed b;
    unsigned i;

    open_bed_for(&b, 2, 60000, &patient, term);
    for (i = 0; i < count; i++) {
        mails[i] = new_mail(&b, i, NULL, 20000);
        submit(mails[i]);
    }
    assert_int_equal(pthread_create(&killer, NULL, killer_main, &go_on), 0);
    run(&b);
    atomic_store(&go_on, false);
    pthread_join(killer, NULL);
    for (i = 0; i < count; i++) {
        assert_false(mails[i]->job.is_blamed);
        if (mails[i]->job.letter)
            assert_is_read(mails[i], i);
        else
            assert_int_equal(mails[i]->job.err.class, ERR_RETRY);
        free_mail(mails[i]);
    }
    close_bed(&b);
}

/* Somebody kills the readers all the time: every mail is read in the end, and none is blamed. */
static void test_killed_from_outside(void **state)
{
    static const struct reader_term rows[] = {{.mails_max = 0}, {.mails_max = 24}};
    size_t row;

    (void)state;
    for (row = 0; row < sizeof rows / sizeof *rows; row++)
        read_while_killed(&rows[row], MANY, kill_children);
}

/* Or the process that is copied, while it makes a copy: that one is nobody's, and must not be left.
 */
static void test_the_template_is_killed(void **state)
{
    static const struct reader_term term = {.mails_max = 1};

    (void)state;
    read_while_killed(&term, FEW, kill_templates);
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void test_stopped_under_way(void **state)
{
    struct mail *spins, *waits;
    struct loop_timer *timer;
    struct bed b;

    (void)state;
    open_bed(&b, 1, 60000);
    spins = new_mail(&b, 1, "spin", 0);
    waits = new_mail(&b, 2, NULL, 0);
    submit(spins);
    submit(waits);
    timer = loop_timer_new(b.loop, stop_loop, b.loop);
    loop_timer_start(timer, 200);
    assert_int_equal(loop_run(b.loop, NULL), 0);
    loop_timer_free(timer);
    close_bed(&b);
    assert_int_equal(b.under_way, 0);
    assert_null(spins->job.letter);
    assert_false(spins->job.is_blamed);
    assert_int_equal(spins->job.err.class, ERR_RETRY);
    assert_null(waits->job.letter);
    assert_int_equal(waits->job.err.class, ERR_RETRY);
    free_mail(spins);
    free_mail(waits);
}

/* Nothing runs before there is mail, and nothing long after. */
static void wait_for_no_children(void)
{
    pid_t pids[4];
    unsigned i;

    for (i = 0; i < 4000 && find_children(pids, 4) > 0; i++)
        sleep_ms(5);
    assert_int_equal(find_children(pids, 4), 0);
}

static void test_idle(void **state)
{
    struct mail *m;
    struct bed b;
    pid_t pids[4];
    unsigned round;

    (void)state;
    open_bed(&b, 1, 50);
    assert_int_equal(find_children(pids, 4), 0);
    for (round = 0; round < 2; round++) {
        m = new_mail(&b, round, NULL, 0);
        submit(m);
        run(&b);
        assert_is_read(m, round);
        free_mail(m);
        wait_for_no_children();
    }
    close_bed(&b);
}

/* by: by which process, for comparing; NULL: it does not matter. */
static void read_one(struct bed *b, unsigned n, char by[WIRE_NONCE_SIZE])
{
    struct mail *m = new_mail(b, n, NULL, 0);

    submit(m);
    run(b);
    assert_is_read(m, n);
    if (by)
        memcpy(by, m->job.nonce, WIRE_NONCE_SIZE);
    free_mail(m);
}

/* Until there are so many, and the last of them is another than that one.  The one that is copied
 * is there beside them; before it has taken its name it has that of the thread that started it,
 * which is a reader's, too. */
static pid_t wait_for_readers(unsigned count, pid_t other_than)
{
    pid_t all[16], pids[4];
    unsigned i;

    for (i = 0; i < 4000; i++) {
        if (find_children(all, 16) > count && find_readers(pids, 4) == count &&
            pids[count - 1] != other_than)
            return pids[count - 1];
        sleep_ms(5);
    }
    fail_msg("%u processes, not %u", find_readers(pids, 4), count);
    return 0;
}

static pid_t the_reader(void)
{
    return wait_for_readers(1, 0);
}

/* One that is another than that one. */
static pid_t wait_for_another(pid_t than)
{
    unsigned i, n;

    for (i = 0; i < 4000; i++) {
        pid_t pids[4];

        for (n = find_readers(pids, 4); n > 0; n--)
            if (pids[n - 1] != than)
                return pids[n - 1];
        sleep_ms(5);
    }
    fail_msg("no other process");
    return 0;
}

static pid_t the_template(void)
{
    pid_t pids[16];
    unsigned n = find_children(pids, 16), i;
    pid_t found = 0;

    for (i = 0; i < n; i++) {
        if (is_named(pids[i], "reader-template")) {
            assert_int_equal(found, 0);
            found = pids[i];
        }
    }
    return found;
}

/* Whoever made a process crash may know by now where things lie in its memory. */
static void test_a_crash_brings_another_layout(void **state)
{
    struct bed b;
    struct mail *bad;
    pid_t first, second, third;

    (void)state;
    open_bed(&b, 1, 60000);
    assert_int_equal(the_template(), 0);
    read_one(&b, 1, NULL);
    first = the_template();
    assert_int_not_equal(first, 0);
    kill(the_reader(), SIGKILL);
    read_one(&b, 2, NULL);
    second = the_template();
    bad = new_mail(&b, 3, "abort", 0);
    submit(bad);
    run(&b);
    assert_true(bad->job.is_blamed);
    free_mail(bad);
    read_one(&b, 4, NULL);
    third = the_template();
    assert_int_equal(second, first);
    assert_int_not_equal(third, 0);
    assert_int_not_equal(third, first);
    close_bed(&b);
}

/* Not in the process either that was made ahead of need. */
static void test_a_crash_spares_no_layout(void **state)
{
    const struct reader_term term = {.mails_max = 8};
    struct mail *bad;
    struct bed b;
    pid_t first;
    unsigned n;

    (void)state;
    open_bed_for(&b, 1, 60000, &patient, &term);
    for (n = 1; n < term.mails_max; n++)
        read_one(&b, n, NULL);
    first = the_template();
    bad = new_mail(&b, n, "not-first", 0);
    submit(bad);
    run(&b);
    assert_is_read(bad, n);
    free_mail(bad);
    assert_int_not_equal(the_template(), 0);
    assert_int_not_equal(the_template(), first);
    close_bed(&b);
}

/* Whoever starts us may ignore the end of children: that is inherited, and they end unseen then. */
static void test_ends_are_seen(void **state)
{
    struct mail *m;
    struct bed b;

    (void)state;
    signal(SIGCHLD, SIG_IGN);
    open_bed(&b, 1, 60000);
    m = new_mail(&b, 1, "killed", 0);
    submit(m);
    run(&b);
    assert_is_blamed(m, "killed", "signal 9");
    assert_int_equal(m->job.kills, 8);
    free_mail(m);
    close_bed(&b);
    signal(SIGCHLD, SIG_DFL);
}

/* What a mail may take holds below a limit, too, that was set for all of us. */
static void test_memory_below_a_limit(void **state)
{
    const struct rlimit ours = {(rlim_t)8 << 30, (rlim_t)8 << 30};
    struct rlimit before, found;
    struct bed b;

    (void)state;
    if (confine_is_relaxed())
        skip();
    assert_int_equal(getrlimit(RLIMIT_DATA, &before), 0);
    if (before.rlim_max <= ours.rlim_max)
        skip();
    assert_int_equal(setrlimit(RLIMIT_DATA, &ours), 0);
    open_bed(&b, 1, 60000);
    read_one(&b, 1, NULL);
    assert_int_equal(prlimit(the_reader(), RLIMIT_DATA, NULL, &found), 0);
    assert_int_equal(found.rlim_cur, 96 << 20);
    assert_int_equal(found.rlim_max, ours.rlim_max);
    close_bed(&b);
    (void)setrlimit(RLIMIT_DATA, &before); /* only who is privileged may */
}

/* What was told of mail to come starts a process, which reads it, or ends when none comes. */
static void test_prepared(void **state)
{
    struct bed b;
    pid_t ready;

    (void)state;
    open_bed(&b, 2, 60000);
    readers_prepare(b.readers);
    ready = wait_for_readers(1, 0);
    readers_prepare(b.readers);
    read_one(&b, 1, NULL);
    assert_int_equal(the_reader(), ready);
    close_bed(&b);

    open_bed(&b, 2, 50);
    readers_prepare(b.readers);
    wait_for_readers(1, 0);
    wait_for_no_children();
    close_bed(&b);
}

/* ---- how long one process reads ---- */

/* Whatever has taken a process over has it for so many mails, or so long. */
static void test_a_process_does_not_read_for_ever(void **state)
{
    static const struct {
        struct reader_term term;
        unsigned mails; /* that one process reads */
    } rows[] = {{{.mails_max = 3}, 3},
                {{.mails_max = 1}, 1},
                {{.age_max_ms = 1}, 1},
                {{.mails_max = 0}, 9}};
    size_t row;

    (void)state;
    for (row = 0; row < sizeof rows / sizeof *rows; row++) {
        char last[WIRE_NONCE_SIZE] = "", by[WIRE_NONCE_SIZE];
        unsigned n, changes = 0;
        struct bed b;
        pid_t pids[4];

        open_bed_for(&b, 1, 60000, &patient, &rows[row].term);
        for (n = 0; n < 9; n++) {
            read_one(&b, n, by);
            changes += n > 0 && strcmp(by, last) != 0;
            memcpy(last, by, sizeof last);
            sleep_ms(5);
            /* whoever has read enough is gone, or is about to be */
            assert_in_range(find_readers(pids, 4), 1, 3);
        }
        assert_int_equal(changes, 9 / rows[row].mails - 1);
        close_bed(&b);
    }
}

/* In a pause another takes its place, which waits with nothing read as long as it may; its own time
 * begins with its first mail. */
static void test_a_pause_brings_another_process(void **state)
{
    const struct reader_term term = {.idle_max_ms = 1000, .age_max_ms = 1500};
    char first[WIRE_NONCE_SIZE], second[WIRE_NONCE_SIZE], third[WIRE_NONCE_SIZE];
    struct bed b;
    pid_t waits;

    (void)state;
    open_bed_for(&b, 1, 60000, &patient, &term);
    read_one(&b, 1, first);
    waits = wait_for_readers(1, the_reader());
    sleep_ms(1700);
    assert_int_equal(the_reader(), waits);
    read_one(&b, 2, second);
    read_one(&b, 3, third);
    assert_string_not_equal(second, first);
    assert_string_equal(third, second);
    close_bed(&b);
}

/* It is started before the other's time is over, and is there already when mail comes. */
static void test_the_next_process_waits_for_mail(void **state)
{
    const struct reader_term term = {.age_max_ms = 2000};
    char first[WIRE_NONCE_SIZE], second[WIRE_NONCE_SIZE];
    struct bed b;
    pid_t next;

    (void)state;
    open_bed_for(&b, 1, 60000, &patient, &term);
    read_one(&b, 1, first);
    next = wait_for_another(the_reader());
    assert_int_equal(wait_for_readers(1, 0), next);
    read_one(&b, 2, second);
    assert_string_not_equal(second, first);
    close_bed(&b);
}

/* Nothing is lost when that one is killed before it has read anything: before the other's term
 * ends, and after that. */
static void test_the_next_process_is_killed(void **state)
{
    static const unsigned pauses_ms[] = {0, 1000};
    const struct reader_term term = {.age_max_ms = 2000};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof pauses_ms / sizeof *pauses_ms; i++) {
        struct bed b;

        open_bed_for(&b, 1, 60000, &patient, &term);
        read_one(&b, 1, NULL);
        kill(wait_for_another(the_reader()), SIGKILL);
        sleep_ms(pauses_ms[i]);
        read_one(&b, 2, NULL);
        close_bed(&b);
    }
}

/* Nor one that has much to do at once: mails die that would be the third of theirs. */
static void test_a_busy_process_does_not_read_for_ever(void **state)
{
    enum { COUNT = 21 };
    const struct reader_term term = {.mails_max = 2};
    struct mail *mails[COUNT];
    struct bed b;
    unsigned i;

    (void)state;
    open_bed_for(&b, 1, 60000, &patient, &term);
    for (i = 0; i < COUNT; i++)
        submit(mails[i] = new_mail(&b, i, "third", 0));
    run(&b);
    for (i = 0; i < COUNT; i++) {
        assert_is_read(mails[i], i);
        assert_int_equal(mails[i]->job.kills, 0);
        free_mail(mails[i]);
    }
    close_bed(&b);
}

static void count_readers(struct reader_job *job)
{
    struct mail *m = (struct mail *)job;
    pid_t pids[8];
    unsigned count = find_readers(pids, 8);

    m->was_read = true;
    if (count > m->bed->readers_max)
        m->bed->readers_max = count;
}

/* While it is busy the next one starts beside it, and there are never more than these and the one
 * before. */
static void test_how_many_processes(void **state)
{
    enum { COUNT = 300 };
    const struct reader_term term = {.mails_max = 64};
    struct mail *mails[COUNT];
    struct bed b;
    unsigned i;

    (void)state;
    open_bed_for(&b, 1, 60000, &patient, &term);
    for (i = 0; i < COUNT; i++) {
        mails[i] = new_mail(&b, i, NULL, 0);
        mails[i]->job.read = count_readers;
        submit(mails[i]);
    }
    run(&b);
    assert_in_range(b.readers_max, 2, 3);
    for (i = 0; i < COUNT; i++) {
        assert_is_read(mails[i], i);
        free_mail(mails[i]);
    }
    close_bed(&b);
}

/* A page has the addresses that its files got since. */
static void test_page(void **state)
{
    static const char text[] =
        "From: a@example.net\r\nTo: romeo@mail.example.org\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
        "<p>a</p><table><tr><td>b</td></tr></table><a href=\"https://example.com/0/\">c</a>"
        "\r\n--b\r\nContent-Type: application/pdf; name=x.pdf\r\n\r\nfile\r\n--b--\r\n";
    struct buf page;
    struct mail *m;
    struct bed b;

    (void)state;
    open_bed(&b, 1, 60000);
    m = new_mail(&b, 1, NULL, 0);
    m->job.mail = text;
    m->job.len = sizeof text - 1;
    m->job.request.wants_page = true;
    submit(m);
    run(&b);
    assert_non_null(m->job.letter);
    assert_non_null(m->job.letter->attachments);
    assert_null(m->job.letter->attachments->url);
    assert_non_null(m->job.page);
    m->job.letter->attachments->url = "https://mail.example.org/f/1?a&b";
    buf_init(&page, 1 << 20);
    reader_page(&m->job, &page);
    assert_false(buf_failed(&page));
    assert_non_null(strstr(page.data, "href=\"https://mail.example.org/f/1?a&amp;b\""));
    assert_non_null(strstr(page.data, "https://example.com/0/"));
    assert_null(strstr(page.data, m->job.nonce));
    buf_clear(&page);
    free_mail(m);
    close_bed(&b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_mails),
        cmocka_unit_test(test_many_recipients),
        cmocka_unit_test(test_one_of_many),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_settings_change),
        cmocka_unit_test(test_killed_from_outside),
        cmocka_unit_test(test_the_template_is_killed),
        cmocka_unit_test(test_stopped_under_way),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_a_crash_brings_another_layout),
        cmocka_unit_test(test_a_crash_spares_no_layout),
        cmocka_unit_test(test_ends_are_seen),
        cmocka_unit_test(test_prepared),
        cmocka_unit_test(test_a_process_does_not_read_for_ever),
        cmocka_unit_test(test_a_pause_brings_another_process),
        cmocka_unit_test(test_the_next_process_waits_for_mail),
        cmocka_unit_test(test_the_next_process_is_killed),
        cmocka_unit_test(test_a_busy_process_does_not_read_for_ever),
        cmocka_unit_test(test_how_many_processes),
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_memory_below_a_limit),
    };

    if (argc == 2 && strcmp(argv[1], READER_COMMAND) == 0)
        return reader_process(trial);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
