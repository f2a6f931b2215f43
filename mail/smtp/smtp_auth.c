/*
 * smtp_auth: logging in at a relay.
 *
 * SCRAM is libgsasl's; the rest is one or two lines each.  A server decides how often SCRAM hashes,
 * on the loop's thread, so that is bounded before the library sees it.  Owns copies of nothing but
 * the token; the thread is its owner's.  A crash leaves nothing behind.
 */
#include "mail/smtp/smtp_auth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gsasl.h>

#include "mail/smtp/smtp_ehlo.h"

enum {
    TOKEN_MAX = 8192,
    STEPS_MAX = 6,           /* challenges; SCRAM has two */
    ITERATIONS_MAX = 100000, /* some 50 ms; servers ask for 4,096 to 15,000 */
    CHALLENGE_MAX = 4096
};

struct smtp_auth {
    const struct conf_server *server;
    enum smtp_mechanism mechanism;
    unsigned steps; /* challenges answered */
    bool is_mutual;
    char token[TOKEN_MAX + 1];
    Gsasl *gsasl;
    Gsasl_session *scram;
};

/* The best first. */
static const struct {
    enum smtp_mechanism mechanism;
    const char *name;
    bool has_token; /* else it takes a password */
} mechanisms[] = {
    {SMTP_MECHANISM_XOAUTH2, "XOAUTH2", true},
    {SMTP_MECHANISM_SCRAM_SHA_256, "SCRAM-SHA-256", false},
    {SMTP_MECHANISM_SCRAM_SHA_1, "SCRAM-SHA-1", false},
    {SMTP_MECHANISM_PLAIN, "PLAIN", false},
    {SMTP_MECHANISM_LOGIN, "LOGIN", false},
};

enum { MECHANISMS = sizeof mechanisms / sizeof mechanisms[0] };

const char *smtp_auth_name(const struct smtp_auth *a)
{
    size_t i;

    for (i = 0; i < MECHANISMS; i++)
        if (mechanisms[i].mechanism == a->mechanism)
            return mechanisms[i].name;
    return "";
}

static bool has_own_token(const struct conf_server *server)
{
    return server->token && server->token[0];
}

static bool has_token(const struct conf_server *server)
{
    return has_own_token(server) || (server->token_file && server->token_file[0]);
}

/* ---- beginning ---- */

static int copy_token(struct smtp_auth *a, struct err *e)
{
    size_t n = strlen(a->server->token);

    if (n > TOKEN_MAX)
        return err_set(e, ERR_PERMANENT, "the token is too long");
    memcpy(a->token, a->server->token, n + 1);
    return 0;
}

static int read_token(struct smtp_auth *a, struct err *e)
{
    const char *path = a->server->token_file;
    int fd;
    struct stat st;
    ssize_t n = -1;

    if (has_own_token(a->server))
        return copy_token(a, e);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0) {
        err_set(e, ERR_RETRY, "cannot read %.200s (option token_file): %s", path, strerror(errno));
    } else if (st.st_mode & 077) {
        err_set(e, ERR_PERMANENT,
                "%.200s (option token_file) can be read by others; type: chmod "
                "600 %.200s",
                path, path);
    } else {
        n = read(fd, a->token, TOKEN_MAX);
        if (n <= 0)
            err_set(e, ERR_RETRY, "%.200s (option token_file) holds no token", path);
    }
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return -1;
    a->token[n] = '\0';
    a->token[strcspn(a->token, "\r\n")] = '\0';
    return 0;
}

static int start_scram(struct smtp_auth *a, struct err *e)
{
    if (gsasl_init(&a->gsasl) != GSASL_OK ||
        gsasl_client_start(a->gsasl, smtp_auth_name(a), &a->scram) != GSASL_OK ||
        gsasl_property_set(a->scram, GSASL_AUTHID, a->server->user) != GSASL_OK ||
        gsasl_property_set(a->scram, GSASL_PASSWORD, a->server->password) != GSASL_OK)
        return err_memory(e);
    return 0;
}

struct smtp_auth *smtp_auth_new(const struct conf_server *server, unsigned offered, struct err *e)
{
    struct smtp_auth *a = calloc(1, sizeof *a);
    bool is_scram;
    size_t i;

    if (!a) {
        err_memory(e);
        return NULL;
    }
    a->server = server;
    for (i = 0; i < MECHANISMS && !a->mechanism; i++)
        if ((offered & (unsigned)mechanisms[i].mechanism) &&
            mechanisms[i].has_token == has_token(server))
            a->mechanism = mechanisms[i].mechanism;
    is_scram =
        a->mechanism == SMTP_MECHANISM_SCRAM_SHA_1 || a->mechanism == SMTP_MECHANISM_SCRAM_SHA_256;
    if (!a->mechanism)
        err_set(e, ERR_PERMANENT, "the relay offers no way of logging in that we have (%s)",
                has_token(server) ? "XOAUTH2" : "SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, LOGIN");
    else if ((!has_token(server) || read_token(a, e) == 0) && (!is_scram || start_scram(a, e) == 0))
        return a;
    smtp_auth_free(a);
    return NULL;
}

void smtp_auth_free(struct smtp_auth *a)
{
    if (!a)
        return;
    if (a->scram)
        gsasl_finish(a->scram);
    if (a->gsasl)
        gsasl_done(a->gsasl);
    explicit_bzero(a->token, sizeof a->token);
    free(a);
}

/* ---- the dialogue ---- */

static int add_base64(struct buf *out, const char *data, size_t len, struct err *e)
{
    char *text = NULL;
    size_t text_len = 0;

    if (gsasl_base64_to(data, len, &text, &text_len) != GSASL_OK)
        return err_memory(e);
    buf_add(out, text, text_len);
    explicit_bzero(text, text_len);
    gsasl_free(text);
    return buf_failed(out) ? err_memory(e) : 0;
}

/* SCRAM's next message; *step: our turn is not over. */
static int add_scram(struct smtp_auth *a, const char *challenge, struct buf *out, struct err *e)
{
    char *answer = NULL;
    int r = gsasl_step64(a->scram, challenge, &answer);

    if (r != GSASL_OK && r != GSASL_NEEDS_MORE)
        return err_set(e, ERR_PERMANENT, "logging in by %s fails: %s", smtp_auth_name(a),
                       gsasl_strerror(r));
    a->is_mutual = r == GSASL_OK; /* the server's proof was right */
    buf_adds(out, answer ? answer : "");
    gsasl_free(answer);
    return buf_failed(out) ? err_memory(e) : 0;
}

static int add_pair(const struct smtp_auth *a, struct buf *out, struct err *e)
{
    struct buf pair;
    int r;

    buf_init(&pair, 2 * TOKEN_MAX + 1024);
    if (a->mechanism == SMTP_MECHANISM_PLAIN) {
        buf_addc(&pair, '\0');
        buf_adds(&pair, a->server->user);
        buf_addc(&pair, '\0');
        buf_adds(&pair, a->server->password);
    } else {
        buf_printf(&pair, "user=%s\001auth=Bearer %s\001\001", a->server->user, a->token);
    }
    r = buf_failed(&pair) ? err_memory(e) : add_base64(out, pair.data, pair.len, e);
    if (pair.cap > 0)
        explicit_bzero(pair.data, pair.cap);
    buf_clear(&pair);
    return r;
}

int smtp_auth_begin(struct smtp_auth *a, struct buf *out, struct err *e)
{
    int r = 0;

    buf_printf(out, "AUTH %s", smtp_auth_name(a));
    if (a->mechanism != SMTP_MECHANISM_LOGIN)
        buf_addc(out, ' ');
    if (a->scram)
        r = add_scram(a, "", out, e);
    else if (a->mechanism != SMTP_MECHANISM_LOGIN)
        r = add_pair(a, out, e);
    buf_adds(out, "\r\n");
    if (r < 0)
        return -1;
    return buf_failed(out) ? err_memory(e) : 0;
}

/* RFC 5802 §7: i= in the server's first message.  The library reads on behind a NUL, which has no
 * place there. */
static int check_iterations(const char *challenge, struct err *e)
{
    char text[CHALLENGE_MAX + 1], *data = NULL, *count;
    size_t len = 0;

    if (strlen(challenge) > CHALLENGE_MAX ||
        gsasl_base64_from(challenge, strlen(challenge), &data, &len) != GSASL_OK)
        return err_set(e, ERR_RETRY, "what the relay says to AUTH is not to be understood");
    snprintf(text, sizeof text, "%.*s", (int)len, data);
    gsasl_free(data);
    if (strlen(text) < len)
        return err_set(e, ERR_RETRY, "what the relay says to AUTH is not to be understood");
    count = strstr(text, ",i=");
    if (count && (strspn(count + 3, "0123456789") > 6 || atol(count + 3) > ITERATIONS_MAX))
        return err_set(e, ERR_PERMANENT, "the relay wants the password hashed more than %d times",
                       ITERATIONS_MAX);
    return 0;
}

static int answer(struct smtp_auth *a, const char *challenge, struct buf *out, struct err *e)
{
    const char *what = a->steps == 1 ? a->server->user : a->server->password;

    if (a->scram) {
        if (a->steps == 1 && check_iterations(challenge, e) < 0)
            return -1;
        return add_scram(a, challenge, out, e);
    }
    if (a->mechanism == SMTP_MECHANISM_LOGIN && a->steps <= 2)
        return add_base64(out, what, strlen(what), e);
    /* The other two have said it all.  XOAUTH2's error comes in a challenge that wants an empty
     * answer, after which the refusal follows. */
    if (a->mechanism == SMTP_MECHANISM_XOAUTH2 && a->steps == 1)
        return 0;
    return err_set(e, ERR_RETRY, "the relay asks too much of AUTH %s", smtp_auth_name(a));
}

int smtp_auth_answer(struct smtp_auth *a, const char *challenge, struct buf *out, struct err *e)
{
    char text[CHALLENGE_MAX + 1];

    a->steps++;
    if (a->steps > STEPS_MAX)
        return err_set(e, ERR_RETRY, "the relay asks too much of AUTH %s", smtp_auth_name(a));
    snprintf(text, sizeof text, "%.*s", (int)strcspn(challenge, "\r\n"), challenge);
    if (answer(a, text, out, e) < 0)
        return -1;
    buf_adds(out, "\r\n");
    return buf_failed(out) ? err_memory(e) : 0;
}

bool smtp_auth_is_mutual(const struct smtp_auth *a)
{
    return !a->scram || a->is_mutual;
}
