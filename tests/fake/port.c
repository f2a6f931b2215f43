/*
 * port: ports for servers that are told where to listen.  A port that the kernel gives and that is
 * closed again may be taken by any connection going out; these lie below those, and who has one
 * holds the lock of a byte of a file, as the scenarios' servers do
 * (tests/scenario/servers/base.py). No data but open descriptors, which go with the process and the
 * locks with them; any thread.
 */
#include "tests/fake/port.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST = 15000, COUNT = 17000 };

static bool is_unused(unsigned port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0;

    close(fd);
    return is;
}

/* Never to be closed: with any descriptor of it, all locks of the process would go. */
static int open_file(void)
{
    const char *folder = getenv("TMPDIR");
    char path[256];

    snprintf(path, sizeof path, "%s/postern-tests-ports.%u", folder && *folder ? folder : "/tmp",
             (unsigned)getuid());
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

unsigned fake_port(void)
{
    int fd = open_file();
    unsigned i, start = (unsigned)getpid() * 7919u;

    for (i = 0; fd >= 0 && i < COUNT; i++) {
        unsigned port = FIRST + (start + i) % COUNT;
        struct flock mine = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = port, .l_len = 1};

        if (fcntl(fd, F_SETLK, &mine) == 0 && is_unused(port))
            return port;
    }
    perror("fake_port");
    abort();
}
