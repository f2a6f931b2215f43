/*
 * header_addr: a lenient reader of address lists.
 *
 * One pass, character by character, without recursion: comments, quoted strings, routes, groups,
 * semicolons between addresses, unquoted commas in names, encoded words round a whole mailbox.  An
 * entry that has no address lends its words to the name of the next (`Doe, John <john@...>`).
 * Owns nothing.  Any thread; a crash loses the one mail.
 */
#include "mapping/mime/header_addr.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "mapping/mime/charset.h"
#include "mapping/mime/header_read.h"

enum { NAME_MAX_BYTES = 200, SPEC_MAX = 4096, CARRY_MAX = 300, ENTRY_MAX = 8192 };

struct reader {
    struct arena *arena;
    struct mailbox **end;
    size_t left;        /* how many more may be added */
    struct buf words;   /* what stands outside <> */
    struct buf comment; /* the last comment */
    struct buf spec;    /* what stands inside <> */
    bool has_spec, has_quotes;
    bool is_inner; /* reading what came out of an encoded word */
};

static int read_list(struct reader *r, const char *value);

static void reader_reset(struct reader *r)
{
    buf_reset(&r->words);
    buf_reset(&r->comment);
    buf_reset(&r->spec);
    r->has_spec = r->has_quotes = false;
}

/* The end of a quoted string that opens at p; the content without quotes goes to out. */
static const char *take_quoted(struct buf *out, const char *p)
{
    for (p++; *p && *p != '"'; p++) {
        if (*p == '\\' && p[1])
            p++;
        buf_addc(out, *p);
    }
    return *p ? p + 1 : p;
}

static const char *take_comment(struct buf *out, const char *p)
{
    size_t depth = 0;

    buf_reset(out);
    for (; *p; p++) {
        if (*p == '\\' && p[1])
            p++;
        else if (*p == '(' && depth++ == 0)
            continue;
        else if (*p == ')' && --depth == 0)
            return p + 1;
        buf_addc(out, *p);
    }
    return p;
}

/* Inside <>: quotes are kept (they belong to the local part), comments are not. */
static const char *take_spec(struct reader *r, const char *p)
{
    const char *start = ++p;
    bool quoted = false;

    for (; *p && (quoted || *p != '>') && p - start <= SPEC_MAX; p++) {
        if (*p == '\\' && p[1])
            p++;
        else if (*p == '"')
            quoted = !quoted;
        else if (!quoted && *p == '<') /* `<<a@b>>` */
            start = p + 1;
    }
    if (*p != '>') { /* no end: take what looks like the address */
        p = start;
        p += strcspn(p, "> ,;\t");
    }
    buf_reset(&r->spec);
    buf_add(&r->spec, start, (size_t)(p - start));
    r->has_spec = true;
    while (*p == '>')
        p++;
    return p;
}

/* The addr-spec without blanks at its ends and without an obsolete route (@a,@b:). */
static int parse_spec(struct reader *r, const char *text, struct addr *out)
{
    const char *clean, *colon;
    char *copy;
    size_t n;
    struct err e;

    text += strspn(text, " \t");
    colon = *text == '@' ? strchr(text, ':') : NULL;
    if (colon)
        text = colon + 1;
    if (strncmp(text, "mailto:", 7) == 0)
        text += 7;
    n = strlen(text);
    while (n > 0 && strchr(" \t.", text[n - 1]))
        n--;
    if (n == 0 || n > 1000)
        return 0;
    clean = charset_read(r->arena, NULL, text, n);
    copy = arena_strdup(r->arena, clean);
    if (!copy)
        return -1;
    err_clear(&e);
    if (addr_parse(r->arena, copy, out, &e) < 0) {
        memset(out, 0, sizeof *out);
        return e.class == ERR_RETRY ? -1 : 0;
    }
    return 0;
}

static int set_name(struct reader *r, struct mailbox *m, const char *raw)
{
    const char *name = header_read_text(r->arena, raw, NAME_MAX_BYTES);
    size_t n;

    if (!name)
        return -1;
    n = strlen(name);
    if (n > 1 && (name[0] == '\'' || name[0] == '"') && name[n - 1] == name[0]) {
        name = arena_strndup(r->arena, name + 1, n - 2); /* 'John Doe': quoted twice */
        if (!name)
            return -1;
    }
    m->name = *name ? name : NULL;
    return 0;
}

static int add(struct reader *r, struct mailbox **out)
{
    struct mailbox *m = arena_alloc(r->arena, sizeof *m);

    if (!m)
        return -1;
    r->left--;
    *r->end = m;
    r->end = &m->next;
    *out = m;
    return 0;
}

static void trim(struct buf *b)
{
    while (b->len > 0 && strchr(" \t", b->data[b->len - 1]))
        buf_truncate(b, b->len - 1);
}

/* `=?utf-8?q?John_=3Cjohn@example.org=3E?=`: the decoded text is a list of its own. */
static int try_inner(struct reader *r, bool *done_out)
{
    const char *text;
    struct reader inner = {.arena = r->arena, .end = r->end, .left = r->left, .is_inner = true};
    int result;

    *done_out = false;
    if (r->is_inner || !strstr(r->words.data, "=?"))
        return 0;
    text = header_read_text(r->arena, r->words.data, 1000);
    if (!text)
        return -1;
    if (!strchr(text, '@'))
        return 0;
    result = read_list(&inner, text);
    r->end = inner.end;
    r->left = inner.left;
    *done_out = true;
    return result;
}

/* An entry has ended: with `,` or at the end of the list.  An entry without an address is kept for
 * the next one when a comma ended it. */
static int finish_entry(struct reader *r, char stop)
{
    struct mailbox *m;
    bool done;

    trim(&r->words);
    if (r->left == 0 || (r->words.len == 0 && !r->has_spec)) {
        reader_reset(r);
        return 0;
    }
    if (!r->has_spec && !strchr(r->words.data, '@')) {
        if (try_inner(r, &done) < 0)
            return -1;
        if (!done && stop == ',' && r->words.len < CARRY_MAX) {
            buf_adds(&r->words, ", ");
            return 0;
        }
        if (!done && (add(r, &m) < 0 || set_name(r, m, r->words.data) < 0))
            return -1;
        reader_reset(r);
        return 0;
    }
    if (add(r, &m) < 0)
        return -1;
    if (r->has_spec) {
        if (parse_spec(r, r->spec.data, &m->addr) < 0 ||
            set_name(r, m, r->words.len > 0 ? r->words.data : r->comment.data) < 0)
            return -1;
    } else {
        const char *word =
            strrchr(r->words.data, ' '); /* `, ` of an entry before, or plain words */

        if (parse_spec(r, word && !r->has_quotes ? word + 1 : r->words.data, &m->addr) < 0 ||
            set_name(r, m, r->comment.data) < 0)
            return -1;
    }
    reader_reset(r);
    return 0;
}

/* A quoted string: of a name its content, of a local part (an @ follows) with its quotes. */
static const char *take_string(struct reader *r, const char *p)
{
    struct buf text;
    const char *next;

    buf_init(&text, ENTRY_MAX);
    next = take_quoted(&text, p);
    if (*next == '@') {
        buf_add(&r->words, p, (size_t)(next - p));
        r->has_quotes = true;
    } else {
        buf_adds(&r->words, text.data);
    }
    r->words.failed = false; /* an overlong name is only cut */
    arena_blame(r->arena, &text);
    buf_clear(&text);
    return next;
}

static int read_list(struct reader *r, const char *value)
{
    const char *p = value;
    int result = 0;

    buf_init(&r->words, ENTRY_MAX);
    buf_init(&r->comment, ENTRY_MAX);
    buf_init(&r->spec, ENTRY_MAX);
    while (*p && result == 0 && r->left > 0) {
        if (*p == '"') {
            p = take_string(r, p);
        } else if (*p == '(') {
            p = take_comment(&r->comment, p);
        } else if (*p == '<') {
            p = take_spec(r, p);
        } else if (*p == ',' || *p == ';') {
            result = finish_entry(r, *p++);
        } else if (*p == ':' && !strchr(r->words.data, '@')) { /* the name of a group */
            reader_reset(r);
            p++;
        } else if ((*p == ' ' || *p == '\t') && r->words.len == 0) {
            p++;
        } else {
            buf_addc(&r->words, *p++);
            r->words.failed = false;
        }
    }
    if (result == 0)
        result = finish_entry(r, '\0');
    arena_blame(r->arena, &r->words);
    arena_blame(r->arena, &r->comment);
    arena_blame(r->arena, &r->spec);
    buf_clear(&r->words);
    buf_clear(&r->comment);
    buf_clear(&r->spec);
    return result;
}

int header_addr_list(struct arena *a, const char *value, size_t max, struct mailbox **out)
{
    struct reader r = {.arena = a, .end = out, .left = max};

    *out = NULL;
    return value ? read_list(&r, value) : 0;
}
