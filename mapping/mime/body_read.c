/*
 * body_read: which parts are text, which are files, and which of several versions is read.
 *
 * Depth is bounded by part_walk.  Works in the letter's arena, owns buffers during one call.  Any
 * thread; a crash loses the one mail.
 */
#include "mapping/mime/body_read.h"

#include <string.h>

#include "base/buf.h"
#include "mapping/mime/attachment_read.h"
#include "mapping/mime/charset.h"
#include "mapping/card/contacts.h"
#include "mapping/openpgp/openpgp.h"
#include "mapping/openpgp/openpgp_mail.h"
#include "mapping/text/page_html.h"
#include "mapping/address/people_read.h"
#include "mapping/text/text_cut.h"
#include "mapping/text/text_read.h"
#include "mapping/text/text_words.h"

enum { SEEN_MAX = 50 };

struct body {
    const struct context *ctx;
    struct arena *arena;
    struct letter *letter; /* NULL: only the text is wanted */
    struct buf text;
    size_t files, files_left_out;
    bool is_report;
    bool is_encrypted;                 /* PGP/MIME */
    const struct part *named;          /* the first text that has a file name */
    const struct part *seen[SEEN_MAX]; /* the texts in their fullest form */
    size_t seen_count;
    bool is_simplified; /* some of the text was HTML that says more than its words */
};

enum take { TAKE_ALL, TAKE_FILES };

static int read_part(struct body *b, const struct part *p, enum take take);

static bool is_attached(const struct part *p)
{
    return strcmp(p->disposition.main, "attachment") == 0;
}

/* Is it text to be read, not a file?  A text with a name is somebody's notes.txt. */
static bool is_text(const struct part *p)
{
    return (part_is(p, "text/plain") || part_is(p, "text/html")) && !is_attached(p) &&
           !attachment_claimed_name(p) && !p->children;
}

/* What no reader wants to see: Mac resource forks, the AMP form of a mail, what a report says to
 * machines. */
static bool is_noise(const struct body *b, const struct part *p)
{
    return part_is(p, "application/applefile") || part_is(p, "text/x-amp-html") ||
           part_is(p, "text/watch-html") ||
           (b->is_report && (part_is(p, "message/delivery-status") ||
                             part_is(p, "message/global-delivery-status") ||
                             part_is(p, "message/disposition-notification")));
}

static int add_text(struct body *b, const char *text)
{
    if (!text)
        return -1;
    if (text_read_weight(text) == 0)
        return 0;
    while (b->text.len > 0 && strchr(" \n", b->text.data[b->text.len - 1]))
        buf_truncate(&b->text, b->text.len - 1);
    if (b->text.len > 0)
        buf_adds(&b->text, "\n\n");
    buf_adds(&b->text, text);
    b->text.failed = false; /* over the maximum: the rest is left out */
    return 0;
}

static void see(struct body *b, const struct part *p)
{
    if (b->seen_count < SEEN_MAX)
        b->seen[b->seen_count++] = p;
}

/* Text that is made of this part alone. */
static int add_words(struct body *b, const struct part *p, const char *text)
{
    const char *raw;

    if (b->letter && part_is(p, "text/html") && !b->is_simplified) {
        raw = text_read_raw(b->arena, p);
        if (!raw)
            return -1;
        b->is_simplified = page_html_is_rich(raw);
    }
    return add_text(b, text);
}

static int add_file(struct body *b, const struct part *p)
{
    if (!b->letter)
        return 0;
    if (b->files >= BODY_ATTACHMENTS_MAX) {
        b->files_left_out++;
        return 0;
    }
    b->files++;
    return attachment_read(b->letter, p) < 0 ? -1 : contacts_read_mail(b->ctx, b->letter, p);
}

/* Text without the armor of a signature.  Armor longer than what is looked at of a text is a file:
 * half of it is worth nothing. */
static const char *read_words(struct body *b, const struct part *p)
{
    const char *text = text_read(b->arena, p);

    if (!text || !b->letter)
        return text;
    if (p->body_len > TEXT_READ_MAX && openpgp_is_armor(text))
        return add_file(b, p) < 0 ? NULL : "";
    return openpgp_mail_read_signed(b->letter, p, &text) < 0 ? NULL : text;
}

/* The text of a branch of an alternative: its first text part of that type. */
static const struct part *find_text(const struct part *p, const char *type)
{
    for (; p; p = p->next) {
        const struct part *found =
            p->children && !is_attached(p) ? find_text(p->children, type) : NULL;

        if (found)
            return found;
        if (is_text(p) && part_is(p, type))
            return p;
    }
    return NULL;
}

/* The best version: plain text when it says something, else HTML as text; files of all versions. */
static int read_alternative(struct body *b, const struct part *p, enum take take)
{
    const struct part *plain = find_text(p->children, "text/plain");
    const struct part *html = find_text(p->children, "text/html");
    const struct part *child;
    const char *text = NULL, *other = NULL;

    if (take == TAKE_ALL && plain) {
        text = read_words(b, plain);
        if (!text)
            return -1;
    }
    if (take == TAKE_ALL && html && (!text || text_read_weight(text) < 200)) {
        other = text_read(b->arena, html);
        if (!other)
            return -1;
        if (!text || !text_read_is_real(text, other))
            text = other;
    }
    if (text)
        see(b, html ? html : plain);
    if (text && add_words(b, text == other ? html : plain, text) < 0)
        return -1;
    for (child = p->children; child; child = child->next)
        if (read_part(b, child, TAKE_FILES) < 0)
            return -1;
    return 0;
}

/* Its encrypted half may be of any type (RFC 3156 §4); some servers make the whole a
 * multipart/mixed. */
static bool is_encrypted(const struct part *p)
{
    const struct part *first = p->children;

    return first->next && part_is(first, "application/pgp-encrypted");
}

static int read_encrypted(struct body *b, const struct part *p)
{
    const struct part *content = p->children->next, *child;
    bool is_done = false;

    if (b->letter && b->ctx->pgp_mime_inline &&
        openpgp_mail_read_inline(b->letter, content, &is_done) < 0)
        return -1;
    if (!is_done) {
        b->is_encrypted = true;
        if (read_part(b, content, TAKE_FILES) < 0)
            return -1;
        if (b->letter && !content->children)
            openpgp_mail_name(b->letter, content);
    }
    for (child = content->next; child; child = child->next)
        if (read_part(b, child, TAKE_FILES) < 0)
            return -1;
    return 0;
}

static int read_signed(struct body *b, const struct part *p, enum take take)
{
    const struct part *child;

    if (read_part(b, p->children, take) < 0 ||
        (b->letter && openpgp_mail_add_signed(b->letter, p) < 0))
        return -1;
    for (child = openpgp_mail_signature(p)->next; child; child = child->next)
        if (read_part(b, child, take) < 0)
            return -1;
    return 0;
}

static int read_children(struct body *b, const struct part *p, enum take take)
{
    const struct part *child;

    for (child = p->children; child; child = child->next)
        if (read_part(b, child, take) < 0)
            return -1;
    return 0;
}

static int read_part(struct body *b, const struct part *p, enum take take)
{
    if (p->children && is_encrypted(p))
        return read_encrypted(b, p);
    if (p->children && openpgp_mail_signature(p))
        return read_signed(b, p, take);
    if (p->children)
        return part_is(p, "multipart/alternative") ? read_alternative(b, p, take)
                                                   : read_children(b, p, take);
    if (is_noise(b, p))
        return 0;
    if (is_text(p)) {
        if (take == TAKE_FILES || b->text.len >= TEXT_READ_MAX)
            return 0;
        see(b, p);
        return add_words(b, p, read_words(b, p));
    }
    if (!b->named && part_is(p, "text/plain") && !is_attached(p))
        b->named = p;
    return add_file(b, p);
}

/* A mail that is one named text, or one that is only said to be an attachment, is still its text.
 */
static bool is_lone_text(const struct part *root)
{
    return !root->children && (part_is(root, "text/plain") || part_is(root, "text/html")) &&
           !is_attached(root);
}

static int read_root(struct body *b, const struct part *root)
{
    buf_init(&b->text, TEXT_READ_MAX * 2);
    if (is_lone_text(root)) {
        see(b, root);
        return add_words(b, root, read_words(b, root));
    }
    if (read_part(b, root, TAKE_ALL) < 0)
        return -1;
    /* Some programs give the only text there is a name. */
    return b->text.len == 0 && b->named ? add_text(b, text_read(b->arena, b->named)) : 0;
}

/* The texts as they came, for the page that shows the whole mail. */
static int keep_whole(struct body *b)
{
    struct passage **end = &b->letter->whole;
    size_t i;

    for (i = 0; i < b->seen_count; i++) {
        *end = arena_alloc(b->arena, sizeof **end);
        if (!*end)
            return -1;
        (*end)->is_html = part_is(b->seen[i], "text/html");
        (*end)->text =
            (*end)->is_html ? text_read_raw(b->arena, b->seen[i]) : text_read(b->arena, b->seen[i]);
        if (!(*end)->text)
            return -1;
        end = &(*end)->next;
    }
    return 0;
}

/* A text too long for a message becomes a file, and its beginning the text. */
static int clip(struct letter *l)
{
    size_t len = strlen(l->text);
    char *head;

    if (len <= BODY_TEXT_MAX)
        return 0;
    if (attachment_add(l, "message.txt", "text/plain; charset=utf-8", l->text, len) < 0)
        return -1;
    head = arena_strndup(l->arena, l->text, charset_clip(l->text, len, BODY_TEXT_MAX));
    if (!head)
        return -1;
    l->text = head;
    return people_add_notice(
        l, "The text was too long for a message and was cut; the whole is attached.");
}

/* What was left out can be found in the mail itself. */
static int attach_whole(struct letter *l, const struct body_input *in)
{
    const char *copy = arena_strndup(l->arena, in->mail, in->mail_len);

    if (!copy || attachment_add(l, "whole-message.eml", "message/rfc822", copy, in->mail_len) < 0)
        return -1;
    return people_add_notice(
        l, "Not every part of this mail could be taken apart; the whole is attached.");
}

/* For users who want to see what else was in it; no longer than a text may be. */
static int keep_uncut(struct letter *l, const char *whole)
{
    const char *text = text_uncut(l->arena, whole);
    size_t len = text ? strlen(text) : 0;

    if (text && len > BODY_TEXT_MAX)
        text = arena_strndup(l->arena, text, charset_clip(text, len, BODY_TEXT_MAX));
    l->uncut = text;
    return text ? 0 : -1;
}

static bool is_blank(const char *s)
{
    return text_read_weight(s) == 0;
}

int body_read(const struct context *ctx, struct letter *l, const struct body_input *in,
              struct err *e)
{
    struct body b = {.ctx = ctx, .arena = l->arena, .letter = l, .is_report = in->is_report};
    struct text_hints hints = {.is_reply =
                                   l->in_reply_to || l->references || words_is_reply(l->subject),
                               .is_forward = words_is_forward(l->subject),
                               .is_list = l->list_id};
    int result = read_root(&b, in->tree->root);
    const char *whole = b.text.data;

    if (result == 0)
        result = openpgp_mail_read_encrypted(l, &whole);
    if (result == 0) {
        bool cut = ctx->cut_quotes && !in->is_report;
        const char *text =
            cut ? text_cut(l->arena, whole, &hints, &l->is_cut) : text_uncut(l->arena, whole);

        if (text && !is_blank(text))
            l->text = text;
        result = text ? 0 : -1;
    }
    if (result == 0 && l->is_cut)
        result = keep_uncut(l, whole);
    arena_blame(l->arena, &b.text);
    buf_clear(&b.text);
    if (result == 0 && l->text)
        result = clip(l);
    if (result == 0 && (l->is_cut || b.is_simplified) && !in->is_report && !l->encrypted)
        result = keep_whole(&b);
    if (result == 0 && b.is_encrypted)
        result = people_add_notice(
            l, "This mail is encrypted with OpenPGP; what it says is in the attached file.");
    if (result == 0 && (in->tree->is_cut || b.files_left_out > 0))
        result = attach_whole(l, in);
    return result < 0 ? err_memory(e) : 0;
}

const char *body_read_text(struct arena *a, const struct part_tree *tree)
{
    struct body b = {.arena = a};
    const char *text = NULL;

    if (read_root(&b, tree->root) == 0)
        text = text_uncut(a, b.text.data);
    arena_blame(a, &b.text);
    buf_clear(&b.text);
    return text;
}
