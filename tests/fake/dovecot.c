/*
 * dovecot: see the header.
 */
#include "tests/fake/dovecot.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fake/port.h"

static const char program[] = "/usr/sbin/dovecot";

static const char config[] =
    "ssl = no\ndisable_plaintext_auth = no\nprotocols = imap\nlisten = 127.0.0.1\n"
    "auth_mechanisms = plain login\nfirst_valid_uid = 1\nauth_failure_delay = 0\n"
    "mailbox_idle_check_interval = 1 secs\nmail_max_userip_connections = 0\nmail_fsync = never\n"
    "passdb {\n driver = static\n args = password=secret\n}\n"
    "mail_location = maildir:~/Maildir\n"
    "namespace inbox {\n inbox = yes\n mailbox Gesendet {\n  special_use = \\Sent\n }\n}\n"
    "service imap {\n process_limit = 600\n}\n";

static void die(const char *what)
{
    perror(what);
    abort();
}

static bool is_up(unsigned port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool up = fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0;

    close(fd);
    return up;
}

static void write_config(const struct dovecot *d, const char *path)
{
    bool is_root = geteuid() == 0;
    const struct passwd *me = is_root ? getpwnam("nobody") : getpwuid(geteuid());
    const char *name, *chroot = is_root ? "" : "chroot =";
    const struct group *group;
    FILE *f = fopen(path, "w");

    if (!f || !me)
        die("dovecot.conf");
    name = me->pw_name;
    fprintf(f,
            "base_dir = %s/run\nstate_dir = %s/state\nlog_path = %s/log\ninfo_log_path = %s/log\n",
            d->folder, d->folder, d->folder, d->folder);
    fputs(config, f);
    fprintf(f, "userdb {\n driver = static\n args = uid=%u gid=%u home=%s/home/%%u\n}\n",
            (unsigned)me->pw_uid, (unsigned)me->pw_gid, d->folder);
    fprintf(f,
            "service imap-login {\n %s\n inet_listener imap {\n  port = %u\n }\n"
            " inet_listener imaps {\n  port = 0\n }\n}\n",
            chroot, d->port);
    fprintf(f,
            "service anvil {\n %s\n unix_listener anvil-auth-penalty {\n  mode = 0\n }\n}\n"
            "service stats {\n %s\n}\n",
            chroot, chroot);
    if (!is_root) {
        group = getgrgid(getegid());
        fprintf(f,
                "default_internal_user = %s\ndefault_internal_group = %s\n"
                "default_login_user = %s\n",
                name, group ? group->gr_name : name, name);
    }
    fclose(f);
}

bool dovecot_start(struct dovecot *d)
{
    char path[128];
    int i;

    if (access(program, X_OK) < 0)
        return false;
    signal(SIGPIPE, SIG_IGN);
    snprintf(d->folder, sizeof d->folder, "/tmp/dovecot.XXXXXX");
    if (!mkdtemp(d->folder) || chmod(d->folder, 0755) < 0)
        die("mkdtemp");
    snprintf(path, sizeof path, "%s/home", d->folder);
    if (mkdir(path, 0777) < 0 || chmod(path, 0777) < 0)
        die(path);
    d->port = fake_port();
    snprintf(path, sizeof path, "%s/dovecot.conf", d->folder);
    write_config(d, path);
    d->pid = fork();
    if (d->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        execl(program, program, "-F", "-c", path, (char *)NULL);
        _exit(127);
    }
    for (i = 0; i < 1000 && !is_up(d->port); i++)
        usleep(10000);
    if (i == 1000)
        die("dovecot does not start");
    return true;
}

static void remove_all(const char *folder)
{
    pid_t pid = fork();

    if (pid == 0) {
        execlp("rm", "rm", "-rf", folder, (char *)NULL);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
}

void dovecot_stop(struct dovecot *d)
{
    kill(d->pid, SIGTERM);
    waitpid(d->pid, NULL, 0);
    remove_all(d->folder);
}

static void path_of(const struct dovecot *d, const char *user, const char *folder, char *out,
                    size_t size)
{
    snprintf(out, size, "%s/home/%s/Maildir%s%s", d->folder, user, folder[0] ? "/." : "", folder);
}

/* Everything below is any user's, as the server runs as another one. */
static void make_one(const char *path)
{
    if (mkdir(path, 0777) < 0 && errno != EEXIST)
        die(path);
    chmod(path, 0777);
}

void dovecot_make(const struct dovecot *d, const char *user, const char *folder)
{
    static const char *const parts[] = {"cur", "new", "tmp"};
    char path[256], part[300];
    size_t i;

    snprintf(path, sizeof path, "%s/home/%s", d->folder, user);
    make_one(path);
    path_of(d, user, "", path, sizeof path);
    make_one(path);
    path_of(d, user, folder, path, sizeof path);
    make_one(path);
    for (i = 0; i < 3; i++) {
        snprintf(part, sizeof part, "%s/%s", path, parts[i]);
        make_one(part);
    }
}

void dovecot_deliver(const struct dovecot *d, const char *user, const char *folder,
                     const char *message)
{
    static unsigned count;
    char path[256], temporary[300], final[300];
    FILE *f;

    path_of(d, user, folder, path, sizeof path);
    count++;
    snprintf(temporary, sizeof temporary, "%s/tmp/%u.%u.test", path, count, (unsigned)getpid());
    snprintf(final, sizeof final, "%s/new/1700000000.%u_%u.test", path, count, (unsigned)getpid());
    f = fopen(temporary, "w");
    if (!f || fputs(message, f) < 0 || fclose(f) != 0 || chmod(temporary, 0666) < 0 ||
        rename(temporary, final) < 0)
        die(final);
}

static bool has_flags(const char *name, const char *flags)
{
    const char *info = strstr(name, ":2,");

    for (; *flags; flags++)
        if (!info || !strchr(info + 3, *flags))
            return false;
    return true;
}

int dovecot_count(const struct dovecot *d, const char *user, const char *folder, const char *flags)
{
    static const char *const parts[] = {"cur", "new"};
    char path[256], part[300];
    const struct dirent *entry;
    int n = 0;
    size_t i;
    DIR *dir;

    path_of(d, user, folder, path, sizeof path);
    for (i = 0; i < 2; i++) {
        snprintf(part, sizeof part, "%s/%s", path, parts[i]);
        dir = opendir(part);
        if (!dir)
            return -1;
        while ((entry = readdir(dir)))
            n += entry->d_name[0] != '.' && has_flags(entry->d_name, flags);
        closedir(dir);
    }
    return n;
}
