/*
 * imap_trust: which certificates are trusted, and how TLS is spoken, shared by the connections of
 * many mailboxes: read once in a while instead of for each of them.  Any thread.
 */
#ifndef MAIL_IMAP_IMAP_TRUST_H
#define MAIL_IMAP_IMAP_TRUST_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "base/err.h"

struct imap_trust;

/* ca_file: NULL or "" for the system's; copied.  Nothing is read yet. */
struct imap_trust *imap_trust_new(const char *ca_file, struct err *e);
void imap_trust_free(struct imap_trust *t); /* takes NULL; connections made with it stay good */

bool imap_trust_is_of(const struct imap_trust *t, const char *ca_file);
/* Both are the caller's to free.  The store is read again when it is older than some minutes. */
int imap_trust_hold(struct imap_trust *t, SSL_CTX **ctx_out, X509_STORE **store_out,
                    struct err *e) MUST_CHECK;

/* What they are made of, for a connection of its own: the caller's to free; NULL: *e says why. */
SSL_CTX *imap_trust_context(struct err *e); /* TLS 1.2 or newer, verifying; trusts nobody yet */
X509_STORE *imap_trust_read(const char *ca_file, struct err *e);

#endif
