/*
 * stamp: points in time as Jabber writes them (XEP-0082, and the older form of XEP-0091).  Pure;
 * any thread.
 */
#ifndef MAPPING_STAMP_H
#define MAPPING_STAMP_H

#include <stdint.h>

enum { STAMP_SIZE = 24 };

/* "2002-09-10T23:08:25Z", with fractions and offsets, or "20020910T23:08:25"; 0: not a time. */
int64_t stamp_read(const char *text);

/* Each writes to out, which holds STAMP_SIZE, and returns it. */
char *stamp_write(int64_t time_s, char *out);     /* XEP-0082 */
char *stamp_write_old(int64_t time_s, char *out); /* XEP-0091 */

#endif
