/*
 * resident: the mappings of this process, as /proc/self/smaps tells them.
 *
 * Owns nothing.  Any thread.  Only a private mapping of a file is given back that cannot be written
 * now and of which no page was changed before (Anonymous: 0): what was relocated, or holds a
 * debugger's breakpoint, differs from the file and stays.  A crash leaves nothing behind.
 */
#include "base/resident.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>

enum { LINE_MAX_SIZE = 4400 }; /* a path, and what stands before it */

struct mapping {
    uintptr_t start, end;
    bool is_code; /* or constants: a file's, private, not to be written */
};

static bool read_head(const char *line, struct mapping *m)
{
    char rights[5], path[2];
    unsigned long inode;
    int n = sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*x %*x:%*x %lu %1s", &m->start, &m->end,
                   rights, &inode, path);

    if (n < 4)
        return false;
    m->is_code = n == 5 && inode != 0 && path[0] == '/' && rights[0] == 'r' && rights[1] == '-' &&
                 rights[3] == 'p';
    return true;
}

static void give_back_files(FILE *maps)
{
    char line[LINE_MAX_SIZE];
    struct mapping m = {0}, next;
    unsigned long kb;

    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "Anonymous: %lu kB", &kb) == 1) {
            if (m.is_code && kb == 0)
                madvise((void *)m.start, m.end - m.start, MADV_DONTNEED);
            m.is_code = false;
        } else if (read_head(line, &next)) {
            m = next;
        }
    }
}

void resident_give_back(void)
{
    FILE *maps;

    malloc_trim(0);
    maps = fopen("/proc/self/smaps", "re");
    if (!maps)
        return;
    give_back_files(maps);
    fclose(maps);
}
