/*
 * dovecot: a private instance of the real server for unit tests: any user with the password
 * "secret" has a Maildir of their own.
 */
#ifndef TESTS_FAKE_DOVECOT_H
#define TESTS_FAKE_DOVECOT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct dovecot {
    pid_t pid;
    unsigned port;
    char folder[64]; /* of everything; removed in the end */
};

/* False: it is not installed.  Ends the program when it does not start. */
bool dovecot_start(struct dovecot *d);
void dovecot_stop(struct dovecot *d);

/* Makes a folder of a user: "" for INBOX, else its name. */
void dovecot_make(const struct dovecot *d, const char *user, const char *folder);
/* Delivers a mail. */
void dovecot_deliver(const struct dovecot *d, const char *user, const char *folder,
                     const char *message);
/* Mails in a folder whose flags (of Maildir: S seen, R replied, a keyword) contain all of these;
 * with "" all. -1: there is no such folder. */
int dovecot_count(const struct dovecot *d, const char *user, const char *folder, const char *flags);

#endif
