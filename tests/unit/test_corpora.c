/*
 * test_corpora: real and hostile mails, where they are present (POSTERN_CORPORA, default
 * ../shared/corpora): each becomes a letter or is refused within a second, and the shares of
 * bounces and replies that are read as people would read them do not fall.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/conf.h"
#include "mapping/mime/mime_read.h"

static struct conf *conf;
static struct address_map *map;
static struct context ctx;
static const char *root;
static double slowest;
static size_t addressed; /* mails for somebody here */

static int set_up(void **state)
{
    const char *named = getenv("POSTERN_CORPORA");

    (void)state;
    root = named ? named : "../shared/corpora";
    conf = conf_sample(NULL);
    map = conf ? address_map_new(conf, NULL) : NULL;
    ctx.map = map;
    ctx.now_s = 1900000000;
    ctx.cut_quotes = true;
    return map ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    address_map_free(map);
    conf_free(conf);
    return 0;
}

static void need(const char *folder)
{
    struct stat st;
    char path[512];

    snprintf(path, sizeof path, "%s/%s", root, folder);
    if (stat(path, &st) < 0)
        skip();
}

/* The file as heap memory of exactly its size, so that the sanitizers see a look too far. */
static char *slurp(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    char *data;
    long n;

    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    n = ftell(f);
    rewind(f);
    data = malloc(n > 0 ? (size_t)n : 1);
    assert_non_null(data);
    *len = fread(data, 1, (size_t)n, f);
    assert_int_equal(*len, n);
    fclose(f);
    return data;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* other programs on the machine do not count */
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* NULL when it was refused. */
static struct letter *convert(struct arena *a, const char *mail, size_t len, const char *name)
{
    struct letter *l = NULL;
    struct err e = {0};
    double start = now();
    int r = mime_read(&ctx, a, mail, len, NULL, &l, &e);
    double took = now() - start;

    if (took > 1.0 || (r < 0 && e.class != ERR_PERMANENT))
        fprintf(stderr, "%s: %.2f s, %s\n", name, took, r < 0 ? e.text : "read");
    slowest = took > slowest ? took : slowest;
    assert_true(took <= 1.0);
    if (r < 0)
        assert_int_equal(e.class, ERR_PERMANENT);
    return r < 0 ? NULL : l;
}

/* With CRLF, as an IMAP server hands it out. */
static char *as_sent(struct arena *a, const char *mail, size_t len, size_t *len_out)
{
    char *out = arena_alloc(a, 2 * len + 1), *o = out;
    size_t i;

    assert_non_null(out);
    for (i = 0; i < len; i++) {
        if (mail[i] == '\n' && (i == 0 || mail[i - 1] != '\r'))
            *o++ = '\r';
        *o++ = mail[i];
    }
    *len_out = (size_t)(o - out);
    return out;
}

static const char *path_of(const struct letter *l)
{
    return l->reverse_path ? l->reverse_path : "(none)";
}

/* What a mailbox asks the header alone, up to the first empty line, is what the mail would answer.
 */
static void compare_head(struct arena *a, const char *mail, size_t len, const char *file)
{
    static const struct mail_envelope envelopes[] = {{.mailbox_address = NULL},
                                                     {.mailbox_address = "bridge@example.org"}};
    const char *end = buf_find(mail, len, "\r\n\r\n", 4);
    size_t head_len = end ? (size_t)(end - mail) + 4 : len, i;

    for (i = 0; i < sizeof envelopes / sizeof envelopes[0]; i++) {
        struct letter *whole = NULL, *head = NULL;
        const struct party *p, *q;
        struct err e = {0};

        if (mime_read(&ctx, a, mail, len, &envelopes[i], &whole, &e) < 0)
            continue; /* refused when it is delivered */
        if (mime_read_head(&ctx, a, mail, head_len, &envelopes[i], &head, &e) < 0)
            fail_msg("%s: the header alone is refused: %s", file, e.text);
        if (strcmp(path_of(whole), path_of(head)) != 0)
            fail_msg("%s: %s and %s", file, path_of(whole), path_of(head));
        for (p = whole->recipients, q = head->recipients; p && q; p = p->next, q = q->next)
            if (strcmp(addr_text(a, &p->mail), addr_text(a, &q->mail)) != 0)
                fail_msg("%s: %s and %s", file, addr_text(a, &p->mail), addr_text(a, &q->mail));
        if (p || q)
            fail_msg("%s: the header alone has other recipients", file);
        addressed += whole->recipients != NULL;
    }
}

static void compare_heads(const char *mail, size_t len, const char *file)
{
    struct arena *a = arena_new(8 * mime_read_arena_max(len));
    const char *sent;
    size_t n;

    compare_head(a, mail, len, file);
    sent = as_sent(a, mail, len, &n);
    compare_head(a, sent, n, file);
    arena_free(a);
}

static size_t convert_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *d;
    size_t count = 0;

    assert_non_null(dir);
    while ((d = readdir(dir))) {
        char path[1024];
        struct stat st;
        struct arena *a;
        size_t len;
        char *mail;

        snprintf(path, sizeof path, "%s/%s", folder, d->d_name);
        if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
            continue;
        mail = slurp(path, &len);
        a = arena_new(mime_read_arena_max(len));
        convert(a, mail, len, d->d_name);
        arena_free(a);
        compare_heads(mail, len, d->d_name);
        free(mail);
        count++;
    }
    closedir(dir);
    return count;
}

static void bears_every_mail(void **state)
{
    static const char *const folders[] = {
        "cpython-email/data",
        "flufl-bounce/flufl/bounce/tests/data",
        "talon/tests/fixtures",
        "talon/tests/fixtures/standard_replies",
        "talon/tests/fixtures/html_replies",
        "hostile",
        "utf8",
    };
    char path[1024];
    size_t i, count = 0;

    (void)state;
    need("cpython-email");
    for (i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s/%s", root, folders[i]);
        if (access(path, R_OK) == 0)
            count += convert_folder(path);
    }
    print_message("mails: %zu read or refused, the slowest in %.3f s\n", count, slowest);
    assert_true(count > 0);
}

/* The mails of the pairs are in the tree, so this one is never skipped. */
static void asks_headers_of_golden_mails(void **state)
{
    size_t before = addressed;

    (void)state;
    assert_true(convert_folder("tests/golden/to-jabber") > 40);
    assert_true(addressed > before + 40);
}

static void empty_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *d;
    char path[1024];

    while (dir && (d = readdir(dir))) {
        snprintf(path, sizeof path, "%s/%s", folder, d->d_name);
        if (d->d_name[0] != '.')
            unlink(path);
    }
    if (dir)
        closedir(dir);
    rmdir(folder);
}

static void bears_hostile_mail(void **state)
{
    char folder[] = "/tmp/postern-hostile-XXXXXX", command[1024];
    size_t count = 0;

    (void)state;
    need("hostile/gen.py");
    assert_non_null(mkdtemp(folder));
    snprintf(command, sizeof command, "/usr/bin/python3 '%s/hostile/gen.py' '%s'", root, folder);
    if (system(command) == 0)
        count = convert_folder(folder);
    empty_folder(folder);
    print_message("hostile: %zu read or refused, the slowest of all in %.3f s\n", count, slowest);
    assert_true(count >= 50);
}

/* ---- bounces ---- */

static bool has_address(const struct report *r, const char *address, size_t n, bool temporary)
{
    const struct report_recipient *p;

    for (p = r ? r->recipients : NULL; p; p = p->next)
        if (p->address && strlen(p->address) == n && strncasecmp(p->address, address, n) == 0 &&
            (p->action == REPORT_DELAYED) == temporary)
            return true;
    return false;
}

/* One line of expected.tsv: file, detector, [b'address', ...] with " | True" for temporary. */
static void check_bounce(char *line, size_t *want, size_t *found, size_t *extra)
{
    char *file = line, *tab = strchr(line, '\t'), *list, *p, path[1024];
    const struct report_recipient *r;
    struct letter *l;
    struct arena *a;
    size_t len, here = 0, all = 0, before = *found;
    bool temporary;
    char *mail;

    if (*line == '#' || !tab || !(list = strchr(tab + 1, '\t')))
        return;
    *tab = '\0';
    temporary = strstr(list, "| True") != NULL;
    snprintf(path, sizeof path, "%s/flufl-bounce/flufl/bounce/tests/data/%.200s", root, file);
    mail = slurp(path, &len);
    a = arena_new(mime_read_arena_max(len));
    l = convert(a, mail, len, file);
    assert_non_null(l);
    for (p = list; (p = strstr(p, "b'")); p++) {
        size_t n = strcspn(p + 2, "'");

        here++;
        *found += has_address(l->report, p + 2, n, temporary);
        p += 2 + n;
    }
    for (r = l->report && here > 0 ? l->report->recipients : NULL; r; r = r->next)
        all++;
    *want += here;
    *extra += all > *found - before ? all - (*found - before) : 0;
    if (getenv("POSTERN_VERBOSE") && (*found - before < here || all > here))
        fprintf(stderr, "bounce %s: %zu of %zu, %zu in all\n", file, *found - before, here, all);
    arena_free(a);
    free(mail);
}

static void reads_bounces(void **state)
{
    size_t want = 0, found = 0, extra = 0;
    char path[1024], line[4096];
    FILE *f;

    (void)state;
    need("flufl-bounce");
    snprintf(path, sizeof path, "%s/flufl-bounce/expected.tsv", root);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        check_bounce(line, &want, &found, &extra);
    fclose(f);
    print_message("bounces: %zu of %zu addresses with the right class, %zu others\n", found, want,
                  extra);
    assert_true(found * 122 >= want * 121); /* doc/QUALITY.md tells of the one */
    assert_int_equal(extra, 0);
}

/* ---- replies ---- */

/* Without blanks, to compare what was said and not how it was broken. */
static const char *squeeze(struct arena *a, const char *s, size_t n)
{
    char *out = arena_alloc(a, n + 1), *o = out;
    size_t i;

    assert_non_null(out);
    for (i = 0; i < n; i++)
        if ((unsigned char)s[i] > 32)
            *o++ = s[i];
    return out;
}

/* Is it the wanted text, or that without the signature that the wanted text keeps? */
static bool is_wanted(struct arena *a, const char *got, const char *want)
{
    const char *text = squeeze(a, got ? got : "", got ? strlen(got) : 0);
    const char *full = squeeze(a, want, strlen(want));
    size_t n = strlen(text);

    return strcmp(text, full) == 0 ||
           (n > 0 && strncmp(text, full, n) == 0 &&
            (strncmp(full + n, "--", 2) == 0 || strncmp(full + n, "Sentfrom", 8) == 0));
}

/* The file NAME_reply_text beside NAME.eml, or what all others say. */
static const char *wanted_text(struct arena *a, const char *folder, const char *name)
{
    char path[1024];
    char *text;
    const char *copy;
    size_t len;

    snprintf(path, sizeof path, "%s/%.*s_reply_text", folder, (int)strcspn(name, "."), name);
    if (access(path, R_OK) < 0)
        return strstr(folder, "html") ? "Hi. I am fine.\n\nThanks,\nAlex" : "Hello";
    text = slurp(path, &len);
    copy = arena_strndup(a, text, len);
    free(text);
    return copy;
}

static const char *as_mail(struct arena *a, const char *data, size_t len, size_t *len_out)
{
    static const char head[] =
        "From: a@b.c\nIn-Reply-To: <x@y>\nContent-Type: text/html; charset=utf-8\n\n";
    char *mail = arena_alloc(a, sizeof head + len);

    assert_non_null(mail);
    memcpy(mail, head, sizeof head - 1);
    memcpy(mail + sizeof head - 1, data, len);
    *len_out = sizeof head - 1 + len;
    return mail;
}

static void check_replies(const char *sub, const char *suffix, size_t *want, size_t *found)
{
    char folder[600], path[1024];
    struct dirent *d;
    DIR *dir;

    snprintf(folder, sizeof folder, "%s/talon/tests/fixtures/%s", root, sub);
    dir = opendir(folder);
    assert_non_null(dir);
    while ((d = readdir(dir))) {
        const char *dot = strrchr(d->d_name, '.'), *text, *mail;
        struct arena *a;
        struct letter *l;
        size_t len;
        char *data;

        if (!dot || strcmp(dot, suffix) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, d->d_name);
        data = slurp(path, &len);
        a = arena_new(mime_read_arena_max(len) * 2);
        mail = strcmp(suffix, ".html") == 0 ? as_mail(a, data, len, &len) : data;
        l = convert(a, mail, len, d->d_name);
        text = wanted_text(a, folder, d->d_name);
        (*want)++;
        if (l && is_wanted(a, l->text, text))
            (*found)++;
        else if (getenv("POSTERN_VERBOSE"))
            fprintf(stderr, "reply %s: %s\n", d->d_name, l ? l->text : "refused");
        arena_free(a);
        free(data);
    }
    closedir(dir);
}

static void cuts_replies(void **state)
{
    size_t want = 0, found = 0;

    (void)state;
    need("talon");
    check_replies("standard_replies", ".eml", &want, &found);
    check_replies("html_replies", ".html", &want, &found);
    print_message("replies: %zu of %zu cut as a person would\n", found, want);
    assert_int_equal(found, want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bears_every_mail),   cmocka_unit_test(asks_headers_of_golden_mails),
        cmocka_unit_test(bears_hostile_mail), cmocka_unit_test(reads_bounces),
        cmocka_unit_test(cuts_replies),
    };

    return cmocka_run_group_tests_name("corpora", tests, set_up, tear_down);
}
