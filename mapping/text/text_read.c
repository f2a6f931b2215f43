/*
 * text_read: transfer encoding, charset, line ends, flowed or HTML, in that order.  Owns buffers
 * during one call.  Any thread; a crash loses the one mail.
 */
#include "mapping/text/text_read.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "mapping/mime/charset.h"
#include "mapping/text/flowed.h"
#include "mapping/text/html_text.h"

/* CRLF, and CR alone (old Macs, some web mailers), become LF; in place. */
static void fix_line_ends(char *s)
{
    char *o = s;
    const char *p;

    for (p = s; *p; p++) {
        if (*p != '\r')
            *o++ = *p;
        else if (p[1] != '\n')
            *o++ = '\n';
    }
    *o = '\0';
}

static const char *unflow(struct arena *a, const struct part *p, const char *text, size_t len)
{
    const char *format = param_get(&p->type, "format"), *delsp = param_get(&p->type, "delsp");
    const char *result;
    struct buf out;

    if (!format || strcasecmp(format, "flowed") != 0)
        return text;
    buf_init(&out, len * 2 + 64);
    flowed_read(&out, text, len, delsp && strcasecmp(delsp, "yes") == 0);
    result = buf_failed(&out) ? NULL : arena_strndup(a, out.data, out.len);
    buf_clear(&out);
    return result;
}

const char *text_read_raw(struct arena *a, const struct part *p)
{
    const char *label = param_get(&p->type, "charset"), *content, *text;
    char *copy;
    size_t len;

    content = part_content(a, p, TEXT_READ_MAX, &len);
    if (!content)
        return NULL;
    if (!label && part_is(p, "text/html"))
        label = html_charset(a, content, len);
    text = charset_read(a, label, content, len);
    copy = arena_strdup(a, text);
    if (copy)
        fix_line_ends(copy);
    return copy;
}

const char *text_read(struct arena *a, const struct part *p)
{
    const char *raw = text_read_raw(a, p);

    if (!raw)
        return NULL;
    return part_is(p, "text/html") ? html_text(a, raw, strlen(raw))
                                   : unflow(a, p, raw, strlen(raw));
}

size_t text_read_weight(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += (unsigned char)*text > 32;
    return n;
}

bool text_read_is_real(const char *plain, const char *from_html)
{
    size_t weight = text_read_weight(plain);

    return weight > 0 && (weight >= 200 || weight * 10 >= text_read_weight(from_html));
}
