/*
 * smtp_auth: the server's side of AUTH, for the scripted server: PLAIN, LOGIN, XOAUTH2 and SCRAM.
 *
 * One thread, the connection's.
 */
#ifndef TESTS_FAKE_SMTP_AUTH_H
#define TESTS_FAKE_SMTP_AUTH_H

#include <stddef.h>

struct fake_auth {
    const char *user, *password; /* the password is XOAUTH2's token */
    void (*say)(void *arg, const char *line);
    int (*hear)(void *arg, char *line, size_t size); /* -1: the end */
    void *arg;
};

/* args: what stands behind AUTH.  1 right, 0 wrong, -1 the connection has ended. */
int fake_auth_run(const struct fake_auth *a, const char *args);

#endif
