/*
 * place: an address that is bound and listened on, TCP or unix.
 *
 * No thread of its own, and nothing on the loop: who accepts is the caller.
 */
#ifndef BASE_PLACE_H
#define BASE_PLACE_H

#include <sys/types.h>

#include "base/conf.h"
#include "base/err.h"

struct place {
    int fd;     /* non-blocking, listening; the place's */
    char *path; /* of the unix socket; NULL: TCP */
    dev_t device;
    ino_t inode; /* of the file as we made it */
};

/* what: for messages ("lmtp").  mode: of the file of a unix socket, 0: as the umask has it; a file
 * that a dead process has left is replaced, one that is served or that is no socket is not.
 * ERR_PERMANENT "... is in use" or what is wrong with the place; then there is nothing to close. */
int place_open(struct place *p, const struct conf_endpoint *at, const char *what, unsigned mode,
               struct err *e) MUST_CHECK;
/* Stops listening and removes the file of a unix socket, unless another took the place over. */
void place_close(struct place *p);

#endif
