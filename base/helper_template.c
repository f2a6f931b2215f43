/*
 * helper_template: spawn, ask for copies, reap; and the copying.
 *
 * Owns the process, its process group, and our end of its socket, behind a lock.  Any thread.  A
 * crash of ours closes the socket, which ends the process.  A copy belongs to the process group of
 * the process it was copied from until its id is known here: when that one dies before it has told,
 * whoever is in its group is killed and reaped with it.  The next copy then costs a start.
 */
#define _GNU_SOURCE /* clone, environ, closing what is open in a new process */
#include "base/helper_template.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/confine.h"

enum {
    SLICE_MS = 100,
    ANSWER_MS = 120000, /* on a machine with very much else to do */
    AGE_MAX_MS = 600000,
    TRIES = 2 /* it may have died since the last copy */
};

struct helper_template {
    const char *command;
    pthread_mutex_t lock; /* of all that follows */
    pid_t pid;            /* 0: there is no process */
    int fd;
    int64_t since_ms;
    unsigned copies; /* that live */
};

/* ---- starting it ---- */

/* Only what says where libraries are, and, for a build with sanitizers, how those report. */
static void make_environment(char **out, size_t max)
{
    static const char *const names[] = {"LD_LIBRARY_PATH=", "GCONV_PATH=",   "ASAN_OPTIONS=",
                                        "UBSAN_OPTIONS=",   "TSAN_OPTIONS=", "LSAN_OPTIONS="};
    size_t count = confine_is_relaxed() ? sizeof names / sizeof *names : 2, n = 0, i;
    char **var;

    for (var = environ; var && *var; var++)
        for (i = 0; i < count && n + 1 < max; i++)
            if (strncmp(*var, names[i], strlen(names[i])) == 0)
                out[n++] = *var;
    out[n] = NULL;
}

static int add_actions(posix_spawn_file_actions_t *actions, int fd)
{
    int r = posix_spawn_file_actions_adddup2(actions, fd, STDIN_FILENO);

    if (r == 0)
        r = posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0);
    /* What it says could be a stranger's words, made to look like lines of our log. */
    if (r == 0 && !confine_is_relaxed())
        r = posix_spawn_file_actions_addopen(actions, 2, "/dev/null", O_WRONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(actions, 3);
    return r;
}

static int spawn_with(pid_t *pid, int fd, char *const argv[], posix_spawnattr_t *attr)
{
    posix_spawn_file_actions_t actions;
    char *environment[16];
    int r = posix_spawn_file_actions_init(&actions);

    if (r != 0)
        return r;
    make_environment(environment, sizeof environment / sizeof *environment);
    r = add_actions(&actions, fd);
    if (r == 0)
        r = posix_spawn(pid, "/proc/self/exe", &actions, attr, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

/* Worker threads have every signal blocked, and we ignore SIGPIPE: the new process gets neither. */
static int spawn(pid_t *pid, int fd, const char *command)
{
    char name[] = "postern", argument[32], *argv[] = {name, argument, NULL};
    posix_spawnattr_t attr;
    sigset_t none, all;
    int r = posix_spawnattr_init(&attr);

    if (r != 0)
        return r;
    snprintf(argument, sizeof argument, "%s", command);
    sigemptyset(&none);
    sigfillset(&all);
    r = posix_spawnattr_setsigmask(&attr, &none);
    if (r == 0)
        r = posix_spawnattr_setsigdefault(&attr, &all);
    if (r == 0)
        r = posix_spawnattr_setpgroup(&attr, 0);
    if (r == 0)
        r = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                POSIX_SPAWN_SETPGROUP);
    if (r == 0)
        r = spawn_with(pid, fd, argv, &attr);
    posix_spawnattr_destroy(&attr);
    return r;
}

static int start(struct helper_template *t, struct err *e)
{
    int fds[2], r;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return err_set(e, ERR_RETRY, "no socket for another process: %s", strerror(errno));
    r = spawn(&t->pid, fds[1], t->command);
    close(fds[1]);
    if (r != 0) {
        close(fds[0]);
        t->pid = 0;
        return err_set(e, ERR_RETRY, "cannot start another process: %s", strerror(r));
    }
    /* Has been done in the process, unless it was killed before: so that end() finds it. */
    (void)setpgid(t->pid, t->pid);
    t->fd = fds[0];
    t->since_ms = clock_mono_ms(&clock_system);
    return 0;
}

/* With copies that nobody knows of. */
static void end(struct helper_template *t)
{
    if (t->pid == 0)
        return;
    close(t->fd);
    kill(-t->pid, SIGKILL);
    while (waitpid(-t->pid, NULL, 0) > 0 || errno == EINTR)
        ;
    t->pid = 0;
}

/* ---- asking for a copy ---- */

/* The one byte that carries a descriptor (cmsg(3)). */
struct parcel {
    struct msghdr head;
    struct iovec iov;
    char byte;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
};

static void make_parcel(struct parcel *p)
{
    memset(p, 0, sizeof *p);
    p->iov.iov_base = &p->byte;
    p->iov.iov_len = 1;
    p->head.msg_iov = &p->iov;
    p->head.msg_iovlen = 1;
    p->head.msg_control = p->control;
    p->head.msg_controllen = sizeof p->control;
}

static int send_descriptor(int to, int fd)
{
    struct parcel p;
    struct cmsghdr *c;

    make_parcel(&p);
    c = CMSG_FIRSTHDR(&p.head);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    return sendmsg(to, &p.head, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* The process id that the template tells, or less than 0 for an error number; 0: none. */
static int32_t await_answer(const struct helper_template *t, const atomic_bool *stop)
{
    int64_t until = clock_mono_ms(&clock_system) + ANSWER_MS;
    struct pollfd p = {.fd = t->fd, .events = POLLIN};
    int32_t answer;
    int n;

    while (!atomic_load(stop) && clock_mono_ms(&clock_system) < until) {
        n = poll(&p, 1, SLICE_MS);
        if (n < 0 && errno != EINTR)
            return 0;
        if (n > 0)
            return recv(t->fd, &answer, sizeof answer, 0) == sizeof answer ? answer : 0;
    }
    return 0;
}

/* 1: the process did not answer, or not as it should, and is gone. */
static int ask(struct helper_template *t, int fd, const atomic_bool *stop, pid_t *pid_out,
               struct err *e)
{
    int32_t answer;

    if (t->pid != 0 && clock_mono_ms(&clock_system) - t->since_ms > AGE_MAX_MS)
        end(t);
    if (t->pid == 0 && start(t, e) < 0)
        return -1;
    answer = send_descriptor(t->fd, fd) == 0 ? await_answer(t, stop) : 0;
    if (answer < 0)
        return err_set(e, ERR_RETRY, "cannot copy a process: %s", strerror(-answer));
    if (answer == 0 || setpgid(answer, answer) < 0) {
        end(t);
        return 1;
    }
    *pid_out = answer;
    t->copies++;
    return 0;
}

/* Each with a socket of its own: somebody who is dead by now may have written into the last one. */
static int try(struct helper_template *t, const atomic_bool *stop, struct helper_copy *out,
               struct err *e)
{
    int fds[2], r;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return err_set(e, ERR_RETRY, "no socket for another process: %s", strerror(errno));
    r = ask(t, fds[1], stop, &out->pid, e);
    close(fds[1]);
    out->fd = fds[0];
    if (r != 0)
        close(fds[0]);
    return r;
}

int helper_template_copy(struct helper_template *t, const atomic_bool *stop,
                         struct helper_copy *out, struct err *e)
{
    int tries, r = 1;

    pthread_mutex_lock(&t->lock);
    for (tries = 0; r > 0 && tries < TRIES && !atomic_load(stop); tries++)
        r = try(t, stop, out, e);
    pthread_mutex_unlock(&t->lock);
    return r > 0 ? err_set(e, ERR_RETRY, "another process does not start") : r;
}

/* ---- life ---- */

/* Where that is ignored, as whoever started us may have left it, children end without a trace, and
 * their ids are somebody else's at once. */
static void see_children_end(void)
{
    struct sigaction action;

    if (sigaction(SIGCHLD, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
        (void)signal(SIGCHLD, SIG_DFL);
}

struct helper_template *helper_template_new(const char *command)
{
    struct helper_template *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    see_children_end();
    t->command = command;
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void helper_template_forget(struct helper_template *t)
{
    pthread_mutex_lock(&t->lock);
    t->copies--;
    pthread_mutex_unlock(&t->lock);
}

void helper_template_renew(struct helper_template *t)
{
    pthread_mutex_lock(&t->lock);
    end(t);
    pthread_mutex_unlock(&t->lock);
}

void helper_template_rest(struct helper_template *t)
{
    pthread_mutex_lock(&t->lock);
    if (t->copies == 0)
        end(t);
    pthread_mutex_unlock(&t->lock);
}

void helper_template_free(struct helper_template *t)
{
    if (!t)
        return;
    end(t);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* ---- in the process ---- */

/* -1: nobody asks any more. */
static int receive_descriptor(void)
{
    struct parcel p;
    struct cmsghdr *c;
    ssize_t n;
    int fd;

    make_parcel(&p);
    do
        n = recvmsg(STDIN_FILENO, &p.head, 0);
    while (n < 0 && errno == EINTR);
    c = n == 1 ? CMSG_FIRSTHDR(&p.head) : NULL;
    if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof fd))
        return -1;
    memcpy(&fd, CMSG_DATA(c), sizeof fd);
    return fd;
}

/* As fork(), but a child of our parent: it is for the parent to see how it ends.  The C library has
 * no call for that which returns twice.  What it would do besides concerns other threads. */
static pid_t copy_process(void)
{
#if defined(__s390__) /* takes the stack first */
    return (pid_t)syscall(SYS_clone, NULL, CLONE_PARENT | SIGCHLD, NULL, NULL, 0);
#else
    return (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, 0);
#endif
}

int helper_template_serve(void)
{
    int32_t answer;
    pid_t pid;
    int fd;

    for (;;) {
        fd = receive_descriptor();
        if (fd < 0)
            return -1;
        pid = copy_process();
        if (pid == 0)
            break;
        answer = pid < 0 ? -errno : pid;
        close(fd);
        if (send(STDIN_FILENO, &answer, sizeof answer, MSG_NOSIGNAL) != sizeof answer)
            return -1;
    }
    if (dup2(fd, STDIN_FILENO) < 0)
        _exit(EX_OSERR);
    close(fd);
    return 0;
}
