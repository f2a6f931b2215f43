/*
 * replay: runs a fuzz target over files and folders of them, as an ordinary test: no fuzzer is
 * needed, any compiler and any sanitizer will do.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

static unsigned run_file(const char *path)
{
    FILE *in = fopen(path, "rb");
    unsigned char *data = NULL;
    size_t len = 0, got;

    if (!in)
        return 0;
    do {
        unsigned char *more = realloc(data, len + 65536);

        if (!more)
            abort();
        data = more;
        got = fread(data + len, 1, 65536, in);
        len += got;
    } while (got > 0);
    fclose(in);
    data = realloc(data, len > 0 ? len : 1); /* to the byte: a read behind the end is seen */
    if (!data)
        abort();
    LLVMFuzzerTestOneInput(data, len);
    free(data);
    return 1;
}

static unsigned run_path(const char *path)
{
    struct stat st;
    struct dirent *entry;
    unsigned count = 0;
    char name[4096];
    DIR *dir;

    if (stat(path, &st) < 0)
        return 0;
    if (!S_ISDIR(st.st_mode))
        return run_file(path);
    dir = opendir(path);
    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] != '.' &&
            snprintf(name, sizeof name, "%s/%s", path, entry->d_name) < (int)sizeof name)
            count += run_path(name);
    if (dir)
        closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    int i;

    for (i = 1; i < argc; i++)
        count += run_path(argv[i]);
    printf("%u inputs\n", count);
    return count > 0 ? 0 : 1;
}
