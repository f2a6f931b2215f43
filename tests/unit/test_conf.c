/*
 * conf: files that are right and what is read from them; files that are wrong, and that the error
 * names the file, the line, the option and the way out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/conf.h"

static char folder[] = "/tmp/postern-test-conf-XXXXXX";
static char conf_path[sizeof folder + 32], secret_path[sizeof folder + 32];
static char map_path[sizeof folder + 32];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(conf_path, sizeof conf_path, "%s/postern.conf", folder);
    snprintf(secret_path, sizeof secret_path, "%s/secret", folder);
    snprintf(map_path, sizeof map_path, "%s/people", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(conf_path);
    unlink(secret_path);
    unlink(map_path);
    return rmdir(folder);
}

static void put(const char *path, const char *data, size_t len, mode_t mode)
{
    FILE *f;

    unlink(path);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void put_map(const char *text)
{
    put(map_path, text, strlen(text), 0644);
}

static struct conf *read_text(const char *text, enum conf_use use, struct err *e)
{
    put(conf_path, text, strlen(text), 0600);
    return conf_read(conf_path, use, e);
}

static struct conf *read_good(const char *text, enum conf_use use)
{
    struct err e;
    struct conf *conf = read_text(text, use, &e);

    if (!conf)
        fail_msg("refused: %s\n%s", e.text, text);
    return conf;
}

/* Enough for run. */
#define SERVE                                                                                      \
    "jid = mail.example.org\n"                                                                     \
    "jabber { secret = 's3cret' }\n"                                                               \
    "smtp { }\n"                                                                                   \
    "mailbox bridge { user = bridge password = pw }\n"

static void test_defaults(void **state)
{
    struct conf *c = read_good(SERVE, CONF_SERVE);

    (void)state;
    assert_string_equal(c->file, conf_path);
    assert_string_equal(c->jid, "mail.example.org");
    assert_string_equal(c->mail_domain, "mail.example.org");
    assert_int_equal(c->home_count, 1);
    assert_string_equal(c->home[0], "example.org");
    assert_true(conf_is_home(c, "example.org"));
    assert_false(conf_is_home(c, "mail.example.org"));
    assert_string_equal(c->jabber.host, "127.0.0.1");
    assert_int_equal(c->jabber.port, 5347);
    assert_string_equal(c->jabber.secret, "s3cret");
    assert_true(c->has_smtp);
    assert_string_equal(c->smtp.host, "127.0.0.1");
    assert_int_equal(c->smtp.port, 25);
    assert_int_equal(c->smtp.tls, CONF_TLS_NONE);
    assert_string_equal(c->smtp.user, "");
    assert_string_equal(c->smtp.password, "");
    assert_string_equal(c->smtp.ca_file, "");
    assert_int_equal(c->smtp_connections, 4);
    assert_int_equal(c->smtp_connect_timeout_s, 30);
    assert_int_equal(c->smtp_reply_timeout_s, 300);
    assert_int_equal(c->mailbox_count, 1);
    assert_string_equal(c->mailboxes[0].name, "bridge");
    assert_int_equal(c->mailboxes[0].server.port, 143);
    assert_string_equal(c->mailboxes[0].folder, "INBOX");
    assert_string_equal(c->mailboxes[0].address, "");
    assert_string_equal(c->mailboxes[0].done, "seen");
    assert_int_equal(c->mailboxes[0].poll_s, 60);
    assert_null(c->lmtp.text);
    assert_null(c->web.text);
    assert_null(c->web_url);
    assert_int_equal(c->web_keep_s, 30 * 86400);
    assert_false(c->upload.is_on);
    assert_false(c->fetch.is_on);
    assert_null(c->admin.text);
    assert_int_equal(c->admin_jid_count, 0);
    assert_string_equal(c->store_url, "sqlite:/var/lib/postern/postern.db");
    assert_int_equal(c->queue.retry_first_s, 60);
    assert_int_equal(c->queue.retry_max_s, 14400);
    assert_int_equal(c->queue.lifetime_s, 432000);
    assert_int_equal(c->map_count, 0);
    assert_string_equal(c->map_file, "");
    assert_int_equal(c->limit.mail_size_max, 50 << 20);
    assert_int_equal(c->limit.stanza_size_max, 256 << 10);
    assert_string_equal(c->log_level, "info");
    conf_free(c);
    conf_free(NULL);
}

static const char everything[] =
    "# a comment\n"
    "jid         = \"Mail.Example.ORG\"\n"
    "mail_domain = \"Post.B\xc3\xbc"
    "cher.example\"   // another\n"
    "home        = { \"example.org\", \"Example.NET\", \"example.org\" }\n"
    "log_level   = debug\n"
    "contact     = { \"mailto:help@example.org\", \"xmpp:admin@example.org\" }\n"
    "map_file    = \"people\"\n"
    "jabber  { host = \"[::1]\"  port = 5348  secret_file = \"secret\" }\n"
    "smtp    { host = smtp.example.org port = 2525 tls = starttls user = me password_file = "
    "secret\n"
    "          connections = 8 ca_file = /etc/ca.pem"
    " connect_timeout = 5 reply_timeout = 60 }\n"
    "mailbox \"bridge\" { host = \"imap.example.org\" tls = implicit user = \"bridge\"\n"
    "   password = 'p\"w' folder = \"In\" address = \"Bridge@Example.org\" done = \"Archive\" poll "
    "= 5 }\n"
    "mailbox \"other\" { user = o password = p }\n"
    "lmtp    { listen = \"unix:/run/postern/lmtp.sock\" mode = 0666 connections = 7 }\n"
    "web     { listen = \"[::1]:8025\"  url = \"https://mail.example.org/x/\" keep = 3600 }\n"
    "admin   { listen = \"127.0.0.1:9125\"  jids = { \"Admin@example.org\", \"b@example.org\" } }\n"
    "store   { url = \"postgresql://db/postern\" }\n"
    "queue   { retry_first = 1  retry_max = 2  lifetime = 3 }\n"
    "limit   { mail_size = 1000000 stanza_size = 100000 }\n"
    "map \"juliet@capulet.example\" { mail = \"juliet.c@example.org\" }\n"
    "map \"*@montague.example\" {\n"
    "  mail = \"*@im.example.org\"\n"
    "  direction = to-mail\n"
    "}\n"
    "map \"juliet@capulet.example\" { mail = \"other@example.org\" direction = to-jabber }\n";

static void count_pending(const char *text, void *arg)
{
    char *all = arg;

    strncat(all, text, 1000 - strlen(all));
    strcat(all, "\n");
}

static void test_everything(void **state)
{
    char pending[1200] = "", path[sizeof folder + 32];
    struct conf *c;

    (void)state;
    put(secret_path, "file s3cret\n", 12, 0600);
    put_map("nurse@capulet.example nurse@example.org\n");
    c = read_good(everything, CONF_SERVE);
    assert_string_equal(c->jid, "mail.example.org");
    assert_string_equal(c->mail_domain, "post.xn--bcher-kva.example");
    assert_int_equal(c->home_count, 2);
    assert_string_equal(c->home[1], "example.net");
    assert_string_equal(c->log_level, "debug");
    assert_int_equal(c->contact_count, 2);
    assert_string_equal(c->contacts[0], "mailto:help@example.org");
    assert_string_equal(c->contacts[1], "xmpp:admin@example.org");
    snprintf(path, sizeof path, "%s/people", folder); /* beside the file */
    assert_string_equal(c->map_file, path);
    assert_string_equal(c->jabber.host, "::1");
    assert_int_equal(c->jabber.port, 5348);
    assert_string_equal(c->jabber.secret, "file s3cret");
    assert_string_equal(c->smtp.host, "smtp.example.org");
    assert_int_equal(c->smtp.port, 2525);
    assert_int_equal(c->smtp.tls, CONF_TLS_STARTTLS);
    assert_string_equal(c->smtp.user, "me");
    assert_string_equal(c->smtp.password, "file s3cret");
    assert_string_equal(c->smtp.ca_file, "/etc/ca.pem");
    assert_int_equal(c->smtp_connections, 8);
    assert_int_equal(c->smtp_connect_timeout_s, 5);
    assert_int_equal(c->smtp_reply_timeout_s, 60);
    assert_int_equal(c->mailbox_count, 2);
    assert_int_equal(c->mailboxes[0].server.tls, CONF_TLS_IMPLICIT);
    assert_int_equal(c->mailboxes[0].server.port, 993);
    assert_string_equal(c->mailboxes[0].server.password, "p\"w");
    assert_string_equal(c->mailboxes[0].folder, "In");
    assert_string_equal(c->mailboxes[0].address, "Bridge@example.org");
    assert_string_equal(c->mailboxes[0].done, "Archive");
    assert_int_equal(c->mailboxes[0].poll_s, 5);
    assert_string_equal(c->mailboxes[1].name, "other");
    assert_string_equal(c->lmtp.path, "/run/postern/lmtp.sock");
    assert_null(c->lmtp.host);
    assert_int_equal(c->lmtp_mode, 0666);
    assert_int_equal(c->lmtp_connections, 7);
    assert_string_equal(c->web.host, "::1");
    assert_int_equal(c->web.port, 8025);
    assert_null(c->web.path);
    assert_string_equal(c->web_url, "https://mail.example.org/x");
    assert_int_equal(c->web_keep_s, 3600);
    assert_string_equal(c->admin.text, "127.0.0.1:9125");
    assert_int_equal(c->admin_jid_count, 2);
    assert_string_equal(c->admin_jids[0], "admin@example.org");
    assert_string_equal(c->store_url, "postgresql://db/postern");
    assert_int_equal(c->queue.lifetime_s, 3);
    assert_int_equal(c->limit.mail_size_max, 1000000);
    assert_int_equal(c->limit.stanza_size_max, 100000);
    assert_int_equal(c->map_count, 4); /* one title twice is two rules; the file's come last */
    assert_string_equal(c->map[0].jabber, "juliet@capulet.example");
    assert_string_equal(c->map[0].mail, "juliet.c@example.org");
    assert_int_equal(c->map[0].direction, CONF_MAP_BOTH);
    assert_string_equal(c->map[0].where, "postern.conf:20");
    assert_string_equal(c->map[1].jabber, "*@montague.example");
    assert_int_equal(c->map[1].direction, CONF_MAP_TO_MAIL);
    assert_string_equal(c->map[1].where, "postern.conf:21");
    assert_string_equal(c->map[2].mail, "other@example.org");
    assert_int_equal(c->map[2].direction, CONF_MAP_TO_JABBER);
    assert_string_equal(c->map[2].where, "postern.conf:25");
    assert_string_equal(c->map[3].where, "people:1");
    conf_each_pending(c, count_pending, pending);
    assert_null(strstr(pending, "lmtp"));
    assert_null(strstr(pending, "admin.listen"));
    assert_null(strstr(pending, "admin.jids"));
    assert_null(strstr(pending, "map_file"));
    assert_non_null(strstr(pending, "PostgreSQL"));
    conf_free(c);
}

static void test_map_file(void **state)
{
    static const char text[] = "# who is who\n"
                               "\n"
                               "juliet@capulet.example   juliet.c@example.org   # an old address\n"
                               " *.sales@im.example\tsales-*@example.org\tboth\r\n"
                               "a#b@im.example x#y@example.org to-mail\n"
                               "peter@im.example p@example.org to-jabber"; /* no line end */
    struct conf *c;

    (void)state;
    put_map(text);
    c = read_good("jid = mail.example.org\nmap_file = people\nmap \"a@b\" { mail = \"c@d\" }\n",
                  CONF_OFFLINE);
    assert_int_equal(c->map_count, 5);
    assert_string_equal(c->map[0].mail, "c@d");
    assert_string_equal(c->map[1].jabber, "juliet@capulet.example");
    assert_string_equal(c->map[1].mail, "juliet.c@example.org");
    assert_string_equal(c->map[1].where, "people:3");
    assert_int_equal(c->map[1].direction, CONF_MAP_BOTH);
    assert_string_equal(c->map[2].jabber, "*.sales@im.example");
    assert_string_equal(c->map[2].mail, "sales-*@example.org");
    assert_int_equal(c->map[2].direction, CONF_MAP_BOTH);
    assert_string_equal(c->map[3].jabber, "a#b@im.example");
    assert_string_equal(c->map[3].mail, "x#y@example.org");
    assert_int_equal(c->map[3].direction, CONF_MAP_TO_MAIL);
    assert_int_equal(c->map[4].direction, CONF_MAP_TO_JABBER);
    assert_string_equal(c->map[4].where, "people:6");
    conf_free(c);
    put_map("");
    c = read_good("jid = mail.example.org\nmap_file = people\n", CONF_OFFLINE);
    assert_int_equal(c->map_count, 0);
    conf_free(c);
}

static void test_bad_map_file(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *why;
    } rows[] = {
        {"a@b c@d\na@b\n", 0, "/people:2: the mail address is missing; expected JID ADDRESS"},
        {"a@b c@d both more\n", 0, "/people:1: there are too many words"},
        {"a@b c@d sideways\n", 0, "/people:1: the third word is no direction; expected"},
        {"\n\na@b \0 c@d\n", 13, NULL},
        {"\n\0 a@b\n", 7, "/people:2: a NUL stands in it"},
    };
    static char longest[9000];
    struct err e;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put(map_path, rows[i].text, rows[i].len ? rows[i].len : strlen(rows[i].text), 0644);
        assert_null(read_text("jid = mail.example.org\nmap_file = people\n", CONF_OFFLINE, &e));
        assert_int_equal(e.class, ERR_PERMANENT);
        if (rows[i].why && !strstr(e.text, rows[i].why))
            fail_msg("%s does not say %s", e.text, rows[i].why);
    }
    memset(longest, 'a', sizeof longest - 1);
    put_map(longest);
    assert_null(read_text("jid = mail.example.org\nmap_file = people\n", CONF_OFFLINE, &e));
    assert_non_null(strstr(e.text, "/people:1: the line is too long"));
    unlink(map_path);
    assert_null(read_text("jid = mail.example.org\nmap_file = people\n", CONF_OFFLINE, &e));
    assert_non_null(strstr(e.text, "/people: No such file"));
}

static void test_sub_addresses(void **state)
{
#define BOX(name, more) "mailbox " name " { user = u password = p " more " }\n"
    static const struct {
        const char *text, *why; /* why NULL: good */
    } rows[] = {
        {BOX("a", "address = 'box@example.org' sub_addresses = yes") BOX("b", ""), NULL},
        {BOX("a", "sub_addresses = no"), NULL},
        {BOX("a", "sub_addresses = yes"), "mailbox.address: is missing beside sub_addresses"},
        {BOX("a", "sub_addresses = maybe address = 'a@b.example'"), "mailbox.sub_addresses: "},
        {BOX("a", "address = 'a+b@example.org' sub_addresses = yes"), "cannot have them"},
        {BOX("a", "address = 'abcdefghijklmnopqrstuv@example.org' sub_addresses = yes"),
         "at most 21 plain characters"},
        {BOX("a", "address = 'a@b.example' sub_addresses = yes")
             BOX("b", "address = 'c@b.example' sub_addresses = yes"),
         "sub_addresses stands in 2 mailboxes"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err e = {ERR_NONE, ""};
        char text[500];
        struct conf *c;

        snprintf(text, sizeof text, "jid = mail.example.org\n%s", rows[i].text);
        c = read_text(text, CONF_OFFLINE, &e);
        if (!c != (rows[i].why != NULL) || (rows[i].why && !strstr(e.text, rows[i].why)))
            fail_msg("%s: %s", rows[i].text, e.text);
        if (c)
            assert_int_equal(c->mailboxes[0].sub_addresses, i == 0);
        conf_free(c);
    }
}

static void test_nothing_pending(void **state)
{
    struct conf *c = read_good(SERVE, CONF_SERVE);
    char pending[1200] = "";

    (void)state;
    conf_each_pending(c, count_pending, pending);
    assert_string_equal(pending, "");
    conf_free(c);
}

static void test_good(void **state)
{
    static const struct {
        const char *text;
        enum conf_use use;
    } rows[] = {
        {"jid = mail.example.org", CONF_OFFLINE},
        {"jid = gw home = { localhost }", CONF_OFFLINE},
        {"jid = mail.localhost", CONF_OFFLINE},
        {"jid = a.example smtp { tls = none host = 10.1.2.3 }", CONF_OFFLINE},
        {"jid = a.example smtp { tls = none host = 172.31.255.1 }", CONF_OFFLINE},
        {"jid = a.example smtp { tls = none host = 192.168.0.1 }", CONF_OFFLINE},
        {"jid = a.example smtp { tls = none host = 127.9.9.9 }", CONF_OFFLINE},
        {"jid = a.example smtp { tls = none host = \"fd00::1\" }", CONF_OFFLINE},
        {"jid = a.example smtp { tls = none host = \"::1\" }", CONF_OFFLINE},
        {"jid = a.example smtp { tls = none host = localhost }", CONF_OFFLINE},
        {"jid = a.example smtp { tls = none host = relay }", CONF_OFFLINE},
        {"jid = a.example smtp { tls = none host = mx.home.internal }", CONF_OFFLINE},
        {"jid = a.example smtp { tls = none host = mx.LOCAL }", CONF_OFFLINE},
        {"jid = a.example smtp { tls = none host = x.localhost }", CONF_OFFLINE},
        {"jid = a.example smtp { tls = implicit host = 192.0.2.1 }", CONF_OFFLINE},
        {"jid = a.example smtp { user = \"\" password_file = \"\" }", CONF_OFFLINE},
        {"jid = a.example smtp { password_file = /nowhere user = x }",
         CONF_OFFLINE}, /* not looked at */
        {"jid = a.example web { listen = 127.0.0.1:1 }", CONF_OFFLINE},
        {"jid = a.example jabber { secret = x } smtp {} lmtp { listen = localhost:24 }",
         CONF_SERVE},
        {"jid = a.example home = { a.b } home += { c.d }", CONF_OFFLINE},
        {"jid = a.example queue { retry_first = 20000 }", CONF_OFFLINE},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
        conf_free(read_good(rows[i].text, rows[i].use));
}

/* want: the error behind the folder's name. */
static void assert_refused(const char *text, enum conf_use use, const char *want)
{
    struct err e = {ERR_NONE, ""};
    struct conf *c = read_text(text, use, &e);
    const char *got;

    if (c)
        fail_msg("taken: %s", text);
    assert_int_equal(e.class, ERR_PERMANENT);
    got = strncmp(e.text, folder, strlen(folder)) == 0 ? e.text + strlen(folder) + 1 : e.text;
    if (strncmp(got, want, strlen(want)) != 0)
        fail_msg("\n got: %s\nwant: %s", got, want);
    if (strchr(got, '\n'))
        fail_msg("more than a line: %s", got);
}

#define JID "jid = a.example\n"

static void test_syntax(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {JID "jabber {\n  host = 127.0.0.1\n",
         "postern.conf:3: a section has no end; expected a closing }"},
        {JID "}\n", "postern.conf:2: unexpected closing brace"},
        {JID "smtp\n{\n port 25\n}\n",
         "postern.conf:4: missing equal sign after option 'port'; expected ="},
        {JID "mailbox { user = a }\n",
         "postern.conf:2: missing title for section 'mailbox'; expected a title"},
        {JID "\nhost = \"a\"\n", "postern.conf:3: host: there is no such option here; expected one "
                                 "of jid, mail_domain, home, "},
        {JID "smtp {\n prot = 25 }\n",
         "postern.conf:3: prot: there is no such option here; expected one of host, port, tls, "},
        {JID "smtp { }\nstmp { }\n",
         "postern.conf:3: stmp: there is no such option here; expected one of"},
        {JID "mail_domain = \"abc\n\n", "postern.conf:2: a string begins here and has no end in "
                                        "this line; expected a closing quote"},
        {JID "mail_domain = 'abc\n\n", "postern.conf:2: a string begins here and has no end"},
        {JID "mail_domain = \"abc\nlog_level = \"info\"\n",
         "postern.conf:2: a string begins here and has no end in this line"},
        {JID "/* x\n\n", "postern.conf:2: a comment begins here and has no end; expected */"},
        {JID "# \"\n// '\n/* \" \n */ mail_domain = \"a\\7\"\n",
         "postern.conf:5: a backslash before a digit; expected two backslashes"},
        {JID "mail_domain = \"a\\x00\"\n", "postern.conf:2: a NUL in a string"},
        {JID "\n# a\n// b\n\n/* c\n */\nfoo = b", "postern.conf:8: foo: there is no such option"},
        {JID "smtp { port = 1 # }\n", "postern.conf:2: a section has no end"},
        {JID "mail_domain += x\n",
         "postern.conf:2: attempt to append to non-list option 'mail_domain'; expected ="},
        {JID "mail_domain = { x }\n", "postern.conf:2: unexpected token '{'; expected"},
        {JID "mailbox a { user = x }\nmailbox a { user = y }\n",
         "postern.conf:3: found duplicate title 'a'; expected a title of its own"},
        {JID "jid = b.example\n",
         "postern.conf:2: jid: stands here again, first in line 1; expected once"},
        {JID "smtp { port = 1\nport = 2 }\n",
         "postern.conf:3: smtp.port: stands here again, first in line 2; expected once"},
        {JID "smtp { port = 1 }\nsmtp { host = x }\n",
         "postern.conf:3: smtp: stands here again, first in line 2; expected once"},
        {JID "smtp { }\n\nsmtp { }\n", "postern.conf:4: smtp: stands here again, first in line 2"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_refused(rows[i].text, CONF_OFFLINE, rows[i].want);
    conf_free(read_good(SERVE, CONF_SERVE)); /* nothing of them stays in libconfuse's scanner */
}

/* What stands in strings is no comment; what stands in comments is nothing. */
static void test_comments_and_strings(void **state)
{
    struct conf *c;

    (void)state;
    setenv("POSTERN_TEST_PASSWORD", "from env", 1);
    c = read_good(
        "jid = a.example # home = { x }\n"
        "smtp { /* user = \"x */ user = \"a#b//c/*d*/\\\"e\" password = 'a\\b\\'\\\\c\"${X}' }\n"
        "web { listen = 127.0.0.1:80 url = http://h/x//y }// it's\n"
        "jabber { secret = \"${POSTERN_TEST_PASSWORD}\" }\n"
        "mailbox \"#1\" { user = u password = \"t\\x41b\" }",
        CONF_SERVE);
    assert_string_equal(c->smtp.user, "a#b//c/*d*/\"e");
    assert_string_equal(c->smtp.password, "a\\b'\\c\"${X}");
    assert_string_equal(c->web_url, "http://h/x//y");
    assert_string_equal(c->jabber.secret, "from env");
    assert_string_equal(c->mailboxes[0].name, "#1");
    assert_string_equal(c->mailboxes[0].server.password, "tAb");
    conf_free(c);
}

static void test_values(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"\n\n", "postern.conf:2: jid: is missing; expected the domain of the component"},
        {"jid = a@b.example\n",
         "postern.conf:1: jid: \"a@b.example\" has a node or resource; expected a domain"},
        {"jid = \"a b\"\n", "postern.conf:1: jid: \"a b\": the domain of the JID has a character"},
        {"jid = \"\"\n", "postern.conf:1: jid: \"\": the domain of the JID is empty; expected"},
        {"jid = gw\n",
         "postern.conf:1: home: is missing, and jid is no part of a larger domain; expected"},
        {"jid = \"[::1]\"\n", "postern.conf:1: mail_domain: is missing, and jid is no mail domain"},
        {JID "mail_domain = \"[127.0.0.1]\"\n", "postern.conf:2: mail_domain: \"[127.0.0.1]\": "},
        {JID "mail_domain = \"a..b\"\n",
         "postern.conf:2: mail_domain: \"a..b\": the domain is empty or has"},
        {JID "home = { \"x@y\" }\n", "postern.conf:2: home: \"x@y\" has a node"},
        {JID "home = {\n \"x.y\",\n \"a b\" }\n", "postern.conf:4: home: \"a b\": "},
        {JID "home = { A.example }\n",
         "postern.conf:2: home: \"A.example\" is the component itself; expected"},
        {JID "contact = { \"mailto:a@b.example\", \"a@b.example\" }\n",
         "postern.conf:2: contact: \"a@b.example\" is no address; expected one such as mailto:"},
        {JID "contact = { \"https://\" }\n", "postern.conf:2: contact: \"https://\" is no address"},
        {JID "contact = { \"https://a b\" }\n", "postern.conf:2: contact: \"https://a b\" is no"},
        {JID "contact = { \"xmpp:a<b\" }\n", "postern.conf:2: contact: \"xmpp:a<b\" is no address"},
        {JID "contact = { \"javascript:alert(1)\" }\n", "postern.conf:2: contact: \"javascript:"},
        {JID "log_level = loud\n", "postern.conf:2: log_level: \"loud\" is none of its words; "
                                   "expected error, warning, info or debug"},
        {JID "jabber {\n\n port = abc }\n",
         "postern.conf:4: jabber.port: \"abc\" is no number; expected 1 to 65535"},
        {JID "jabber { port = 0 }\n",
         "postern.conf:2: jabber.port: 0 is out of range; expected 1 to 65535"},
        {JID "jabber { port = 65536 }\n",
         "postern.conf:2: jabber.port: 65536 is out of range; expected 1"},
        {JID "jabber { port = -1 }\n",
         "postern.conf:2: jabber.port: -1 is out of range; expected 1 to"},
        {JID "jabber { port = 99999999999999999999 }\n",
         "postern.conf:2: jabber.port: 9999999999999"},
        {JID "jabber { port = \" 25\" }\n", "postern.conf:2: jabber.port: \" 25\" is no number"},
        {JID "jabber { port = \"\" }\n", "postern.conf:2: jabber.port: \"\" is no number"},
        {JID "jabber { host = \"a b\" }\n",
         "postern.conf:2: jabber.host: \"a b\" is no host; expected a name"},
        {JID "jabber { host = 10.0.0.256 }\n",
         "postern.conf:2: jabber.host: \"10.0.0.256\" is no host"},
        {JID "jabber { host = \"\" }\n", "postern.conf:2: jabber.host: \"\" is no host"},
        {JID "jabber { host = \"a\\nb\" }\n", "postern.conf:2: jabber.host: \"a?b\" is no host"},
        {JID "jabber { secret = a secret_file = b }\n",
         "postern.conf:2: jabber.secret_file: secret stands in line 2 too; expected one of them"},
        {JID "smtp { tls = yes }\n", "postern.conf:2: smtp.tls: \"yes\" is none of its words; "
                                     "expected none, starttls or implicit"},
        {JID "smtp {\n host = 192.0.2.1\n tls = none\n}\n",
         "postern.conf:4: smtp.tls: none is for loopback and private addresses, and 192.0.2.1 is "
         "not known "
         "to be one; expected starttls or implicit, or the private address itself"},
        {JID "smtp {\n host = mx.example.org }\n",
         "postern.conf:3: smtp.tls: none is for loopback"},
        {JID "smtp { host = 172.32.0.1 }\n", "postern.conf:2: smtp.tls: none is for loopback"},
        {JID "smtp { host = 11.0.0.1 }\n", "postern.conf:2: smtp.tls: none is for loopback"},
        {JID "smtp { host = \"2001:db8::1\" }\n", "postern.conf:2: smtp.tls: none is for loopback"},
        {JID "smtp { host = \"::ffff:192.0.2.1\" }\n",
         "postern.conf:2: smtp.tls: none is for loopback"},
        {JID "smtp { host = evil.notlocal }\n", "postern.conf:2: smtp.tls: none is for loopback"},
        {JID "mailbox a { host = imap.example.org user = x }\n",
         "postern.conf:2: mailbox.tls: none is for"},
        {JID "smtp { connections = 0 }\n",
         "postern.conf:2: smtp.connections: 0 is out of range; expected 1 to 64"},
        {JID "smtp { user = \"a\rb\" }\n",
         "postern.conf:2: smtp.user: has a line end or another control"},
        {JID "mailbox a { user = x address = \"x y@z\" }\n",
         "postern.conf:2: mailbox.address: \"x y@z\": a space"},
        {JID "mailbox a { user = x done = INBOX }\n",
         "postern.conf:2: mailbox.done: is the folder that is watched"},
        {JID "mailbox a { user = x folder = seen }\n",
         "postern.conf:2: mailbox.done: is the folder that is"},
        {JID "mailbox a { user = x rate = -1 }\n",
         "postern.conf:2: mailbox.rate: -1 is out of range"},
        {JID "mailbox a { user = x poll = 0 }\n",
         "postern.conf:2: mailbox.poll: 0 is out of range"},
        {JID "lmtp { listen = 2424 }\n",
         "postern.conf:2: lmtp.listen: \"2424\" is no place to listen; expected"},
        {JID "lmtp { listen = \"[::1]:24\" mode = 0680 }\n",
         "postern.conf:2: lmtp.mode: \"0680\" is no mode of a file; expected octal digits"},
        {JID "lmtp { listen = \"[::1]:24\" connections = 0 }\n",
         "postern.conf:2: lmtp.connections: "},
        {JID "lmtp { listen = \"::1:24\" }\n",
         "postern.conf:2: lmtp.listen: \"::1:24\" is no place"},
        {JID "lmtp { listen = \"a:\" }\n", "postern.conf:2: lmtp.listen: \"a:\" is no place"},
        {JID "lmtp { listen = \":24\" }\n", "postern.conf:2: lmtp.listen: \":24\" is no place"},
        {JID "lmtp { listen = \"a:70000\" }\n",
         "postern.conf:2: lmtp.listen: \"a:70000\" is no place"},
        {JID "lmtp { listen = \"unix:sock\" }\n",
         "postern.conf:2: lmtp.listen: \"unix:sock\" is no socket; expected unix:"},
        {JID "web { url = \"mail.example.org\" }\n",
         "postern.conf:2: web.url: \"mail.example.org\" is no address for the web"},
        {JID "web { url = \"https://\" }\n", "postern.conf:2: web.url: \"https://\" is no address"},
        {JID "web { url = \"https://a/?q\" }\n", "postern.conf:2: web.url: "},
        {JID "web { url = \"https://a b\" }\n", "postern.conf:2: web.url: "},
        {JID "web { url = \"javascript:https://a\" }\n", "postern.conf:2: web.url: "},
        {JID "senders = { \"a@b/c\" }\n", "postern.conf:2: senders: \"a@b/c\" is nobody elsewhere"},
        {JID "senders = { \"a.example\" }\n",
         "postern.conf:2: senders: \"a.example\" is nobody elsewhere"},
        {JID "senders = { \"@\" }\n", "postern.conf:2: senders: \"@\": "},
        {JID "limit { user_rate = -1 }\n", "postern.conf:2: limit.user_rate: -1 is out of range"},
        {JID "verdicts { refuse = true }\n",
         "postern.conf:2: verdicts.refuse: nothing can be refused without a word to go by"},
        {JID "web { keep = 5 }\n", "postern.conf:2: web.keep: 5 is out of range"},
        {JID "admin { jids = { \"example.org\" } }\n",
         "postern.conf:2: admin.jids: \"example.org\" is no bare JID"},
        {JID "admin { jids = { \"a@\" } }\n", "postern.conf:2: admin.jids: \"a@\": the domain"},
        {JID "store { url = \"mysql://x\" }\n",
         "postern.conf:2: store.url: \"mysql://x\" is no store; expected sqlite:"},
        {JID "store { url = \"sqlite:postern.db\" }\n",
         "postern.conf:2: store.url: \"sqlite:postern.db\" is no store"},
        {JID "queue { retry_first = 100 retry_max = 50 }\n",
         "postern.conf:2: queue.retry_max: is shorter than retry_first; expected at least 100"},
        {JID "queue { lifetime = 0 }\n", "postern.conf:2: queue.lifetime: 0 is out of range"},
        {JID "limit { mail_size = 1 }\n", "postern.conf:2: limit.mail_size: 1 is out of range"},
        {JID "map \"a@b\" { }\n", "postern.conf:2: map.mail: is missing; expected an address"},
        {JID "map \"a@b\" {\n direction = to-mail }\n",
         "postern.conf:2: map.mail: is missing; expected"},
        {JID "map \"a@b\" { mail = \"c@d\" direction = back }\n",
         "postern.conf:2: map.direction: \"back\" is none of its words; expected both, to-mail or "
         "to-jabber"},
        {JID "fetch { allow = { \"10.0.0.0/8\", localhost } }\n",
         "postern.conf:2: fetch.allow: \"localhost\" is no network; expected one such as"},
        {JID "upload { service = \"juliet@example.org\" }\n",
         "postern.conf:2: upload.service: \"juliet@example.org\" has a node or resource; expected"},
        {JID "upload { clear = perhaps }\n",
         "postern.conf:2: upload.clear: \"perhaps\" is none of its words; expected false or true"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_refused(rows[i].text, CONF_OFFLINE, rows[i].want);
}

static void test_serve_needs(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {JID, "postern.conf:1: jabber: is missing; expected jabber {"},
        {JID "jabber { }\n",
         "postern.conf:2: jabber.secret: is missing; expected the component's secret"},
        {JID "jabber { secret = \"\" }\n", "postern.conf:2: jabber.secret: is missing; expected"},
        {JID "jabber { secret = x }\n", "postern.conf:2: smtp: is missing: mail has no way out"},
        {JID "jabber { secret = x }\nsmtp { }\n",
         "postern.conf:3: mailbox: is missing: mail has no way in"},
        {JID "jabber { secret = x }\nsmtp { }\nmailbox a { password = x }\n",
         "postern.conf:4: mailbox.user: is missing; expected the name to log in with"},
        {JID "jabber { secret = x }\nsmtp { }\nmailbox a { }\n",
         "postern.conf:4: mailbox.user: is missing"},
        {JID "jabber { secret = x }\nsmtp { }\nmailbox a { user = x }\n",
         "postern.conf:4: mailbox.password: is missing for user \"x\"; expected password or "
         "password_file"},
        {JID "jabber { secret = x }\nsmtp { password = x }\n",
         "postern.conf:3: smtp.user: is missing beside the password"},
        {SERVE "web { url = 'https://a.example' }\n",
         "postern.conf:5: web.listen: is missing; expected address:port"},
        {SERVE "web { listen = 'localhost:80' }\n",
         "postern.conf:5: web.url: is missing; expected the address"},
        {SERVE "lmtp { listen = '' }\n",
         "postern.conf:5: lmtp.listen: is empty; expected address:port"},
        {JID "jabber { secret = \"a\\nb\" }\n",
         "postern.conf:2: jabber.secret: the secret has a line end"},
        {JID "jabber { secret = \"a\rb\" }\n",
         "postern.conf:2: jabber.secret: the secret has a line end"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_refused(rows[i].text, CONF_SERVE, rows[i].want);
}

static void test_secret_file(void **state)
{
    static const struct {
        const char *data;
        size_t len;
        mode_t mode;
        const char *secret; /* NULL: refused, with */
        const char *why;
    } rows[] = {
        {"s3cret", 6, 0600, "s3cret", NULL},
        {"s3cret\n", 7, 0400, "s3cret", NULL},
        {"s3cret\r\n", 8, 0600, "s3cret", NULL},
        {" s3 cret ", 9, 0600, " s3 cret ", NULL},
        {"", 0, 0600, NULL, "holds nothing"},
        {"\n", 1, 0600, NULL, "holds nothing"},
        {"a\nb", 3, 0600, NULL, "line end or a NUL"},
        {"a\n\n", 3, 0600, NULL, "line end or a NUL"},
        {"a\rb\n", 4, 0600, NULL, "line end or a NUL"},
        {"a\0b", 3, 0600, NULL, "line end or a NUL"},
        {"s3cret", 6, 0640, NULL, "mode 0640); type: chmod 600 "},
        {"s3cret", 6, 0604, NULL, "mode 0604); type: chmod 600 "},
        {"s3cret", 6, 0620, NULL, "mode 0620); type: chmod 600 "},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *text = JID "smtp { }\nmailbox b { user = u password = p }\n"
                               "jabber { secret_file = secret }\n";
        struct err e = {ERR_NONE, ""};
        struct conf *c;

        put(secret_path, rows[i].data, rows[i].len, rows[i].mode);
        c = read_text(text, CONF_SERVE, &e);
        if (rows[i].secret) {
            assert_non_null(c);
            assert_string_equal(c->jabber.secret, rows[i].secret);
        } else {
            assert_null(c);
            assert_int_equal(e.class, ERR_PERMANENT);
            assert_non_null(strstr(e.text, "postern.conf:4: jabber.secret_file: "));
            assert_non_null(strstr(e.text, rows[i].why));
            assert_null(strstr(e.text, "s3cret")); /* never shown */
        }
        conf_free(c);
    }
    unlink(secret_path);
    assert_refused(JID "jabber { secret_file = secret }", CONF_SERVE,
                   "postern.conf:2: jabber.secret_file: /tmp/postern-test-conf-");
}

static void test_long_secret_file(void **state)
{
    static char data[5000];
    struct err e;
    struct conf *c;

    (void)state;
    memset(data, 'x', sizeof data);
    put(secret_path, data, sizeof data, 0600);
    c = read_text(JID "jabber { secret_file = secret }", CONF_SERVE, &e);
    assert_null(c);
    assert_non_null(strstr(e.text, "longer than 4096"));
}

/* A secret in the file itself: only its owner may read the file. */
static void test_file_mode(void **state)
{
    static const mode_t bad[] = {0644, 0640, 0604, 0660};
    struct err e;
    struct conf *c;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        put(conf_path, SERVE, strlen(SERVE), bad[i]);
        assert_null(conf_read(conf_path, CONF_SERVE, &e));
        assert_int_equal(e.class, ERR_PERMANENT);
        assert_non_null(strstr(e.text,
                               "postern.conf:2: jabber.secret: the file holds a secret and can be "
                               "read by others; type: chmod 600 /tmp/"));
        assert_null(strstr(e.text, "s3cret"));
        c = conf_read(conf_path, CONF_OFFLINE, &e); /* not looked at */
        assert_non_null(c);
        assert_string_equal(c->jabber.secret, "");
        conf_free(c);
    }
    /* without one in it others may */
    put(secret_path, "x", 1, 0600);
    put(conf_path, JID "jabber { secret_file = secret } smtp {} lmtp { listen = 'a:1' }", 79, 0644);
    c = conf_read(conf_path, CONF_SERVE, &e);
    if (!c)
        fail_msg("%s", e.text);
    conf_free(c);
}

static void test_no_file(void **state)
{
    struct err e;

    (void)state;
    assert_null(conf_read("/nowhere/postern.conf", CONF_SERVE, &e));
    assert_int_equal(e.class, ERR_PERMANENT);
    assert_non_null(strstr(e.text, "/nowhere/postern.conf: No such file or directory; expected"));
    assert_null(conf_read("/", CONF_SERVE, &e));
    assert_non_null(strstr(e.text, "/: is a folder; expected"));
    assert_null(conf_read("/", CONF_SERVE, NULL));
}

static void test_sample(void **state)
{
    struct err e;
    struct conf *c = conf_sample(&e);

    (void)state;
    assert_non_null(c);
    assert_string_equal(c->jid, "mail.example.org");
    assert_string_equal(c->mail_domain, "mail.example.org");
    assert_int_equal(c->home_count, 1);
    assert_string_equal(c->home[0], "example.org");
    assert_string_equal(c->log_level, "info");
    assert_int_equal(c->mailbox_count, 0);
    conf_free(c);
}

/* The sample that is shipped is right, and shows the defaults. */
static void test_shipped(void **state)
{
    struct conf *c, *sample;
    struct err e;

    (void)state;
    if (access("etc/postern.conf", R_OK) != 0) /* not started from the repository */
        skip();
    c = conf_read("etc/postern.conf", CONF_OFFLINE, &e);
    if (!c)
        fail_msg("%s", e.text);
    sample = conf_sample(&e);
    assert_string_equal(c->jid, sample->jid);
    assert_int_equal(c->queue.lifetime_s, sample->queue.lifetime_s);
    assert_int_equal(c->web_keep_s, sample->web_keep_s);
    assert_int_equal(c->limit.mail_size_max, sample->limit.mail_size_max);
    assert_int_equal(c->limit.stanza_size_max, sample->limit.stanza_size_max);
    conf_free(c);
    conf_free(sample);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_map_file),
        cmocka_unit_test(test_bad_map_file),
        cmocka_unit_test(test_sub_addresses),
        cmocka_unit_test(test_nothing_pending),
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_comments_and_strings),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_serve_needs),
        cmocka_unit_test(test_secret_file),
        cmocka_unit_test(test_long_secret_file),
        cmocka_unit_test(test_file_mode),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_sample),
        cmocka_unit_test(test_shipped),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
