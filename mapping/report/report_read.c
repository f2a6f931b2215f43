/*
 * report_read: message/delivery-status by the book, other bounces by their words (bounce_text.c).
 *
 * The returned message gives its Message-ID and author.  Works in the letter's arena.  Any thread;
 * a crash loses the one mail.
 */
#include "mapping/report/report_read.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "mapping/mime/body_read.h"
#include "mapping/report/bounce_names.h"
#include "mapping/report/bounce_text.h"
#include "mapping/mime/header_addr.h"
#include "mapping/report/mdn_read.h"
#include "mapping/text/text_words.h"

enum { FIELD_MAX = 500, ORIGINAL_MAX = 256 << 10 };

/* The first part of one of two types, anywhere. */
static const struct part *find_part(const struct part *p, const char *const *types)
{
    for (; p; p = p->next) {
        const struct part *found = find_part(p->children, types);
        size_t i;

        if (found)
            return found;
        for (i = 0; types[i] && !p->children; i++)
            if (part_is(p, types[i]))
                return p;
    }
    return NULL;
}

/* ---- message/delivery-status (RFC 3464) ---- */

/* What follows the type in "rfc822; name@example.org"; NULL for memory. */
static const char *typed(struct arena *a, const char *value)
{
    const char *semicolon = strchr(value, ';');
    char *text;
    size_t n;

    text = arena_strdup(a, semicolon ? semicolon + 1 + strspn(semicolon + 1, " \t") : value);
    if (!text)
        return NULL;
    text += *text == '<';
    n = strlen(text);
    while (n > 0 && strchr("> \t", text[n - 1]))
        text[--n] = '\0';
    return header_read_text(a, text, FIELD_MAX);
}

static enum report_action action_named(const char *value, const char *status)
{
    static const struct {
        const char *name;
        enum report_action action;
    } names[] = {
        {"failed", REPORT_FAILED},       {"failure", REPORT_FAILED},  {"delayed", REPORT_DELAYED},
        {"delivered", REPORT_DELIVERED}, {"relayed", REPORT_RELAYED}, {"expanded", REPORT_EXPANDED},
    };
    char token[20];
    size_t i;

    header_read_token(value, token, sizeof token);
    for (i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(token, names[i].name) == 0)
            return names[i].action;
    if (status && *status == '4')
        return REPORT_DELAYED;
    return status && *status == '2' ? REPORT_DELIVERED : REPORT_FAILED;
}

static bool is_enhanced(const char *s)
{
    return strlen(s) >= 5 && strlen(s) <= 9 && strchr("245", s[0]) && s[1] == '.' &&
           strspn(s, "0123456789.") == strlen(s);
}

/* "5.0.0", and the "5.5.0" that some make of a 550. */
static bool is_vague(const char *enhanced)
{
    return strcmp(enhanced + 1, ".0.0") == 0 || strcmp(enhanced + 1, ".5.0") == 0;
}

static int read_status(struct arena *a, const struct mail_header *h, struct report_recipient *r)
{
    const char *diagnostic = header_read_get(h, "Diagnostic-Code");
    char enhanced[16];

    header_read_token(header_read_get(h, "Status"), enhanced, sizeof enhanced);
    if (is_enhanced(enhanced)) {
        r->status.enhanced = arena_strdup(a, enhanced);
        if (!r->status.enhanced)
            return -1;
    }
    if (diagnostic) {
        struct smtp_status said = {0};
        const char *words = typed(a, diagnostic);

        if (!words || bounce_text_status(a, words, strlen(words), &said) < 0)
            return -1;
        r->status.code = said.code;
        r->status.text = said.text;
        /* Programs that say only "5.0.0" often know better in the server's own words. */
        if (!r->status.enhanced || (said.enhanced && is_vague(r->status.enhanced) &&
                                    said.enhanced[0] == r->status.enhanced[0]))
            r->status.enhanced = said.enhanced;
    }
    return 0;
}

/* One group of fields; one without a recipient adds none. */
static int read_group(struct letter *l, const struct mail_header *h, struct report *report,
                      size_t *count)
{
    const char *original = header_read_get(h, "Original-Recipient");
    const char *final = header_read_get(h, "Final-Recipient");
    const char *mta = header_read_get(h, "Reporting-MTA"),
               *id = header_read_get(h, "Original-Envelope-Id");
    struct report_recipient *r, **end;

    if (mta && !report->reporting_mta && !(report->reporting_mta = typed(l->arena, mta)))
        return -1;
    if (id && !report->envelope_id &&
        !(report->envelope_id = header_read_text(l->arena, id, FIELD_MAX)))
        return -1;
    if ((!original && !final) || *count >= REPORT_RECIPIENTS_MAX)
        return 0;
    r = arena_alloc(l->arena, sizeof *r);
    if (!r || read_status(l->arena, h, r) < 0)
        return -1;
    if (original && !strchr(original, '@') && final)
        original = NULL;
    r->address = typed(l->arena, original ? original : final);
    if (!r->address)
        return -1;
    r->action = action_named(header_read_get(h, "Action"), r->status.enhanced);
    for (end = &report->recipients; *end; end = &(*end)->next)
        if (strcmp((*end)->address, r->address) == 0 && (*end)->action == r->action)
            return 0; /* once is enough */
    *end = r;
    (*count)++;
    return 0;
}

static int read_delivery_status(struct letter *l, const struct part *p, struct report *report)
{
    size_t len, at = 0, count = 0, groups = 0;
    const char *text = part_content(l->arena, p, ORIGINAL_MAX, &len);

    if (!text)
        return -1;
    while (at < len && groups++ < REPORT_RECIPIENTS_MAX * 4) {
        struct mail_header h;

        while (at < len && isspace((unsigned char)text[at]))
            at++;
        if (header_read(l->arena, text + at, len - at, &h) < 0 ||
            read_group(l, &h, report, &count) < 0)
            return -1;
        at += h.body;
        if (h.body == 0) /* a line that is no field */
            at += strcspn(text + at, "\n");
    }
    return 0;
}

/* A single recipient with a status that says nothing: the words for people may say more. */
static int read_vague(struct letter *l, const char *text, struct report *report)
{
    struct report_recipient *r = report->recipients;
    struct smtp_status said = {0};

    if (!r || r->next || r->action != REPORT_FAILED || r->status.text || !r->status.enhanced ||
        strcmp(r->status.enhanced, "5.0.0") != 0)
        return 0;
    if (bounce_text_status(l->arena, text, bounce_text_end(text), &said) < 0)
        return -1;
    if (said.enhanced && *said.enhanced == '5')
        r->status.enhanced = said.enhanced;
    if (said.code >= 500)
        r->status.code = said.code;
    return 0;
}

/* ---- the returned message ---- */

static int read_original(struct letter *l, const char *text, size_t len, struct report *report,
                         struct mailbox **addressees)
{
    const char *id, *from;
    struct mailbox *m;
    struct mail_header h;
    size_t at = 0;

    if (header_read(l->arena, text, len, &h) < 0 ||
        bounce_names_addressees(l->arena, &h, addressees) < 0)
        return -1;
    id = header_read_get(&h, "Message-ID");
    from = header_read_get(&h, "From");
    if (id)
        report->original_message_id = header_read_id(l->arena, id, &at);
    if (!from)
        return 0;
    if (header_addr_list(l->arena, from, 5, &m) < 0)
        return -1;
    if (m && m->addr.domain && !(report->original_from = addr_text(l->arena, &m->addr)))
        return -1;
    return 0;
}

static int read_returned(struct letter *l, const struct part_tree *tree, const char *text,
                         struct report *report, struct mailbox **addressees)
{
    static const char *const types[] = {"message/rfc822",         "text/rfc822-headers",
                                        "message/global",         "message/global-headers",
                                        "message/rfc822-headers", NULL};
    const struct part *p = find_part(tree->root, types);
    const char *content;
    size_t len, at;

    if (p) {
        content = part_content(l->arena, p, ORIGINAL_MAX, &len);
        if (!content)
            return -1;
        len = len < ORIGINAL_MAX ? len : ORIGINAL_MAX;
        return read_original(l, content, len, report, addressees);
    }
    /* In the text itself: from the first field on. */
    for (at = bounce_text_end(text); text[at];) {
        size_t n = strcspn(text + at, "\n");

        if (header_read_end(text + at, strlen(text + at)) > 2 * n && memchr(text + at, ':', n))
            return read_original(l, text + at, strlen(text + at), report, addressees);
        at += n + (text[at + n] == '\n');
    }
    return 0;
}

/* ---- is it one? ---- */

static bool is_feedback(const struct part_tree *tree)
{
    static const char *const types[] = {"message/feedback-report", NULL};

    return find_part(tree->root, types) != NULL;
}

static bool is_from_system(const struct letter *l)
{
    static const char *const names[] = {"mailer-daemon",        "postmaster", "mailerdaemon",
                                        "mail-daemon",          "mdaemon",    "mail.daemon",
                                        "maildaemon",           "daemon",     "mail-system",
                                        "system administrator", "mailsystem", "mailer_daemon"};
    static const char *const shown[] = {"Mail Delivery Subsystem", "Mail Delivery System",
                                        "Mailer-Daemon", "Mail Delivery Service"};
    static const char exchange[] = "microsoftexchange";
    size_t i;

    for (i = 0; i < sizeof names / sizeof *names; i++)
        if (l->from.mail.local && strcasecmp(l->from.mail.local, names[i]) == 0)
            return true;
    if (l->from.mail.local && strncasecmp(l->from.mail.local, exchange, sizeof exchange - 1) == 0)
        return true;
    for (i = 0; l->from.name && i < sizeof shown / sizeof *shown; i++)
        if (strcasecmp(l->from.name, shown[i]) == 0)
            return true;
    return false;
}

/* Vacation programs and the like, which say so in ways of their own. */
static bool is_automatic_answer(const struct letter *l, const struct mail_header *h)
{
    static const char *const fields[] = {"X-Autoreply", "X-Autorespond", "X-Autogenerated",
                                         "X-Auto-Response-Suppress-Reply"};
    char token[20];
    size_t i;

    for (i = 0; i < sizeof fields / sizeof *fields; i++)
        if (header_read_get(h, fields[i]))
            return true;
    header_read_token(header_read_get(h, "Auto-Submitted"), token, sizeof token);
    return strcmp(token, "auto-replied") == 0 || l->in_reply_to;
}

static bool is_returned_to_author(const struct letter *l, const struct report *report)
{
    const struct party *party;

    for (party = l->parties; report->original_from && party; party = party->next)
        if (bounce_text_is_mail(&party->mail, report->original_from, strlen(report->original_from)))
            return true;
    return false;
}

/* People answer with the subject of what they answer, pass on what they got, and write about it; so
 * of a sender who is no mail system more is asked than words. */
static bool is_bounce(const struct letter *l, const struct mail_header *h, const char *text,
                      const struct report *report)
{
    bool null_path = l->reverse_path && !*l->reverse_path, system = is_from_system(l);
    bool subject = bounce_text_is_subject(l->subject);

    if (header_read_get(h, "X-Failed-Recipients"))
        return true;
    if (words_is_forward(l->subject))
        return false;
    if (system && subject && (null_path || !l->in_reply_to))
        return true;
    if (system && null_path && !is_automatic_answer(l, h)) /* in whatever language */
        return true;
    if (!bounce_text_is_bounce(text))
        return false;
    if (system)
        return true;
    if (is_automatic_answer(l, h))
        return false;
    return subject && (null_path || is_returned_to_author(l, report) || bounce_text_lists(text));
}

/* A gateway on the way may have packed a whole report into a mail of its own: the tree of what it
 * packed, once.  *inner stays as it is when there is none. */
static int unpack(struct letter *l, const struct part_tree *tree, struct part_tree *inner,
                  struct err *e)
{
    static const char *const types[] = {"message/rfc822", NULL};
    const struct part *p = find_part(tree->root, types);
    const char *content;
    struct param_value type;
    struct mail_header h;
    size_t len;

    if (!p || p->body_len > ORIGINAL_MAX)
        return 0;
    content = part_content(l->arena, p, 0, &len);
    if (!content || header_read(l->arena, content, len, &h) < 0 ||
        header_params(l->arena, header_read_get(&h, "Content-Type"), &type) < 0)
        return err_memory(e);
    return strcmp(type.main, "multipart/report") == 0
               ? part_walk(l->arena, content, len, &h, inner, e)
               : 0;
}

int report_read(struct letter *l, const struct mail_header *h, const struct part_tree *tree,
                struct report **out, struct err *e)
{
    struct part_tree packed = *tree;
    struct mailbox *addressees = NULL;

    static const char *const types[] = {"message/delivery-status", "message/global-delivery-status",
                                        NULL};
    static const char *const mdn_types[] = {"message/disposition-notification",
                                            "message/global-disposition-notification", NULL};
    const struct part *status = find_part(tree->root, types);
    const struct part *mdn = find_part(tree->root, mdn_types);
    struct report *report = arena_alloc(l->arena, sizeof *report);
    struct bounce_hints hints = {
        .subject = l->subject, .letter = l, .sure = header_read_get(h, "X-Failed-Recipients")};

    *out = NULL;
    if (!report || (status && read_delivery_status(l, status, report) < 0))
        return err_memory(e);
    if (is_feedback(tree)) /* RFC 5965: somebody complains of mail that arrived */
        return 0;
    if (!status && mdn && part_is(tree->root, "multipart/report") &&
        mdn_read(l->arena, mdn, report) < 0)
        return err_memory(e);
    if (report->disposition != DISPOSITION_NONE) {
        if (read_returned(l, tree, "", report, &addressees) < 0)
            return err_memory(e);
        *out = report;
        return 0;
    }
    if (!report->recipients && !status && !is_from_system(l) && !hints.sure &&
        !bounce_text_is_subject(l->subject) && !(l->reverse_path && !*l->reverse_path))
        return 0; /* most mail: nothing here is a bounce */
    if (!status) {
        if (unpack(l, tree, &packed, e) < 0)
            return -1;
        tree = &packed;
        status = find_part(tree->root, types);
        if (status && read_delivery_status(l, status, report) < 0)
            return err_memory(e);
    }
    hints.text = body_read_text(l->arena, tree);
    if (!hints.text || read_returned(l, tree, hints.text, report, &addressees) < 0)
        return err_memory(e);
    if (!report->recipients && (status || is_bounce(l, h, hints.text, report))) {
        hints.original_from = report->original_from;
        hints.addressees = addressees;
        if (bounce_text_read(l->arena, &hints, report) < 0)
            return err_memory(e);
    }
    if (bounce_names_complete(l->arena, addressees, report) < 0 ||
        read_vague(l, hints.text, report) < 0)
        return err_memory(e);
    if (report->recipients)
        *out = report;
    return 0;
}
