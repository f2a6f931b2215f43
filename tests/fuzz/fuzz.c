/* fuzz: the shared part; see fuzz.h. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

const struct context *fuzz_context(void)
{
    static const char *home[] = {"example.org"};
    static struct conf_map_rule rules[] = {
        {"nurse@capulet.example", "angelica@example.org", CONF_MAP_BOTH, "fuzz:1"},
        {"*@montague.example", "*.m@example.net", CONF_MAP_BOTH, "fuzz:2"},
    };
    static const struct conf conf = {
        .file = "fuzz",
        .jid = "mail.example.org",
        .mail_domain = "mail.example.org",
        .home = home,
        .home_count = 1,
        .map = rules,
        .map_count = 2,
        .map_file = "",
    };
    static struct keyed_key key;
    static struct context context;
    struct err e;

    if (context.map)
        return &context;
    context = (struct context){.map = address_map_new(&conf, &e),
                               .now_s = 1790000000,
                               .key = &key,
                               .lead_with_subject = true,
                               .cut_quotes = true,
                               .external_body = true};
    if (!context.map)
        abort();
    return &context;
}

void fuzz_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}
