/*
 * volley: automatic answers that chase each other come to rest.
 *
 * A program that answers each message it gets (an "I am away" of a Jabber client) does not say that
 * it is one, and two of them facing each other by way of mail would never end.  But they answer at
 * once: after a few answers that no person could have typed the mail says that it is automatic (RFC
 * 3834 §5), whereupon decent programs keep still; and one more to what was automatic itself is not
 * sent.  The first few go whatever they follow: somebody's second line is often under way when the
 * answer of a program to the first one comes.  Bounded memory, loop thread only; what a restart
 * forgets costs a few messages more.
 */
#ifndef BRIDGE_TO_MAIL_VOLLEY_H
#define BRIDGE_TO_MAIL_VOLLEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum volley_verdict { VOLLEY_PERSON, VOLLEY_AUTOMATIC, VOLLEY_ENDLESS };

struct volley;

struct volley *volley_new(struct err *e);
void volley_free(struct volley *v); /* takes NULL */

/* A message of the contact has gone to the user (both bare JIDs). */
void volley_heard(struct volley *v, const char *user, const char *contact, bool is_automatic,
                  int64_t now_ms);
/* The user writes to the contact. */
enum volley_verdict volley_answered(struct volley *v, const char *user, const char *contact,
                                    int64_t now_ms);

#endif
