/*
 * smtp_auth: see the header.  SCRAM is libgsasl's.
 */
#include "tests/fake/smtp_auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gsasl.h>

enum { LINE_SIZE = 4096 };

static int decode(const char *base64, char *out, size_t size)
{
    char *data = NULL;
    size_t len = 0;

    if (gsasl_base64_from(base64, strlen(base64), &data, &len) != GSASL_OK || len >= size) {
        free(data);
        return -1;
    }
    memcpy(out, data, len);
    out[len] = '\0';
    free(data);
    return (int)len;
}

static int plain(const struct fake_auth *a, const char *initial)
{
    char line[LINE_SIZE], text[LINE_SIZE], want[LINE_SIZE];
    int len, n;

    if (!*initial) {
        a->say(a->arg, "334 \r\n");
        if (a->hear(a->arg, line, sizeof line) < 0)
            return -1;
        initial = line;
    }
    len = decode(initial, text, sizeof text);
    n = snprintf(want, sizeof want, "%c%s%c%s", 0, a->user, 0, a->password);
    return len == n && memcmp(text, want, (size_t)n) == 0;
}

static int ask(const struct fake_auth *a, const char *prompt, const char *want)
{
    char line[LINE_SIZE], text[LINE_SIZE];

    a->say(a->arg, prompt);
    if (a->hear(a->arg, line, sizeof line) < 0)
        return -1;
    return decode(line, text, sizeof text) >= 0 && strcmp(text, want) == 0;
}

static int login(const struct fake_auth *a)
{
    int user = ask(a, "334 VXNlcm5hbWU6\r\n", a->user), password;

    if (user < 0)
        return -1;
    password = ask(a, "334 UGFzc3dvcmQ6\r\n", a->password);
    return password < 0 ? -1 : user && password;
}

static int xoauth2(const struct fake_auth *a, const char *initial)
{
    char line[LINE_SIZE], text[LINE_SIZE], want[LINE_SIZE];

    snprintf(want, sizeof want, "user=%s\001auth=Bearer %s\001\001", a->user, a->password);
    if (decode(initial, text, sizeof text) >= 0 && strcmp(text, want) == 0)
        return 1;
    a->say(a->arg, "334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"); /* {"status":"401"}; it says yes to that */
    return a->hear(a->arg, line, sizeof line) < 0 ? -1 : 0;
}

static int scram_callback(Gsasl *g, Gsasl_session *session, Gsasl_property property)
{
    const struct fake_auth *a = gsasl_session_hook_get(session);

    (void)g;
    if (property != GSASL_PASSWORD || strcmp(gsasl_property_fast(session, GSASL_AUTHID), a->user))
        return GSASL_AUTHENTICATION_ERROR;
    return gsasl_property_set(session, GSASL_PASSWORD, a->password);
}

static int scram(const struct fake_auth *a, const char *mechanism, const char *initial)
{
    char line[LINE_SIZE], reply[LINE_SIZE + 8], *step = NULL;
    Gsasl_session *session = NULL;
    Gsasl *g = NULL;
    int r, result = 0;

    snprintf(line, sizeof line, "%s", initial);
    if (gsasl_init(&g) != GSASL_OK || gsasl_server_start(g, mechanism, &session) != GSASL_OK)
        abort();
    gsasl_callback_set(g, scram_callback);
    gsasl_session_hook_set(session, (void *)(size_t)a);
    while ((r = gsasl_step64(session, line, &step)) == GSASL_NEEDS_MORE ||
           (r == GSASL_OK && step && *step)) {
        snprintf(reply, sizeof reply, "334 %s\r\n", step);
        gsasl_free(step);
        step = NULL;
        a->say(a->arg, reply);
        if (a->hear(a->arg, line, sizeof line) < 0) {
            result = -1;
            break;
        }
        if (r == GSASL_OK)
            break;
    }
    gsasl_free(step);
    gsasl_finish(session);
    gsasl_done(g);
    return result < 0 ? -1 : r == GSASL_OK;
}

int fake_auth_run(const struct fake_auth *a, const char *args)
{
    char mechanism[32] = "", initial[LINE_SIZE] = "";

    sscanf(args, "%31s %4095s", mechanism, initial);
    if (strcmp(mechanism, "PLAIN") == 0)
        return plain(a, initial);
    if (strcmp(mechanism, "LOGIN") == 0)
        return login(a);
    if (strcmp(mechanism, "XOAUTH2") == 0)
        return xoauth2(a, initial);
    return scram(a, mechanism, initial);
}
