/*
 * resident: memory that is no longer needed goes back to the system.
 *
 * Starting touches much that serving does not: the code that initialises libraries, the tables by
 * which they are linked, and what the kernel maps around each page that is asked for.  All of that
 * is in files, unchanged, and comes back by itself when it is wanted; until then it need not be
 * held.
 */
#ifndef BASE_RESIDENT_H
#define BASE_RESIDENT_H

/* Gives back free heap, and the pages of programs and libraries that nobody has changed.  Costs a
 * few milliseconds, and soft page faults for what is used again.  Where /proc cannot be read, only
 * the heap.  Any thread. */
void resident_give_back(void);

#endif
