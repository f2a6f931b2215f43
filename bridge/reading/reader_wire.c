/*
 * reader_wire: the tables of what is told.  Nothing secret is in them: no passwords, no keys.
 * Owns nothing; any thread.
 */
#include "bridge/reading/reader_wire.h"

#include "base/conf.h"

enum { LINE_MAX_BYTES = 1 << 20, COUNT_MAX = 10000000 };

#define FIELD(type, kind, member, second, max, shape)                                              \
    {                                                                                              \
#member, kind, offsetof(struct type, member), second, max, shape                           \
    }
#define LINE(type, member)         FIELD(type, PACK_LINE, member, 0, LINE_MAX_BYTES, NULL)
#define FLAG(type, member)         FIELD(type, PACK_BOOL, member, 0, 1, NULL)
#define NUMBER(type, member, last) FIELD(type, PACK_NUMBER, member, 0, last, NULL)
#define LINES(type, member, count)                                                                 \
    FIELD(type, PACK_LINES, member, offsetof(struct type, count), COUNT_MAX, NULL)
#define ARRAY(type, member, count, of)                                                             \
    FIELD(type, PACK_ARRAY, member, offsetof(struct type, count), COUNT_MAX, &of)
#define SHAPE(type, rows)                                                                          \
    {                                                                                              \
        sizeof(struct type), 0, rows, PACK_COUNT(rows), NULL                                       \
    }

static const struct pack_field envelope_rows[] = {
    LINE(mail_envelope, reverse_path),
    LINES(mail_envelope, recipients, recipient_count),
    LINE(mail_envelope, mailbox_address),
};
static const struct pack_shape envelope_shape = SHAPE(mail_envelope, envelope_rows);

static const struct pack_field request_rows[] = {
    FIELD(wire_request, PACK_STRUCT, envelope, 0, 0, &envelope_shape),
    FIELD(wire_request, PACK_INT64, now_s, 0, 0, NULL),
    FLAG(wire_request, head_only),
    FLAG(wire_request, wants_page),
    FLAG(wire_request, shortens),
    LINE(wire_request, nonce),
};
const struct pack_shape wire_request_shape = SHAPE(wire_request, request_rows);

static const struct pack_field failure_rows[] = {
    NUMBER(wire_failure, class, ERR_BUG),
    FIELD(wire_failure, PACK_LINE, text, 0, WIRE_TEXT_MAX, NULL),
};
const struct pack_shape wire_failure_shape = SHAPE(wire_failure, failure_rows);

static const struct pack_field rule_rows[] = {
    LINE(conf_map_rule, jabber),
    LINE(conf_map_rule, mail),
    NUMBER(conf_map_rule, direction, CONF_MAP_TO_JABBER),
    LINE(conf_map_rule, where),
};
static const struct pack_shape rule_shape = SHAPE(conf_map_rule, rule_rows);

static const struct pack_field mailbox_rows[] = {
    LINE(conf_mailbox, name),
    LINE(conf_mailbox, address),
    FLAG(conf_mailbox, sub_addresses),
};
static const struct pack_shape mailbox_shape = SHAPE(conf_mailbox, mailbox_rows);

static const struct pack_field conf_rows[] = {
    LINE(conf, jid),
    LINE(conf, mail_domain),
    LINES(conf, home, home_count),
    ARRAY(conf, map, map_count, rule_shape),
    ARRAY(conf, mailboxes, mailbox_count, mailbox_shape),
    FLAG(conf, attachments.external_body),
    FLAG(conf, openpgp.mime_inline),
    LINE(conf, verdicts.server),
};
const struct pack_shape wire_conf_shape = SHAPE(conf, conf_rows);
