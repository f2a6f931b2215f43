/*
 * conf_inside: what each part of the configuration file means.  Shared by the parts of conf only.
 *
 * A reader gets v->section as its own section, NULL where that is missing, and fills its members of
 * conf; -1 with *v->e filled.  Those with a v that is not const look at several sections.
 */
#ifndef BASE_CONF_INSIDE_H
#define BASE_CONF_INSIDE_H

#include "base/conf.h"
#include "base/conf_value.h"

/* base/conf_names.c */
int conf_read_names(struct conf *conf, struct conf_values *v) MUST_CHECK;
int conf_read_senders(struct conf *conf, const struct conf_values *v) MUST_CHECK;
int conf_read_home(struct conf *conf, const struct conf_values *v) MUST_CHECK;
int conf_read_contact(struct conf *conf, const struct conf_values *v) MUST_CHECK;
int conf_read_admin(struct conf *conf, const struct conf_values *v) MUST_CHECK;

/* base/conf_servers.c */
int conf_read_jabber(struct conf *conf, const struct conf_values *v) MUST_CHECK;
int conf_read_smtp(struct conf *conf, const struct conf_values *v) MUST_CHECK;
int conf_read_mailboxes(struct conf *conf, struct conf_values *v) MUST_CHECK;
int conf_check_sub_addresses(const struct conf *conf, const struct conf_values *v) MUST_CHECK;
int conf_read_accounts(struct conf *conf, const struct conf_values *v) MUST_CHECK;
int conf_read_lmtp(struct conf *conf, const struct conf_values *v) MUST_CHECK;
int conf_read_store(struct conf *conf, const struct conf_values *v) MUST_CHECK;

/* base/conf_web.c */
int conf_read_web(struct conf *conf, const struct conf_values *v) MUST_CHECK;
int conf_read_attachments(struct conf *conf, const struct conf_values *v) MUST_CHECK;
int conf_read_upload(struct conf *conf, const struct conf_values *v) MUST_CHECK;
int conf_read_fetch(struct conf *conf, const struct conf_values *v) MUST_CHECK;

#endif
