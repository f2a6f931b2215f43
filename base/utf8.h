/*
 * utf8: what is well-formed UTF-8 (Unicode 15, table 3-7: no overlong forms, no surrogates, nothing
 * over U+10FFFF).  No data, any thread.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the well-formed sequence at the start of the n bytes at p, 0 when there is none (or n
 * is 0).  The code point goes to *cp. */
size_t utf8_sequence(const char *p, size_t n, uint32_t *cp);

bool utf8_is_valid(const char *p, size_t n);
bool utf8_is_ascii(const char *p, size_t n);

/* May the code point stand in XML 1.0 (§2.2)? */
bool utf8_is_xml(uint32_t cp);

#endif
