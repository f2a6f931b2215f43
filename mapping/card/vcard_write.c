/*
 * vcard_write: contacts as vCards 4.0.  No data, no thread of its own.
 */
#include "mapping/card/vcard_write.h"

#include <string.h>

#include "base/utf8.h"

enum { FOLD_AT = 75 }; /* bytes of a line without its end (RFC 6350 §3.2) */

/* Whole characters only: some readers decode before they unfold. */
static void write_folded(struct buf *out, const struct buf *line)
{
    const char *p = line->data;
    size_t n = line->len, column = 0;

    while (n > 0) {
        uint32_t cp;
        size_t used = utf8_sequence(p, n, &cp);

        used = used > 0 ? used : 1;
        if (column + used > FOLD_AT) {
            buf_adds(out, "\r\n ");
            column = 1;
        }
        buf_add(out, p, used);
        column += used;
        p += used;
        n -= used;
    }
    buf_adds(out, "\r\n");
}

/* RFC 6350 §3.4 */
static void add_text(struct buf *line, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n') {
            buf_adds(line, "\\n");
            continue;
        }
        if (strchr("\\,;", *text))
            buf_addc(line, '\\');
        if ((unsigned char)*text >= ' ' && *text != 0x7f)
            buf_addc(line, *text);
    }
}

/* RFC 5122 §2.2; in a resource too / is no delimiter any more. */
static void add_jid(struct buf *line, const char *jid)
{
    buf_adds(line, "xmpp:");
    for (; *jid; jid++) {
        unsigned char c = (unsigned char)*jid;

        if (c > ' ' && c < 0x7f && !strchr("\"#%<>?[\\]^`{|}&':,;", c))
            buf_addc(line, (char)c);
        else
            buf_printf(line, "%%%02X", c);
    }
}

static void end_line(struct buf *out, struct buf *line)
{
    write_folded(out, line);
    out->failed = out->failed || buf_failed(line);
    buf_reset(line);
}

static void write_groups(struct buf *out, struct buf *line, const struct contact *c)
{
    size_t i;

    if (c->group_count == 0)
        return;
    buf_adds(line, "CATEGORIES:");
    for (i = 0; i < c->group_count; i++) {
        if (i > 0)
            buf_addc(line, ',');
        add_text(line, c->groups[i]);
    }
    end_line(out, line);
}

static void write_card(struct buf *out, struct buf *line, const struct contact *c)
{
    buf_adds(out, "BEGIN:VCARD\r\nVERSION:4.0\r\n");
    buf_adds(line, "FN:");
    add_text(line, c->name ? c->name : c->mail ? c->mail : c->jid);
    end_line(out, line);
    if (c->mail) {
        buf_adds(line, "EMAIL:");
        add_text(line, c->mail);
    } else {
        buf_adds(line, "IMPP:");
        add_jid(line, c->jid);
    }
    end_line(out, line);
    write_groups(out, line, c);
    buf_adds(out, "END:VCARD\r\n");
}

void vcard_write(struct buf *out, const struct contact *contacts)
{
    struct buf line;

    buf_init(&line, 1 << 20);
    for (; contacts; contacts = contacts->next)
        write_card(out, &line, contacts);
    buf_clear(&line);
}
