/*
 * conf_scan: a look at the configuration file before libconfuse sees it.  Shared by the parts of
 * conf only.  Any thread.
 */
#ifndef BASE_CONF_SCAN_H
#define BASE_CONF_SCAN_H

#include "base/err.h"

/* Overwrites the comments of text with spaces (libconfuse counts their lines twice), and refuses
 * what would leave libconfuse's scanner inside a string for the next file: strings and comments
 * without an end, and escapes it does not know.  path is for the error, "FILE:LINE: ...". */
int conf_scan(char *text, const char *path, struct err *e) MUST_CHECK;

#endif
