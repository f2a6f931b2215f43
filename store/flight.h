/*
 * flight: which messages are in work, in a file that outlives the process.
 *
 * A message that brings the program down shall be known by it at the next start, and to note each
 * message in the database before the work on it would cost a commit.  So the notes are kept in
 * memory, and messages are suspected only when the program dies of a fault of its own (SIGSEGV,
 * SIGABRT, ...), whose handler writes all of them into a small file beside the database: nobody
 * syncs it, but what a process has written is in the page cache, and that outlives the process.
 * Only a power cut takes it, and that is no message's fault.
 *
 * Other ends blame nobody: a mail may wait for a slow relay for minutes, and is not to blame when
 * somebody kills the gateway meanwhile, again and again.  What eats memory is not looked for here:
 * strangers' mail is taken apart in a process of its own with limits, whose death is counted
 * against the mail it read.  Loop thread only.
 */
#ifndef STORE_FLIGHT_H
#define STORE_FLIGHT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

enum { FLIGHT_MAX = 4096 }; /* marks at once; what is beyond them is not noted */

struct flight;

/* Opens or makes the file of a store that is locked, and reads what the last life left.  NULL with
 * *e. */
struct flight *flight_open(const struct store *s, struct err *e);
/* The messages that the last life may have ended over. */
size_t flight_suspects(const struct flight *f, const int64_t **out);
/* In the transaction that blames them: false when a start before this one did it, and died. */
int flight_note(struct flight *f, struct store_txn *txn, bool *new_out, struct err *e) MUST_CHECK;
/* They are written down: begins anew, and catches the signals of a fault. */
int flight_start(struct flight *f, struct err *e) MUST_CHECK;
/* The end is in order; takes NULL. */
void flight_close(struct flight *f);

/* The mark, for flight_end; 0: none was made. */
unsigned flight_begin(struct flight *f, int64_t id);
void flight_end(struct flight *f, unsigned mark); /* takes 0 */

#endif
