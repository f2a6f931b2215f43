/*
 * status: what a mail server said, as a class for the queue and as a Jabber error.  No data, any
 * thread, nothing left behind.
 *
 * Servers are strangers: their words are cleaned and cut before they are shown.  An enhanced code
 * (RFC 3463) wins over the reply code; known words only help where neither says anything.
 */
#include "mapping/report/status.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "mapping/report/status_text.h"

/* What a person is told, by what happened. */
enum verdict {
    UNREACHABLE,
    REFUSED,
    TIMEOUT,
    NO_SERVER,
    UNKNOWN,
    AWAY,
    MALFORMED,
    MOVED,
    DISABLED,
    CLOSED,
    FULL,
    UNACCEPTABLE,
    FORBIDDEN,
    PROTOCOL,
    LOCKED_OUT,
    NOT_LET_IN,
    NO_VERDICT
};

/* advice: the recipient is put between before and after. */
static const struct {
    int code;
    const char *condition, *type, *before, *after;
} verdicts[] = {
    [UNREACHABLE] = {502, "service-unavailable", "wait", "The message to ",
                     " could not be delivered for now. Try again later."},
    [REFUSED] = {502, "service-unavailable", "cancel", "The mail server refused the message to ",
                 "."},
    [TIMEOUT] = {504, "remote-server-timeout", "wait", "The message to ",
                 " could not be delivered in time. Try again later."},
    [NO_SERVER] = {504, "remote-server-not-found", "cancel", "There is no mail server for ",
                   ". Check what stands behind the @."},
    [UNKNOWN] = {404, "item-not-found", "cancel", "There is no mailbox ", ". Check the address."},
    [AWAY] = {404, "recipient-unavailable", "wait", "The mailbox ",
              " takes no mail at present. Try again later."},
    [MALFORMED] = {400, "jid-malformed", "modify", "",
                   " is no mail address as the mail server wants it. "
                   "Check how it is written."},
    [MOVED] = {302, "gone", "cancel", "", " has moved to another address."},
    [DISABLED] = {503, "service-unavailable", "cancel", "The mailbox ",
                  " is disabled and takes no mail."},
    [CLOSED] = {503, "service-unavailable", "wait", "The mail server for ",
                " takes no mail at present. Try again later."},
    [FULL] = {500, "resource-constraint", "wait", "There is no room for mail to ",
              ". Try again later."},
    [UNACCEPTABLE] =
        {406, "not-acceptable", "modify", "The message to ",
         " is too large or of a kind that the mail server does not take. Change it and send it "
         "again."},
    [FORBIDDEN] = {403, "forbidden", "auth", "The mail server does not allow the message to ",
                   ". The recipient may have to allow you first."},
    [PROTOCOL] = {500, "internal-server-error", "cancel",
                  "The gateway and the mail server did not understand "
                  "each other about mail to ",
                  ". Tell the gateway's administrator."},
    [LOCKED_OUT] = {500, "internal-server-error", "cancel",
                    "The mail server does not let the gateway log in, so the message to ",
                    " was not sent. Tell the gateway's administrator."},
    [NOT_LET_IN] = {401, "not-authorized", "auth",
                    "Your own mail server does not let the gateway in, so the message to ",
                    " was not sent. Register with the gateway again with the right password."},
};

/* The first row that fits; class 0: 4 and 5. */
static const struct {
    int class, subject, first, last;
    enum verdict verdict;
} by_enhanced[] = {
    {0, 2, 2, 2, FULL},           {0, 3, 1, 1, FULL},
    {4, 2, 1, 1, AWAY},           {4, 4, 1, 1, TIMEOUT},
    {4, 4, 7, 7, TIMEOUT},        {5, 4, 7, 7, TIMEOUT}, /* DELIVERBY (RFC 2852) */
    {5, 1, 0, 1, UNKNOWN},        {5, 1, 4, 4, UNKNOWN},
    {5, 1, 2, 2, NO_SERVER},      {5, 1, 10, 10, NO_SERVER},
    {5, 4, 4, 4, NO_SERVER},      {5, 4, 6, 6, REFUSED},
    {5, 1, 3, 3, MALFORMED},      {5, 1, 6, 6, MOVED},
    {5, 2, 1, 1, DISABLED},       {5, 3, 2, 2, CLOSED},
    {5, 2, 3, 3, UNACCEPTABLE},   {5, 3, 4, 4, UNACCEPTABLE},
    {5, 6, 0, 999, UNACCEPTABLE}, {5, 5, 3, 3, UNACCEPTABLE},
    {5, 7, 3, 7, UNACCEPTABLE},   {5, 7, 1, 2, FORBIDDEN},
    {5, 7, 20, 27, FORBIDDEN},    {5, 7, 8, 8, PROTOCOL},    /* the gateway's own credentials */
    {5, 7, 100, 999, FORBIDDEN},  {5, 5, 0, 999, PROTOCOL},  /* x.7.100 and up: of one maker */
    {5, 1, 351, 351, UNKNOWN},    {5, 4, 300, 300, TIMEOUT}, /* as are these */
    {5, 4, 310, 310, NO_SERVER},  {5, 4, 316, 316, TIMEOUT},
};

static const struct {
    int code;
    enum verdict verdict;
} by_code[] = {
    {421, UNREACHABLE}, {453, CLOSED},   {500, PROTOCOL},  {501, MALFORMED}, {502, PROTOCOL},
    {503, PROTOCOL},    {504, PROTOCOL}, {530, PROTOCOL},  {535, PROTOCOL},  {551, MOVED},
    {553, MALFORMED},   {555, PROTOCOL}, {556, NO_SERVER}, /* RFC 7504 */
};

static const struct {
    const char *words;
    enum verdict verdict;
} by_words[] = {
    {"user unknown", UNKNOWN},
    {"unknown user", UNKNOWN},
    {"no such user", UNKNOWN},
    {"no such recipient", UNKNOWN},
    {"no such mailbox", UNKNOWN},
    {"no such address", UNKNOWN},
    {"no such account", UNKNOWN},
    {"unknown recipient", UNKNOWN},
    {"recipient unknown", UNKNOWN},
    {"unknown address", UNKNOWN},
    {"unknown local", UNKNOWN},
    {"unknown account", UNKNOWN},
    {"unrouteable address", UNKNOWN},
    {"user not found", UNKNOWN},
    {"mailbox not found", UNKNOWN},
    {"recipient not found", UNKNOWN},
    {"account not found", UNKNOWN},
    {"mailbox unavailable", UNKNOWN},
    {"invalid recipient", UNKNOWN},
    {"invalid mailbox", UNKNOWN},
    {"does not exist", UNKNOWN},
    {"doesn't exist", UNKNOWN},
    {"no mailbox here", UNKNOWN},
    {"not a valid mailbox", UNKNOWN},
    {"not a valid recipient", UNKNOWN},
    {"not listed in", UNKNOWN},
    {"user doesn't have", UNKNOWN},
    {"account is disabled", DISABLED},
    {"mailbox disabled", DISABLED},
    {"account disabled", DISABLED},
    {"account has been disabled", DISABLED},
    {"mailbox is full", FULL},
    {"mailbox full", FULL},
    {"over quota", FULL},
    {"overquota", FULL},
    {"quota exceeded", FULL},
    {"exceeded storage", FULL},
    {"exceeds storage", FULL},
    {"too large", UNACCEPTABLE},
    {"too big", UNACCEPTABLE},
    {"exceeds size", UNACCEPTABLE},
    {"size exceeds", UNACCEPTABLE},
    {"size limit", UNACCEPTABLE},
    {"relay access denied", FORBIDDEN},
    {"relaying denied", FORBIDDEN},
    {"access denied", FORBIDDEN},
    {"not authorized", FORBIDDEN},
    {"spam", FORBIDDEN},
    {"blacklist", FORBIDDEN},
    {"blocklist", FORBIDDEN},
    {"block list", FORBIDDEN},
};

struct enhanced {
    int class, subject, detail;
};

/* One to three digits at p; -1: none. */
static int read_number(const char **p)
{
    const char *start = *p;
    int n = 0;

    for (; **p >= '0' && **p <= '9' && *p - start < 4; (*p)++)
        n = 10 * n + (**p - '0');
    return *p > start && *p - start < 4 ? n : -1;
}

/* Behind the code, NULL when there is none (RFC 3463 §2). */
static const char *read_enhanced(const char *text, struct enhanced *out)
{
    const char *p = text;

    if ((*p != '2' && *p != '4' && *p != '5') || p[1] != '.')
        return NULL;
    out->class = *p - '0';
    p += 2;
    out->subject = read_number(&p);
    if (out->subject < 0 || *p++ != '.')
        return NULL;
    out->detail = read_number(&p);
    if (out->detail < 0 || *p == '.')
        return NULL;
    return p;
}

const char *status_split(struct arena *a, const char *text, const char **text_out)
{
    struct enhanced ignored;
    const char *start = text + (*text == '#' ? 1 : 0); /* as some appliances write it */
    const char *end = read_enhanced(start, &ignored), *code = NULL;

    *text_out = text;
    if (end && (*end == '\0' || strchr(" \t\r\n:;,)", *end)))
        code = arena_strndup(a, start, (size_t)(end - start));
    if (code)
        *text_out = end + strspn(end, " \t");
    return code;
}

static bool has_words(const char *text, const char *words)
{
    size_t len = strlen(words);

    for (; text && *text; text++)
        if (strncasecmp(text, words, len) == 0)
            return true;
    return false;
}

/* RFC 5321 §4.5.3.1.10: the next transaction may take the rest. */
static bool is_too_many(const struct smtp_status *s)
{
    struct enhanced x = {0, 0, 0};

    if (s->code != 552)
        return false;
    if (s->enhanced && read_enhanced(s->enhanced, &x))
        return x.subject == 5 && x.detail == 3;
    return has_words(s->text, "too many recipients");
}

enum smtp_class status_class(const struct smtp_status *status)
{
    struct enhanced x = {0, 0, 0};
    int class = status->code / 100;

    if (status->trouble == SMTP_TROUBLE_EXPIRED || status->trouble == SMTP_TROUBLE_OWN)
        return SMTP_FAILED;
    if (status->trouble != SMTP_TROUBLE_NONE || is_too_many(status))
        return SMTP_LATER;
    if (status->code == 0 && status->enhanced && read_enhanced(status->enhanced, &x))
        class = x.class;
    return class == 2 ? SMTP_DELIVERED : class == 5 ? SMTP_FAILED : SMTP_LATER;
}

static enum verdict look_up_enhanced(const struct enhanced *x)
{
    size_t i;

    for (i = 0; i < sizeof by_enhanced / sizeof by_enhanced[0]; i++)
        if ((by_enhanced[i].class == x->class || (by_enhanced[i].class == 0 && x->class != 2)) &&
            by_enhanced[i].subject == x->subject && by_enhanced[i].first <= x->detail &&
            x->detail <= by_enhanced[i].last)
            return by_enhanced[i].verdict;
    return NO_VERDICT;
}

static enum verdict look_up_code(int code)
{
    size_t i;

    for (i = 0; i < sizeof by_code / sizeof by_code[0]; i++)
        if (by_code[i].code == code)
            return by_code[i].verdict;
    return NO_VERDICT;
}

/* Words of a temporary failure only tell of a full mailbox: the rest had its time to change. */
static enum verdict look_up_words(const char *text, bool is_permanent)
{
    size_t i;

    for (i = 0; i < sizeof by_words / sizeof by_words[0]; i++)
        if ((is_permanent || by_words[i].verdict == FULL) && has_words(text, by_words[i].words))
            return by_words[i].verdict;
    return NO_VERDICT;
}

static enum verdict judge(const struct smtp_status *s)
{
    static const enum verdict of_trouble[] = {
        [SMTP_TROUBLE_CONNECT] = UNREACHABLE, [SMTP_TROUBLE_TIMEOUT] = TIMEOUT,
        [SMTP_TROUBLE_NO_NAME] = NO_SERVER,   [SMTP_TROUBLE_LOGIN] = LOCKED_OUT,
        [SMTP_TROUBLE_EXPIRED] = TIMEOUT,     [SMTP_TROUBLE_OWN] = NOT_LET_IN,
    };
    bool is_permanent = status_class(s) == SMTP_FAILED, is_silent = true;
    enum verdict verdict = NO_VERDICT;
    struct enhanced x;

    if (s->trouble != SMTP_TROUBLE_NONE)
        return of_trouble[s->trouble];
    /* Exchange says 5.1.10, a null MX (RFC 7505), of a user whom it does not know. */
    if (s->enhanced && strcmp(s->enhanced, "5.1.10") == 0 &&
        (has_words(s->text, "RecipientNotFound") ||
         has_words(s->text, "not found by SMTP address")))
        return UNKNOWN;
    if (s->enhanced && read_enhanced(s->enhanced, &x)) {
        verdict = look_up_enhanced(&x);
        is_silent = x.subject == 0 && x.detail == 0;
    }
    if (verdict == NO_VERDICT)
        verdict = look_up_code(s->code);
    if (verdict == NO_VERDICT && is_silent)
        verdict = look_up_words(s->text, is_permanent);
    if (verdict == NO_VERDICT)
        verdict = is_permanent ? REFUSED : UNREACHABLE;
    return verdict;
}

/* The address that a reply tells of (RFC 5321 §3.4: in angle brackets), other than the recipient's
 * own. */
static const char *forward_uri(struct arena *a, const char *text, const char *recipient)
{
    while (text && *text) {
        size_t len = strcspn(text, " \t\r\n<>()[]\"',;:");
        struct addr addr;
        char *word;

        if (len == 0) {
            text++;
            continue;
        }
        word = len <= ADDR_PATH_MAX ? arena_strndup(a, text, len) : NULL;
        if (word && word[len - 1] == '.')
            word[len - 1] = '\0'; /* of the sentence */
        if (word && strchr(word, '@') && strcasecmp(word, recipient) != 0 &&
            addr_parse(a, word, &addr, NULL) == 0)
            return status_mailto(a, &addr);
        text += len;
    }
    return NULL;
}

int status_to_jabber(struct arena *a, const struct smtp_status *status, const char *recipient,
                     struct jabber_error *out)
{
    enum verdict verdict = judge(status);
    const char *said = status_clean_text(a, status->text ? status->text : "");
    const char *enhanced = status->enhanced;
    const char *who = status_clean_text(a, recipient);
    struct enhanced ignored;
    char code[16] = "";

    memset(out, 0, sizeof *out);
    if (!enhanced || !read_enhanced(enhanced, &ignored))
        enhanced = "";
    if (!said || !who)
        return -1;
    out->code = verdicts[verdict].code;
    out->condition = verdicts[verdict].condition;
    out->type = verdicts[verdict].type;
    if (verdict == MOVED)
        out->uri = forward_uri(a, status->text, recipient);
    if (status->code > 0 && status->code < 1000)
        snprintf(code, sizeof code, " %d", status->code);
    if (*code || *enhanced || *said)
        out->text = arena_printf(
            a, "%s%s%s %s:%s%s%s%s%s", verdicts[verdict].before, who, verdicts[verdict].after,
            status->trouble == SMTP_TROUBLE_NONE ? "The mail server said" : "What happened", code,
            *enhanced ? " " : "", enhanced, *said ? " " : "", said);
    else
        out->text =
            arena_printf(a, "%s%s%s", verdicts[verdict].before, who, verdicts[verdict].after);
    return out->text ? 0 : -1;
}
