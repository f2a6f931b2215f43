/*
 * report_write: a delivery report, from what became of a mail on the Jabber side.
 *
 * Three parts (RFC 6522): words for the sender, the same for programs (RFC 3464), and the header of
 * the mail it is about.  Nothing in it is believed: the failed mail is a stranger's.  No data, no
 * thread of its own.
 */
#include "mapping/report/report_write.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/id.h"
#include "base/utf8.h"
#include "mapping/mime/header_write.h"
#include "mapping/mime/mime_parts.h"
#include "mapping/mime/transfer.h"

enum {
    ORIGINAL_MAX = 65536,  /* bytes of the failed mail's header that go back */
    RETURNED_MAX = 262144, /* of all of it */
    LINE_MAX_LEN = 999,    /* with its CR */
    WORDS_MAX = 500,       /* of a reason */
    TEXT_MAX = 4 << 20     /* of one part, with REPORT_ALSO_MAX recipients in it */
};

struct action {
    const char *name;   /* RFC 3464 §2.3.3 */
    const char *status; /* §2.3.4, when none is known */
    const char *subject;
    const char *words;
};

static const struct action *action_of(enum report_action action)
{
    static const struct action actions[] = {
        [REPORT_FAILED] = {"failed", "5.0.0", "Your message could not be delivered",
                           "Your message could not be delivered to"},
        [REPORT_DELAYED] =
            {"delayed", "4.0.0", "Your message is delayed",
             "Your message has not been delivered yet; it is tried again. It is for"},
        [REPORT_DELIVERED] = {"delivered", "2.0.0", "Your message was delivered",
                              "Your message was delivered to"},
        [REPORT_RELAYED] = {"relayed", "2.0.0", "Your message was passed on",
                            "Your message was passed on, to a place that tells no more, for"},
        [REPORT_EXPANDED] = {"expanded", "2.0.0", "Your message was passed on",
                             "Your message was passed on to several people behind"},
    };

    return &actions[action];
}

/* ---- the failed mail ---- */

/* Its header, with the end of the last field; no more than ORIGINAL_MAX, cut at a line's end. */
static size_t header_len(const char *mail, size_t len)
{
    size_t i = 0, last = 0;

    while (i < len && i < ORIGINAL_MAX) {
        const char *end = memchr(mail + i, '\n', len - i);
        size_t n = end ? (size_t)(end - mail) - i + 1 : len - i;

        if (n <= 2 && (mail[i] == '\n' || mail[i] == '\r'))
            return i;
        i += n;
        if (i <= ORIGINAL_MAX)
            last = i;
    }
    return last;
}

/* RFC 3461 §4.3 speaks of failed mails only.  A message part may not be encoded (RFC 2046 §5.2.1),
 * so what is not fit for every relay as it stands goes back as its header. */
static bool returns_all(const struct report_input *in)
{
    const char *at = in->original, *end = in->original + in->original_len;

    if (!in->returns_all || in->action != REPORT_FAILED || in->original_len > RETURNED_MAX ||
        !utf8_is_ascii(in->original, in->original_len))
        return false;
    while (at < end) {
        const char *line = memchr(at, '\n', (size_t)(end - at));

        if (!line || line - at > LINE_MAX_LEN || line == at || line[-1] != '\r')
            return false;
        at = line + 1;
    }
    return in->original_len > 0;
}

/* The first Message-ID of a header, without its brackets; NULL: none that could be written. */
static const char *original_id(const char *header, size_t len, char *out, size_t out_size)
{
    static const char name[] = "message-id:";
    size_t i = 0;

    while (i + sizeof name < len) {
        const char *end = memchr(header + i, '\n', len - i), *open, *close;
        size_t n = end ? (size_t)(end - header) - i + 1 : len - i;

        if (n > sizeof name && strncasecmp(header + i, name, sizeof name - 1) == 0) {
            open = memchr(header + i, '<', len - i); /* folded, it may be on the next line */
            close = open ? memchr(open, '>', len - (size_t)(open - header)) : NULL;
            if (!close || (size_t)(close - open) > out_size)
                return NULL;
            memcpy(out, open + 1, (size_t)(close - open) - 1);
            out[close - open - 1] = '\0';
            return header_is_message_id(out) ? out : NULL;
        }
        i += n;
    }
    return NULL;
}

/* ---- parts ---- */

static void add_line(struct buf *out, const char *text, size_t max)
{
    size_t n = header_clip(text, max), i;

    for (i = 0; i < n; i++)
        buf_addc(out, (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i]);
}

static struct report_also first_of(const struct report_input *in)
{
    return (struct report_also){.recipient = in->recipient,
                                .recipient_jid = in->recipient_jid,
                                .original_recipient = in->original_recipient,
                                .jabber_condition = in->jabber_condition,
                                .status = in->status};
}

static const char *reason_of(const struct report_also *r)
{
    return r->status.text ? r->status.text : "";
}

/* All have the same: it is said once. */
static bool has_one_reason(const struct report_input *in)
{
    struct report_also first = first_of(in);
    size_t i;

    for (i = 0; i < in->also_count; i++)
        if (strcmp(reason_of(&in->also[i]), reason_of(&first)) != 0)
            return false;
    return true;
}

static void name_person(struct buf *text, const struct report_also *r, bool has_reason)
{
    buf_adds(text, "    ");
    add_line(text, r->recipient, WORDS_MAX);
    if (r->recipient_jid) {
        buf_adds(text, "\n    (the Jabber user ");
        add_line(text, r->recipient_jid, WORDS_MAX);
        buf_adds(text, ")");
    }
    buf_adds(text, "\n");
    if (has_reason && *reason_of(r) != '\0') {
        buf_adds(text, "    The reason given: ");
        add_line(text, reason_of(r), WORDS_MAX);
        buf_adds(text, "\n");
    }
}

static void write_words(struct buf *out, const struct report_input *in)
{
    struct report_also first = first_of(in);
    bool is_one = has_one_reason(in);
    struct buf text;
    size_t i;

    buf_init(&text, TEXT_MAX);
    buf_printf(&text, "%s\n\n", action_of(in->action)->words);
    name_person(&text, &first, !is_one);
    for (i = 0; i < in->also_count; i++)
        name_person(&text, &in->also[i], !is_one);
    if (is_one && *reason_of(&first) != '\0') {
        buf_adds(&text, "\nThe reason given:\n\n    ");
        add_line(&text, in->status.text, WORDS_MAX);
        buf_adds(&text, "\n");
    }
    if (in->action == REPORT_DELAYED)
        buf_adds(&text, "\nThere is nothing you need to do.\n");
    if (in->original_len > 0)
        buf_adds(&text, returns_all(in) ? "\nYour message is attached.\n"
                                        : "\nThe header of your message is attached.\n");
    mime_text_part(out, "text/plain; charset=utf-8", text.data, text.len);
    out->failed = out->failed || buf_failed(&text);
    buf_clear(&text);
}

/* RFC 3464 §2.1.2 wants ASCII; an internationalized address is written as RFC 6533 §3 says. */
static void write_recipient(struct buf *out, const char *address)
{
    size_t n = strlen(address), i = 0, start = out->len;

    if (utf8_is_ascii(address, n)) {
        buf_adds(out, "Final-Recipient: rfc822; ");
        add_line(out, address, WORDS_MAX);
        buf_adds(out, "\n");
        return;
    }
    buf_adds(out, "Final-Recipient: utf-8; ");
    while (i < n && out->len - start < WORDS_MAX) {
        uint32_t cp = 0xfffd;
        size_t len = utf8_sequence(address + i, n - i, &cp);

        if (cp > ' ' && cp < 0x7f && cp != '\\' && cp != '+' && cp != '=')
            buf_addc(out, (char)cp);
        else
            buf_printf(out, "\\x{%X}", (unsigned)cp);
        i += len > 0 ? len : 1;
    }
    buf_adds(out, "\n");
}

/* §2.3.1: what the sender wrote, where that is known. */
static void write_original(struct buf *out, const char *original)
{
    const char *address = original ? strchr(original, ';') : NULL;

    if (!address || !utf8_is_ascii(original, strlen(original)))
        return;
    buf_adds(out, "Original-Recipient: ");
    add_line(out, original, (size_t)(address - original));
    buf_adds(out, "; ");
    add_line(out, address + 1, WORDS_MAX);
    buf_adds(out, "\n");
}

/* §2.3.6.  What Jabber said is its condition; what SMTP said is its reply. */
static void write_diagnostic(struct buf *out, const struct report_also *r)
{
    const struct smtp_status *s = &r->status;

    if (r->jabber_condition) {
        buf_adds(out, "Diagnostic-Code: x-xmpp; ");
        add_line(out, r->jabber_condition, 100);
    } else if (s->code > 0) {
        buf_printf(out, "Diagnostic-Code: smtp; %d", s->code);
        if (s->enhanced)
            buf_printf(out, " %s", s->enhanced);
    } else {
        return;
    }
    if (s->text && *s->text != '\0' && utf8_is_ascii(s->text, strlen(s->text))) {
        buf_adds(out, r->jabber_condition ? " (" : " ");
        add_line(out, s->text, WORDS_MAX);
        buf_adds(out, r->jabber_condition ? ")" : "");
    }
    buf_adds(out, "\n");
}

/* class "." subject "." detail (RFC 3463 §2) */
static bool is_enhanced(const char *s)
{
    return s && (s[0] == '2' || s[0] == '4' || s[0] == '5') && s[1] == '.' &&
           strspn(s, "0123456789.") == strlen(s) && strlen(s) <= 9;
}

/* §2.3: the fields of one recipient. */
static void write_group(struct buf *out, enum report_action about, const struct report_also *r)
{
    const struct action *action = action_of(about);
    bool is_temporary = about == REPORT_FAILED && r->status.code / 100 == 4;

    buf_adds(out, "\n");
    write_original(out, r->original_recipient);
    write_recipient(out, r->recipient);
    buf_printf(out, "Action: %s\nStatus: %s\n", action->name,
               is_enhanced(r->status.enhanced) ? r->status.enhanced
               : is_temporary                  ? "4.0.0"
                                               : action->status);
    write_diagnostic(out, r);
}

/* Has a report of Jabber's been turned into this one, for any of them? */
static bool is_foreign(const struct report_input *in)
{
    size_t i;

    for (i = 0; i < in->also_count; i++)
        if (in->also[i].jabber_condition)
            return true;
    return in->jabber_condition != NULL;
}

static void write_status(struct buf *out, const struct context *ctx, const struct report_input *in)
{
    const char *md = address_map_mail_domain(ctx->map);
    struct report_also first = first_of(in);
    struct buf text;
    size_t i;

    buf_init(&text, TEXT_MAX);
    if (in->envelope_id) { /* §2.2.1 */
        buf_adds(&text, "Original-Envelope-Id: ");
        add_line(&text, in->envelope_id, WORDS_MAX);
        buf_adds(&text, "\n");
    }
    buf_printf(&text, "Reporting-MTA: dns; %s\n", md);
    if (is_foreign(in)) /* §2.2.3: exactly where a gateway turned a foreign report into this
                                 one */
        buf_printf(&text, "DSN-Gateway: smtp; %s\n", md);
    if (in->arrived_s > 0)
        header_date(&text, "Arrival-Date", in->arrived_s);
    write_group(&text, in->action, &first);
    for (i = 0; i < in->also_count; i++)
        write_group(&text, in->action, &in->also[i]);
    buf_adds(out, "Content-Type: message/delivery-status\r\n\r\n");
    transfer_write_text(out, TRANSFER_7BIT, text.data, text.len);
    out->failed = out->failed || buf_failed(&text);
    buf_clear(&text);
}

static void write_header(struct buf *out, const struct context *ctx, const struct report_input *in,
                         const struct addr *to, const char *id, size_t header)
{
    struct addr daemon = {"mailer-daemon", address_map_mail_domain(ctx->map)};
    char in_reply_to[HEADER_ID_MAX];
    struct header h;

    header_date(out, "Date", ctx->now_s);
    header_begin(&h, out, "From");
    header_mailbox(&h, "Mail gateway to Jabber", &daemon, false);
    header_end(&h);
    header_begin(&h, out, "To");
    header_mailbox(&h, NULL, to, false);
    header_end(&h);
    header_text(out, "Subject", action_of(in->action)->subject);
    header_begin(&h, out, "Message-ID");
    header_message_id(&h, id);
    header_end(&h);
    if (original_id(in->original, header, in_reply_to, sizeof in_reply_to)) {
        header_begin(&h, out, "In-Reply-To");
        header_message_id(&h, in_reply_to);
        header_end(&h);
        header_begin(&h, out, "References");
        header_message_id(&h, in_reply_to);
        header_end(&h);
    }
    buf_adds(out, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"); /* RFC 3834 §5 */
}

int report_write(const struct context *ctx, const struct report_input *in, struct buf *out,
                 struct err *e)
{
    size_t header = in->original ? header_len(in->original, in->original_len) : 0;
    struct arena *a = arena_new(8192);
    struct mime_multipart m;
    char id[ID_TEXT_SIZE], message_id[HEADER_ID_MAX];
    struct addr to;
    int rc;

    if (!a)
        return err_memory(e);
    rc = addr_parse(a, in->to, &to, e);
    if (rc == 0) {
        snprintf(message_id, sizeof message_id, "%s@%s", id_format(in->id, id),
                 address_map_mail_domain(ctx->map));
        write_header(out, ctx, in, &to, message_id, header);
        mime_multipart_begin(&m, out, "report", "report-type=delivery-status", message_id);
        mime_multipart_next(&m);
        write_words(out, in);
        mime_multipart_next(&m);
        write_status(out, ctx, in);
        if (returns_all(in)) {
            mime_multipart_next(&m);
            buf_adds(out, "Content-Type: message/rfc822\r\n\r\n");
            buf_add(out, in->original, in->original_len);
        } else if (header > 0) {
            mime_multipart_next(&m);
            mime_text_part(out, "text/rfc822-headers", in->original, header);
        }
        mime_multipart_end(&m);
        rc = buf_failed(out) ? err_memory(e) : 0;
    }
    arena_free(a);
    return rc;
}
