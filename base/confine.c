/*
 * confine: limits, then a seccomp filter written out row by row.
 *
 * The filter is made from one table: a system call, what becomes of it, and for some the bits of
 * one argument that must be clear or equal.  What a library may try and bear to be refused (a
 * module that is looked for, a look at the terminal) gets an error; what is not in the table ends
 * the process by SIGSYS, whose handler tells which call it was.  Global state: the report function,
 * for that handler.  A crash leaves nothing behind.
 */
#include "base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The one place that knows of sanitizers: they read /proc, open files to report what they find, and
 * reserve terabytes. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RELAXED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define RELAXED 1
#endif
#endif
#ifndef RELAXED
#define RELAXED 0
#endif

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define OUR_ARCH AUDIT_ARCH_RISCV64
#elif defined(__i386__)
#define OUR_ARCH AUDIT_ARCH_I386
#elif defined(__arm__)
#define OUR_ARCH AUDIT_ARCH_ARM
#endif

int confine_is_relaxed(void)
{
    return RELAXED;
}

/* ---- limits ---- */

static void limit(int resource, rlim_t soft, rlim_t hard)
{
    struct rlimit now, want = {soft, hard};

    /* One that is lower already stays: nobody may raise it. */
    if (getrlimit(resource, &now) == 0) {
        if (want.rlim_max > now.rlim_max)
            want.rlim_max = now.rlim_max;
        if (want.rlim_cur > want.rlim_max)
            want.rlim_cur = want.rlim_max;
    }
    (void)setrlimit(resource, &want);
}

/* When memory runs out, this one goes before the gateway does. */
static void offer_to_oom_killer(void)
{
    static const char score[] = "800";
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    if (write(fd, score, sizeof score - 1) < 0)
        errno = 0; /* the kernel chooses as it always does */
    close(fd);
}

void confine_limits(size_t data_max)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    offer_to_oom_killer();
    prctl(PR_SET_DUMPABLE, 0); /* from here on /proc/self is not ours to write to */
    limit(RLIMIT_CORE, 0, 0);
    limit(RLIMIT_FSIZE, 0, 0);
    limit(RLIMIT_MEMLOCK, 0, 0);
    limit(RLIMIT_MSGQUEUE, 0, 0);
    if (RELAXED)
        return;
    limit(RLIMIT_NOFILE, 16, 16);
    limit(RLIMIT_DATA, data_max, RLIM_INFINITY);
}

/* ---- the filter ---- */

#ifdef OUR_ARCH

enum fate {
    ALLOW,
    REFUSE,    /* fails with EACCES */
    ANY_SET,   /* refused when a bit of mask is set in the argument, else the next rules tell */
    ALL_CLEAR, /* allowed when no bit of mask is set in the argument, else refused */
    OUR_PID    /* allowed when the first argument is this process */
};

struct rule {
    int number;
    enum fate fate;
    unsigned argument;
    uint32_t mask;
};

static const struct rule rules[] = {
    {__NR_read, ALLOW, 0, 0},
    {__NR_write, ALLOW, 0, 0},
    {__NR_brk, ALLOW, 0, 0},
    {__NR_munmap, ALLOW, 0, 0},
    {__NR_mremap, ALLOW, 0, 0},
    {__NR_madvise, ALLOW, 0, 0},
/* Not what RLIMIT_DATA does not count: shared memory and stacks.  Where there is an mmap2, mmap is
 * an old call with its arguments in memory, where a filter cannot look. */
#ifdef __NR_mmap2
    {__NR_mmap2, ANY_SET, 3, MAP_SHARED | MAP_GROWSDOWN},
    {__NR_mmap2, ALL_CLEAR, 2, PROT_EXEC},
#else
    {__NR_mmap, ANY_SET, 3, MAP_SHARED | MAP_GROWSDOWN},
    {__NR_mmap, ALL_CLEAR, 2, PROT_EXEC},
#endif
    {__NR_mprotect, ALL_CLEAR, 2, PROT_EXEC},
    {__NR_futex, ALLOW, 0, 0},
    {__NR_getrandom, ALLOW, 0, 0},
#ifdef __NR_clock_gettime
    {__NR_clock_gettime, ALLOW, 0, 0},
#endif
#ifdef __NR_clock_gettime64
    {__NR_clock_gettime64, ALLOW, 0, 0},
#endif
#ifdef __NR_gettimeofday
    {__NR_gettimeofday, ALLOW, 0, 0},
#endif
#ifdef __NR_time
    {__NR_time, ALLOW, 0, 0},
#endif
    {__NR_restart_syscall, ALLOW, 0, 0},
    {__NR_rt_sigreturn, ALLOW, 0, 0},
    {__NR_exit, ALLOW, 0, 0},
    {__NR_exit_group, ALLOW, 0, 0},
    /* abort() */
    {__NR_rt_sigprocmask, ALLOW, 0, 0},
    {__NR_getpid, ALLOW, 0, 0},
    {__NR_gettid, ALLOW, 0, 0},
    {__NR_tgkill, OUR_PID, 0, 0},
/* What libraries try and can do without: iconv's modules, temporary files, what a stream is. */
#ifdef __NR_open
    {__NR_open, REFUSE, 0, 0},
#endif
    {__NR_openat, REFUSE, 0, 0},
#ifdef __NR_stat
    {__NR_stat, REFUSE, 0, 0},
#endif
#ifdef __NR_newfstatat
    {__NR_newfstatat, REFUSE, 0, 0},
#endif
#ifdef __NR_fstat
    {__NR_fstat, REFUSE, 0, 0},
#endif
    {__NR_statx, REFUSE, 0, 0},
#ifdef __NR_access
    {__NR_access, REFUSE, 0, 0},
#endif
#ifdef __NR_readlink
    {__NR_readlink, REFUSE, 0, 0},
#endif
    {__NR_ioctl, REFUSE, 0, 0},
    {__NR_writev, ALLOW, 0, 0}, /* what the C library says before it aborts */
};

/* For one that copies itself, and for a copy on its way to the rules above. */
static const struct rule copy_rules[] = {
    {__NR_tgkill, ALLOW, 0, 0}, /* a copy is another process */
    {__NR_recvmsg, ALLOW, 0, 0},      {__NR_sendto, ALLOW, 0, 0}, {__NR_clone, ALLOW, 0, 0},
    {__NR_close, ALLOW, 0, 0},        {__NR_dup3, ALLOW, 0, 0},
#ifdef __NR_dup2
    {__NR_dup2, ALLOW, 0, 0},
#endif
    {__NR_rt_sigaction, ALLOW, 0, 0}, {__NR_prctl, ALLOW, 0, 0},  {__NR_prlimit64, ALLOW, 0, 0},
#ifdef __NR_getrlimit
    {__NR_getrlimit, ALLOW, 0, 0},
#endif
#ifdef __NR_setrlimit
    {__NR_setrlimit, ALLOW, 0, 0},
#endif
};

enum {
    RULE_COUNT = sizeof rules / sizeof *rules,
    COPY_RULE_COUNT = sizeof copy_rules / sizeof *copy_rules,
    PROGRAM_MAX = 16 + 5 * (RULE_COUNT + COPY_RULE_COUNT)
};

struct program {
    struct sock_filter code[PROGRAM_MAX];
    unsigned short len;
};

static void add(struct program *p, unsigned short code, uint32_t k, unsigned char yes,
                unsigned char no)
{
    p->code[p->len++] = (struct sock_filter){code, yes, no, k};
}

static void add_return(struct program *p, uint32_t what)
{
    add(p, BPF_RET | BPF_K, what, 0, 0);
}

/* The low half of an argument: all that is asked about fits into it. */
static void add_load_argument(struct program *p, unsigned n)
{
    uint32_t offset = (uint32_t)(offsetof(struct seccomp_data, args) + n * sizeof(uint64_t));

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    offset += 4;
#endif
    add(p, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static void add_load_number(struct program *p)
{
    add(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
}

/* With the number loaded; a rule that does not fit is jumped over. */
static void add_rule(struct program *p, const struct rule *r)
{
    const uint32_t refuse = SECCOMP_RET_ERRNO | EACCES;
    const unsigned char yes = r->fate == ALL_CLEAR ? 1 : 0;

    if (r->fate == ALLOW || r->fate == REFUSE) {
        add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)r->number, 0, 1);
        add_return(p, r->fate == ALLOW ? SECCOMP_RET_ALLOW : refuse);
        return;
    }
    add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)r->number, 0, 4);
    add_load_argument(p, r->argument);
    if (r->fate == ANY_SET) {
        add(p, BPF_JMP | BPF_JSET | BPF_K, r->mask, 0, 1);
        add_return(p, refuse);
        add_load_number(p);
        return;
    }
    if (r->fate == OUR_PID)
        add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)getpid(), 0, 1);
    else
        add(p, BPF_JMP | BPF_JSET | BPF_K, r->mask, yes, (unsigned char)!yes);
    add_return(p, SECCOMP_RET_ALLOW);
    add_return(p, refuse);
}

static void make_program(struct program *p, bool may_copy)
{
    size_t i;

    p->len = 0;
    add(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    add(p, BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0);
    add_return(p, SECCOMP_RET_KILL_PROCESS);
    add_load_number(p);
#ifdef __x86_64__ /* the numbers of x32, which are others */
    add(p, BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1);
    add_return(p, SECCOMP_RET_KILL_PROCESS);
#endif
    for (i = 0; i < RULE_COUNT; i++)
        if (!may_copy || rules[i].fate != OUR_PID)
            add_rule(p, &rules[i]);
    for (i = 0; may_copy && i < COPY_RULE_COUNT; i++)
        add_rule(p, &copy_rules[i]);
    add_return(p, SECCOMP_RET_TRAP);
}

static void (*report_refused)(int number);

static void on_sigsys(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)context;
    report_refused(info->si_syscall);
    _exit(1);
}

static int install(bool may_copy)
{
    struct program program;
    struct sock_fprog fprog;

    make_program(&program, may_copy);
    fprog.len = program.len;
    fprog.filter = program.code;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &fprog);
}

static int handle_refused(void (*report)(int number))
{
    struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO | SA_NODEFER};

    report_refused = report;
    sigemptyset(&action.sa_mask);
    return sigaction(SIGSYS, &action, NULL);
}

#else

static int install(bool may_copy)
{
    (void)may_copy;
    errno = ENOSYS; /* a processor whose numbers nobody has tried */
    return -1;
}

static int handle_refused(void (*report)(int number))
{
    (void)report;
    return 0;
}

#endif

enum confine_state confine_enter(void (*report)(int number))
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a copy of a process has none */
    limit(RLIMIT_NPROC, 0, 0);
    if (RELAXED)
        return CONFINE_RELAXED;
    return handle_refused(report) < 0 || install(false) < 0 ? CONFINE_NO_FILTER : CONFINE_FULL;
}

void confine_template(void)
{
    if (!RELAXED)
        (void)install(true); /* it reads nothing of a stranger's: without it, too */
}
