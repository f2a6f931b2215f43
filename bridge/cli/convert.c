/*
 * convert: `postern convert`: the whole translation offline, with no server and no store.
 *
 * A pure function of its input, the configuration and the time (SOURCE_DATE_EPOCH stands in for the
 * clock, as in reproducible builds): ids are made from a hash of the input, keys are all zero, so
 * the addresses and links in its output are of the right form and valid nowhere.
 */
#include "bridge/cli/convert_inside.h"

#include "base/clock.h"
#include "bridge/cli/command.h"
#include "bridge/people/registration.h"
#include "bridge/rulings.h"
#include "component/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static int64_t now(void)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    char *end;
    long long value;

    if (epoch && *epoch) {
        value = strtoll(epoch, &end, 10);
        if (*end == '\0' && value > 0)
            return value;
    }
    return clock_wall_s(&clock_system);
}

static int read_all(struct buf *b, struct err *e)
{
    char piece[65536];
    size_t n;

    while ((n = fread(piece, 1, sizeof piece, stdin)) > 0)
        if (buf_add(b, piece, n) < 0)
            return err_set(e, ERR_PERMANENT, "the input is larger than %zu bytes", b->max);
    if (ferror(stdin))
        return err_set(e, ERR_RETRY, "standard input cannot be read");
    if (b->len == 0)
        return err_set(e, ERR_PERMANENT, "standard input is empty");
    return 0;
}

/* One line for each stanza, whatever its text has: a line end in XML text may be written as its
 * number. */
void convert_print_line(const char *xml)
{
    for (; *xml; xml++) {
        if (*xml == '\n')
            fputs("&#10;", stdout);
        else
            putchar(*xml);
    }
    putchar('\n');
}

void convert_print_node(const struct xml_node *node)
{
    struct buf b;

    buf_init(&b, (size_t)64 << 20);
    xml_write(&b, node, STREAM_NS);
    if (!buf_failed(&b))
        convert_print_line(b.data);
    buf_clear(&b);
}

static int parse_arguments(const struct command_line *line, struct conversion *c,
                           const char **to_out)
{
    int i;

    *to_out = NULL;
    for (i = 0; i < line->argc; i++) {
        const char *arg = line->argv[i];
        bool has_value = i + 1 < line->argc;

        if (strcmp(arg, "--envelope") == 0)
            c->has_envelope = true;
        else if (strcmp(arg, "--to") == 0 && has_value)
            *to_out = line->argv[++i];
        else if (strcmp(arg, "--sender") == 0 && has_value)
            c->sender = line->argv[++i];
        else if (strcmp(arg, "--recipient") == 0 && has_value &&
                 c->recipient_count < RECIPIENTS_MAX)
            c->recipients[c->recipient_count++] = line->argv[++i];
        else
            return command_usage("convert: %s is unknown, lacks its value, or is one too many",
                                 arg);
    }
    if (!*to_out || (strcmp(*to_out, "mail") != 0 && strcmp(*to_out, "jabber") != 0 &&
                     strcmp(*to_out, "page") != 0))
        return command_usage("convert needs --to mail, --to jabber or --to page");
    if (strcmp(*to_out, "jabber") != 0 && (c->sender || c->recipient_count > 0))
        return command_usage("--sender and --recipient go with --to jabber");
    if (strcmp(*to_out, "mail") != 0 && c->has_envelope)
        return command_usage("--envelope goes with --to mail");
    return EX_OK;
}

/* Without a file of its own a first try still answers, with the sample's names. */
static struct conf *read_conf(const struct command_line *line, struct err *e)
{
    FILE *f;

    if (!line->has_conf_path) {
        f = fopen(line->conf_path, "r");
        if (!f) {
            fprintf(stderr, "postern: no %s: taking the sample's names (mail.example.org)\n",
                    line->conf_path);
            return conf_sample(e);
        }
        fclose(f);
    }
    return conf_read(line->conf_path, CONF_OFFLINE, e);
}

static int prepare(struct conversion *c, struct conf **conf, struct err *e)
{
    static const struct keyed_key no_key;
    struct rulings *rulings;
    char hex[17];

    c->settings = settings_new(conf, &no_key, e);
    if (!c->settings)
        return -1;
    rulings = rulings_read(c->settings->conf->store_url);
    if (rulings)
        c->settings = rulings_apply_most(c->settings, rulings);
    rulings_free(rulings);
    settings_context(c->settings, now(), &c->ctx);
    c->arena = arena_new(reader_arena_max(c->input.len) + ARENA_EXTRA);
    if (!c->arena)
        return err_memory(e);
    keyed_hash_hex(&no_key, "convert", c->input.data, c->input.len, 8, hex);
    c->id = (int64_t)(strtoull(hex, NULL, 16) & INT64_MAX);
    return 0;
}

int command_convert(const struct command_line *line)
{
    struct conversion c = {0};
    struct pairs *registered = NULL;
    const char *to;
    struct conf *conf;
    struct err e;
    int status = parse_arguments(line, &c, &to);

    if (status != EX_OK)
        return status;
    conf = read_conf(line, &e);
    if (!conf)
        return command_fail(&e, EX_CONFIG);
    buf_init(&c.input, strcmp(to, "mail") == 0 ? STANZA_MAX : (size_t)conf->limit.mail_size_max);
    if (read_all(&c.input, &e) < 0) {
        status = command_fail(&e, EX_DATAERR);
        conf_free(conf);
    } else if (prepare(&c, &conf, &e) < 0) {
        status = command_fail(&e, EX_CONFIG);
    } else {
        registered = registration_read(c.settings->conf->store_url);
        address_map_register(c.settings->map, registered);
        status = strcmp(to, "mail") == 0   ? convert_to_mail(&c)
                 : strcmp(to, "page") == 0 ? convert_to_page(&c)
                                           : convert_to_jabber(&c);
    }
    fflush(stdout);
    settings_drop(c.settings);
    pairs_free(registered);
    arena_free(c.arena);
    buf_clear(&c.input);
    return status;
}
