/*
 * reader_trial: mails at which the process that reads them goes wrong on purpose.
 *
 * Nothing in the usual build.  In a build for crash tests (base/step.h) a mail with the field
 * X-Postern-Trial is not read but segfaults, aborts, balloons or opens a socket, as it says.
 */
#ifndef BRIDGE_READING_READER_TRIAL_H
#define BRIDGE_READING_READER_TRIAL_H

#include <stddef.h>

#ifdef POSTERN_CRASH
void reader_trial(const char *mail, size_t len);
#else
#define reader_trial NULL
#endif

#endif
