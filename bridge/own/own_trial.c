/*
 * own_trial: a described mailbox is tried before it is kept: its IMAP server first, then its
 * submission server, so that a wrong password is offered once.
 *
 * Data: a trial for each, at most OWN_TRIALS_MAX, one for each user.  Loop thread.  A crash ends
 * them, and nothing was stored.
 */
#include "bridge/own/own_inside.h"

#include "base/log.h"
#include "bridge/rate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* limit_ms: of each server.  per_hour: nobody finds out passwords, or which hosts there are. */
enum { LIMIT_MS = 20000, TRIALS_PER_HOUR = 20 };

struct own_trial {
    struct own *own;
    const struct own_description *what;
    char *bare_jid;
    struct imap_trial *imap;
    struct imap_cursor end;
    struct send_trial *smtp;
    void (*done)(const struct own_verdict *verdict, void *arg);
    void *arg;
    struct own_trial *next;
};

static void trial_free(struct own_trial *t)
{
    struct own_trial **at = &t->own->trials;

    while (*at && *at != t)
        at = &(*at)->next;
    if (*at)
        *at = t->next;
    t->own->trial_count--;
    free(t->bare_jid);
    free(t);
}

static void end(struct own_trial *t, const struct own_verdict *verdict)
{
    void (*done)(const struct own_verdict *verdict, void *arg) = t->done;
    void *arg = t->arg;

    log_info("own", "event=tried from=%s imap=%s smtp=%s result=%s", t->bare_jid,
             t->what->imap.host, t->what->smtp.host, verdict->is_ok ? "ok" : "refused");
    trial_free(t);
    done(verdict, arg);
}

static void refuse(struct own_trial *t, enum reply_error error, const char *kind,
                   const struct conf_server *server, const char *why)
{
    char text[700];
    struct own_verdict verdict = {.error = error, .text = text};

    snprintf(text, sizeof text, "The %s server %.200s does not let the gateway in: %.400s", kind,
             server->host, why);
    end(t, &verdict);
}

static enum reply_error error_of_imap(const struct imap_trial_result *r)
{
    if (r->fault != IMAP_FAULT_AWAY)
        return REPLY_NOT_ACCEPTABLE;
    return r->is_late ? REPLY_TIMEOUT : REPLY_UNAVAILABLE_WAIT;
}

static enum reply_error error_of_smtp(const struct send_trial_result *r)
{
    if (r->trouble == SEND_TIMEOUT)
        return REPLY_TIMEOUT;
    return r->e.class == ERR_RETRY && r->trouble == SEND_CONNECT ? REPLY_UNAVAILABLE_WAIT
                                                                 : REPLY_NOT_ACCEPTABLE;
}

static void smtp_tried(const struct send_trial_result *r, void *arg)
{
    struct own_trial *t = arg;
    const struct own_verdict ok = {.is_ok = true, .end = t->end};

    t->smtp = NULL;
    if (r->is_ok)
        end(t, &ok);
    else
        refuse(t, error_of_smtp(r), "SMTP", &t->what->smtp, r->e.text);
}

static void imap_tried(const struct imap_trial_result *r, void *arg)
{
    struct own_trial *t = arg;
    const struct gateway *g = t->own->gateway;
    const struct conf *conf = g->started->conf;
    struct send_settings settings = {
        .server = t->what->smtp,
        .common = t->own->common,
        .may_connect = conf->accounts.may_be_private ? NULL : own_is_public,
        .helo_name = conf->mail_domain,
        .connections = 1,
    };
    struct err e;

    t->imap = NULL;
    if (r->fault != IMAP_FAULT_NONE) {
        refuse(t, error_of_imap(r), "IMAP", &t->what->imap, r->e.text);
        return;
    }
    t->end = r->end;
    settings.server.ca_file = conf->accounts.ca_file;
    t->smtp = send_trial_start(&settings, LIMIT_MS, smtp_tried, t, &e);
    if (!t->smtp)
        refuse(t, e.class == ERR_RETRY ? REPLY_UNAVAILABLE_WAIT : REPLY_NOT_ACCEPTABLE, "SMTP",
               &t->what->smtp, e.text);
}

static int start(struct own_trial *t, struct own_verdict *refused_out)
{
    struct conf_mailbox mailbox = {
        .name = "trial",
        .server = t->what->imap,
        .folder = t->what->folder,
        .address = "",
        .done = "",
    };
    struct err e;

    t->imap = imap_trial_start(t->own->boxes, &mailbox, LIMIT_MS, imap_tried, t, &e);
    if (t->imap)
        return 0;
    log_info("own", "event=not-tried error=\"%s\"", e.text);
    refused_out->error = e.class == ERR_RETRY ? REPLY_UNAVAILABLE_WAIT : REPLY_NOT_ACCEPTABLE;
    refused_out->text = e.class == ERR_RETRY ? "The gateway is busy. Try again later."
                                             : "The IMAP server cannot be used as it is described.";
    return -1;
}

static bool is_trying(const struct own *own, const char *bare_jid)
{
    const struct own_trial *t;

    for (t = own->trials; t; t = t->next)
        if (strcmp(t->bare_jid, bare_jid) == 0)
            return true;
    return false;
}

int own_try(struct own *own, const char *bare_jid, const struct own_description *what,
            void (*done)(const struct own_verdict *verdict, void *arg), void *arg,
            struct own_verdict *refused_out)
{
    struct own_trial *t;

    *refused_out = (struct own_verdict){.error = REPLY_UNAVAILABLE_WAIT,
                                        .text = "The gateway is busy. Try again later."};
    if (own->trial_count >= OWN_TRIALS_MAX || is_trying(own, bare_jid))
        return -1;
    if (rate_take(own->gateway->rate, "trial", bare_jid, 1, TRIALS_PER_HOUR,
                  clock_wall_s(own->gateway->clock) * 1000) > 0) {
        refused_out->error = REPLY_NO_ROOM;
        refused_out->text = "You have tried too often. Try again in an hour.";
        return -1;
    }
    t = calloc(1, sizeof *t);
    if (!t || !(t->bare_jid = strdup(bare_jid))) {
        free(t);
        return -1;
    }
    t->own = own;
    t->what = what;
    t->done = done;
    t->arg = arg;
    t->next = own->trials;
    own->trials = t;
    own->trial_count++;
    if (start(t, refused_out) == 0)
        return 0;
    trial_free(t);
    return -1;
}

void own_trials_end(struct own *own)
{
    static const struct own_verdict stopping = {.error = REPLY_UNAVAILABLE_WAIT,
                                                .text = "The gateway is stopping."};
    struct own_trial *t;

    while ((t = own->trials)) {
        if (t->imap)
            imap_trial_cancel(t->imap);
        if (t->smtp)
            send_trial_cancel(t->smtp);
        end(t, &stopping);
    }
}
