/*
 * own_form: the fields in which a user describes a mailbox, in the registration form and in those
 * of commands.  Loop thread.
 */
#ifndef BRIDGE_OWN_OWN_FORM_H
#define BRIDGE_OWN_OWN_FORM_H

#include "base/xml.h"
#include "bridge/own/own_inside.h"

enum own_field {
    OWN_EMAIL,
    OWN_IMAP_HOST,
    OWN_IMAP_PORT,
    OWN_IMAP_SECURITY,
    OWN_IMAP_USER,
    OWN_IMAP_PASSWORD,
    OWN_FOLDER,
    OWN_SMTP_HOST,
    OWN_SMTP_PORT,
    OWN_SMTP_SECURITY,
    OWN_SMTP_USER,
    OWN_SMTP_PASSWORD,
    OWN_COPIES,
    OWN_FIELD_COUNT
};

extern const char *const own_form_vars[OWN_FIELD_COUNT];

/* Adds the fields, with what is known of account (NULL: of none) but passwords; -1: memory. */
int own_form_add(struct arena *a, struct xml_node *form, const char *lang,
                 const struct own_account *account) MUST_CHECK;

/* What came back, NULL where it is not said. */
struct own_answers {
    const char *of[OWN_FIELD_COUNT];
};

struct own_wish {
    struct own_description what, was; /* was: of old */
    bool copies;
    bool is_elsewhere; /* another mailbox than old: how far that was read says nothing */
    bool is_tried; /* nothing that it was accepted for is changed, nor a password typed again where
                    * something is wrong: it need not be tried */
};

/* The mailbox that is meant: what is not said stays as in old, or has its default where there is
 * none.  -1: *why_out, for its user. */
int own_form_read(const struct settings *settings, struct arena *a, const struct own_account *old,
                  const struct own_answers *answers, struct own_wish *out, const char **why_out);

#endif
