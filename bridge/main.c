/*
 * main: the command line of postern (doc/postern.1).  Owns nothing; a crash here leaves nothing
 * behind.
 */
#include "bridge/cli/command.h"

#include "bridge/reading/reader_process.h"
#include "bridge/reading/reader_trial.h"
#include "bridge/reading/reader_wire.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static const char default_conf[] = "/etc/postern/postern.conf";

static int command_read_mail(const struct command_line *line)
{
    struct stat st;

    /* By hand it would wait for ever. */
    if (line->argc > 0 || fstat(STDIN_FILENO, &st) < 0 || !S_ISSOCK(st.st_mode))
        return command_usage("%s is for the gateway itself", READER_COMMAND);
    return reader_process(reader_trial);
}

static const struct {
    const char *name;
    int (*run)(const struct command_line *line);
} commands[] = {
    {"run", command_run},
    {"check", command_check},
    {"map", command_map},
    {"convert", command_convert},
    {"queue", command_queue},
    {"version", command_version},
    {READER_COMMAND, command_read_mail}, /* not for people */
};

static const char usage_text[] =
    "usage: postern [-c FILE] run\n"
    "       postern [-c FILE] check\n"
    "       postern [-c FILE] map [--json] ADDRESS...\n"
    "       postern [-c FILE] convert --to mail [--envelope] < stanza.xml\n"
    "       postern [-c FILE] convert --to jabber [--recipient ADDR]... [--sender ADDR] < "
    "message.eml\n"
    "       postern [-c FILE] convert --to page < message.eml\n"
    "       postern [-c FILE] queue [list [--json] | count | show ID | retry ID|all | drop ID]\n"
    "       postern version\n";

int command_usage(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("postern: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputs("\n", stderr);
    va_end(ap);
    fputs(usage_text, stderr);
    return EX_USAGE;
}

int command_fail(const struct err *e, int bad_status)
{
    fprintf(stderr, "postern: %s\n", e->text);
    switch (e->class) {
    case ERR_RETRY:
        return EX_TEMPFAIL;
    case ERR_BUG:
        return EX_SOFTWARE;
    case ERR_NONE:
    case ERR_PERMANENT:
        break;
    }
    return bad_status;
}

int command_version(const struct command_line *line)
{
    if (line->argc > 0)
        return command_usage("version takes no arguments");
    puts("postern " POSTERN_VERSION);
    return EX_OK;
}

int main(int argc, char **argv)
{
    struct command_line line = {.conf_path = default_conf};
    size_t i;
    int opt;

    signal(SIGPIPE, SIG_IGN); /* a peer that goes away is an error of write(), not our end */
    opterr = 0;
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(usage_text, stdout);
        return EX_OK;
    }
    while ((opt = getopt(argc, argv, "+c:h")) != -1) {
        if (opt == 'h') {
            fputs(usage_text, stdout);
            return EX_OK;
        }
        if (opt != 'c' && optopt == 'c')
            return command_usage("-c lacks the name of a file");
        if (opt != 'c')
            return command_usage("unknown option -%c", optopt);
        line.conf_path = optarg;
        line.has_conf_path = true;
    }
    if (optind >= argc)
        return command_usage("no command given");
    for (i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[optind], commands[i].name) == 0) {
            line.argc = argc - optind - 1;
            line.argv = argv + optind + 1;
            return commands[i].run(&line);
        }
    return command_usage("unknown command '%s'", argv[optind]);
}
