/*
 * openpgp: what the gateway must know of OpenPGP (RFC 4880, XEP-0027): where armor begins and ends,
 * and which key a signature names.  It holds no key, decrypts nothing and verifies nothing.
 *
 * "Data" is what XEP-0027 carries: base64 lines with \n between them and the CRC line, if there was
 * one, without the armor's own lines.  Pure; any thread.
 */
#ifndef MAPPING_OPENPGP_OPENPGP_H
#define MAPPING_OPENPGP_OPENPGP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum {
    OPENPGP_KEY_ID_SIZE = 17,  /* 16 hexadecimal digits and the NUL */
    OPENPGP_DATA_MAX = 100000, /* bytes of data that fit into a stanza beside the rest */
    OPENPGP_LINE_MAX = 76      /* RFC 4880 §6.3: characters of a line */
};

/* The text of an x:encrypted or x:signed, to be put into armor: blanks are taken off, lines over
 * OPENPGP_LINE_MAX are broken, armor that some client left on is removed.  *out NULL: it is no
 * base64.  -1 only when the arena is exhausted. */
int openpgp_read_data(struct arena *a, const char *text, const char **out) MUST_CHECK;

/* Is the text of a mail one armored message and nothing else?  *out is its data, line for line as
 * it stood; NULL: it is something else.  -1 as above. */
int openpgp_read_message(struct arena *a, const char *text, const char **out) MUST_CHECK;

/* Does the text begin with a signature over clear text (RFC 4880 §7)?  *out is the text that people
 * read: without armor and dash escapes, with what came after the signature; NULL: it does not, or
 * its end is missing.  -1 as above. */
int openpgp_read_cleartext(struct arena *a, const char *text, const char **out) MUST_CHECK;

/* Does the text begin like armor of any kind? */
bool openpgp_is_armor(const char *text);

/* Armor round the data, \n line ends.  kind: "MESSAGE", "SIGNATURE". */
void openpgp_write_armor(struct buf *out, const char *kind, const char *data);

/* The key id that the signature names as its maker's, upper case; false: it names none, or is no
 * signature.  Nothing is verified. */
bool openpgp_key_id(const char *data, char out[OPENPGP_KEY_ID_SIZE]);

#endif
