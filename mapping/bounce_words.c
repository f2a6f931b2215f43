/*
 * bounce_words: the lists.  Constant data; any thread.
 */
#include "mapping/bounce_words.h"

#include <string.h>

#include "mapping/text_words.h"

static const char *const failures[] = {
    "could not be delivered",
    "couldn't be delivered",
    "cannot be delivered",
    "can not be delivered",
    "was not delivered",
    "not been delivered",
    "were not delivered",
    "unable to deliver",
    "undeliverable",
    "undelivered",
    "delivery failed",
    "delivery to the following",
    "failed to deliver",
    "did not reach",
    "did not receive your message",
    "returned mail",
    "returned to sender",
    "delivery failure",
    "permanent error",
    "permanent fatal error",
    "delivery notification",
    "delivery status",
    "user unknown",
    "unknown user",
    "no such user",
    "mailbox unavailable",
    "invalid mailbox",
    "unknown recipient",
    "recipient unknown",
    "does not exist",
    "not accepting mail",
    "message not delivered",
    "mail delivery",
    "non-delivery",
    "unable to be delivered",
    "cannot deliver",
    "can't be delivered",
    "been rejected",
    "was rejected",
    "had permanent",
    "still undelivered",
    "delivery attempt",
    "delivery error",
    "over quota",
    "no mailbox here",
    "no longer valid",
    "not exactly match",
    "account has been disabled",
    "mailbox is full",
    "could not deliver",
    "not deliver",
    "delayed",
    "will be retried",
    "no valid recipients",
    "invalid final",
    "not able to deliver",
    "delivery problems",
    "postponed",
    "nicht zugestellt",
    "nicht zustellbar",
    "konnte nicht",
    "unzustellbar",
    "non remis",
    "pas pu etre",
    "n'a pas pu",
    "no se pudo entregar",
    "no ha podido",
    "non recapitabile",
    "impossibile consegnare",
    "n\xc3\xa3o p\xc3\xb4"
    "de ser entregue",
    "kan inte levereras",
    "kunne ikke leveres",
    "niet worden bezorgd",
    "\xd0\xbd\xd0\xb5 \xd0\xbc\xd0\xbe\xd0\xb6\xd0\xb5\xd1\x82 \xd0\xb1\xd1\x8b\xd1\x82\xd1\x8c "
    "\xd0\xb4\xd0\xbe\xd1\x81\xd1\x82\xd0\xb0\xd0\xb2",
    "\xe6\x97\xa0\xe6\xb3\x95\xe6\x8a\x95\xe9\x80\x92",
    "\xe6\x97\xa0\xe6\xb3\x95\xe9\x80\x81\xe8\xbe\xbe",
    "\xe9\x80\x80\xe4\xbf\xa1",
    "\xe9\x85\x8d\xe4\xbf\xa1\xe3\x81\xa7\xe3\x81\x8d\xe3\x81\xbe\xe3\x81\x9b\xe3\x82\x93",
    NULL,
};

static const char *const subjects[] = {
    "undeliver",
    "returned mail",
    "failure notice",
    "delivery failure",
    "delivery status",
    "delivery notif",
    "mail delivery",
    "delivery has failed",
    "delivery report",
    "delivery error",
    "non-delivery",
    "nondelivery",
    "returned to sender",
    "message status",
    "undelivered",
    "not delivered",
    "could not be delivered",
    "cannot be delivered",
    "unable to deliver",
    "delivery problem",
    "mail system error",
    "mail failure",
    "failed mail",
    "permanent",
    "bounce",
    "message delayed",
    "delayed mail",
    "warning: message",
    "warning: could not",
    "delayed",
    "unknown user",
    "user unknown",
    "unzustellbar",
    "nicht zugestellt",
    "nicht zustellbar",
    "non remis",
    "non distribu",
    "no entregado",
    "mancata consegna",
    "n\xc3\xa3o entregue",
    "onbestelbaar",
    "kan ikke leveres",
    "\xe9\x80\x80\xe4\xbf\xa1",
    "\xe7\xb3\xbb\xe7\xbb\x9f\xe9\x80\x80\xe4\xbf\xa1",
    NULL,
};

/* A line that announces addresses, or says why one failed. */
static const char *const reasons[] = {
    "unknown",
    "fail",
    "undeliver",
    "not deliver",
    "reject",
    "invalid",
    "disabled",
    "discontinued",
    "unavailable",
    "exist",
    "quota",
    "is full",
    "refused",
    "unable",
    "could not",
    "couldn't",
    "cannot",
    "can not",
    "can't",
    "no such",
    "not found",
    "not reach",
    "did not",
    "didn't",
    "not accept",
    "following",
    "recipient",
    "doesn't have",
    "not have",
    "not known",
    "no mailbox",
    "denied",
    "error",
    "originally addressed",
    "permanent",
    "deliver",
    "undeliverable",
    "no longer",
    "not listed",
    "not a valid",
    "inactive",
    "nicht",
    "pas pu",
    "no se",
    "\xd0\xbd\xd0\xb5",
    "\xe6\x97\xa0\xe6\xb3\x95",
    "\xe9\x80\x81",
    NULL,
};

/* A line on which an address is somebody to ask, or the message's own. */
static const char *const asides[] = {
    "contact",           "assistance",  "reply to",   "questions",  "e-mail to",  "email to",
    "send mail to",      "mailto:",     "help",       "message-id", "message id", "received:",
    "envelope-from",     "return-path", "mail from:", "from:<",     "from: <",    "reporting-mta",
    "your message from", "sender:",     "subject:",   "cc:",        "write to",   "complain",
    "report to",         NULL,
};

static const char *const warnings[] = {
    "warning",
    "delayed",
    "will be retried",
    "will retry",
    "still being",
    "still undelivered",
    "not yet been delivered",
    "not yet delivered",
    "do not need to resend",
    "no need to resend",
    "continue to try",
    "continue trying",
    "keep trying",
    "attempts will be made",
    "will continue",
    "will be attempted",
    "postponed",
    "no action is required",
    NULL,
};
static const char *const finals[] = {
    "permanent",
    "giving up",
    "given up",
    "has failed",
    "delivery failed",
    "address(es) failed",
    "could not be delivered to one or more",
    "returned below",
    "this is a permanent",
    "fatal error",
    NULL,
};

static const struct {
    const char *words, *enhanced;
} meanings[] = {
    {"user unknown", "5.1.1"},
    {"unknown user", "5.1.1"},
    {"no such user", "5.1.1"},
    {"no mailbox here", "5.1.1"},
    {"addressee unknown", "5.1.1"},
    {"unknown recipient", "5.1.1"},
    {"recipient unknown", "5.1.1"},
    {"not recognized", "5.1.1"},
    {"does not exist", "5.1.1"},
    {"doesn't exist", "5.1.1"},
    {"doesn't have a", "5.1.1"},
    {"invalid mailbox", "5.1.1"},
    {"invalid recipient", "5.1.1"},
    {"user not found", "5.1.1"},
    {"no such mailbox", "5.1.1"},
    {"unknown address", "5.1.1"},
    {"unrouteable address", "5.1.1"},
    {"mailbox not found", "5.1.1"},
    {"not a valid user", "5.1.1"},
    {"mailbox unavailable", "5.1.1"},
    {"unknown or illegal", "5.1.1"},
    {"disabled", "5.2.1"},
    {"discontinued", "5.2.1"},
    {"inactive", "5.2.1"},
    {"quota", "5.2.2"},
    {"mailbox is full", "5.2.2"},
    {"mailbox full", "5.2.2"},
    {"host unknown", "5.1.2"},
    {"host not found", "5.1.2"},
    {"unknown host", "5.1.2"},
    {"domain not found", "5.1.2"},
    {"no such host", "5.1.2"},
    {"too large", "5.3.4"},
    {"too big", "5.3.4"},
    {"too many hops", "5.4.6"},
    {"loop", "5.4.6"},
    {"spam", "5.7.1"},
    {"relay", "5.7.1"},
    {"access denied", "5.7.1"},
    {"policy", "5.7.1"},
    {"timed out", "4.4.7"},
    {"timeout", "4.4.7"},
    {"not responding", "4.4.7"},
    {"queue too long", "4.4.7"},
    {"retry time", "4.4.7"},
    {"connection refused", "4.4.1"},
};

static const char *const returned[] = {"original message follow",
                                       "original message as received",
                                       "is a copy of",
                                       "copy of the original message",
                                       "unsent message below",
                                       "message header follow",
                                       "header of the original",
                                       "headers of the original",
                                       "headers follow",
                                       "your message follows",
                                       "text of your message",
                                       "original message text",
                                       "original message header",
                                       "message is included",
                                       "original text follows",
                                       "message reads (in part)",
                                       NULL};

bool bounce_words_has(enum bounce_words kind, const char *s, size_t n)
{
    static const char *const *const lists[BOUNCE_WORDS_COUNT] = {
        [BOUNCE_WORDS_FAILURE] = failures,  [BOUNCE_WORDS_SUBJECT] = subjects,
        [BOUNCE_WORDS_REASON] = reasons,    [BOUNCE_WORDS_ASIDE] = asides,
        [BOUNCE_WORDS_WARNING] = warnings,  [BOUNCE_WORDS_FINAL] = finals,
        [BOUNCE_WORDS_RETURNED] = returned,
    };
    const char *const *word;

    for (word = lists[kind]; *word; word++)
        if (text_has(s, n, *word))
            return true;
    return false;
}

const char *bounce_words_code(const char *s, size_t n)
{
    size_t i;

    for (i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (text_has(s, n, meanings[i].words))
            return meanings[i].enhanced;
    return NULL;
}

bool bounce_words_is_unknown_user(const char *s, size_t n)
{
    size_t i;

    for (i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (strcmp(meanings[i].enhanced, "5.1.1") == 0 && text_has(s, n, meanings[i].words))
            return true;
    return false;
}
