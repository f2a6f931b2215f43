/*
 * page_write: head, people, the texts, the files.
 *
 * The page says of itself what the web server says in its header, too: nothing is loaded, nothing
 * runs; so it does no harm when it is saved and opened from a disk.  No data, no thread of its own.
 */
#include "mapping/text/page_write.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/xml.h"
#include "mapping/text/page_html.h"
#include "mapping/text/text.h"

enum { PICTURES_MAX = 4 << 20, PEOPLE_MAX = 50 };

static const char head[] =
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'\">\n"
    "<meta name=\"referrer\" content=\"no-referrer\">\n"
    "<meta name=\"robots\" content=\"noindex\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n";

static const char style[] =
    "<style>\n"
    ":root{color-scheme:light dark;--ink:#1c1e21;--soft:#62676f;--paper:#fff;--desk:#f1f2f4;"
    "--line:#dcdfe3;--link:#0b57b0}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e4e6e9;--soft:#9aa1ab;--paper:#1d1f23;"
    "--desk:#131417;--line:#363a41;--link:#84b7ff}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--desk);color:var(--ink);"
    "font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif;"
    "overflow-wrap:anywhere;-webkit-text-size-adjust:100%}\n"
    "a{color:var(--link)}\n"
    ".sheet{max-width:46rem;margin:1.5rem auto;background:var(--paper);"
    "border:1px solid var(--line);border-radius:10px;overflow:hidden}\n"
    ".top{padding:1.25rem 1.5rem;border-bottom:1px solid var(--line)}\n"
    ".top h1{font-size:1.35rem;line-height:1.3;margin:0 0 .75rem}\n"
    ".top dl{margin:0;display:grid;grid-template-columns:max-content 1fr;gap:.15rem .9rem;"
    "font-size:.9rem}\n"
    ".top dt{color:var(--soft)}.top dd{margin:0}\n"
    ".mail{padding:1.25rem 1.5rem;overflow-x:auto}\n"
    ".mail+.mail{border-top:1px solid var(--line)}\n"
    ".mail img{max-width:100%;height:auto}\n"
    ".mail h1{font-size:1.4rem}.mail h2{font-size:1.2rem}.mail h3{font-size:1.05rem}\n"
    ".mail h1,.mail h2,.mail h3,.mail h4{line-height:1.3;margin:1.1em 0 .5em}\n"
    ".mail p{margin:0 0 .9em}.mail>:first-child{margin-top:0}\n"
    ".layout,.layout>tbody,.layout>thead,.layout>tfoot,.layout>*>tr,.layout>*>tr>*,.layout>tr,"
    ".layout>tr>*{display:block;max-width:100%}\n"
    ".layout>*>tr>*,.layout>tr>*{padding:.2rem 0}\n"
    ".grid{display:block;overflow-x:auto;max-width:100%;border-collapse:collapse;"
    "overflow-wrap:break-word;margin:.8em 0}\n"
    ".grid td,.grid th{border:1px solid var(--line);padding:.3rem .6rem;vertical-align:top;"
    "min-width:3rem}\n"
    ".grid p{margin:0}.mail th{text-align:left}\n"
    ".mail blockquote,.quote{color:var(--soft);border-left:3px solid var(--line)}\n"
    ".mail blockquote{margin:.8em 0;padding-left:.9em}\n"
    ".mail pre{overflow-x:auto;font-size:.875rem}\n"
    ".mail hr{border:0;border-top:1px solid var(--line);margin:1.2em 0}\n"
    ".text{white-space:pre-wrap}.quote{display:block;padding-left:.9em}\n"
    ".picture{display:inline-block;border:1px dashed var(--line);border-radius:6px;"
    "padding:.1rem .5rem;color:var(--soft);font-size:.85rem}\n"
    "a.picture,a .picture{color:var(--link)}\n"
    ".files{padding:.9rem 1.5rem;border-top:1px solid var(--line);font-size:.9rem}\n"
    ".files ul{list-style:none;margin:.3rem 0 0;padding:0}.files li{padding:.15rem 0}\n"
    ".files small,.foot{color:var(--soft)}\n"
    ".foot{max-width:46rem;margin:0 auto 2rem;padding:0 1.5rem;font-size:.8rem}\n"
    "@media(max-width:48rem){.sheet{margin:0;border:0;border-radius:0}"
    ".top,.mail,.files{padding-left:1rem;padding-right:1rem}.foot{margin-top:1rem;padding:0 "
    "1rem}}\n"
    "@media print{body,.sheet{background:none;border:0;margin:0}}\n"
    "</style>\n";

static void put_row(struct buf *out, const char *name)
{
    buf_printf(out, "<dt>%s</dt><dd>", name);
}

static void put_person(struct buf *out, const struct party *p)
{
    struct buf address;

    buf_init(&address, 2000);
    if (p->mail.domain)
        addr_write(&address, &p->mail);
    if (p->name && *p->name) {
        buf_adds(out, "<bdi>");
        xml_escape(out, p->name);
        buf_adds(out, address.len > 0 ? "</bdi> &lt;" : "</bdi>");
    }
    xml_escape(out, address.data);
    if (p->name && *p->name && address.len > 0)
        buf_adds(out, "&gt;");
    out->failed = out->failed || address.is_starved;
    buf_clear(&address);
}

static void put_people(struct buf *out, const char *name, const struct letter *l,
                       enum party_role role)
{
    const struct party *p;
    unsigned n = 0;

    for (p = l->parties; p; p = p->next) {
        if (p->role != role || n++ > PEOPLE_MAX)
            continue;
        if (n == 1)
            put_row(out, name);
        else
            buf_adds(out, n > PEOPLE_MAX ? ", ..." : ", ");
        if (n <= PEOPLE_MAX)
            put_person(out, p);
    }
    if (n > 0)
        buf_adds(out, "</dd>\n");
}

static void put_date(struct buf *out, const struct letter *l)
{
    time_t t = (time_t)l->date_s;
    char text[64];
    struct tm tm;

    if (l->date_s <= 0 || !gmtime_r(&t, &tm) ||
        strftime(text, sizeof text, "%A, %d %B %Y, %H:%M UTC", &tm) == 0)
        return;
    put_row(out, "Date");
    buf_printf(out, "%s</dd>\n", text);
}

static void put_top(struct buf *out, const struct letter *l)
{
    buf_adds(out, "<header class=\"top\">\n<h1 dir=\"auto\">");
    xml_escape(out, l->subject ? l->subject : "(no subject)");
    buf_adds(out, "</h1>\n<dl>\n");
    put_row(out, "From");
    put_person(out, &l->from);
    buf_adds(out, "</dd>\n");
    put_people(out, "To", l, PARTY_TO);
    put_people(out, "Cc", l, PARTY_CC);
    put_people(out, "Reply to", l, PARTY_REPLY_TO);
    put_date(out, l);
    buf_adds(out, "</dl>\n</header>\n");
}

static void put_texts(struct buf *out, const struct letter *l)
{
    const struct passage *p;
    size_t left = PICTURES_MAX;

    for (p = l->whole; p; p = p->next) {
        buf_adds(out, "<div class=\"mail\" dir=\"auto\">\n");
        if (p->is_html)
            page_html_write(out, l, p->text, &left);
        else
            page_html_write_text(out, p->text);
        buf_adds(out, "\n</div>\n");
    }
}

static void put_files(struct buf *out, const struct letter *l)
{
    const struct attachment *att;
    const char *name;

    if (!l->attachments)
        return;
    buf_adds(out, "<footer class=\"files\">Files\n<ul>\n");
    for (att = l->attachments; att; att = att->next) {
        name = att->filename ? att->filename : att->description ? att->description : "file";
        buf_adds(out, "<li>");
        if (att->url && strncmp(att->url, "http", 4) == 0) {
            buf_adds(out, "<a rel=\"noopener noreferrer nofollow\" href=\"");
            xml_escape(out, att->url);
            buf_adds(out, "\">");
            xml_escape(out, name);
            buf_adds(out, "</a>");
        } else {
            xml_escape(out, name);
        }
        if (att->size > 0) {
            buf_adds(out, " <small>");
            text_put_size(out, att->size);
            buf_adds(out, "</small>");
        }
        buf_adds(out, "</li>\n");
    }
    buf_adds(out, "</ul>\n</footer>\n");
}

int page_write(const struct letter *l, struct buf *out, struct err *e)
{
    buf_adds(out, "<!DOCTYPE html>\n<html>\n<head>\n");
    buf_adds(out, head);
    buf_adds(out, "<title>");
    xml_escape(out, l->subject ? l->subject : "Mail");
    buf_adds(out, "</title>\n");
    buf_adds(out, style);
    buf_adds(out, "</head>\n<body>\n<main class=\"sheet\">\n");
    put_top(out, l);
    put_texts(out, l);
    put_files(out, l);
    buf_adds(out, "</main>\n<p class=\"foot\">This mail is shown as it came, without what it would "
                  "load from elsewhere. Its links lead where the sender wants.</p>\n</body>\n"
                  "</html>\n");
    return buf_failed(out) ? err_set(e, ERR_PERMANENT, "the mail is too large for a page") : 0;
}
