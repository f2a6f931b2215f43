/*
 * step: places at which a build for crash tests can be told to die.
 *
 * step("queue.committed") is nothing in the usual build.  With -DPOSTERN_CRASH it looks into the
 * environment: POSTERN_DIE_AT=queue.committed kills the process there as a power cut would, without
 * a destructor, a flush or a word; POSTERN_DIE_AT=queue.committed:3 at the third time.  "any:40" is
 * the fortieth step whichever it is.  Any thread.
 *
 * The name is written out as a string where it stands: tests/crash/ gathers all names from the
 * sources and runs each of them, so a new step is tested without anybody remembering it.  One
 * belongs before and after whatever survives a crash or is told to the world.
 */
#ifndef BASE_STEP_H
#define BASE_STEP_H

void step_reach(const char *name); /* step() calls it, in the build that has it */

#ifdef POSTERN_CRASH
#define step(name) step_reach(name)
#else
#define step(name) ((void)0)
#endif

#endif
