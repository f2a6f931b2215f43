#ifndef TESTS_FAKE_PORT_H
#define TESTS_FAKE_PORT_H

/* A port of 127.0.0.1 that nobody uses now, and that no other test takes while this process lives.
 * The caller listens there before it asks for another. */
unsigned fake_port(void);

#endif
