/*
 * reader_trial: goes wrong as a mail asks, in the build for crash tests; nothing in any other.
 *
 * No data.  Runs in the confined process.  A crash is its job.
 */
#include "bridge/reading/reader_trial.h"

#ifdef POSTERN_CRASH

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"

static void balloon(void)
{
    enum { PIECE = 1 << 20 };
    char *p;

    while ((p = malloc(PIECE)))
        memset(p, 1, PIECE);
    abort();
}

void reader_trial(const char *mail, size_t len)
{
    static const char field[] = "\r\nX-Postern-Trial: ";
    const char *word = buf_find(mail, len, field, sizeof field - 1);

    if (!word)
        return;
    word += sizeof field - 1;
    if (strncmp(word, "segfault", 8) == 0)
        raise(SIGSEGV);
    if (strncmp(word, "abort", 5) == 0)
        abort();
    if (strncmp(word, "balloon", 7) == 0)
        balloon();
    if (strncmp(word, "socket", 6) == 0)
        (void)!socket(AF_INET, SOCK_STREAM, 0);
}

#endif
