/*
 * json: strings in the output of --json (RFC 8259 §7).
 */
#ifndef BRIDGE_CLI_JSON_H
#define BRIDGE_CLI_JSON_H

#include "base/buf.h"

/* text in quotes; NULL becomes null. */
void json_string(struct buf *out, const char *text);

#endif
