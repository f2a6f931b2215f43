/*
 * An allocator that looks for a secret in whatever is given back: free and realloc of its own,
 * which the program under test and all libraries use, too.  For one test program, which includes
 * it.
 */
#ifndef TESTS_UNIT_FIXTURE_SECRET_H
#define TESTS_UNIT_FIXTURE_SECRET_H

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SECRET_REAL(name) __interceptor_##name
#define SECRET_EARLY      __attribute__((no_sanitize("address", "undefined", "thread")))
#else
#define SECRET_REAL(name) __libc_##name
#define SECRET_EARLY
#endif
void *SECRET_REAL(realloc)(void *old, size_t size);
void SECRET_REAL(free)(void *old);

static const char *_Atomic secret; /* what is looked for; NULL: nothing */
static atomic_uint secrets_left;   /* blocks given back with it inside */

static SECRET_EARLY void look_for_secret(void *block)
{
    const char *wanted = secret;

    if (wanted && block && buf_find(block, malloc_usable_size(block), wanted, strlen(wanted)))
        secrets_left++;
}

SECRET_EARLY void free(void *old)
{
    look_for_secret(old);
    SECRET_REAL(free)(old);
}

SECRET_EARLY void *realloc(void *old, size_t size)
{
    look_for_secret(old); /* it may be moved */
    return SECRET_REAL(realloc)(old, size);
}

#endif
