/*
 * people_read: who a mail is from, whom it names and whom it goes to.  Pure; any thread.
 */
#ifndef MAPPING_ADDRESS_PEOPLE_READ_H
#define MAPPING_ADDRESS_PEOPLE_READ_H

#include "mapping/context.h"
#include "mapping/mime/header_read.h"
#include "mapping/letter.h"
#include "mapping/mime/mime_read.h"

enum {
    PEOPLE_PARTIES_MAX = 500, /* of To, Cc and Reply-To together; the rest is not shown */
    PEOPLE_RECIPIENTS_MAX = 1000,
    PEOPLE_RESENT_MAX = 20
};

/* Fills from, parties, resent, recipients, reverse_path and no_reply.  -1 only when memory is out.
 */
int people_read(const struct context *ctx, struct letter *l, const struct mail_header *h,
                const struct mail_envelope *envelope, struct err *e) MUST_CHECK;

/* Fills recipients and reverse_path, the same, and little else. */
int people_read_envelope(const struct context *ctx, struct letter *l, const struct mail_header *h,
                         const struct mail_envelope *envelope, struct err *e) MUST_CHECK;

/* A letter that was read without knowing what users have registered: they take the place of those
 * whom the gateway's rule gives their addresses to.  -1: memory. */
int people_settle(const struct address_map *map, struct letter *l) MUST_CHECK;

/* A further line for letter->notice; -1 when the arena is exhausted. */
int people_add_notice(struct letter *l, const char *line) MUST_CHECK;

#endif
