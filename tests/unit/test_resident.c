/* Memory is given back, and nothing that was changed is lost by it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/resident.h"

enum { SIZE = 4 << 20 };

static int make_file(void)
{
    char path[] = "/tmp/test_resident.XXXXXX", *bytes = malloc(SIZE);
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_non_null(bytes);
    memset(bytes, 'a', SIZE);
    assert_int_equal(write(fd, bytes, SIZE), SIZE);
    unlink(path);
    free(bytes);
    return fd;
}

/* kB of files that this process holds. */
static long file_kb(void)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[200];
    long kb = -1;

    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "RssFile: %ld kB", &kb) == 1)
            break;
    fclose(f);
    assert_true(kb >= 0);
    return kb;
}

static size_t count_a(const char *bytes)
{
    size_t i, n = 0;

    for (i = 0; i < SIZE; i++)
        n += bytes[i] == 'a';
    return n;
}

static void test_unchanged_goes_and_comes_back(void **state)
{
    int fd = make_file();
    char *bytes = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
    long before;

    (void)state;
    assert_ptr_not_equal(bytes, MAP_FAILED);
    assert_int_equal(count_a(bytes), SIZE);
    before = file_kb();
    resident_give_back();
    assert_true(file_kb() < before - SIZE / 1024 / 2);
    assert_int_equal(count_a(bytes), SIZE);
    munmap(bytes, SIZE);
    close(fd);
}

/* As a library's relocated tables are: written, then made read-only. */
static void test_changed_stays(void **state)
{
    static const int rights[] = {PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rights / sizeof rights[0]; i++) {
        int fd = make_file();
        char *bytes = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

        assert_ptr_not_equal(bytes, MAP_FAILED);
        bytes[SIZE / 2] = 'b';
        assert_int_equal(mprotect(bytes, SIZE, rights[i]), 0);
        resident_give_back();
        assert_int_equal(bytes[SIZE / 2], 'b');
        assert_int_equal(count_a(bytes), SIZE - 1);
        munmap(bytes, SIZE);
        close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unchanged_goes_and_comes_back),
        cmocka_unit_test(test_changed_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
