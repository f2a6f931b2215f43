/*
 * conf_file: from the file to settings with lines, by libconfuse.
 *
 * Every option is declared as a string, so that a wrong number is told in our words and with the
 * line it stands on: libconfuse calls taken() for each value while it still knows the line.
 * libconfuse's scanner and its callbacks have no context of their own, so a lock serialises reading
 * and `reading` (guarded by it) points to the reader.  Any thread; a crash leaves nothing behind.
 */
#include "base/conf_file.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/conf_scan.h"

enum { OPTIONS_MAX = 16, TITLED = 1, MANY = 2, FILE_MAX = 4 << 20 };

/* libconfuse takes the end of the file for the end of a section as well, so an option of our own is
 * put behind the file: it must be seen, and outside of all sections. */
#define END_MARK "-end-of-file-"

/* What may stand in the file.  A * marks a list.  doc/postern.conf.5 describes each. */
static const struct known {
    const char *name;
    int kind;
    const char *options[OPTIONS_MAX];
} known[] = {
    {"",
     0,
     {"jid", "mail_domain", "home*", "senders*", "contact*", "map_file", "log_level", "receipts",
      END_MARK}},
    {"jabber", 0, {"host", "port", "secret", "secret_file"}},
    {"smtp",
     0,
     {"host", "port", "tls", "ca_file", "user", "password", "password_file", "connections",
      "connect_timeout", "reply_timeout", "engine", "token_file"}},
    {"mailbox",
     TITLED,
     {"host", "port", "tls", "ca_file", "user", "password", "password_file", "folder", "address",
      "done", "poll", "rate", "sub_addresses"}},
    {"lmtp", 0, {"listen", "mode", "connections", "rate", "receipt_wait"}},
    {"web", 0, {"listen", "url", "keep", "space", "user_space", "per_address"}},
    {"admin", 0, {"listen", "jids*"}},
    {"store", 0, {"url"}},
    {"queue", 0, {"retry_first", "retry_max", "lifetime", "hold_max", "delay_notice"}},
    {"map", TITLED | MANY, {"mail", "direction"}},
    {"limit", 0, {"mail_size", "stanza_size", "user_rate", "recipient_rate"}},
    {"openpgp", 0, {"mime_inline"}},
    {"registration", 0, {"own_address"}},
    {"verdicts", 0, {"server", "refuse"}},
    {"attachments", 0, {"external_body"}},
    {"accounts", 0, {"key_file", "old_key_file", "per_user", "private", "ca_file"}},
    {"fetch", 0, {"size", "total", "timeout", "allow*", "ca_file"}},
    {"upload", 0, {"service", "timeout", "clear", "ca_file"}},
};

enum { KNOWN = sizeof known / sizeof known[0] };

struct reader {
    struct conf_file *file;
    cfg_t *root;
    struct conf_section *open; /* the section whose options are being read; NULL: outside */
    struct err *e;
    bool failed;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct reader *reading; /* under lock */

const struct conf_section *conf_file_next(const struct conf_file *f, const char *name,
                                          const struct conf_section *after)
{
    const struct conf_section *s;

    for (s = after ? after->next : f->sections; s; s = s->next)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

int conf_file_error(const struct conf_file *f, const struct conf_section *section,
                    const struct conf_setting *setting, const char *option, struct err *e,
                    const char *fmt, ...)
{
    const char *name = section ? section->name : "";
    int line = setting ? setting->line : section && *name ? section->line : f->last_line;
    char text[sizeof e->text], *p;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (p = text; *p; p++) /* a value may hold line ends, an error is one line */
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    return err_set(e, ERR_PERMANENT, "%s:%d: %s%s%s%s%s", f->path, line, name,
                   *name && option ? "." : "", option ? option : "", *name || option ? ": " : "",
                   text);
}

static int out_of_memory(struct reader *r)
{
    if (!r->failed)
        err_memory(r->e);
    r->failed = true;
    return -1;
}

static struct conf_section *add_section(struct reader *r, const char *name, const char *title,
                                        int line)
{
    struct conf_section *s = arena_alloc(r->file->arena, sizeof *s), **end;

    if (!s)
        return NULL;
    s->name = arena_strdup(r->file->arena, name);
    s->title = title ? arena_strdup(r->file->arena, title) : NULL;
    s->line = line;
    if (!s->name || (title && !s->title))
        return NULL;
    for (end = &r->file->sections; *end; end = &(*end)->next)
        ;
    *end = s;
    return s;
}

static int duplicate(struct reader *r, const struct conf_section *s,
                     const struct conf_setting *first, int line)
{
    struct conf_setting here = {.line = line};

    if (!r->failed)
        conf_file_error(r->file, s, &here, first->name, r->e,
                        "stands here again, first in line %d; expected once", first->line);
    r->failed = true;
    return -1;
}

/* libconfuse would let a later section of the same name take the place of an earlier one. */
static struct conf_section *open_section(struct reader *r, const char *name, const char *title,
                                         int line)
{
    const struct conf_section *before = title ? NULL : conf_file_next(r->file, name, NULL);
    struct conf_setting here = {.line = line};

    if (!before)
        return add_section(r, name, title, line);
    conf_file_error(r->file, NULL, &here, name, r->e,
                    "stands here again, first in line %d; expected once", before->line);
    r->failed = true;
    return NULL;
}

/* libconfuse has read a value of an option. */
static int taken(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    struct reader *r = reading;
    struct conf_section *s = r->file->sections;
    struct conf_setting *new, **end;

    *(const char **)result = value;
    if (strcmp(opt->name, END_MARK) == 0)
        return 0;
    if (cfg != r->root) { /* the root still knows the line of the section's brace */
        if (!r->open)
            r->open = open_section(r, cfg->name, cfg->title, r->root->line);
        s = r->open;
    }
    new = arena_alloc(r->file->arena, sizeof *new);
    if (!s || !new)
        return out_of_memory(r);
    new->name = arena_strdup(r->file->arena, opt->name);
    new->value = arena_strdup(r->file->arena, value);
    new->line = cfg->line;
    if (!new->name || !new->value)
        return out_of_memory(r);
    for (end = &s->settings; *end; end = &(*end)->next)
        if (!(opt->flags & CFGF_LIST) && strcmp((*end)->name, new->name) == 0)
            return duplicate(r, s, *end, new->line);
    *end = new;
    return 0;
}

/* libconfuse has read a section's closing brace. */
static int closed(cfg_t *cfg, cfg_opt_t *opt)
{
    struct reader *r = reading;
    const cfg_t *section = opt->nvalues > 0 ? opt->values[opt->nvalues - 1]->section : NULL;

    if (!r->open && !open_section(r, opt->name, section ? section->title : NULL, cfg->line))
        return out_of_memory(r);
    r->open = NULL;
    return 0;
}

/* "one of host, port, secret" */
static void list_names(const cfg_t *cfg, char *out, size_t size)
{
    const cfg_opt_t *opt;
    size_t len = 0;

    out[0] = '\0';
    for (opt = cfg->opts; opt && opt->name && len < size; opt++)
        if (strcmp(opt->name, END_MARK) != 0)
            len += (size_t)snprintf(out + len, size - len, "%s%s", opt == cfg->opts ? "" : ", ",
                                    opt->name);
}

/* libconfuse's words for a person: what is wrong, and what was expected. */
static PRINTF(2, 0) void complain(cfg_t *cfg, const char *fmt, va_list ap)
{
    static const struct {
        const char *words, *expected;
    } advice[] = {
        {"unexpected closing brace", "an option or the end of the file"},
        {"missing equal sign", "= and a value"},
        {"missing opening brace", "{"},
        {"missing title", "a title in quotes before the {"},
        {"attempt to append", "= instead of +="},
        {"found duplicate title", "a title of its own for each section"},
        {"duplicate option", "the section once"},
        {"unexpected token",
         "an option's name, = and a value; text with other characters in quotes"},
    };
    struct reader *r = reading;
    char text[200], names[200];
    const char *expected = "name = value, or name { ... }", *quoted;
    size_t i;

    if (r->failed) /* the first one counts */
        return;
    r->failed = true;
    vsnprintf(text, sizeof text, fmt, ap);
    if (strncmp(text, "no such option", 14) == 0 && (quoted = strchr(text, '\''))) {
        size_t len = strcspn(quoted + 1, "'");

        if (strncmp(quoted + 1, END_MARK, len) == 0) {
            err_set(r->e, ERR_PERMANENT, "%s:%d: a section has no end; expected a closing }",
                    r->file->path, cfg->line - 1);
            return;
        }

        list_names(cfg, names, sizeof names);
        err_set(r->e, ERR_PERMANENT,
                "%s:%d: %.*s: there is no such option here; expected one of %s", r->file->path,
                cfg->line, (int)len, quoted + 1, names);
        return;
    }
    for (i = 0; i < sizeof advice / sizeof advice[0]; i++)
        if (strncmp(text, advice[i].words, strlen(advice[i].words)) == 0)
            expected = advice[i].expected;
    err_set(r->e, ERR_PERMANENT, "%s:%d: %s; expected %s", r->file->path, cfg->line, text,
            expected);
}

struct options {
    char names[KNOWN][OPTIONS_MAX][24];
    cfg_opt_t options[KNOWN][OPTIONS_MAX + KNOWN + 1]; /* the first row has the sections as well */
};

static void fill_options(struct options *o, int which)
{
    const cfg_opt_t end = CFG_END();
    cfg_opt_t *out = o->options[which];
    int i;

    for (i = 0; i < OPTIONS_MAX && known[which].options[i]; i++) {
        char *name = o->names[which][i];
        const char *star;

        snprintf(name, sizeof o->names[which][i], "%s", known[which].options[i]);
        star = strchr(name, '*');
        name[strcspn(name, "*")] = '\0';
        *out++ = star ? (cfg_opt_t)CFG_STR_LIST_CB(name, 0, CFGF_NODEFAULT, taken)
                      : (cfg_opt_t)CFG_STR_CB(name, 0, CFGF_NODEFAULT, taken);
    }
    for (i = 1; which == 0 && i < KNOWN; i++) {
        int kind = known[i].kind, flags = CFGF_NODEFAULT;

        if (kind & TITLED)
            flags = CFGF_MULTI | CFGF_TITLE | (kind & MANY ? 0 : CFGF_NO_TITLE_DUPES);
        *out++ = (cfg_opt_t)CFG_SEC(known[i].name, o->options[i], flags);
    }
    *out = end;
}

static cfg_t *make_parser(const char *path)
{
    struct options *o = calloc(1, sizeof *o);
    cfg_t *cfg;
    int i;

    if (!o)
        return NULL;
    for (i = 0; i < KNOWN; i++)
        fill_options(o, i);
    cfg = cfg_init(o->options[0], CFGF_NONE); /* copies */
    free(o);
    if (!cfg)
        return NULL;
    cfg->filename = strdup(path);
    cfg_set_error_function(cfg, complain);
    for (i = 1; i < KNOWN; i++)
        cfg_set_validate_func(cfg, known[i].name, closed);
    return cfg;
}

/* Under the lock. */
static int parse(struct reader *r, const char *text)
{
    int rc;

    r->root = make_parser(r->file->path);
    if (!r->root || !add_section(r, "", NULL, 1)) {
        cfg_free(r->root);
        return out_of_memory(r);
    }
    reading = r;
    rc = cfg_parse_buf(r->root, text);
    reading = NULL;
    r->file->last_line = r->root->line > 2 ? r->root->line - 2 : 1; /* without END_MARK's */
    cfg_free(r->root);
    if (rc != CFG_SUCCESS && !r->failed)
        return err_set(r->e, ERR_PERMANENT, "%s:%d: cannot be read; expected name = value",
                       r->file->path, r->file->last_line);
    return r->failed ? -1 : 0;
}

static int read_all(struct conf_file *out, FILE *in, struct buf *text, struct err *e)
{
    char piece[4096];
    size_t n;

    while ((n = fread(piece, 1, sizeof piece, in)) > 0) {
        if (memchr(piece, '\0', n))
            return err_set(e, ERR_PERMANENT, "%s: has a NUL in it; expected text", out->path);
        if (buf_add(text, piece, n) < 0)
            return err_set(e, ERR_PERMANENT,
                           "%s: longer than %d bytes; expected a configuration file", out->path,
                           FILE_MAX);
    }
    if (ferror(in))
        return err_set(e, ERR_PERMANENT, "%s: %s", out->path, strerror(errno));
    if (text->len > 0 && text->data[text->len - 1] != '\n')
        buf_addc(text, '\n');
    if (conf_scan(text->data, out->path, e) < 0)
        return -1;
    buf_adds(text, END_MARK " = 1\n");
    return buf_failed(text) ? err_memory(e) : 0;
}

int conf_file_read(struct arena *a, const char *path, struct conf_file *out, struct err *e)
{
    struct reader r = {.file = out, .e = e};
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
    struct buf text;
    struct stat st;
    FILE *in;

    memset(out, 0, sizeof *out);
    out->arena = a;
    out->path = arena_strdup(a, path);
    if (fd < 0 || fstat(fd, &st) < 0 || S_ISDIR(st.st_mode)) {
        rc = err_set(e, ERR_PERMANENT,
                     "%s: %s; expected the configuration file (option -c names it)", path,
                     fd < 0 ? strerror(errno) : "is a folder");
        if (fd >= 0)
            close(fd);
        return rc;
    }
    out->is_private = (st.st_mode & 077) == 0;
    in = out->path ? fdopen(fd, "r") : NULL;
    if (!in) {
        close(fd);
        return err_memory(e);
    }
    buf_init(&text, FILE_MAX);
    rc = read_all(out, in, &text, e);
    fclose(in);
    if (rc == 0) {
        pthread_mutex_lock(&lock);
        rc = parse(&r, text.data);
        pthread_mutex_unlock(&lock);
    }
    buf_clear(&text);
    return rc;
}
