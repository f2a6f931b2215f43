/*
 * openpgp_key: the key id in a signature (RFC 4880 §4 and §5.2).
 *
 * Reads at most SIGNATURE_MAX bytes of the packet on the stack.  Every length in it is a stranger's
 * claim and is held against what there is.  No data, no thread of its own.
 */
#include "mapping/openpgp/openpgp.h"

#include <stdint.h>
#include <string.h>

enum {
    SIGNATURE_MAX = 8192, /* an RSA signature of 4096 bits takes about 600 */
    TAG_SIGNATURE = 2,
    ISSUER_KEY_ID = 16,     /* RFC 4880 §5.2.3.5 */
    ISSUER_FINGERPRINT = 33 /* RFC 9580 §5.2.3.35 */
};

struct bytes {
    const uint8_t *p;
    size_t n;
};

/* Takes the next n bytes off; false: there are fewer. */
static bool take(struct bytes *b, size_t n, struct bytes *out)
{
    if (n > b->n)
        return false;
    *out = (struct bytes){b->p, n};
    b->p += n;
    b->n -= n;
    return true;
}

static bool take_number(struct bytes *b, size_t bytes, size_t *out)
{
    struct bytes field;
    size_t i;

    if (!take(b, bytes, &field))
        return false;
    *out = 0;
    for (i = 0; i < bytes; i++)
        *out = *out << 8 | field.p[i];
    return true;
}

/* Base64 up to its padding, or as much as fits. */
static size_t decode(const char *data, uint8_t *out, size_t max)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    unsigned have = 0;
    size_t n = 0;

    for (; *data && *data != '=' && n < max; data++) {
        const char *digit = strchr(digits, *data);

        if (!digit)
            continue;
        bits = (bits << 6 | (uint32_t)(digit - digits)) & 0xffffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (uint8_t)(bits >> have);
        }
    }
    return n;
}

/* The length of a packet or, with two octets from 192 to 254, of a subpacket (RFC 4880 §5.2.3.1).
 */
static bool take_length(struct bytes *b, size_t two_max, size_t *out)
{
    size_t first, second;

    if (!take_number(b, 1, &first))
        return false;
    if (first < 192) {
        *out = first;
        return true;
    }
    if (first == 255)
        return take_number(b, 4, out);
    if (first > two_max || !take_number(b, 1, &second))
        return false; /* a packet of pieces: no signature is one */
    *out = ((first - 192) << 8) + second + 192;
    return true;
}

/* The body of the next packet. */
static bool take_packet(struct bytes *b, unsigned *tag_out, struct bytes *body)
{
    size_t head, len;

    if (!take_number(b, 1, &head) || !(head & 0x80))
        return false;
    if (head & 0x40) {
        *tag_out = head & 0x3f;
        return take_length(b, 223, &len) && take(b, len, body);
    }
    *tag_out = head >> 2 & 0x0f;
    if ((head & 3) == 3) { /* up to the end */
        len = b->n;
        return take(b, len, body);
    }
    return take_number(b, (size_t)1 << (head & 3), &len) && take(b, len, body);
}

static void write_hex(const uint8_t *id, char out[OPENPGP_KEY_ID_SIZE])
{
    static const char hex[] = "0123456789ABCDEF";
    size_t i;

    for (i = 0; i < 8; i++) {
        out[2 * i] = hex[id[i] >> 4];
        out[2 * i + 1] = hex[id[i] & 15];
    }
    out[16] = '\0';
}

/* The key id is the end of a version 4 fingerprint, and the beginning of a later one. */
static bool read_subpacket(struct bytes sub, char out[OPENPGP_KEY_ID_SIZE])
{
    size_t type, version;

    if (!take_number(&sub, 1, &type))
        return false;
    type &= 0x7f; /* without the bit "critical" */
    if (type == ISSUER_KEY_ID && sub.n == 8) {
        write_hex(sub.p, out);
        return true;
    }
    if (type != ISSUER_FINGERPRINT || !take_number(&sub, 1, &version))
        return false;
    if (version == 4 && sub.n == 20)
        write_hex(sub.p + 12, out);
    else if ((version == 5 || version == 6) && sub.n == 32)
        write_hex(sub.p, out);
    else
        return false;
    return true;
}

/* An area of subpackets with its length before it. */
static bool read_area(struct bytes *b, size_t length_bytes, char out[OPENPGP_KEY_ID_SIZE])
{
    struct bytes area, sub;
    size_t len;

    if (!take_number(b, length_bytes, &len) || !take(b, len, &area))
        return false;
    while (area.n > 0) {
        if (!take_length(&area, 254, &len) || !take(&area, len, &sub))
            return false;
        if (read_subpacket(sub, out))
            return true;
    }
    return false;
}

static bool read_signature(struct bytes b, char out[OPENPGP_KEY_ID_SIZE])
{
    struct bytes field, rest;
    size_t version, area_bytes;

    if (!take_number(&b, 1, &version))
        return false;
    if (version == 3) { /* RFC 4880 §5.2.2: 5, type, time, key id */
        if (!take(&b, 6, &field) || field.p[0] != 5 || !take(&b, 8, &field))
            return false;
        write_hex(field.p, out);
        return true;
    }
    if (version < 4 || version > 6 || !take(&b, 3, &field)) /* type and two algorithms */
        return false;
    /* What is hashed is believed before what anybody could have added. */
    area_bytes = version == 6 ? 4 : 2;
    rest = b;
    if (read_area(&b, area_bytes, out))
        return true;
    return take_number(&rest, area_bytes, &version) && take(&rest, version, &field) &&
           read_area(&rest, area_bytes, out);
}

bool openpgp_key_id(const char *data, char out[OPENPGP_KEY_ID_SIZE])
{
    uint8_t bytes[SIGNATURE_MAX];
    struct bytes b = {bytes, decode(data, bytes, sizeof bytes)}, body;
    unsigned tag;

    out[0] = '\0';
    while (take_packet(&b, &tag, &body))
        if (tag == TAG_SIGNATURE)
            return read_signature(body, out);
    return false;
}
