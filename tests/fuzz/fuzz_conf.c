/* The configuration: any text is read or refused with file, line and reason. */
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "tests/fuzz/fuzz.h"

/* Not followed: what a fuzzer would make up is somebody's file. */
static bool names_a_file(const char *text)
{
    return strstr(text, "_file") != NULL;
}

/* A file without a name, by the name /proc has for it. */
static int open_file(char *path, size_t size)
{
    char name[] = "/tmp/fuzz-conf-XXXXXX";
    int fd = mkstemp(name);

    if (fd >= 0)
        unlink(name);
    snprintf(path, size, "/proc/self/fd/%d", fd);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[32], *text = malloc(size + 1);
    int fd = open_file(path, sizeof path);
    struct conf *conf;
    struct err e;

    if (fd < 0 || !text)
        goto out;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (names_a_file(text) || (size > 0 && write(fd, data, size) != (ssize_t)size))
        goto out;
    e.class = ERR_NONE;
    conf = conf_read(path, size % 2 ? CONF_OFFLINE : CONF_SERVE, &e);
    HOLDS(conf || (e.class != ERR_NONE && e.class != ERR_BUG && e.text[0]));
    if (conf) {
        struct address_map *map = address_map_new(conf, &e);

        HOLDS(map || e.text[0]);
        HOLDS(conf->jid && conf->mail_domain && conf->home_count > 0);
        address_map_free(map);
    }
    conf_free(conf);
out:
    if (fd >= 0)
        close(fd);
    free(text);
    return 0;
}
