/*
 * mdn_write: a multipart/report of the type disposition-notification.
 *
 * Three parts (RFC 8098 §3): words, fields for programs, the header of the mail it is about.  The
 * fields say that a person looked (manual-action) and that the gateway, told to do so, sent this
 * (MDN-sent-automatically).  No data, no thread of its own.
 */
#include "mapping/report/mdn_write.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/utf8.h"
#include "mapping/mime/header_write.h"
#include "mapping/mime/mime_parts.h"
#include "mapping/mime/transfer.h"

enum { WORDS_MAX = 300, FIELDS_MAX = 8192 };

static void add_line(struct buf *out, const char *text)
{
    size_t n = header_clip(text, WORDS_MAX), i;

    for (i = 0; i < n; i++)
        buf_addc(out, (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i]);
}

static void write_words(struct buf *out, const struct mdn_input *in)
{
    struct buf text;

    buf_init(&text, FIELDS_MAX);
    buf_adds(&text, "Your message");
    if (in->original_subject) {
        buf_adds(&text, "\n\n    ");
        add_line(&text, in->original_subject);
        buf_adds(&text, "\n\n");
    } else {
        buf_adds(&text, " ");
    }
    buf_adds(&text, "to\n\n    ");
    add_line(&text, in->recipient);
    buf_adds(&text, "\n\nwas shown there. That is no proof that it was read or understood.\n");
    mime_text_part(out, "text/plain; charset=utf-8", text.data, text.len);
    out->failed = out->failed || buf_failed(&text);
    buf_clear(&text);
}

/* RFC 8098 §3.1.  An address that is not ASCII has no place in these fields (RFC 6533 has another
 * type for it); the gateway's own never are. */
static void write_fields(struct buf *out, const struct context *ctx, const struct mdn_input *in)
{
    struct buf text;

    buf_init(&text, FIELDS_MAX);
    buf_printf(&text, "Reporting-UA: %s; postern\n", address_map_mail_domain(ctx->map));
    if (utf8_is_ascii(in->recipient, strlen(in->recipient))) {
        buf_adds(&text, "Original-Recipient: rfc822; ");
        add_line(&text, in->recipient);
        buf_adds(&text, "\nFinal-Recipient: rfc822; ");
    } else {
        buf_adds(&text, "Final-Recipient: utf-8; ");
    }
    add_line(&text, in->recipient);
    buf_adds(&text, "\n");
    if (in->original_message_id && header_is_message_id(in->original_message_id))
        buf_printf(&text, "Original-Message-ID: <%s>\n", in->original_message_id);
    buf_adds(&text, "Disposition: manual-action/MDN-sent-automatically; displayed\n");
    buf_adds(out, "Content-Type: message/disposition-notification\r\n\r\n");
    transfer_write_text(out, TRANSFER_7BIT, text.data, text.len);
    out->failed = out->failed || buf_failed(&text);
    buf_clear(&text);
}

static void write_thread(struct buf *out, const struct mdn_input *in)
{
    struct header h;

    if (!in->original_message_id || !header_is_message_id(in->original_message_id))
        return;
    header_begin(&h, out, "In-Reply-To");
    header_message_id(&h, in->original_message_id);
    header_end(&h);
    header_begin(&h, out, "References");
    header_message_id(&h, in->original_message_id);
    header_end(&h);
}

static void write_header(struct buf *out, const struct context *ctx, const struct mdn_input *in,
                         const struct addr *to, const struct addr *from, const char *id)
{
    struct header h;

    header_date(out, "Date", ctx->now_s);
    header_begin(&h, out, "From");
    header_mailbox(&h, in->name, from, false);
    header_end(&h);
    header_begin(&h, out, "To");
    header_mailbox(&h, NULL, to, false);
    header_end(&h);
    header_text(out, "Subject", "Your message was shown");
    header_begin(&h, out, "Message-ID");
    header_message_id(&h, id);
    header_end(&h);
    write_thread(out, in);
    buf_adds(out, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"); /* RFC 3834 §5 */
}

static void write_parts(const struct context *ctx, const struct mdn_input *in, const char *seed,
                        struct buf *out)
{
    struct mime_multipart m;

    mime_multipart_begin(&m, out, "report", "report-type=disposition-notification", seed);
    mime_multipart_next(&m);
    write_words(out, in);
    mime_multipart_next(&m);
    write_fields(out, ctx, in);
    if (in->original && in->original_len > 0) {
        mime_multipart_next(&m);
        mime_text_part(out, "text/rfc822-headers", in->original, in->original_len);
    }
    mime_multipart_end(&m);
}

int mdn_write(const struct context *ctx, const struct mdn_input *in, struct buf *out, struct err *e)
{
    struct arena *a = arena_new(16384);
    char id[ID_TEXT_SIZE], message_id[HEADER_ID_MAX];
    struct addr to, from;
    int rc = -1;

    if (!a)
        return err_memory(e);
    if (addr_parse(a, in->to, &to, e) == 0 && addr_parse(a, in->recipient, &from, e) == 0) {
        snprintf(message_id, sizeof message_id, "%s@%s", id_format(in->id, id),
                 address_map_mail_domain(ctx->map));
        write_header(out, ctx, in, &to, &from, message_id);
        write_parts(ctx, in, message_id, out);
        rc = buf_failed(out) ? err_memory(e) : 0;
    }
    arena_free(a);
    return rc;
}
