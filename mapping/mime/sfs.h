/*
 * sfs: stateless file sharing (XEP-0447 with the metadata of XEP-0446), the newer form of
 * jabber:x:oob.  Pure; any thread.
 */
#ifndef MAPPING_MIME_SFS_H
#define MAPPING_MIME_SFS_H

#include <stdbool.h>

#include "base/xml.h"
#include "mapping/letter.h"

/* Has the attachment a link, and is something known of the file behind it? */
bool sfs_is_file(const struct attachment *att);

/* Adds the file-sharing element of such an attachment; number tells several in one stanza apart.
 * -1: the arena is exhausted. */
int sfs_write(struct arena *a, const struct attachment *att, unsigned number,
              struct xml_node *stanza) MUST_CHECK;

/* What a file-sharing element says, cleaned: url is the first source that is a plain link, "" when
 * there is none; description and media_type NULL where nothing is said.  -1: the arena is
 * exhausted. */
int sfs_read(struct arena *a, const struct xml_node *sharing, struct attachment *out) MUST_CHECK;

#endif
