/*
 * reader_process: the confined process that reads strangers' mail: libetpan's and libxml2's parsers
 * run here and nowhere else in a gateway that serves.
 *
 * The same program, started with the hidden command READER_COMMAND by bridge/readers.  Standard
 * input is its socket.
 */
#ifndef BRIDGE_READING_READER_PROCESS_H
#define BRIDGE_READING_READER_PROCESS_H

#include <stddef.h>

/* Serves until the socket is closed; the exit status.  trial: called with each mail before it is
 * read, for tests of what happens when reading goes wrong; NULL: nothing. */
int reader_process(void (*trial)(const char *mail, size_t len));

#endif
