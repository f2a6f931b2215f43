/*
 * fuzz: what the fuzz targets share: the gateway mail.example.org for the users of example.org at a
 * fixed time, and a check that stays in every build.
 *
 * A target is tests/fuzz/fuzz_<name>.c with one LLVMFuzzerTestOneInput; its first inputs are the
 * files of tests/fuzz/seeds/<name>, what was found once is kept in tests/fuzz/found/<name>.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "mapping/address/address_map.h"
#include "mapping/context.h"

#define FUZZ_NS "jabber:component:accept"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Made at the first call, and kept. */
const struct context *fuzz_context(void);

/* What must hold whatever the input was. */
#define HOLDS(condition) ((condition) ? (void)0 : fuzz_failed(#condition, __FILE__, __LINE__))
void fuzz_failed(const char *what, const char *file, int line);

#endif
