/*
 * convert_jabber: a mail as the stanzas it would become, a report as its errors and receipts, and
 * the page with the whole mail.  No data, one thread.
 */
#include "bridge/cli/convert_inside.h"

#include "base/id.h"
#include "bridge/reports/bounce.h"
#include "bridge/cli/command.h"
#include "bridge/outcome.h"
#include "bridge/to_mail/threading.h"
#include "mapping/mime/attachment_read.h"
#include "mapping/card/contacts.h"
#include "mapping/text/page_write.h"
#include "mapping/report/receipts.h"
#include "mapping/stanza/stanza_write.h"
#include "web/url.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* Links as the gateway would make them for what it stores. */
static int name_files(struct conversion *c, struct letter *letter)
{
    const struct conf *conf = c->settings->conf;
    struct attachment *at;
    int64_t id = c->id;

    for (at = letter->attachments; at; at = at->next, id++) {
        char token[KEYED_TOKEN_SIZE];
        const char *name;

        if (!at->content || !conf->web_url)
            continue;
        keyed_token(c->ctx.key, "file", id, c->ctx.now_s + conf->web_keep_s, token);
        name = url_segment(c->arena, at->filename ? at->filename : "attachment");
        at->url = name ? arena_printf(c->arena, "%s/f/%s/%s", conf->web_url, token, name) : NULL;
        if (!at->url)
            return -1;
    }
    if (c->job.page && conf->web_url) {
        char token[KEYED_TOKEN_SIZE];

        keyed_token(c->ctx.key, "file", id, c->ctx.now_s + conf->web_keep_s, token);
        letter->whole_url = arena_printf(c->arena, "%s/f/%s/mail.html", conf->web_url, token);
        if (!letter->whole_url)
            return -1;
    }
    return 0;
}

static void mail_read(struct reader_job *job, void *arg)
{
    (void)job;
    (void)arg;
}

/* As the gateway does it, in a process of its own: the mail may be one that was set aside for what
 * it did to the last. */
static struct letter *read_mail(struct conversion *c, int *status)
{
    const atomic_bool never = false;
    struct reader_link link = {.stop = &never, .settled = mail_read, .limits = reader_limits_usual};
    struct reader_job *job = &c->job;

    link.origin = helper_template_new(READER_COMMAND);
    if (!link.origin) {
        *status = EX_TEMPFAIL;
        return NULL;
    }
    job->settings = c->settings;
    job->request.envelope.reverse_path = c->sender;
    job->request.envelope.recipients = c->recipients;
    job->request.envelope.recipient_count = c->recipient_count;
    job->request.now_s = c->ctx.now_s;
    job->request.wants_page = true;
    job->mail = c->input.data;
    job->len = c->input.len;
    job->arena = c->arena;
    job->id = c->id;
    reader_link_read(&link, job);
    reader_link_rest(&link);
    helper_template_free(link.origin);
    if (!job->letter)
        *status = command_fail(&job->err, EX_DATAERR);
    else if (attachment_hash(job->letter) < 0 || name_files(c, job->letter) < 0)
        *status = EX_TEMPFAIL;
    else
        return job->letter;
    return NULL;
}

/* The page with the whole mail, as it would be served. */
int convert_to_page(struct conversion *c)
{
    int status = EX_OK;
    struct letter *letter = read_mail(c, &status);
    struct buf page;

    if (!letter)
        return status;
    if (!c->job.page) {
        fputs("postern: the message says all that is in this mail: it gets no page\n", stderr);
        return EX_DATAERR;
    }
    buf_init(&page, PAGE_MAX);
    reader_page(&c->job, &page);
    if (buf_failed(&page))
        status = EX_TEMPFAIL;
    else
        fwrite(page.data, 1, page.len, stdout);
    buf_clear(&page);
    return status;
}

/* The user a report is for, and the id of the stanza, as far as the report itself tells. */
static void fill_original(struct conversion *c, const struct letter *letter, struct link *link)
{
    const struct report *report = letter->report;
    struct addr mail;
    struct jid jid;
    struct err e;

    if (!report)
        return;
    if (!link->stanza_id && report->original_message_id) {
        size_t n = strcspn(report->original_message_id, "@");

        link->stanza_id = arena_strndup(c->arena, report->original_message_id, n);
    }
    if (!link->jid && report->original_from &&
        addr_parse(c->arena, report->original_from, &mail, &e) == 0 &&
        address_map_owns_address(c->ctx.map, &mail) &&
        address_map_mail_to_jid(c->ctx.map, c->arena, &mail, &jid, NULL, &e) == 0)
        link->jid = jid_bare(c->arena, &jid);
}

static const char *contact_of(struct conversion *c, const char *address)
{
    struct addr mail;
    struct jid jid;
    struct err e;

    if (!address || addr_parse(c->arena, address, &mail, &e) < 0 ||
        address_map_mail_to_contact(c->ctx.map, c->arena, &mail, &jid, NULL, &e) < 0)
        return address_map_gateway(c->ctx.map);
    return jid_bare(c->arena, &jid);
}

/* What can be known of the message without the gateway's memory. */
static void fill_link(struct conversion *c, const struct letter *letter, const struct party *to,
                      struct link *link)
{
    if (to && to->jid.domain)
        link->jid = jid_bare(c->arena, &to->jid);
    if (to && address_map_reverse(c->ctx.map, &to->mail)) {
        const char *token = address_map_reverse(c->ctx.map, &to->mail) + 2;

        link->stanza_id = arena_strndup(c->arena, token, strcspn(token, "."));
    }
    fill_original(c, letter, link);
}

/* One error for each failed recipient that the report names. */
static int write_errors(struct conversion *c, const struct letter *letter, const struct party *to)
{
    const struct report_recipient *r = bounce_recipient(letter, NULL);
    struct link link = {0};

    fill_link(c, letter, to, &link);
    do {
        struct jabber_error error;
        const char *address = r ? r->address : NULL, *text;

        link.contact = contact_of(c, address);
        if (bounce_error(c->arena, letter, address, &error) < 0 || !link.contact)
            return EX_TEMPFAIL;
        text = outcome_error_text(c->arena, &link, &error);
        if (!text)
            return EX_TEMPFAIL;
        convert_print_line(text);
        for (r = r ? r->next : NULL; r && r->action != REPORT_FAILED; r = r->next)
            ;
    } while (r);
    return EX_OK;
}

static int write_notice_stanza(struct conversion *c, const struct link *link, enum notice_kind kind)
{
    static const struct receipt_forms all = {true, true, true};
    struct xml_node *stanza;

    if (kind == NOTICE_NONE)
        return EX_OK;
    if (!link->contact || !link->jid) {
        fputs("postern: the report does not tell which message it is about\n", stderr);
        return EX_DATAERR;
    }
    stanza = receipts_notice(c->arena, link->contact, link->jid, link->stanza_id, kind, &all);
    if (!stanza)
        return EX_TEMPFAIL;
    convert_print_node(stanza);
    return EX_OK;
}

/* A report that nothing failed: the receipt for each recipient, as if all had been asked for. */
static int write_notices(struct conversion *c, const struct letter *letter, const struct party *to)
{
    const struct report *report = letter->report;
    const struct report_recipient *r;
    struct link link = {0};
    int status;

    fill_link(c, letter, to, &link);
    link.contact = contact_of(c, report->disposition_recipient);
    if (report->disposition != DISPOSITION_NONE)
        return write_notice_stanza(c, &link, receipts_of_disposition(report->disposition));
    for (r = report->recipients; r; r = r->next) {
        link.contact = contact_of(c, r->address);
        status = write_notice_stanza(c, &link, receipts_of_action(r->action));
        if (status != EX_OK)
            return status;
    }
    return EX_OK;
}

/* The stanza that follows, in the gateway under an id of its own. */
static int write_contacts(struct conversion *c, const struct letter *letter, const struct party *to)
{
    const char *id = arena_printf(c->arena, "%s-contacts", letter->stanza_id);
    struct xml_node *stanza = id ? contacts_write(&c->ctx, c->arena, letter, to, id) : NULL;

    if (!stanza)
        return -1;
    convert_print_node(stanza);
    return 0;
}

static int write_messages(struct conversion *c, struct letter *letter)
{
    char id[ID_TEXT_SIZE];
    const struct party *r;
    unsigned n = 0;

    if (letter->expires_s != 0 && letter->expires_s <= c->ctx.now_s) {
        fputs("postern: the mail has expired: it is not sent\n", stderr);
        return EX_OK;
    }
    letter->thread = threading_root(&c->ctx, letter);
    for (r = letter->recipients; r; r = r->next, n++) {
        struct xml_node *stanza;

        if (!r->jid.domain) {
            fprintf(stderr,
                    "postern: %s@%s is no Jabber user here: the sender is told so (550 5.1.1)\n",
                    r->mail.local, r->mail.domain);
            continue;
        }
        letter->stanza_id = arena_printf(c->arena, "%s-%u", id_format(c->id, id), n);
        stanza = letter->stanza_id ? stanza_write(&c->ctx, c->arena, letter, r) : NULL;
        if (!stanza)
            return EX_TEMPFAIL;
        convert_print_node(stanza);
        if (letter->contacts && write_contacts(c, letter, r) < 0)
            return EX_TEMPFAIL;
    }
    return EX_OK;
}

int convert_to_jabber(struct conversion *c)
{
    int status = EX_OK;
    struct letter *letter = read_mail(c, &status);
    bool is_bounce;

    if (!letter)
        return status;
    is_bounce = bounce_is_failure(letter) &&
                (letter->report || (letter->recipients && !letter->recipients->jid.domain &&
                                    address_map_reverse(c->ctx.map, &letter->recipients->mail)));
    if (is_bounce)
        return write_errors(c, letter, letter->recipients);
    if (letter->report)
        return write_notices(c, letter, letter->recipients);
    if (!letter->recipients) {
        fprintf(stderr, "postern: the mail names nobody at %s: say --recipient ADDRESS\n",
                address_map_mail_domain(c->ctx.map));
        return EX_DATAERR;
    }
    return write_messages(c, letter);
}
