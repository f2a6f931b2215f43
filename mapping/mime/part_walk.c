/*
 * part_walk: libetpan tells where the parts begin and end; what each part says of itself is read
 * from the mail.
 *
 * libetpan works on the harmless copy (mime_check.h), whose depth is bounded, so the recursion here
 * is too.  It keeps no state of its own between calls, so threads share nothing.  Owns the copy and
 * libetpan's tree during one call.  A crash loses the one mail.
 */
#include "mapping/mime/part_walk.h"

#include <string.h>
#include <strings.h>

#include <libetpan/libetpan.h>

#include "mapping/mime/mime_check.h"

struct walk {
    struct arena *arena;
    const struct mime_copy *copy;
    struct part_tree *tree;
    const struct mail_header *top;
};

/* A type that can be shown to others: token/token. */
static bool is_type(const char *s)
{
    const char *slash = strchr(s, '/');

    return slash && slash > s && slash[1] && strlen(s) < 120 &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.+-_!#$&^/") == strlen(s) &&
           !strchr(slash + 1, '/');
}

static int read_self(struct walk *w, struct part *p, const char *fallback)
{
    if (header_params(w->arena, header_read_get(&p->header, "Content-Type"), &p->type) < 0 ||
        header_params(w->arena, header_read_get(&p->header, "Content-Disposition"),
                      &p->disposition) < 0)
        return -1;
    if (!*p->type.main)
        p->type.main = fallback;
    else if (strcmp(p->type.main, "text") == 0) /* before MIME was settled */
        p->type.main = "text/plain";
    else if (!is_type(p->type.main))
        p->type.main = "application/octet-stream";
    p->transfer = transfer_read_kind(header_read_get(&p->header, "Content-Transfer-Encoding"));
    return 0;
}

static struct part *part_new(struct walk *w, const struct mailmime *m, const char *fallback)
{
    struct part *p = arena_alloc(w->arena, sizeof *p);
    const char *start = mime_copy_origin(w->copy, m->mm_mime_start);
    const char *end = mime_copy_origin(w->copy, m->mm_mime_start + m->mm_length);

    if (!p || header_read(w->arena, start, (size_t)(end - start), &p->header) < 0 ||
        read_self(w, p, fallback) < 0)
        return NULL;
    p->body = start + p->header.body;
    p->body_len = (size_t)(end - p->body);
    w->tree->count++;
    return p;
}

/* The children of a multipart, to *list. */
static int add_children(struct walk *w, const struct mailmime *m, const struct part *parent,
                        struct part **list)
{
    bool digest = parent && strcmp(parent->type.main, "multipart/digest") == 0;
    clistiter *i;

    for (i = clist_begin(m->mm_data.mm_multipart.mm_mp_list); i; i = clist_next(i)) {
        const struct mailmime *child = clist_content(i);

        if (w->tree->count >= PARTS_MAX) {
            w->tree->is_cut = true;
            return 0;
        }
        *list = part_new(w, child, digest ? "message/rfc822" : "text/plain");
        if (!*list)
            return -1;
        if (child->mm_type == MAILMIME_MULTIPLE &&
            add_children(w, child, *list, &(*list)->children) < 0)
            return -1;
        list = &(*list)->next;
    }
    return 0;
}

/* A multipart in which no part was seen is read as the text it is. */
static void settle(struct part *p)
{
    for (; p; p = p->next) {
        if (!p->children && strncmp(p->type.main, "multipart/", 10) == 0) {
            p->type.main = "text/plain";
            p->type.params = NULL;
        }
        settle(p->children);
    }
}

static int walk_root(struct walk *w, const struct mailmime *m)
{
    struct part *root = arena_alloc(w->arena, sizeof *root);

    if (!root)
        return -1;
    root->header = *w->top;
    root->body = w->copy->mail + w->copy->mail_body;
    root->body_len = w->copy->mail_len - w->copy->mail_body;
    if (read_self(w, root, "text/plain") < 0)
        return -1;
    w->tree->root = root;
    w->tree->count = 1;
    if (m && m->mm_type == MAILMIME_MESSAGE)
        m = m->mm_data.mm_message.mm_msg_mime;
    if (m && m->mm_type == MAILMIME_MULTIPLE && add_children(w, m, root, &root->children) < 0)
        return -1;
    settle(root);
    return 0;
}

int part_walk(struct arena *a, const char *mail, size_t len, const struct mail_header *header,
              struct part_tree *out, struct err *e)
{
    struct mime_copy copy;
    struct walk w = {.arena = a, .copy = &copy, .tree = out, .top = header};
    struct mailmime *m = NULL;
    struct param_value type;
    size_t at = 0;
    int result, code;

    memset(out, 0, sizeof *out);
    if (header_params(a, header_read_get(header, "Content-Type"), &type) < 0)
        return err_memory(e);
    memset(&copy, 0, sizeof copy);
    copy.mail = mail;
    copy.mail_len = len;
    copy.mail_body = header->body;
    if (strncmp(type.main, "multipart/", 10) != 0) /* nothing to take apart */
        return walk_root(&w, NULL) < 0 ? err_memory(e) : 0;
    if (mime_copy_init(&copy, a, mail, len, header, e) < 0)
        return -1;
    code = mailmime_parse(copy.data, copy.len, &at, &m);
    if (code != MAILIMF_NO_ERROR)
        m = NULL;
    result = code == MAILIMF_ERROR_MEMORY ? -1 : walk_root(&w, m);
    if (m)
        mailmime_free(m);
    mime_copy_clear(&copy);
    return result < 0 ? err_memory(e) : 0;
}

bool part_is(const struct part *p, const char *type)
{
    size_t n = strlen(type);

    return type[n - 1] == '/' ? strncmp(p->type.main, type, n) == 0
                              : strcmp(p->type.main, type) == 0;
}

const char *part_content(struct arena *a, const struct part *p, size_t max, size_t *len_out)
{
    size_t n = max > 0 && p->body_len > max ? max : p->body_len;

    return transfer_read(a, p->transfer, p->body, n, len_out);
}
