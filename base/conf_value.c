/*
 * conf_value: values of options.  Owns no data: strings go to the file's arena.  Any thread, during
 * conf_read only.
 */
#include "base/conf_value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/jid.h"

enum { SECRET_MAX = 4096 };

#define FAIL(v, s, ...) conf_file_error((v)->file, (v)->section, s, (s)->name, (v)->e, __VA_ARGS__)

const struct conf_setting *conf_value_find(const struct conf_values *v, const char *option)
{
    const struct conf_setting *s;

    for (s = v->section ? v->section->settings : NULL; s; s = s->next)
        if (strcmp(s->name, option) == 0)
            return s;
    return NULL;
}

int conf_value_need(const struct conf_values *v, const char *option, const char *expected)
{
    const struct conf_setting *s = conf_value_find(v, option);

    if (v->use == CONF_OFFLINE || (s && *s->value))
        return 0;
    return conf_file_error(v->file, v->section, s, option, v->e, "%s; expected %s",
                           s ? "is empty" : "is missing", expected);
}

/* No option has a use for controls, and several go into protocol commands or the log. */
static int check_controls(const struct conf_values *v, const struct conf_setting *s)
{
    const char *p;

    for (p = s->value; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return FAIL(v, s, "has a line end or another control character; expected one line");
    return 0;
}

int conf_value_text(const struct conf_values *v, const char *option, const char **out)
{
    const struct conf_setting *s = conf_value_find(v, option);

    if (!s)
        return 0;
    if (check_controls(v, s) < 0)
        return -1;
    *out = s->value;
    return 0;
}

int conf_value_number(const struct conf_values *v, const char *option, int64_t min, int64_t max,
                      int64_t *out)
{
    const struct conf_setting *s = conf_value_find(v, option);
    long long n;
    char *end;

    if (!s)
        return 0;
    errno = 0;
    n = strtoll(s->value, &end, 10);
    if (end == s->value || *end || strspn(s->value, "-0123456789") != strlen(s->value))
        return FAIL(v, s, "\"%s\" is no number; expected %lld to %lld", s->value, (long long)min,
                    (long long)max);
    if (errno == ERANGE || n < min || n > max)
        return FAIL(v, s, "%s is out of range; expected %lld to %lld", s->value, (long long)min,
                    (long long)max);
    *out = n;
    return 0;
}

int conf_value_word(const struct conf_values *v, const char *option, const char *const *words,
                    unsigned *out)
{
    const struct conf_setting *s = conf_value_find(v, option);
    char list[200] = "";
    size_t len = 0;
    unsigned i;

    if (!s)
        return 0;
    for (i = 0; words[i]; i++) {
        if (strcmp(s->value, words[i]) == 0) {
            *out = i;
            return 0;
        }
        if (len < sizeof list)
            len += (size_t)snprintf(list + len, sizeof list - len, "%s%s",
                                    i == 0         ? ""
                                    : words[i + 1] ? ", "
                                                   : " or ",
                                    words[i]);
    }
    return FAIL(v, s, "\"%s\" is none of its words; expected %s", s->value, list);
}

/* Numeric: brackets of IPv6 off. A name: A-labels. NULL: neither. */
static const char *read_host(const struct conf_values *v, const char *text, size_t len)
{
    char raw[16], *copy;
    const char *name;

    if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
        copy = arena_strndup(v->file->arena, text + 1, len - 2);
        return copy && inet_pton(AF_INET6, copy, raw) == 1 ? copy : NULL;
    }
    copy = arena_strndup(v->file->arena, text, len);
    if (!copy)
        return NULL;
    if (inet_pton(AF_INET, copy, raw) == 1 || inet_pton(AF_INET6, copy, raw) == 1)
        return copy;
    if (copy[strspn(copy, "0123456789.")] == '\0') /* 10.0.0.256 would be looked up as a name */
        return NULL;
    return addr_domain(v->file->arena, copy, &name, NULL) == 0 ? name : NULL;
}

int conf_value_host(const struct conf_values *v, const char *option, const char **out)
{
    const struct conf_setting *s = conf_value_find(v, option);
    const char *host;

    if (!s)
        return 0;
    host = read_host(v, s->value, strlen(s->value));
    if (!host)
        return FAIL(v, s, "\"%s\" is no host; expected a name or a numeric address", s->value);
    *out = host;
    return 0;
}

int conf_value_port(const struct conf_values *v, const char *option, unsigned *out)
{
    int64_t port = *out;

    if (conf_value_number(v, option, 1, 65535, &port) < 0)
        return -1;
    *out = (unsigned)port;
    return 0;
}

static int unix_endpoint(const struct conf_values *v, const struct conf_setting *s,
                         struct conf_endpoint *out)
{
    const char *path = s->value + strlen("unix:");

    if (path[0] != '/' || strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return FAIL(v, s,
                    "\"%s\" is no socket; expected unix: and an absolute path of at most %zu bytes",
                    s->value, sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
    out->text = s->value;
    out->path = path;
    return 0;
}

/* 1 to 65535, 0 when text is no port. */
static unsigned read_port(const char *text)
{
    unsigned port = 0;

    if (!*text || strlen(text) > 5 || strspn(text, "0123456789") != strlen(text))
        return 0;
    for (; *text; text++)
        port = 10 * port + (unsigned)(*text - '0');
    return port <= 65535 ? port : 0;
}

int conf_value_endpoint(const struct conf_values *v, const char *option, struct conf_endpoint *out)
{
    const struct conf_setting *s = conf_value_find(v, option);
    const char *colon;

    if (!s || !*s->value)
        return 0;
    if (check_controls(v, s) < 0)
        return -1;
    if (strncmp(s->value, "unix:", 5) == 0)
        return unix_endpoint(v, s, out);
    colon = strrchr(s->value, ':');
    /* an IPv6 address needs its brackets, else its last group would pass for the port */
    if (colon &&
        (s->value[0] == '[' || memchr(s->value, ':', (size_t)(colon - s->value)) == NULL)) {
        out->host = read_host(v, s->value, (size_t)(colon - s->value));
        out->port = read_port(colon + 1);
    }
    if (!out->host || out->port == 0)
        return FAIL(v, s,
                    "\"%s\" is no place to listen; expected address:port as in 127.0.0.1:2424 or "
                    "[::1]:2424, or unix:/path",
                    s->value);
    out->text = s->value;
    return 0;
}

int conf_value_path(const struct conf_values *v, const char *option, const char **out)
{
    const struct conf_setting *s = conf_value_find(v, option);
    const char *slash = strrchr(v->file->path, '/');

    if (!s)
        return 0;
    if (check_controls(v, s) < 0)
        return -1;
    *out = s->value;
    if (s->value[0] && s->value[0] != '/' && slash)
        *out = arena_printf(v->file->arena, "%.*s/%s", (int)(slash - v->file->path), v->file->path,
                            s->value);
    return *out ? 0 : err_memory(v->e);
}

static int check_secret(const struct conf_values *v, const struct conf_setting *s,
                        const char *secret, size_t len)
{
    if (len == 0)
        return FAIL(v, s, "the file holds nothing; expected one line with the secret");
    if (memchr(secret, '\r', len) || memchr(secret, '\n', len) || memchr(secret, '\0', len))
        return FAIL(v, s, "the secret has a line end or a NUL in it; expected one line");
    return 0;
}

static int read_secret_file(const struct conf_values *v, const struct conf_setting *s,
                            const char *path, const char **out)
{
    char data[SECRET_MAX + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc = -1;
    size_t len = 0;
    struct stat st;
    ssize_t n;

    if (fd < 0 || fstat(fd, &st) < 0) {
        FAIL(v, s, "%s: %s; expected a file that holds the secret", path, strerror(errno));
        goto out;
    }
    if (st.st_mode & 077) {
        FAIL(v, s, "%s can be read by others (mode %04o); type: chmod 600 %s", path,
             (unsigned)st.st_mode & 07777, path);
        goto out;
    }
    while (len < sizeof data && (n = read(fd, data + len, sizeof data - len)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            FAIL(v, s, "%s: %s; expected a file that holds the secret", path, strerror(errno));
            goto out;
        }
        len += (size_t)n;
    }
    if (len > SECRET_MAX) {
        FAIL(v, s, "%s is longer than %d bytes; expected one line with the secret", path,
             SECRET_MAX);
        goto out;
    }
    if (len > 0 && data[len - 1] == '\n')
        len--;
    if (len > 0 && data[len - 1] == '\r')
        len--;
    rc = check_secret(v, s, data, len);
    if (rc == 0 && !(*out = arena_strndup(v->file->arena, data, len)))
        rc = err_memory(v->e);
out:
    if (fd >= 0)
        close(fd);
    return rc;
}

int conf_value_secret(const struct conf_values *v, const char *option, const char *option_file,
                      const char **out)
{
    const struct conf_setting *text = conf_value_find(v, option);
    const struct conf_setting *file = conf_value_find(v, option_file);
    const char *path = "";

    if (text && !*text->value)
        text = NULL;
    if (file && !*file->value)
        file = NULL;
    if (text && file)
        return FAIL(v, file, "%s stands in line %d too; expected one of them", option, text->line);
    if (v->use == CONF_OFFLINE)
        return 0;
    if (text) {
        if (!v->file->is_private)
            return FAIL(v, text,
                        "the file holds a secret and can be read by others; type: chmod 600 %s "
                        "(or name a file by %s)",
                        v->file->path, option_file);
        *out = text->value;
        return check_secret(v, text, text->value, strlen(text->value));
    }
    if (!file)
        return 0;
    if (conf_value_path(v, option_file, &path) < 0)
        return -1;
    return read_secret_file(v, file, path, out);
}

int conf_value_each(const struct conf_values *v, const char *option,
                    int (*each)(const struct conf_values *v, const struct conf_setting *s,
                                void *arg),
                    void *arg)
{
    const struct conf_setting *s;

    for (s = v->section ? v->section->settings : NULL; s; s = s->next)
        if (strcmp(s->name, option) == 0 && each(v, s, arg) < 0)
            return -1;
    return 0;
}

static bool is_local_v4(const unsigned char *p)
{
    return p[0] == 127 || p[0] == 10 || (p[0] == 172 && (p[1] & 0xf0) == 16) ||
           (p[0] == 192 && p[1] == 168) || (p[0] == 169 && p[1] == 254);
}

static bool is_local_v6(const unsigned char *p)
{
    static const unsigned char loopback[16] = {[15] = 1}, mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (memcmp(p, mapped, sizeof mapped) == 0)
        return is_local_v4(p + 12);
    return memcmp(p, loopback, sizeof loopback) == 0 || (p[0] & 0xfe) == 0xfc ||
           (p[0] == 0xfe && (p[1] & 0xc0) == 0x80);
}

bool conf_value_is_local(const char *host)
{
    static const char *const tails[] = {".localhost", ".local", ".internal"};
    unsigned char raw[16];
    size_t i, len = strlen(host);

    if (inet_pton(AF_INET, host, raw) == 1)
        return is_local_v4(raw);
    if (inet_pton(AF_INET6, host, raw) == 1)
        return is_local_v6(raw);
    if (!strchr(host, '.')) /* localhost, and names that only a search list or a hosts file knows */
        return true;
    for (i = 0; i < sizeof tails / sizeof tails[0]; i++)
        if (len > strlen(tails[i]) && strcasecmp(host + len - strlen(tails[i]), tails[i]) == 0)
            return true;
    return false;
}

int conf_value_flag(const struct conf_values *v, const char *option, bool *out)
{
    const char *const words[] = {"false", "true", NULL};
    unsigned value = *out;

    if (conf_value_word(v, option, words, &value) < 0)
        return -1;
    *out = value == 1;
    return 0;
}

/* A Jabber domain without node and resource, prepared. */
int conf_value_jabber_domain(const struct conf_values *v, const struct conf_setting *s,
                             const char **out)
{
    struct jid jid;
    struct err why;

    if (jid_parse(v->file->arena, s->value, &jid, &why) < 0)
        return CONF_FAIL(v, s, "\"%s\": %s; expected a domain such as mail.example.org", s->value,
                         why.text);
    if (jid.node || jid.resource)
        return CONF_FAIL(
            v, s, "\"%s\" has a node or resource; expected a domain such as mail.example.org",
            s->value);
    *out = jid.domain;
    return 0;
}

int conf_value_add(struct arena *a, const char *text, const char ***list, size_t *count,
                   struct err *e)
{
    const char **grown = arena_alloc(a, (*count + 1) * sizeof *grown);

    if (!grown)
        return err_memory(e);
    if (*count > 0)
        memcpy(grown, *list, *count * sizeof *grown);
    grown[(*count)++] = text;
    *list = grown;
    return 0;
}
