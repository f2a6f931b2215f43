/*
 * reader_link: asks, waits for answers, and buries.
 *
 * Owns the process, and for a while the next and the last one.  A worker's thread, or the only one
 * of a command. A crash of ours ends the process too and leaves the mails where they were; a crash
 * of the process is what this file is for.
 */
#include "bridge/reading/reader_link.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/xml.h"
#include "mapping/letter_pack.h"
#include "mapping/address/people_read.h"
#include "mapping/text/page_write.h"

enum {
    START_TRIES = 3,
    KILLS_MAX =
        8, /* by somebody else, over one mail: as where it takes more memory than there is */
    ARENA_EXTRA = 1 << 20,
    DATA_BASE = 96 << 20, /* bytes of memory for any mail, and some for each byte of a large one */
    DATA_FACTOR = 12,
    CPU_MS_PER_MB = 300,
    EARLY_SHARE = 8,     /* the last part of a term: in a pause it may end now */
    AHEAD_MS = 500,      /* a term's end, is the next one started in a pause */
    AHEAD_BUSY_MS = 250, /* and when there is none */
    AHEAD_SHARE = 8,     /* or with so small a part of its mails left */
    QUIET_MS = 20,       /* a pause: what was read last is on its way by now */
    AGAIN_MS = 1000,     /* after a start that failed */
    FRAME_ROOM = 1024,   /* about what is sent beside a mail and its envelope */
    LINE_ROOM = 8        /* and beside each line of that */
};

/* A start takes a millisecond of the processor, as much as some tens of small mails. */
const struct reader_term reader_term_usual = {
    .mails_max = 5000, .age_max_ms = 2000, .idle_max_ms = 1000};
const struct helper_limits reader_limits_usual = {.cpu_ms = 10000, .wall_ms = 120000};

enum outcome {
    ANSWERED, /* the job has its result */
    GONE,     /* the process is dead, or has to be */
    NO_MEMORY /* of our own */
};

size_t reader_arena_max(size_t mail_len)
{
    return mime_read_arena_max(mail_len) + PAGE_MAX + ARENA_EXTRA;
}

/* ---- the page ---- */

static const struct attachment *attachment_at(const struct letter *l, unsigned long part)
{
    const struct attachment *at = l->attachments;

    while (at && part-- > 0)
        at = at->next;
    return at;
}

/* "https://NONCE/3/" stands for the address of the fourth file. */
void reader_page(const struct reader_job *job, struct buf *out)
{
    static const char scheme[] = "https://";
    const char *at = job->page, *end = job->page + job->page_len, *found;
    size_t skip = sizeof scheme - 1 + strlen(job->nonce) + 1;

    while ((found = buf_find(at, (size_t)(end - at), job->nonce, strlen(job->nonce)))) {
        const struct attachment *file;
        const char *name = found - (sizeof scheme - 1), *p = name + skip;
        unsigned long part = 0;

        if (name < at || memcmp(name, scheme, sizeof scheme - 1) != 0)
            break;
        for (; p < end && *p >= '0' && *p <= '9' && part < 100000; p++)
            part = part * 10 + (unsigned long)(*p - '0');
        buf_add(out, at, (size_t)(name - at));
        file = attachment_at(job->letter, part);
        if (file && file->url)
            xml_escape(out, file->url);
        at = p < end ? p + 1 : end;
    }
    buf_add(out, at, (size_t)(end - at));
}

/* ---- asking ---- */

static int send_frame(struct channel *c, enum wire_frame_kind kind, const struct buf *body,
                      size_t mail_len)
{
    const struct wire_frame f = {
        .kind = kind, .body_len = (uint32_t)body->len, .mail_len = mail_len};

    if (channel_write(c, &f, sizeof f) < 0)
        return -1;
    return channel_write(c, body->data, body->len);
}

static enum outcome send_body(struct reader_link *l, enum wire_frame_kind kind,
                              const struct pack_shape *shape, const void *object, size_t mail_len)
{
    enum outcome outcome = NO_MEMORY;
    struct buf b;

    buf_init(&b, WIRE_BODY_MAX);
    pack_write(&b, shape, object);
    if (!buf_failed(&b))
        outcome =
            send_frame(helper_channel(l->now.helper), kind, &b, mail_len) < 0 ? GONE : ANSWERED;
    buf_clear(&b);
    return outcome;
}

static enum outcome send_settings(struct reader_link *l, struct settings *settings)
{
    enum outcome outcome = send_body(l, WIRE_SETTINGS, &wire_conf_shape, settings->conf, 0);

    if (outcome != ANSWERED)
        return outcome;
    settings_drop(l->now.told);
    l->now.told = settings_hold(settings);
    return ANSWERED;
}

static enum outcome send_mail(struct reader_link *l, struct reader_job *job)
{
    struct wire_request request = job->request;
    enum outcome outcome = ANSWERED;

    if (l->now.told != job->settings)
        outcome = send_settings(l, job->settings);
    memcpy(job->nonce, l->now.nonce, sizeof job->nonce);
    request.nonce = job->nonce;
    if (outcome == ANSWERED)
        outcome = send_body(l, WIRE_MAIL, &wire_request_shape, &request, job->len);
    if (outcome != ANSWERED)
        return outcome;
    return channel_write(helper_channel(l->now.helper), job->mail, job->len) < 0 ? GONE : ANSWERED;
}

/* ---- answers ---- */

static enum outcome read_failure(struct channel *c, struct reader_job *job, size_t len,
                                 const char **why)
{
    struct wire_failure failure = {0};
    char *body;

    *why = "its answer is no answer";
    if (len > WIRE_TEXT_MAX + 100)
        return GONE;
    body = arena_alloc(job->arena, len + 1);
    if (!body)
        return NO_MEMORY;
    if (channel_read(c, body, len) < 0) {
        *why = NULL;
        return GONE;
    }
    if (pack_read(job->arena, &wire_failure_shape, body, len, &failure, &job->err) < 0 ||
        failure.class == ERR_NONE || !failure.text)
        return GONE;
    err_set(&job->err, failure.class, "%s", failure.text);
    return ANSWERED;
}

static enum outcome read_letter(struct channel *c, struct reader_job *job,
                                const struct wire_answer *a, const char **why)
{
    char *body;

    *why = "its answer is no letter";
    if (a->body_len > mime_read_arena_max(job->len) || a->page_len > PAGE_MAX)
        return GONE;
    body = arena_alloc(job->arena, a->body_len + 1);
    if (body && a->page_len > 0)
        job->page = arena_alloc(job->arena, a->page_len + 1);
    if (!body || (a->page_len > 0 && !job->page))
        return NO_MEMORY;
    job->page_len = a->page_len;
    if (channel_read(c, body, a->body_len) < 0 || channel_read(c, job->page, job->page_len) < 0) {
        *why = NULL;
        return GONE;
    }
    if (letter_unpack(job->arena, body, a->body_len, &job->letter, &job->err) == 0) {
        /* the process does not know them: they would have to be told to it one by one */
        if (people_settle(job->settings->map, job->letter) == 0)
            return ANSWERED;
        err_memory(&job->err);
    }
    job->letter = NULL;
    if (job->err.class == ERR_RETRY)
        return NO_MEMORY;
    log_error("reader", "event=unsound-answer error=\"%s\"", job->err.text);
    return GONE;
}

/* *why: what was wrong with an answer that came; NULL: none came. */
static enum outcome read_answer(struct reader_link *l, struct reader_job *job, const char **why)
{
    struct channel *c = helper_channel(l->now.helper);
    struct helper_limits limits = l->limits;
    struct wire_answer a;

    *why = NULL;
    limits.cpu_ms += (int64_t)(job->len >> 20) * CPU_MS_PER_MB;
    helper_watch(l->now.helper, &limits);
    if (channel_read(c, &a, sizeof a) < 0)
        return GONE;
    switch (a.kind) {
    case WIRE_LETTER:
        return read_letter(c, job, &a, why);
    case WIRE_FAILED:
        return read_failure(c, job, a.body_len, why);
    case WIRE_REFUSED:
        snprintf(l->why, sizeof l->why, "it asked for system call %u", a.value);
        *why = l->why;
        return GONE;
    default:
        *why = "its answer is no answer";
        return GONE;
    }
}

/* ---- life and death ---- */

void reader_link_rest(struct reader_link *l)
{
    reader_child_end(&l->now, NULL, NULL);
    reader_child_end(&l->next, NULL, NULL);
    reader_child_end(&l->last, NULL, NULL);
    helper_template_rest(l->origin);
}

bool reader_link_is_started(const struct reader_link *l)
{
    return l->now.helper || l->next.helper;
}

static void note_confinement(struct reader_link *l)
{
    if (l->has_warned || l->now.confined != CONFINE_NO_FILTER)
        return;
    l->has_warned = true;
    log_warning("reader", "event=not-confined reason=\"the kernel has no seccomp filter for this "
                          "program\" next=\"mail is read in a process of its own with limits\"");
}

static void note_failure(const struct reader_link *l, const struct err *e)
{
    if (!atomic_load(l->stop))
        log_error("reader", "event=not-started error=\"%s\"", e->text);
}

/* The term of who reads ends in ahead_ms, or with that part of its mails. */
static bool is_spent(const struct reader_link *l, int64_t ahead_ms, unsigned mails_ahead)
{
    const struct reader_term *t = &l->term;
    const struct reader_child *c = &l->now;

    if (c->served == 0)
        return false;
    return (t->mails_max > 0 && c->served + mails_ahead >= t->mails_max) ||
           (t->age_max_ms > 0 &&
            clock_mono_ms(&clock_system) + ahead_ms >= c->served_from_ms + t->age_max_ms);
}

static void start_next(struct reader_link *l)
{
    struct err e;

    if (reader_child_start(&l->next, l->origin, l->stop, &e) == 0)
        return;
    note_failure(l, &e);
    l->next_from_ms = clock_mono_ms(&clock_system) + AGAIN_MS;
}

void reader_link_prepare(struct reader_link *l)
{
    if (!reader_link_is_started(l) && clock_mono_ms(&clock_system) >= l->next_from_ms)
        start_next(l);
}

/* With mail waiting: who reads is to have a successor that is ready when its term ends. */
static void look_ahead(struct reader_link *l)
{
    if (!l->next.helper && is_spent(l, AHEAD_BUSY_MS, l->term.mails_max / AHEAD_SHARE) &&
        clock_mono_ms(&clock_system) >= l->next_from_ms)
        start_next(l);
}

/* Who reads has read enough, and is let go: once no mail waits, since that takes time. */
static void retire(struct reader_link *l)
{
    reader_child_move(&l->now, &l->last);
}

/* -1: there is nobody to read. */
static int succeed(struct reader_link *l, struct err *e)
{
    reader_child_move(&l->next, &l->now);
    if (reader_child_wait(&l->now, e) < 0)
        return -1;
    note_confinement(l);
    return 0;
}

/* Deaths wait until another process may be started, whoever has read enough does not. */
static int ensure_started(struct reader_link *l, struct err *e)
{
    bool is_renewed;
    int tries;

    if (l->now.helper && helper_is_dead(l->now.helper))
        reader_child_end(&l->now, NULL, NULL);
    is_renewed = is_spent(l, 0, 0);
    if (is_renewed)
        retire(l);
    if (!l->now.helper && l->next.helper && succeed(l, e) < 0)
        note_failure(l, e);
    for (tries = 0; !l->now.helper; tries++) {
        if (tries == START_TRIES || atomic_load(l->stop))
            return tries > 0 ? -1 : err_set(e, ERR_RETRY, "the gateway is stopping");
        if (l->may_start && (!is_renewed || tries > 0) && !l->may_start(l->arg))
            return err_set(e, ERR_RETRY, "the gateway is stopping");
        if (reader_child_start(&l->next, l->origin, l->stop, e) < 0 || succeed(l, e) < 0)
            note_failure(l, e);
    }
    return 0;
}

/* In a pause since since_ms: when what is due at `due` is done best.  Right after a mail is the
 * time at which the next one is least likely. */
static int64_t in_pause(const struct reader_link *l, int64_t due, int64_t since_ms)
{
    int64_t quiet_at = since_ms + QUIET_MS;

    return quiet_at >= due - l->term.age_max_ms / EARLY_SHARE ? quiet_at : due;
}

/* When another takes the place of who reads. */
static int64_t succession_due(const struct reader_link *l, int64_t since_ms)
{
    const struct reader_term *t = &l->term;
    int64_t due = INT64_MAX;

    if (l->now.served == 0)
        return due;
    if (t->mails_max > 0 && l->now.served >= t->mails_max)
        due = since_ms;
    if (t->idle_max_ms > 0 && since_ms + t->idle_max_ms < due)
        due = since_ms + t->idle_max_ms;
    if (t->age_max_ms > 0 && l->now.served_from_ms + t->age_max_ms <= due)
        due = in_pause(l, l->now.served_from_ms + t->age_max_ms, since_ms);
    return due > since_ms + QUIET_MS ? due : since_ms + QUIET_MS;
}

int64_t reader_link_due(const struct reader_link *l, int64_t since_ms)
{
    int64_t end = succession_due(l, since_ms), due;

    if (end == INT64_MAX || l->next.helper)
        return end;
    due = in_pause(l, end - AHEAD_MS, since_ms);
    if (due < l->next_from_ms)
        due = l->next_from_ms;
    return due < end ? due : end;
}

void reader_link_renew(struct reader_link *l, int64_t since_ms)
{
    int64_t now = clock_mono_ms(&clock_system);
    struct err e;

    if (l->now.served == 0)
        return;
    if (!l->next.helper && now >= l->next_from_ms)
        start_next(l);
    if (now < succession_due(l, since_ms))
        return;
    retire(l);
    if (l->next.helper && succeed(l, &e) < 0) /* the next mail tries again */
        note_failure(l, &e);
    reader_child_end(&l->last, NULL, NULL);
}

/* The process died, or had to, with this job's answer due, the first of so many.  True: the job is
 * to be asked again. */
static bool bury(struct reader_link *l, struct reader_job *job, unsigned asked, const char *why)
{
    bool is_plain = l->now.served == 0 && asked == 1;
    struct helper_death death;
    char id[ID_TEXT_SIZE];

    reader_child_end(&l->now, why, &death);
    job->page = NULL;
    job->page_len = 0;
    if (death.fate == HELPER_STOPPED) {
        err_set(&job->err, ERR_RETRY, "the gateway is stopping");
        return false;
    }
    log_warning("reader", "event=died id=%s bytes=%zu reason=\"%s\"", id_format(job->id, id),
                job->len, death.how);
    if (death.fate == HELPER_CRASHED) { /* who is next has its memory where this one had it */
        helper_template_renew(l->origin);
        reader_child_end(&l->next, NULL, NULL);
    }
    if (asked > 1 && (death.fate == HELPER_CRASHED || job->kills >= KILLS_MAX / 2))
        l->suspects = asked;
    if (death.fate == HELPER_KILLED && ++job->kills < KILLS_MAX)
        return true;
    if (death.fate == HELPER_CRASHED && !is_plain)
        return true;
    job->is_blamed = is_plain;
    err_set(&job->err, ERR_RETRY, "the process that reads mail died over this one: %s", death.how);
    return false;
}

static struct reader_job *next_of(const struct reader_job *job)
{
    return (struct reader_job *)job->link.next;
}

static void settle(struct reader_link *l, struct reader_job *job)
{
    job->link.next = NULL;
    l->settled(job, l->arg);
}

static struct reader_job *settle_first(struct reader_link *l, struct reader_job *jobs)
{
    struct reader_job *next = next_of(jobs);

    if (l->suspects > 0)
        l->suspects--;
    settle(l, jobs);
    return next;
}

/* What asking for it takes of the socket. */
static size_t frame_bytes(const struct reader_job *job)
{
    const struct mail_envelope *envelope = &job->request.envelope;
    size_t bytes = job->len + FRAME_ROOM, i;

    if (envelope->reverse_path)
        bytes += strlen(envelope->reverse_path);
    for (i = 0; i < envelope->recipient_count; i++)
        bytes += strlen(envelope->recipients[i]) + LINE_ROOM;
    return bytes;
}

/* May the job be asked for when others before it are not answered yet?  All of them fit into the
 * socket then: neither side can be kept from writing by the other's not reading. */
static bool fits_behind(const struct reader_link *l, const struct reader_job *job, size_t bytes,
                        unsigned asked)
{
    return l->suspects == 0 &&
           (l->term.mails_max == 0 || l->now.served + asked < l->term.mails_max) &&
           job->settings == l->now.told && bytes + frame_bytes(job) <= CHANNEL_BUFFER;
}

/* Behind the last that was asked for.  Without memory not even the first was. */
static struct reader_job *ask(struct reader_link *l, struct reader_job *jobs, bool *has_memory)
{
    struct reader_job *job;
    enum outcome outcome = ANSWERED;
    size_t bytes = 0;
    unsigned asked = 0;

    *has_memory = true;
    helper_watch(l->now.helper, &l->limits);
    helper_limit_memory(l->now.helper,
                        DATA_BASE + (jobs->len > CHANNEL_BUFFER ? jobs->len * DATA_FACTOR : 0));
    for (job = jobs; job && outcome == ANSWERED; job = next_of(job)) {
        if (job != jobs && !fits_behind(l, job, bytes, ++asked))
            break;
        bytes += frame_bytes(job);
        outcome = send_mail(l, job);
        if (outcome == NO_MEMORY) { /* nothing of it has been sent */
            *has_memory = job != jobs;
            break;
        }
    }
    /* When this fails, the first answer that is missing tells. */
    (void)!channel_flush(helper_channel(l->now.helper));
    return job;
}

/* Asks for as many as may be, then takes their answers as long as they come.  What is left. */
static struct reader_job *read_some(struct reader_link *l, struct reader_job *jobs)
{
    struct reader_job *job, *end;
    enum outcome outcome;
    bool has_memory;
    unsigned asked = 0;
    const char *why;

    end = ask(l, jobs, &has_memory);
    while (jobs != end || !has_memory) {
        outcome = has_memory ? read_answer(l, jobs, &why) : NO_MEMORY;
        if (outcome == NO_MEMORY) { /* its answer may still be in the socket */
            err_memory(&jobs->err);
            reader_child_end(&l->now, NULL, NULL);
            return settle_first(l, jobs);
        }
        if (outcome == GONE) {
            for (job = jobs; job != end; job = next_of(job))
                asked++;
            if (!bury(l, jobs, asked, why))
                jobs = settle_first(l, jobs);
            return jobs;
        }
        reader_child_count(&l->now);
        jobs = settle_first(l, jobs);
    }
    return jobs;
}

void reader_link_read(struct reader_link *l, struct reader_job *jobs)
{
    struct err e;

    while (jobs) {
        if (ensure_started(l, &e) == 0) {
            look_ahead(l);
            jobs = read_some(l, jobs);
        } else {
            jobs->err = e;
            jobs = settle_first(l, jobs);
        }
        reader_child_end(&l->last, NULL, NULL);
    }
}
