/*
 * convert: `postern convert`: the whole translation offline, with no server and no store.
 *
 * A pure function of its input, the configuration and the time (SOURCE_DATE_EPOCH stands in for the
 * clock, as in reproducible builds): ids are made from a hash of the input, keys are all zero, so
 * the addresses and links in its output are of the right form and valid nowhere.
 */
#include "bridge/command.h"

#include "base/clock.h"
#include "base/id.h"
#include "bridge/bounce.h"
#include "bridge/outcome.h"
#include "bridge/reader_link.h"
#include "bridge/settings.h"
#include "bridge/threading.h"
#include "component/parser.h"
#include "component/stream.h"
#include "mapping/attachment_read.h"
#include "mapping/mdn_write.h"
#include "mapping/contacts.h"
#include "mapping/mime_write.h"
#include "mapping/page_write.h"
#include "mapping/receipts.h"
#include "mapping/report_write.h"
#include "mapping/reverse_path.h"
#include "mapping/stanza_read.h"
#include "mapping/stanza_write.h"
#include "web/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { STANZA_MAX = 4 << 20, ARENA_EXTRA = 16 << 20, RECIPIENTS_MAX = 100 };

struct conversion {
    struct settings *settings;
    struct arena *arena;
    struct context ctx;
    struct buf input;
    int64_t id;
    bool has_envelope;
    const char *recipients[RECIPIENTS_MAX];
    size_t recipient_count;
    const char *sender;
    struct reader_job job; /* of a mail */
};

static int64_t now(void)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    char *end;
    long long value;

    if (epoch && *epoch) {
        value = strtoll(epoch, &end, 10);
        if (*end == '\0' && value > 0)
            return value;
    }
    return clock_wall_s(&clock_system);
}

static int read_all(struct buf *b, struct err *e)
{
    char piece[65536];
    size_t n;

    while ((n = fread(piece, 1, sizeof piece, stdin)) > 0)
        if (buf_add(b, piece, n) < 0)
            return err_set(e, ERR_PERMANENT, "the input is larger than %zu bytes", b->max);
    if (ferror(stdin))
        return err_set(e, ERR_RETRY, "standard input cannot be read");
    if (b->len == 0)
        return err_set(e, ERR_PERMANENT, "standard input is empty");
    return 0;
}

/* One line for each stanza, whatever its text has: a line end in XML text may be written as its
 * number. */
static void print_line(const char *xml)
{
    for (; *xml; xml++) {
        if (*xml == '\n')
            fputs("&#10;", stdout);
        else
            putchar(*xml);
    }
    putchar('\n');
}

static void print_node(const struct xml_node *node)
{
    struct buf b;

    buf_init(&b, (size_t)64 << 20);
    xml_write(&b, node, STREAM_NS);
    if (!buf_failed(&b))
        print_line(b.data);
    buf_clear(&b);
}

/* Does the transaction for blind (NULL: all who are named openly) take r? */
static bool takes(const struct party *blind, const struct party *r)
{
    return !r->is_jabber && (blind ? r == blind : r->role != PARTY_BCC);
}

/* With the parameters of RFC 3461, as they go to a relay that offers DSN. */
static void print_envelope(const struct conversion *c, const char *reverse_path,
                           const struct party *blind, const struct letter *letter)
{
    unsigned notify = receipts_notify(&letter->wishes);
    bool has_request = receipts_has_request(notify);
    const struct party *r;
    char id[ID_TEXT_SIZE];
    struct buf b;

    printf("MAIL FROM:<%s>", reverse_path);
    if (has_request)
        printf(" RET=HDRS ENVID=%s", id_format(c->id, id));
    fputs("\r\n", stdout);
    for (r = letter->recipients; r; r = r->next) {
        const char *address = addr_text(c->arena, &r->mail);

        if (!takes(blind, r) || !address)
            continue;
        buf_init(&b, 4096);
        receipts_notify_text(&b, notify);
        if (has_request) {
            buf_adds(&b, " ORCPT=rfc822;");
            receipts_xtext(&b, address);
        }
        printf("RCPT TO:<%s>%s\r\n", address, buf_failed(&b) ? "" : b.data);
        buf_clear(&b);
    }
    fputs("\r\n", stdout);
}

static int print_mail(const struct buf *mail)
{
    if (fwrite(mail->data, 1, mail->len, stdout) != mail->len)
        return EX_TEMPFAIL;
    return EX_OK;
}

/* To mail. */

static int refused(struct conversion *c, const struct xml_node *stanza,
                   const struct jabber_error *error)
{
    struct xml_node *reply = jabber_error_reply(c->arena, stanza, error);

    if (reply)
        print_node(reply);
    fprintf(stderr, "postern: refused with %d %s: %s\n", error->code, error->condition,
            error->text ? error->text : "");
    return EX_DATAERR;
}

/* As in SMTP: a line of one dot ends it, and a line that begins with a dot gets another. */
static void print_stuffed(const struct buf *mail)
{
    size_t i;

    for (i = 0; i < mail->len; i++) {
        if (mail->data[i] == '.' && (i == 0 || mail->data[i - 1] == '\n'))
            putchar('.');
        putchar(mail->data[i]);
    }
    fputs(".\r\n", stdout);
}

static int print_transaction(struct conversion *c, struct letter *letter, const struct party *blind,
                             bool is_only)
{
    const char *reverse_path = reverse_path_make(&c->ctx, c->arena, c->id);
    int status = EX_OK;
    struct buf mail;
    struct err e;

    if (!reverse_path)
        return EX_TEMPFAIL;
    if (letter->wishes.displayed || letter->wishes.markable)
        letter->wishes.disposition_to = reverse_path;
    buf_init(&mail, (size_t)64 << 20);
    if (mime_write(&c->ctx, letter, &mail, &e) < 0) {
        status = command_fail(&e, EX_DATAERR);
    } else {
        if (c->has_envelope)
            print_envelope(c, reverse_path, blind, letter);
        if (is_only)
            status = print_mail(&mail);
        else
            print_stuffed(&mail);
    }
    buf_clear(&mail);
    c->id++; /* the next one's */
    return status;
}

static const struct party *next_blind(const struct party *r)
{
    while (r && (r->is_jabber || r->role != PARTY_BCC))
        r = r->next;
    return r;
}

/* Blind copies go in transactions of their own, one after the other; without envelopes there is no
 * telling them apart, and one mail shows them all. */
static int print_transactions(struct conversion *c, struct letter *letter)
{
    const struct party *blind = next_blind(letter->recipients), *r = letter->recipients;
    int status = EX_OK;
    bool is_only;

    while (r && !takes(NULL, r))
        r = r->next;
    is_only = !c->has_envelope || !blind || (!r && !next_blind(blind->next));
    if (r)
        status = print_transaction(c, letter, NULL, is_only);
    if (r && !c->has_envelope)
        return status;
    for (; blind && status == EX_OK; blind = c->has_envelope ? next_blind(blind->next) : NULL)
        status = print_transaction(c, letter, blind, is_only);
    return status;
}

static int write_letter(struct conversion *c, struct letter *letter)
{
    char id[ID_TEXT_SIZE];
    bool has_mail = false;
    const struct party *r;

    for (r = letter->recipients; r; r = r->next) {
        struct xml_node *stanza;

        if (!r->is_jabber) {
            has_mail = true;
            continue;
        }
        stanza = stanza_write(&c->ctx, c->arena, letter, r);
        if (!stanza || contacts_write_items(c->arena, stanza, letter) < 0)
            return EX_TEMPFAIL;
        print_node(stanza);
    }
    if (!has_mail)
        return EX_OK;
    letter->message_id =
        arena_printf(c->arena, "%s@%s", id_format(c->id, id), address_map_mail_domain(c->ctx.map));
    return letter->message_id ? print_transactions(c, letter) : EX_TEMPFAIL;
}

/* A stanza of type error becomes the report that the mail's sender would get. */
static int write_report(struct conversion *c, const struct xml_node *stanza)
{
    const struct xml_node *error = xml_child(stanza, NULL, "error");
    struct report_input in = {.id = c->id, .action = REPORT_FAILED, .original = ""};
    struct jid from, to;
    struct addr mail;
    struct buf out;
    struct err e;
    int status;

    if (!error) {
        fputs("postern: a stanza of type error without <error/>\n", stderr);
        return EX_DATAERR;
    }
    if (jid_parse(c->arena, xml_get(stanza, "from"), &from, &e) < 0 ||
        jid_parse(c->arena, xml_get(stanza, "to"), &to, &e) < 0 ||
        address_map_contact_to_mail(c->ctx.map, c->arena, &to, &mail, NULL, &e) < 0)
        return command_fail(&e, EX_DATAERR);
    in.to = addr_text(c->arena, &mail);
    if (address_map_jid_to_mail(c->ctx.map, c->arena, &from, &mail, NULL, &e) < 0)
        return command_fail(&e, EX_DATAERR);
    in.recipient = addr_text(c->arena, &mail);
    in.recipient_jid = jid_bare(c->arena, &from);
    in.arrived_s = c->ctx.now_s;
    in.jabber_condition = outcome_condition(c->arena, error);
    if (!in.to || !in.recipient || status_from_jabber(c->arena, error, &in.status) < 0)
        return EX_TEMPFAIL;
    if (status_class(&in.status) == SMTP_DELIVERED) { /* type continue (RFC 6120 §8.3.2) */
        fputs("postern: this error is only a remark: the mail has arrived\n", stderr);
        return EX_OK;
    }
    buf_init(&out, 1 << 20);
    if (report_write(&c->ctx, &in, &out, &e) < 0) {
        status = command_fail(&e, EX_DATAERR);
    } else {
        if (c->has_envelope)
            printf("MAIL FROM:<>\r\nRCPT TO:<%s>\r\n\r\n", in.to);
        status = print_mail(&out);
    }
    buf_clear(&out);
    return status;
}

/* A receipt from the Jabber user, as it would go to the mail's sender who asked for one. */
static int write_notice(struct conversion *c, const struct letter *letter)
{
    struct mdn_input in = {.id = c->id, .name = letter->from.name};
    struct buf out;
    struct err e;
    int status;

    if (letter->notice_kind != NOTICE_DISPLAYED) {
        fputs("postern: mail has no use for this receipt\n", stderr);
        return EX_OK;
    }
    in.to = addr_text(c->arena, &letter->recipients->mail);
    in.recipient = addr_text(c->arena, &letter->from.mail);
    if (!in.to || !in.recipient)
        return EX_TEMPFAIL;
    buf_init(&out, 1 << 20);
    if (mdn_write(&c->ctx, &in, &out, &e) < 0) {
        status = command_fail(&e, EX_DATAERR);
    } else {
        if (c->has_envelope)
            printf("MAIL FROM:<>\r\nRCPT TO:<%s> NOTIFY=NEVER\r\n\r\n", in.to);
        status = print_mail(&out);
    }
    buf_clear(&out);
    return status;
}

static int to_mail(struct conversion *c)
{
    const struct parser_limits limits = {.stanza_bytes = STANZA_MAX, .depth = 64, .attributes = 64};
    struct jabber_error error;
    struct xml_node *stanza;
    struct letter *letter;
    const char *type;
    struct err e;

    if (parser_read_one(c->arena, c->input.data, c->input.len, STREAM_NS, &limits, &stanza, &e) < 0)
        return command_fail(&e, EX_DATAERR);
    if (strcmp(stanza->name, "message") != 0 || !xml_get(stanza, "from") ||
        !xml_get(stanza, "to")) {
        fputs("postern: expected one <message/> with from and to\n", stderr);
        return EX_DATAERR;
    }
    type = xml_get(stanza, "type");
    if (type && strcmp(type, "error") == 0)
        return write_report(c, stanza);
    switch (stanza_read(&c->ctx, c->arena, stanza, &letter, &error)) {
    case STANZA_LETTER:
        return write_letter(c, letter);
    case STANZA_NOTICE:
        return write_notice(c, letter);
    case STANZA_WORDS:
        fputs("postern: this is said to the gateway itself, and nothing is for mail\n", stderr);
        return EX_OK;
    case STANZA_IGNORE:
        fputs("postern: nothing in this message is for mail\n", stderr);
        return EX_OK;
    case STANZA_REFUSED:
        return refused(c, stanza, &error);
    case STANZA_FAILED:
        break;
    }
    fputs("postern: out of memory\n", stderr);
    return EX_TEMPFAIL;
}

/* To Jabber. */

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
    if (!job->letter)
        *status = command_fail(&job->err, EX_DATAERR);
    else if (attachment_hash(job->letter) < 0 || name_files(c, job->letter) < 0)
        *status = EX_TEMPFAIL;
    else
        return job->letter;
    return NULL;
}

/* The page with the whole mail, as it would be served. */
static int to_page(struct conversion *c)
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
        print_line(text);
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
    print_node(stanza);
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
    print_node(stanza);
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
        print_node(stanza);
        if (letter->contacts && write_contacts(c, letter, r) < 0)
            return EX_TEMPFAIL;
    }
    return EX_OK;
}

static int to_jabber(struct conversion *c)
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

/* The command. */

static int parse_arguments(const struct command_line *line, struct conversion *c,
                           const char **to_out)
{
    int i;

    *to_out = NULL;
    for (i = 0; i < line->argc; i++) {
        const char *arg = line->argv[i];
        bool has_value = i + 1 < line->argc;

        if (strcmp(arg, "--envelope") == 0)
            c->has_envelope = true;
        else if (strcmp(arg, "--to") == 0 && has_value)
            *to_out = line->argv[++i];
        else if (strcmp(arg, "--sender") == 0 && has_value)
            c->sender = line->argv[++i];
        else if (strcmp(arg, "--recipient") == 0 && has_value &&
                 c->recipient_count < RECIPIENTS_MAX)
            c->recipients[c->recipient_count++] = line->argv[++i];
        else
            return command_usage("convert: %s is unknown, lacks its value, or is one too many",
                                 arg);
    }
    if (!*to_out || (strcmp(*to_out, "mail") != 0 && strcmp(*to_out, "jabber") != 0 &&
                     strcmp(*to_out, "page") != 0))
        return command_usage("convert needs --to mail, --to jabber or --to page");
    if (strcmp(*to_out, "jabber") != 0 && (c->sender || c->recipient_count > 0))
        return command_usage("--sender and --recipient go with --to jabber");
    if (strcmp(*to_out, "mail") != 0 && c->has_envelope)
        return command_usage("--envelope goes with --to mail");
    return EX_OK;
}

/* Without a file of its own a first try still answers, with the sample's names. */
static struct conf *read_conf(const struct command_line *line, struct err *e)
{
    FILE *f;

    if (!line->has_conf_path) {
        f = fopen(line->conf_path, "r");
        if (!f) {
            fprintf(stderr, "postern: no %s: taking the sample's names (mail.example.org)\n",
                    line->conf_path);
            return conf_sample(e);
        }
        fclose(f);
    }
    return conf_read(line->conf_path, CONF_OFFLINE, e);
}

static int prepare(struct conversion *c, struct conf **conf, struct err *e)
{
    static const struct keyed_key no_key;
    char hex[17];

    c->settings = settings_new(conf, &no_key, e);
    if (!c->settings)
        return -1;
    settings_context(c->settings, now(), &c->ctx);
    c->arena = arena_new(reader_arena_max(c->input.len) + ARENA_EXTRA);
    if (!c->arena)
        return err_memory(e);
    keyed_hash_hex(&no_key, "convert", c->input.data, c->input.len, 8, hex);
    c->id = (int64_t)(strtoull(hex, NULL, 16) & INT64_MAX);
    return 0;
}

int command_convert(const struct command_line *line)
{
    struct conversion c = {0};
    const char *to;
    struct conf *conf;
    struct err e;
    int status = parse_arguments(line, &c, &to);

    if (status != EX_OK)
        return status;
    conf = read_conf(line, &e);
    if (!conf)
        return command_fail(&e, EX_CONFIG);
    buf_init(&c.input, strcmp(to, "mail") == 0 ? STANZA_MAX : (size_t)conf->limit.mail_size_max);
    if (read_all(&c.input, &e) < 0) {
        status = command_fail(&e, EX_DATAERR);
        conf_free(conf);
    } else if (prepare(&c, &conf, &e) < 0) {
        status = command_fail(&e, EX_CONFIG);
    } else {
        status = strcmp(to, "mail") == 0   ? to_mail(&c)
                 : strcmp(to, "page") == 0 ? to_page(&c)
                                           : to_jabber(&c);
    }
    fflush(stdout);
    settings_drop(c.settings);
    arena_free(c.arena);
    buf_clear(&c.input);
    return status;
}
