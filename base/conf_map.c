/*
 * conf_map: lines into rules.  Everything lives in the caller's arena; any thread, nothing is left
 * behind.
 */
#include "base/conf_map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_LEN = 8192, RULES_MAX = 100000, WORDS_MAX = 4 };

const char *const conf_map_directions[] = {"both", "to-mail", "to-jabber", NULL};

struct map_file {
    struct arena *arena;
    const char *path, *name;
    unsigned line;
    struct conf_map_rule *rules;
    size_t count, cap;
    struct err *e;
};

static int fail(const struct map_file *f, const char *what)
{
    return err_set(
        f->e, ERR_PERMANENT,
        "%s:%u: %s; expected JID ADDRESS and, if it is one way only, to-mail or to-jabber", f->path,
        f->line, what);
}

static struct conf_map_rule *add_rule(struct map_file *f)
{
    if (f->count == f->cap) {
        size_t cap = f->cap < 32 ? 64 : f->cap * 2;
        struct conf_map_rule *grown = arena_alloc(f->arena, cap * sizeof *grown);

        if (!grown)
            return NULL;
        if (f->count > 0)
            memcpy(grown, f->rules, f->count * sizeof *grown);
        f->rules = grown;
        f->cap = cap;
    }
    return &f->rules[f->count++];
}

/* The words of a line, in place; their number, or WORDS_MAX when there are more than a rule has. */
static size_t split(char *line, char *words[WORDS_MAX])
{
    static const char space[] = " \t\r\n";
    size_t n = 0;

    for (line += strspn(line, space); *line && *line != '#'; line += strspn(line, space)) {
        if (n == WORDS_MAX - 1)
            return WORDS_MAX;
        words[n++] = line;
        line += strcspn(line, space);
        if (*line)
            *line++ = '\0';
    }
    return n;
}

static int read_direction(const struct map_file *f, const char *word, struct conf_map_rule *rule)
{
    static const int directions[] = {CONF_MAP_BOTH, CONF_MAP_TO_MAIL, CONF_MAP_TO_JABBER};
    size_t i;

    for (i = 0; conf_map_directions[i]; i++)
        if (strcmp(word, conf_map_directions[i]) == 0) {
            rule->direction = directions[i];
            return 0;
        }
    return fail(f, "the third word is no direction");
}

static int read_line(struct map_file *f, char *line)
{
    struct conf_map_rule *rule;
    char *words[WORDS_MAX];
    size_t n = split(line, words);

    if (n == 0)
        return 0;
    if (n == 1)
        return fail(f, "the mail address is missing");
    if (n == WORDS_MAX)
        return fail(f, "there are too many words");
    if (f->count >= RULES_MAX)
        return err_set(f->e, ERR_PERMANENT, "%s:%u: more than %d rules; expected fewer, or a *",
                       f->path, f->line, RULES_MAX);
    rule = add_rule(f);
    if (!rule)
        return err_memory(f->e);
    rule->jabber = arena_strdup(f->arena, words[0]);
    rule->mail = arena_strdup(f->arena, words[1]);
    rule->where = arena_printf(f->arena, "%s:%u", f->name, f->line);
    rule->direction = CONF_MAP_BOTH;
    if (!rule->jabber || !rule->mail || !rule->where)
        return err_memory(f->e);
    return n == 3 ? read_direction(f, words[2], rule) : 0;
}

static int read_lines(struct map_file *f, FILE *in)
{
    char line[LINE_MAX_LEN];

    while (fgets(line, sizeof line, in)) {
        size_t n = strlen(line);

        f->line++;
        if (n == 0 || (line[n - 1] != '\n' && !feof(in)))
            return fail(f, n == 0 ? "a NUL stands in it" : "the line is too long");
        if (read_line(f, line) < 0)
            return -1;
    }
    if (ferror(in))
        return err_set(f->e, ERR_PERMANENT, "%s: %s; expected a file of address rules", f->path,
                       strerror(errno));
    return 0;
}

int conf_map_read(struct arena *a, const char *path, struct conf_map_rule **rules, size_t *count,
                  struct err *e)
{
    const char *slash = strrchr(path, '/');
    struct map_file f = {a, path, slash ? slash + 1 : path, 0, *rules, *count, *count, e};
    FILE *in = fopen(path, "re");
    int rc;

    if (!in)
        return err_set(e, ERR_PERMANENT, "%s: %s; expected the file that map_file names", path,
                       strerror(errno));
    rc = read_lines(&f, in);
    fclose(in);
    *rules = f.rules;
    *count = f.count;
    return rc;
}
