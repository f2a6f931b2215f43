/*
 * flight: which messages are in work, for a file that outlives the process.
 *
 * Data: the words of the file in memory, one for each mark behind a head of three, and the list of
 * free marks.  Loop thread; the handler of a fault runs on the thread that has it, and writes them
 * all.  A crash leaves the marks of what was in work: that is the purpose.
 */
#include "store/flight.h"

#include "store/store_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The words of the head. */
enum { AT_MAGIC, AT_RUN, AT_STATE, HEAD_WORDS };

enum { WORDS = HEAD_WORDS + FLIGHT_MAX, OWNER_FILE = 0600, HANDLER_STACK = 64 << 10 };

static const int64_t magic = 0x31746867696c66;

enum state { STATE_CLOSED, STATE_SERVING, STATE_FAULT };

static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};

enum { FAULTS = sizeof faults / sizeof faults[0] };

struct flight {
    int fd;
    int64_t last_run; /* of the life that left the suspects; 0: there was none */
    int64_t *suspects;
    size_t suspect_count;
    bool is_started;
    unsigned free_marks[FLIGHT_MAX], free_count;
    /* For the handler, when the loop's stack is what is full; that of before, if it had one. */
    void *stack;
    stack_t stack_before;
    volatile int64_t words[WORDS]; /* the handler may look at any time */
};

/* For the handler, which gets no argument; NULL: none is open. */
static struct flight *volatile faulty;
static struct sigaction before[FAULTS];

/* The first count words. */
static int write_words(const struct flight *f, size_t count)
{
    ssize_t size = (ssize_t)(count * sizeof f->words[0]);

    return pwrite(f->fd, (const void *)(uintptr_t)f->words, (size_t)size, 0) == size ? 0 : -1;
}

/* Notes the fault, and lets it have its way: whoever handled the signal before does so now. */
static void note_fault(int signo)
{
    struct flight *f = faulty;
    int saved = errno;
    size_t i;

    if (f) {
        f->words[AT_STATE] = STATE_FAULT;
        (void)!write_words(f, WORDS);
    }
    for (i = 0; i < FAULTS; i++)
        if (faults[i] == signo)
            sigaction(signo, &before[i], NULL);
    errno = saved;
    raise(signo); /* blocked until this returns; a fault comes again by itself as well */
}

static void catch_faults(struct flight *f)
{
    struct sigaction action = {.sa_handler = note_fault, .sa_flags = SA_ONSTACK};
    const stack_t stack = {.ss_sp = f->stack, .ss_size = HANDLER_STACK};
    size_t i;

    sigaltstack(&stack, &f->stack_before);
    faulty = f;
    for (i = 0; i < FAULTS; i++)
        sigaction(faults[i], &action, &before[i]);
}

static void release_faults(const struct flight *f)
{
    size_t i;

    faulty = NULL;
    for (i = 0; i < FAULTS; i++)
        sigaction(faults[i], &before[i], NULL);
    sigaltstack(&f->stack_before, NULL);
}

static int read_last(struct flight *f, struct err *e)
{
    int64_t *words = calloc(WORDS, sizeof *words);
    ssize_t n;
    size_t i;

    if (!words)
        return err_memory(e);
    n = pread(f->fd, words, WORDS * sizeof *words, 0);
    /* A file of something else, or cut short: nobody is suspected. */
    if (n >= (ssize_t)(HEAD_WORDS * sizeof *words) && words[AT_MAGIC] == magic &&
        words[AT_STATE] == STATE_FAULT) {
        f->last_run = words[AT_RUN];
        for (i = HEAD_WORDS; i < WORDS; i++)
            if (words[i] > 0)
                f->suspects[f->suspect_count++] = words[i];
    }
    free(words);
    return n < 0 ? err_set(e, ERR_RETRY, "the list of what is in work: %s", strerror(errno)) : 0;
}

static int open_file(const struct store *s, struct err *e)
{
    size_t size = strlen(s->path) + sizeof ".flight";
    char *name = malloc(size);
    int fd;

    if (!name)
        return err_memory(e);
    snprintf(name, size, "%s.flight", s->path);
    fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, OWNER_FILE);
    if (fd < 0)
        err_set(e, ERR_PERMANENT, "%s cannot be made: %s", name, strerror(errno));
    free(name);
    return fd;
}

struct flight *flight_open(const struct store *s, struct err *e)
{
    struct flight *f = calloc(1, sizeof *f);

    if (!f) {
        err_memory(e);
        return NULL;
    }
    f->fd = -1;
    f->suspects = calloc(FLIGHT_MAX, sizeof *f->suspects);
    f->stack = malloc(HANDLER_STACK);
    if (!f->suspects || !f->stack)
        err_memory(e);
    else
        f->fd = open_file(s, e);
    if (f->fd < 0 || read_last(f, e) < 0) {
        flight_close(f);
        return NULL;
    }
    return f;
}

size_t flight_suspects(const struct flight *f, const int64_t **out)
{
    *out = f->suspects;
    return f->suspect_count;
}

int flight_note(struct flight *f, struct store_txn *txn, bool *new_out, struct err *e)
{
    sqlite3_stmt *s = txn_statement(txn,
                                    "INSERT INTO meta VALUES('flight', ?1) ON CONFLICT(name)"
                                    " DO UPDATE SET value = ?1 WHERE value <> ?1",
                                    e);

    *new_out = false;
    if (f->last_run == 0)
        return 0;
    if (!s)
        return -1;
    sqlite3_bind_int64(s, 1, f->last_run);
    if (txn_step(txn, s, e) < 0)
        return -1;
    *new_out = txn_changes(txn) > 0;
    return 0;
}

int flight_start(struct flight *f, struct err *e)
{
    int64_t run = 0;
    unsigned i;

    if (keyed_random(&run, sizeof run, e) < 0)
        return -1;
    f->words[AT_MAGIC] = magic;
    f->words[AT_RUN] = run | 1;
    f->words[AT_STATE] = STATE_SERVING;
    if (ftruncate(f->fd, 0) < 0 || write_words(f, HEAD_WORDS) < 0)
        return err_set(e, ERR_RETRY, "the list of what is in work cannot be written: %s",
                       strerror(errno));
    for (i = 0; i < FLIGHT_MAX; i++)
        f->free_marks[i] = FLIGHT_MAX - i;
    f->free_count = FLIGHT_MAX;
    f->is_started = true;
    catch_faults(f);
    return 0;
}

void flight_close(struct flight *f)
{
    if (!f)
        return;
    if (f->is_started) {
        release_faults(f);
        f->words[AT_STATE] = STATE_CLOSED;
        (void)!write_words(f, HEAD_WORDS);
    }
    if (f->fd >= 0)
        close(f->fd);
    free(f->suspects);
    free(f->stack);
    free(f);
}

unsigned flight_begin(struct flight *f, int64_t id)
{
    unsigned mark;

    if (f->free_count == 0 || !f->is_started)
        return 0;
    mark = f->free_marks[--f->free_count];
    f->words[HEAD_WORDS - 1 + mark] = id;
    return mark;
}

void flight_end(struct flight *f, unsigned mark)
{
    if (mark == 0)
        return;
    f->words[HEAD_WORDS - 1 + mark] = 0;
    f->free_marks[f->free_count++] = mark;
}
