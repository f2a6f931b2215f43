/*
 * imap_fault: what is wrong with a mailbox, for whoever must decide or tell a person what to do.
 * The struct err beside it has the words.
 */
#ifndef MAIL_IMAP_IMAP_FAULT_H
#define MAIL_IMAP_IMAP_FAULT_H

enum imap_fault {
    IMAP_FAULT_NONE,
    IMAP_FAULT_AWAY,   /* for now: not reached, lost, too slow, [UNAVAILABLE]; mends by itself */
    IMAP_FAULT_NAME,   /* the host has no address, or none that may be connected to */
    IMAP_FAULT_TLS,    /* its certificate is refused, or it offers no STARTTLS */
    IMAP_FAULT_LOGIN,  /* user, password or token are refused (RFC 5530 AUTHENTICATIONFAILED) */
    IMAP_FAULT_FOLDER, /* the folder is not there, or cannot be used */
    IMAP_FAULT_SERVER  /* no way to log in or to speak with it that we have */
};

/* "login" */
const char *imap_fault_name(enum imap_fault fault);

#endif
