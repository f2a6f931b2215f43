/*
 * texts: what users and administrators read of the gateway, in their language.
 *
 * English where a language is not known; zh and de beside it.  A text has places %1 and %2 for what
 * is put in.  A new text is a name here and a row in each texts_*.c.  Any thread.
 */
#ifndef BRIDGE_PEOPLE_TEXTS_H
#define BRIDGE_PEOPLE_TEXTS_H

#include "base/arena.h"
#include "base/buf.h"

enum text {
    TEXT_HELP_UNKNOWN,
    TEXT_HELP_INTRO,
    TEXT_HELP_HELP,
    TEXT_HELP_SETTINGS,
    TEXT_HELP_SENDERS,
    TEXT_HELP_BLOCK,
    TEXT_HELP_ALLOW,
    TEXT_HELP_FORGET,
    TEXT_CHOICES_NAME,
    TEXT_CHOICES_INTRO,
    TEXT_CHOICES_KEPT,
    TEXT_SENDERS_NAME,
    TEXT_SENDERS_INTRO,
    TEXT_SENDERS_BLOCKED,
    TEXT_SENDERS_ALLOWED,
    TEXT_SENDERS_KEPT,
    TEXT_SENDERS_NONE,
    TEXT_SENDERS_WRONG,
    TEXT_SENDERS_MANY,
    TEXT_SENDERS_BLOCKS,
    TEXT_SENDERS_ALLOWS,
    TEXT_SENDERS_FORGETS,
    TEXT_VALUE_DEFAULT,
    TEXT_VALUE_YES,
    TEXT_VALUE_NO,
    TEXT_VALUE_NORMAL,
    TEXT_VALUE_CHAT,
    TEXT_VALUE_ALWAYS,
    TEXT_VALUE_NEW,
    TEXT_VALUE_NEVER,
    TEXT_CHOICE_RECEIPTS,
    TEXT_CHOICE_TYPE,
    TEXT_CHOICE_SUBJECT,
    TEXT_CHOICE_QUOTES,
    TEXT_CHOICE_STRANGERS,
    TEXT_NOW,
    TEXT_RECEIPTS_ON,
    TEXT_RECEIPTS_OFF,
    TEXT_RECEIPTS_NEVER,
    TEXT_NOT_STORED,
    TEXT_BUSY,
    TEXT_WRONG_VALUE,
    TEXT_STATUS_NAME,
    TEXT_STATUS_WELL,
    TEXT_STATUS_HOUR,
    TEXT_QUEUE_NAME,
    TEXT_QUEUE_INTRO,
    TEXT_QUEUE_MESSAGE,
    TEXT_QUEUE_ACTION,
    TEXT_QUEUE_SHOW,
    TEXT_QUEUE_RETRY,
    TEXT_QUEUE_DROP,
    TEXT_QUEUE_EMPTY,
    TEXT_QUEUE_GONE,
    TEXT_QUEUE_DONE,
    TEXT_MAP_NAME,
    TEXT_MAP_ADDRESS,
    TEXT_MAP_NOTHING,
    TEXT_RELOAD_NAME,
    TEXT_RELOAD_DONE,
    TEXT_RELOAD_REFUSED,
    TEXT_SEARCH_NAME,
    TEXT_SEARCH_INTRO,
    TEXT_SEARCH_FIRST,
    TEXT_SEARCH_LAST,
    TEXT_SEARCH_NICK,
    TEXT_SEARCH_EMAIL,
    TEXT_SEARCH_JID,
    TEXT_COMMANDS_NAME,
    TEXT_RULES_DONE,
    TEXT_RULES_LATER,
    TEXT_RULES_MANY,
    TEXT_PAIRS_NAME,
    TEXT_PAIRS_INTRO,
    TEXT_PAIRS_REMOVE,
    TEXT_PAIRS_JID,
    TEXT_PAIRS_MAIL,
    TEXT_PAIRS_DIRECTION,
    TEXT_PAIRS_BOTH,
    TEXT_PAIRS_TO_MAIL,
    TEXT_PAIRS_TO_JABBER,
    TEXT_PAIRS_TAKEN,
    TEXT_PAIRS_WRONG,
    TEXT_RIGHTS_NAME,
    TEXT_RIGHTS_INTRO,
    TEXT_RIGHTS_ALLOWED,
    TEXT_RIGHTS_DENIED,
    TEXT_RIGHTS_WRONG,
    TEXT_LIMITS_NAME,
    TEXT_LIMITS_INTRO,
    TEXT_LIMITS_LABEL,
    TEXT_LIMITS_USER,
    TEXT_LIMITS_RECIPIENT,
    TEXT_LIMITS_LMTP,
    TEXT_COUNT
};

/* As it stands.  lang: an RFC 5646 tag, of which the first part counts; NULL: not known. */
const char *texts_get(const char *lang, enum text text);
/* With a and b (NULL: "") in their places. */
void texts_write(struct buf *out, const char *lang, enum text text, const char *a, const char *b);
/* The same in an arena; NULL when it is exhausted. */
const char *texts_make(struct arena *arena, const char *lang, enum text text, const char *a,
                       const char *b);

#endif
