/*
 * conf_map: the file of address rules that map_file names: one rule a line,
 *
 *     JID  ADDRESS  [both | to-mail | to-jabber]
 *
 * with white space between, empty lines, and comments from a # at the start of a word to the end of
 * the line.  Shared by the parts of conf only.  Any thread.
 */
#ifndef BASE_CONF_MAP_H
#define BASE_CONF_MAP_H

#include "base/arena.h"
#include "base/conf.h"

/* Adds the file's rules behind those of *rules (a new array in the arena).  ERR_PERMANENT names
 * file and line. */
int conf_map_read(struct arena *a, const char *path, struct conf_map_rule **rules, size_t *count,
                  struct err *e) MUST_CHECK;

/* both, to-mail, to-jabber, as they stand in a file; ends with NULL, in the order of
 * conf_map_direction. */
extern const char *const conf_map_directions[];

#endif
