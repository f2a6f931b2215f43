/*
 * reader_process: settings and mails come in, letters and pages go out.
 *
 * Owns the settings it was told, and for the time of one mail its arena.  One thread, confined
 * (base/confine.h) before the first byte of a mail is read.  A crash loses nothing: whoever asked
 * has the mail.
 */
#include "bridge/reading/reader_process.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/conf.h"
#include "base/confine.h"
#include "base/helper_template.h"
#include "bridge/reading/reader_wire.h"
#include "bridge/settings.h"
#include "mapping/mime/attachment_read.h"
#include "mapping/mime/charset.h"
#include "mapping/letter_pack.h"
#include "mapping/mime/mime_read.h"
#include "mapping/text/page_write.h"

enum {
    TEXT_MAX = 64 << 10,   /* a longer text is served as a file */
    TEXT_SHOWN = 16 << 10, /* and begins like this in the message */
    SETTINGS_EXTRA = 1 << 20,
    LARGE = 1 << 20, /* after a mail of this size memory is given back */
    FIRST_DATA_MAX = 256 << 20
};

struct reader {
    struct channel channel;
    struct arena *arena; /* of the settings */
    struct settings settings;
    struct conf conf;
    void (*trial)(const char *mail, size_t len);
};

/* One mail. */
struct reading {
    struct wire_request request;
    struct arena *arena;
    struct letter *letter;
    struct buf body, page;
};

/* ---- reading ---- */

/* A text too long for a stanza becomes a file, and its beginning the message. */
static int shorten(struct letter *l, struct err *e)
{
    size_t len = l->text ? strlen(l->text) : 0;

    if (len <= TEXT_MAX)
        return 0;
    if (attachment_add(l, "message.txt", "text/plain", l->text, len) < 0)
        return err_memory(e);
    l->text = arena_printf(l->arena, "%.*s…", (int)charset_clip(l->text, len, TEXT_SHOWN), l->text);
    l->is_cut = true;
    return l->text ? 0 : err_memory(e);
}

/* With a name in place of each file's address, for the gateway to find.  A page that gets too large
 * is none. */
static int make_page(struct reading *r, struct err *e)
{
    struct letter *l = r->letter;
    struct attachment *at;
    struct err ignored;
    unsigned part = 0;

    for (at = l->attachments; at; at = at->next, part++) {
        if (!at->content)
            continue;
        at->url = arena_printf(l->arena, "https://%s/%u/", r->request.nonce, part);
        if (!at->url)
            return err_memory(e);
    }
    if (page_write(l, &r->page, &ignored) < 0)
        buf_reset(&r->page);
    for (at = l->attachments; at; at = at->next)
        if (at->content)
            at->url = NULL;
    return 0;
}

static int read_letter(struct reader *reader, struct reading *r, const char *mail, size_t len,
                       struct err *e)
{
    struct context ctx;

    settings_context(&reader->settings, r->request.now_s, &ctx);
    if (r->request.head_only)
        return mime_read_head(&ctx, r->arena, mail, len, &r->request.envelope, &r->letter, e);
    if (mime_read(&ctx, r->arena, mail, len, &r->request.envelope, &r->letter, e) < 0)
        return -1;
    if (r->request.shortens && shorten(r->letter, e) < 0)
        return -1;
    return r->request.wants_page && r->letter->whole ? make_page(r, e) : 0;
}

/* ---- answering ---- */

static int answer(struct reader *reader, enum wire_answer_kind kind, const struct buf *body,
                  const struct buf *page)
{
    const struct wire_answer a = {
        .kind = kind, .body_len = body->len, .page_len = page ? page->len : 0};

    if (channel_write(&reader->channel, &a, sizeof a) < 0 ||
        channel_write(&reader->channel, body->data, body->len) < 0)
        return -1;
    return page ? channel_write(&reader->channel, page->data, page->len) : 0;
}

static int answer_failure(struct reader *reader, const struct err *e)
{
    struct wire_failure failure = {e->class, e->text};
    char text[WIRE_TEXT_MAX + 1];
    struct buf b;
    int rc;

    memset(text, 0, sizeof text);
    memcpy(text, e->text, charset_clip(e->text, strlen(e->text), WIRE_TEXT_MAX));
    failure.text = text;
    buf_init(&b, 4096);
    pack_write(&b, &wire_failure_shape, &failure);
    rc = buf_failed(&b) ? -1 : answer(reader, WIRE_FAILED, &b, NULL);
    buf_clear(&b);
    return rc;
}

static int read_and_answer(struct reader *reader, struct reading *r, const char *mail, size_t len)
{
    struct err e;

    err_clear(&e);
    if (read_letter(reader, r, mail, len, &e) < 0)
        return answer_failure(reader, &e);
    letter_pack(&r->body, r->letter);
    if (buf_failed(&r->body)) {
        err_memory(&e);
        return answer_failure(reader, &e);
    }
    return answer(reader, WIRE_LETTER, &r->body, r->page.len > 0 ? &r->page : NULL);
}

/* ---- asking ---- */

/* The body of a frame, writable, in the arena. */
static char *read_body(struct reader *reader, struct arena *arena, size_t len)
{
    char *body = arena_alloc(arena, len + 1);

    return body && channel_read(&reader->channel, body, len) == 0 ? body : NULL;
}

static int take_settings(struct reader *reader, size_t len)
{
    struct err e;
    char *body;

    address_map_free(reader->settings.map);
    reader->settings.map = NULL;
    arena_free(reader->arena);
    memset(&reader->conf, 0, sizeof reader->conf);
    reader->arena = arena_new(4 * len + SETTINGS_EXTRA);
    body = reader->arena ? read_body(reader, reader->arena, len) : NULL;
    if (!body || pack_read(reader->arena, &wire_conf_shape, body, len, &reader->conf, &e) < 0)
        return -1;
    reader->settings.conf = &reader->conf;
    reader->settings.map = address_map_new(&reader->conf, &e);
    return reader->settings.map ? 0 : -1;
}

static int take_mail(struct reader *reader, const struct wire_frame *f)
{
    struct reading r = {.arena = arena_new(mime_read_arena_max(f->mail_len) + f->body_len)};
    size_t len = f->mail_len;
    char *body = r.arena ? read_body(reader, r.arena, f->body_len) : NULL;
    char *mail = body ? malloc(len + 1) : NULL;
    struct err e;
    int rc = -1;

    buf_init(&r.body, mime_read_arena_max(len));
    buf_init(&r.page, PAGE_MAX);
    if (mail && channel_read(&reader->channel, mail, len) == 0 &&
        pack_read(r.arena, &wire_request_shape, body, f->body_len, &r.request, &e) == 0) {
        mail[len] = '\0';
        if (reader->trial)
            reader->trial(mail, len);
        rc = read_and_answer(reader, &r, mail, len);
    }
    free(mail);
    buf_clear(&r.body);
    buf_clear(&r.page);
    arena_free(r.arena);
    if (len > LARGE)
        malloc_trim(0);
    return rc;
}

static int serve(struct reader *reader)
{
    struct wire_frame f;

    for (;;) {
        if (!channel_has_input(&reader->channel) && channel_flush(&reader->channel) < 0)
            return EX_IOERR;
        if (channel_read(&reader->channel, &f, sizeof f) < 0)
            return EX_OK; /* nobody asks any more */
        if (f.body_len > WIRE_BODY_MAX || f.mail_len > (1ULL << 32))
            return EX_PROTOCOL;
        if ((f.kind == WIRE_SETTINGS ? take_settings(reader, f.body_len) : take_mail(reader, &f)) <
            0)
            return EX_TEMPFAIL;
    }
}

/* ---- life ---- */

/* In a signal handler. */
static void tell_refused(int number)
{
    struct wire_answer a;

    memset(&a, 0, sizeof a);
    a.kind = WIRE_REFUSED;
    a.value = (uint32_t)number;
    if (write(STDIN_FILENO, &a, sizeof a) < 0)
        _exit(1);
}

static int say_hello(struct reader *reader, enum confine_state state)
{
    struct wire_answer a;

    memset(&a, 0, sizeof a);
    a.kind = WIRE_HELLO;
    a.value = (uint32_t)state;
    return channel_write(&reader->channel, &a, sizeof a);
}

int reader_process(void (*trial)(const char *mail, size_t len))
{
    struct reader *reader;
    int status;

    /* What is meant for the gateway may be sent to its whole group; it tells us by the socket. */
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    confine_limits(FIRST_DATA_MAX);
    mime_read_prepare();
    prctl(PR_SET_NAME, "reader-template");
    confine_template();
    if (helper_template_serve() < 0)
        return EX_OK;
    prctl(PR_SET_NAME, "reader");
    reader = calloc(1, sizeof *reader);
    if (!reader)
        return EX_TEMPFAIL;
    channel_init(&reader->channel, STDIN_FILENO, NULL, NULL);
    reader->trial = trial;
    status = say_hello(reader, confine_enter(tell_refused)) < 0 ? EX_IOERR : serve(reader);
    _exit(status); /* what is left is the kernel's to free */
}
