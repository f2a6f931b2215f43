/*
 * trace: where a mail has been: how many servers it passed, and whether it left from here.
 *
 * Every mail of ours carries X-Loop with its reverse-path, which is keyed and expires, so nobody
 * can write one of their own and have mail taken for ours.  Pure; any thread.
 */
#ifndef MAPPING_REPORT_TRACE_H
#define MAPPING_REPORT_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "mapping/context.h"

enum { TRACE_HOPS_MAX = 100, TRACE_MARKS_MAX = 16 };

struct trace {
    size_t hops;                    /* Received fields (RFC 5321 §6.3) */
    int64_t marks[TRACE_MARKS_MAX]; /* ids of the messages of ours that it was, from X-Loop */
    size_t mark_count;
};

/* Reads the header of a mail, with CRLF or LF; looks at nothing behind it. */
void trace_read(const struct context *ctx, const char *mail, size_t len, struct trace *out);

/* Does a returned header, anywhere in this report, carry the mark of our message?  Who only knows
 * its Message-ID cannot write that.  What is wrapped in base64 is not looked into. */
bool trace_is_returned(const struct context *ctx, const char *report, size_t len, int64_t id);

/* The field; mark is a reverse-path of ours. */
void trace_write(struct buf *out, const char *mark);

#endif
