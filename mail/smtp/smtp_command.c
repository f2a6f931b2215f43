/*
 * smtp_command: writes MAIL and RCPT with their parameters.
 *
 * Owns nothing; any thread.  A crash leaves nothing behind.
 */
#include "mail/smtp/smtp_command.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"
#include "mail/send_guard.h"

enum { DELIVERBY_MAX_S = 999999999 }; /* RFC 2852 §4: nine digits */

static bool is_ascii(const char *s)
{
    return utf8_is_ascii(s, strlen(s));
}

static bool needs_utf8(const struct send_job *job)
{
    size_t i;

    if ((job->needs & SEND_NEEDS_UTF8_HEADER) || !is_ascii(job->reverse_path))
        return true;
    for (i = 0; i < job->recipient_count; i++)
        if (job->recipients[i].trouble == SEND_ANSWERED && !is_ascii(job->recipients[i].address))
            return true;
    return false;
}

size_t smtp_command_fit(const struct smtp_offer *offer, struct send_job *job)
{
    size_t i, left = 0;

    if (offer->size_max > 0 && job->message_len > (uint64_t)offer->size_max)
        send_answer_rest(job, SEND_UNSENT, 552, "5.3.4",
                         "the mail is larger than what the relay takes");
    if ((job->needs & SEND_NEEDS_8BIT) && !offer->has_8bitmime)
        send_answer_rest(job, SEND_UNSENT, 554, "5.6.3",
                         "the mail has 8-bit bytes, which the relay does not take (8BITMIME)");
    if (!offer->has_smtputf8 &&
        ((job->needs & SEND_NEEDS_UTF8_HEADER) || !is_ascii(job->reverse_path)))
        send_answer_rest(job, SEND_UNSENT, 553, "5.6.7",
                         "the mail has characters beyond ASCII in its sender's address or header, "
                         "which the relay does not take (SMTPUTF8)");
    for (i = 0; i < job->recipient_count; i++) {
        struct send_recipient *r = &job->recipients[i];

        if (r->trouble != SEND_ANSWERED || r->code != 0)
            continue;
        if (offer->has_smtputf8 || is_ascii(r->address))
            left++;
        else
            send_answer(r, SEND_UNSENT, 553, "5.6.7",
                        "the address has characters beyond ASCII, which the relay does not take "
                        "(SMTPUTF8)");
    }
    return left;
}

/* RFC 3461 §4: xtext. */
static void add_xtext(struct buf *out, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;

        if (c < '!' || c > '~' || c == '+' || c == '=')
            buf_printf(out, "+%02X", c);
        else
            buf_addc(out, (char)c);
    }
}

/* RFC 6533 §3: utf-8-addr-xtext, which has \x{HEX} for what may not stand as it is. */
static void add_utf8_address(struct buf *out, const char *s)
{
    for (; *s; s++)
        if (*s == '+' || *s == '=' || *s == '\\')
            buf_printf(out, "\\x{%X}", (unsigned)*s);
        else
            buf_addc(out, *s);
}

static void add_deliver_by(struct buf *out, const struct smtp_offer *offer,
                           const struct send_job *job, int64_t now_s)
{
    int64_t left_s = job->deadline_s - now_s;

    if (!offer->has_deliverby || job->deadline_s == 0 || left_s <= 0 || left_s < offer->by_min_s ||
        left_s > DELIVERBY_MAX_S)
        return;
    buf_printf(out, " BY=%lld;R", (long long)left_s);
}

void smtp_command_mail(struct buf *out, const struct smtp_offer *offer, const struct send_job *job,
                       int64_t now_s)
{
    buf_adds(out, "MAIL FROM:<");
    buf_adds(out, job->reverse_path);
    buf_adds(out, ">");
    if (offer->has_size)
        buf_printf(out, " SIZE=%zu", job->message_len);
    if (offer->has_8bitmime && (job->needs & SEND_NEEDS_8BIT))
        buf_adds(out, " BODY=8BITMIME");
    if (offer->has_smtputf8 && needs_utf8(job))
        buf_adds(out, " SMTPUTF8");
    if (offer->has_dsn && job->envelope_id) {
        buf_adds(out, " RET=HDRS ENVID=");
        add_xtext(out, job->envelope_id);
    }
    add_deliver_by(out, offer, job, now_s);
    buf_adds(out, "\r\n");
}

static void add_notify(struct buf *out, unsigned notify)
{
    static const struct {
        unsigned bit;
        const char *word;
    } words[] = {
        {SEND_NOTIFY_SUCCESS, "SUCCESS"},
        {SEND_NOTIFY_FAILURE, "FAILURE"},
        {SEND_NOTIFY_DELAY, "DELAY"},
    };
    const char *before = " NOTIFY=";
    size_t i;

    if (notify & SEND_NOTIFY_NEVER) {
        buf_adds(out, " NOTIFY=NEVER");
        return;
    }
    for (i = 0; i < sizeof words / sizeof words[0]; i++)
        if (notify & words[i].bit) {
            buf_adds(out, before);
            buf_adds(out, words[i].word);
            before = ",";
        }
}

void smtp_command_rcpt(struct buf *out, const struct smtp_offer *offer, const struct send_job *job,
                       const struct send_recipient *r)
{
    buf_adds(out, "RCPT TO:<");
    buf_adds(out, r->address);
    buf_adds(out, ">");
    if (offer->has_dsn) {
        add_notify(out, r->notify);
        if (job->envelope_id && is_ascii(r->address)) {
            buf_adds(out, " ORCPT=rfc822;");
            add_xtext(out, r->address);
        } else if (job->envelope_id) {
            buf_adds(out, " ORCPT=utf-8;");
            add_utf8_address(out, r->address);
        }
    }
    buf_adds(out, "\r\n");
}
