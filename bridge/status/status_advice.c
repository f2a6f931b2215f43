/*
 * status_advice: what an administrator can do about trouble that the log tells of.  A table; pure.
 */
#include "bridge/status/status.h"

#include <string.h>

/* The first row both words of which are in the line. */
static const struct {
    const char *area, *word, *advice;
} rows[] = {
    {"stream ", "loss=config",
     "Compare jid and jabber.secret with the component's entry in the Jabber server's "
     "configuration; `postern check` tries them."},
    {"stream ", "loss=conflict",
     "Another program is connected under this JID: stop it, or give this gateway a jid of its "
     "own."},
    {"stream ", "loss=stanza",
     "The Jabber server closed the stream over a stanza; the gateway finds out which and sets it "
     "aside. `postern queue` shows it."},
    {"stream ", "loss=network",
     "See that the Jabber server runs and listens for components at jabber.host and jabber.port."},
    {"imap ", "", "`postern check` tries the mailbox and says what is wrong."},
    {"files ", "over-quota", "Raise web.space or web.user_space, or lower web.keep."},
    {"", "event=set-aside",
     "`postern queue show ID` shows it; `postern queue retry ID` tries it again, `drop ID` gives "
     "it "
     "up."},
    {"", "not-accepting",
     "No file descriptors are left: raise LimitNOFILE of the service, or lower the limits of "
     "connections."},
    {"store ", "",
     "See that the disk under store.url has room and works. Nothing is accepted meanwhile, and "
     "nothing that was accepted is lost."},
    {"outcome ", "not-written", "See that the disk under store.url has room and works."},
    {"inbound ", "not-stored", "See that the disk under store.url has room and works."},
    {"outbound ", "not-stored", "See that the disk under store.url has room and works."},
    {"gateway ", "reload",
     "Mend the file and send SIGHUP again; until then the settings of before are in force."},
    {"upload", "",
     "See that the Jabber server's upload service runs and lets this component use it."},
};

const char *status_advice(const char *line)
{
    size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strncmp(line, rows[i].area, strlen(rows[i].area)) == 0 && strstr(line, rows[i].word))
            return rows[i].advice;
    return NULL;
}
