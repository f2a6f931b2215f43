/*
 * A store in a folder of its own, for the tests that need a real one.
 */
#ifndef TESTS_UNIT_FIXTURE_STORE_H
#define TESTS_UNIT_FIXTURE_STORE_H

#include <stdio.h>
#include <stdlib.h>

#include "store/store.h"

enum { FOLDER_SIZE = 64, STORE_URL_SIZE = FOLDER_SIZE + 20 };

/* A new folder below /tmp with the test's name in its own; url: of a store in it. */
static inline void folder_make(const char *name, char folder[FOLDER_SIZE], char url[STORE_URL_SIZE])
{
    snprintf(folder, FOLDER_SIZE, "/tmp/postern-%s-XXXXXX", name);
    assert_non_null(mkdtemp(folder));
    snprintf(url, STORE_URL_SIZE, "sqlite:%s/q.db", folder);
}

static inline void folder_remove(const char *folder)
{
    char command[FOLDER_SIZE + 20];

    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

static inline struct store *store_make(const char *name, char folder[FOLDER_SIZE])
{
    char url[STORE_URL_SIZE];
    struct store *store;
    struct err e;

    folder_make(name, folder, url);
    store = store_open(url, STORE_READ_WRITE, &e);
    if (!store)
        fail_msg("%s", e.text);
    return store;
}

/* Takes NULL for a store that the test has closed. */
static inline void store_remove(struct store *store, const char *folder)
{
    store_close(store);
    folder_remove(folder);
}

/* run in a transaction; the test fails when that does. */
static inline void store_must(struct store *store,
                              int (*run)(struct store_txn *txn, void *arg, struct err *e),
                              void *arg)
{
    struct err e;

    if (store_now(store, run, arg, &e) < 0)
        fail_msg("%s", e.text);
}

#endif
