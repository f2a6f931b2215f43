/*
 * descriptors: how many files and connections this process may have open.
 */
#ifndef BASE_DESCRIPTORS_H
#define BASE_DESCRIPTORS_H

/* As many as the system lets us: the soft limit is there for programs that use select(), which this
 * one does not.  Once, at the start, before there are threads.  Returns the limit. */
unsigned descriptors_raise(void);
/* The limit; UINT_MAX: there is none. */
unsigned descriptors_limit(void);

#endif
