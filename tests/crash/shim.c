/*
 * shim: faults of the machine, turned on and off while the program runs (LD_PRELOAD).
 *
 * FAULT_FILE names a file whose text is the faults of this moment, one letter each:
 *   w  no space: writes to files fail with ENOSPC
 *   s  fsync and fdatasync fail with EIO
 *   d  descriptors are used up: open, socket, accept fail with EMFILE
 * FAULT_CLOCK names a file whose first eight bytes are the seconds by which the wall clock is
 * wrong; the monotonic one is left alone. FAULT_TRACE names a file that gets a line for each write
 * of FAULT_TOKEN to a file ("file NAME"), each sync of a file ("sync NAME"), and each piece sent to
 * a peer that holds the token or begins like an answer ("net TEXT"): in which order things were
 * made safe and told.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <sys/uio.h>
#include <unistd.h>

static void *next(const char *name)
{
    void *f = dlsym(RTLD_NEXT, name);

    if (!f)
        abort();
    return f;
}

/* The function behind the one of this name that stands here. */
#define REAL(name, type) (*(type *)(void *[]){next(name)})

typedef int open_fn(const char *, int, ...);
typedef ssize_t write_fn(int, const void *, size_t);
typedef ssize_t pwrite_fn(int, const void *, size_t, off_t);
typedef ssize_t writev_fn(int, const struct iovec *, int);
typedef ssize_t send_fn(int, const void *, size_t, int);
typedef ssize_t sendto_fn(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
typedef int sync_fn(int);
typedef int socket_fn(int, int, int);
typedef int accept_fn(int, struct sockaddr *, socklen_t *);
typedef int accept4_fn(int, struct sockaddr *, socklen_t *, int);

typedef int clock_fn(clockid_t, struct timespec *);

/* ---- the clock ---- */

static const volatile int64_t *wrong_by;

__attribute__((constructor)) static void open_clock(void)
{
    const char *path = getenv("FAULT_CLOCK");
    int fd = path ? REAL("open", open_fn *)(path, O_RDONLY | O_CLOEXEC) : -1;
    void *at;

    if (fd < 0)
        return;
    at = mmap(NULL, sizeof *wrong_by, PROT_READ, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED)
        wrong_by = at;
    close(fd);
}

int clock_gettime(clockid_t id, struct timespec *out)
{
    static clock_fn *real;
    int r;

    if (!real)
        real = REAL("clock_gettime", clock_fn *);
    r = real(id, out);
    if (r == 0 && wrong_by && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        out->tv_sec += (time_t)*wrong_by;
    return r;
}

time_t time(time_t *out)
{
    struct timespec now = {0, 0};

    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now = {0, 0};

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

/* ---- files, sockets, descriptors ---- */

static int has_fault(char letter)
{
    const char *path = getenv("FAULT_FILE");
    char text[16] = "";
    int fd, saved = errno;
    ssize_t n;

    if (!path)
        return 0;
    fd = REAL("open", open_fn *)(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        /* Descriptors are really used up: whoever did that has no file to say so. */
        errno = saved;
        return 0;
    }
    n = read(fd, text, sizeof text - 1);
    close(fd);
    errno = saved;
    return n > 0 && memchr(text, letter, (size_t)n) != NULL;
}

static int is_file(int fd, char *name, size_t size)
{
    struct stat st;
    char link[64];
    ssize_t n;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || fd <= 2)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, name, size - 1);
    name[n > 0 ? n : 0] = '\0';
    return 1;
}

static void trace(const char *word, const char *text, size_t len)
{
    const char *path = getenv("FAULT_TRACE");
    char line[300];
    int fd, saved = errno;
    size_t i, n;

    if (!path)
        return;
    n = (size_t)snprintf(line, sizeof line, "%s ", word);
    for (i = 0; i < len && n < sizeof line - 1; i++)
        line[n++] = text[i] < ' ' ? ' ' : text[i];
    line[n++] = '\n';
    fd = REAL("open", open_fn *)(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) {
        if (REAL("write", write_fn *)(fd, line, n) < 0)
            abort();
        close(fd);
    }
    errno = saved;
}

static int has_token(const void *data, size_t len)
{
    const char *token = getenv("FAULT_TOKEN");

    return token && memmem(data, len, token, strlen(token)) != NULL;
}

static void trace_file(int fd, const void *data, size_t len)
{
    char name[512];

    if (getenv("FAULT_TRACE") && has_token(data, len) && is_file(fd, name, sizeof name))
        trace("file", name, strlen(name));
}

static void trace_net(int fd, const void *data, size_t len)
{
    char name[512];

    if (getenv("FAULT_TRACE") && !is_file(fd, name, sizeof name) && fd > 2)
        trace(has_token(data, len) ? "net-token" : "net", data, len);
}

static int is_full(int fd)
{
    char name[512];

    if (!has_fault('w') || !is_file(fd, name, sizeof name) || strstr(name, ".log"))
        return 0;
    errno = ENOSPC;
    return 1;
}

ssize_t write(int fd, const void *data, size_t len)
{
    if (is_full(fd))
        return -1;
    trace_file(fd, data, len);
    trace_net(fd, data, len);
    return REAL("write", write_fn *)(fd, data, len);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off_t at)
{
    if (is_full(fd))
        return -1;
    trace_file(fd, data, len);
    return REAL("pwrite64", pwrite_fn *)(fd, data, len, at);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    return pwrite64(fd, data, len, at);
}

ssize_t writev(int fd, const struct iovec *v, int count)
{
    int i;

    for (i = 0; i < count; i++)
        trace_net(fd, v[i].iov_base, v[i].iov_len);
    return REAL("writev", writev_fn *)(fd, v, count);
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
    trace_net(fd, data, len);
    return REAL("send", send_fn *)(fd, data, len, flags);
}

ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
               socklen_t size)
{
    trace_net(fd, data, len);
    return REAL("sendto", sendto_fn *)(fd, data, len, flags, to, size);
}

static int sync_file(const char *name, int fd)
{
    char path[512];
    int r;

    if (has_fault('s')) {
        errno = EIO;
        return -1;
    }
    r = REAL(name, sync_fn *)(fd);
    if (r == 0 && getenv("FAULT_TRACE") && is_file(fd, path, sizeof path))
        trace("sync", path, strlen(path));
    return r;
}

int fsync(int fd)
{
    return sync_file("fsync", fd);
}

int fdatasync(int fd)
{
    return sync_file("fdatasync", fd);
}

static int is_used_up(void)
{
    if (!has_fault('d'))
        return 0;
    errno = EMFILE;
    return 1;
}

int socket(int domain, int type, int protocol)
{
    return is_used_up() ? -1 : REAL("socket", socket_fn *)(domain, type, protocol);
}

int accept(int fd, struct sockaddr *from, socklen_t *size)
{
    return is_used_up() ? -1 : REAL("accept", accept_fn *)(fd, from, size);
}

int accept4(int fd, struct sockaddr *from, socklen_t *size, int flags)
{
    return is_used_up() ? -1 : REAL("accept4", accept4_fn *)(fd, from, size, flags);
}

int open(const char *path, int flags, ...)
{
    va_list ap;
    mode_t mode;

    va_start(ap, flags);
    mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    return is_used_up() ? -1 : REAL("open", open_fn *)(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list ap;
    mode_t mode;

    va_start(ap, flags);
    mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    return is_used_up() ? -1 : REAL("open64", open_fn *)(path, flags, mode);
}
