/*
 * convert_mail: a stanza as the mail it would be sent as, with its envelope; or what goes back.  No
 * data, one thread.
 */
#include "bridge/cli/convert_inside.h"

#include "base/id.h"
#include "bridge/cli/command.h"
#include "bridge/outcome.h"
#include "component/parser.h"
#include "component/stream.h"
#include "mapping/card/contacts.h"
#include "mapping/report/mdn_write.h"
#include "mapping/mime/mime_write.h"
#include "mapping/report/receipts.h"
#include "mapping/report/report_write.h"
#include "mapping/address/reverse_path.h"
#include "mapping/stanza/stanza_read.h"
#include "mapping/stanza/stanza_write.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

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

static int refused(struct conversion *c, const struct xml_node *stanza,
                   const struct jabber_error *error)
{
    struct xml_node *reply = jabber_error_reply(c->arena, stanza, error);

    if (reply)
        convert_print_node(reply);
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
        convert_print_node(stanza);
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

int convert_to_mail(struct conversion *c)
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
