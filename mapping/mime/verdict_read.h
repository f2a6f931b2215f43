/*
 * verdict_read: what the mail server found out about a mail's author (RFC 8601), as far as it says
 * so itself.  Pure; any thread.
 */
#ifndef MAPPING_MIME_VERDICT_READ_H
#define MAPPING_MIME_VERDICT_READ_H

#include "mapping/mime/header_read.h"
#include "mapping/letter.h"

/* Fills letter->is_doubtful and is_path_proven from the fields Authentication-Results of the server
 * (its authserv-id; "" believes none). */
void verdict_read(struct letter *letter, const struct mail_header *header, const char *server);

#endif
