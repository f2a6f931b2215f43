/*
 * sniff: what kind of file these bytes are, by how they begin.  Pure; any thread.
 */
#ifndef MAPPING_MIME_SNIFF_H
#define MAPPING_MIME_SNIFF_H

#include <stddef.h>

/* A media type of a short list, else application/octet-stream: never one that a reader would run or
 * render as a page. */
const char *sniff_type(const char *bytes, size_t len);

#endif
