/*
 * network: addresses against lists of prefixes.  No data but the lists, any thread, nothing to
 * leave behind.
 */
#include "base/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct prefix {
    unsigned char address[16];
    unsigned bits;
};

#define V4(a, b, c, d, bits)                                                                       \
    {                                                                                              \
        {[10] = 0xff, [11] = 0xff, [12] = (a), (b), (c), (d)}, 96 + (bits)                         \
    }
#define V6(a, b, bits)                                                                             \
    {                                                                                              \
        {(a) >> 8, (a)&0xff, (b) >> 8, (b)&0xff}, (bits)                                           \
    }

static const struct prefix local_prefixes[] = {
    V4(127, 0, 0, 0, 8),    V4(10, 0, 0, 0, 8), V4(172, 16, 0, 0, 12), V4(192, 168, 0, 0, 16),
    V4(169, 254, 0, 0, 16), {{[15] = 1}, 128},  V6(0xfc00, 0, 7),      V6(0xfe80, 0, 10),
};

/* Of IPv4 what is not the open internet. */
static const struct prefix closed_v4[] = {
    V4(0, 0, 0, 0, 8),      V4(10, 0, 0, 0, 8),     V4(100, 64, 0, 0, 10), V4(127, 0, 0, 0, 8),
    V4(169, 254, 0, 0, 16), V4(172, 16, 0, 0, 12),  V4(192, 0, 0, 0, 24),  V4(192, 0, 2, 0, 24),
    V4(192, 88, 99, 0, 24), V4(192, 168, 0, 0, 16), V4(198, 18, 0, 0, 15), V4(198, 51, 100, 0, 24),
    V4(203, 0, 113, 0, 24), V4(224, 0, 0, 0, 4),    V4(240, 0, 0, 0, 4),
};

/* Of 2000::/3 what is not: special protocols with Teredo, documentation, 6to4, documentation. */
static const struct prefix closed_v6[] = {
    V6(0x2001, 0, 23),
    V6(0x2001, 0xdb8, 32),
    V6(0x2002, 0, 16),
    V6(0x3fff, 0, 20),
};

static const struct prefix mapped_v4 = {{[10] = 0xff, [11] = 0xff}, 96};
static const struct prefix global_v6 = V6(0x2000, 0, 3);
static const struct prefix nat64 = V6(0x64, 0xff9b, 96); /* RFC 6052 §2.1 */

static bool matches(const unsigned char *address, const unsigned char *prefix, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    return memcmp(address, prefix, whole) == 0 &&
           (rest == 0 || (address[whole] >> (8 - rest)) == (prefix[whole] >> (8 - rest)));
}

static bool is_in(const struct prefix *list, size_t count, const unsigned char *address)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (matches(address, list[i].address, list[i].bits))
            return true;
    return false;
}

#define IS_IN(list, address) is_in(list, sizeof(list) / sizeof(list)[0], address)

static void map_v4(const void *v4, unsigned char *out)
{
    memset(out, 0, 10);
    out[10] = out[11] = 0xff;
    memcpy(out + 12, v4, 4);
}

/* All families in one form; false: neither IPv4 nor IPv6. */
static bool read_address(const struct sockaddr *address, unsigned char *out)
{
    if (address->sa_family == AF_INET) {
        map_v4(&((const struct sockaddr_in *)(const void *)address)->sin_addr, out);
        return true;
    }
    if (address->sa_family != AF_INET6)
        return false;
    memcpy(out, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
    return true;
}

int network_parse(const char *text, struct network *out)
{
    char address[INET6_ADDRSTRLEN];
    size_t len = strcspn(text, "/");
    struct in_addr v4;
    unsigned max;

    if (len >= sizeof address)
        return -1;
    memcpy(address, text, len);
    address[len] = '\0';
    if (inet_pton(AF_INET, address, &v4) == 1) {
        map_v4(&v4, out->address);
        max = 32;
    } else if (inet_pton(AF_INET6, address, out->address) == 1) {
        max = 128;
    } else {
        return -1;
    }
    out->bits = 128;
    if (text[len] == '\0')
        return 0;
    text += len + 1;
    len = strlen(text);
    if (len == 0 || len > 3 || strspn(text, "0123456789") != len || strtoul(text, NULL, 10) > max)
        return -1;
    out->bits = 128 - max + (unsigned)strtoul(text, NULL, 10);
    return 0;
}

bool network_has(const struct network *list, size_t count, const struct sockaddr *address)
{
    unsigned char bytes[16];
    size_t i;

    if (!read_address(address, bytes))
        return false;
    for (i = 0; i < count; i++)
        if (matches(bytes, list[i].address, list[i].bits))
            return true;
    return false;
}

bool network_is_public(const struct sockaddr *address)
{
    unsigned char bytes[16], inner[16];

    if (!read_address(address, bytes))
        return false;
    if (address->sa_family == AF_INET)
        return !IS_IN(closed_v4, bytes);
    if (matches(bytes, nat64.address, nat64.bits)) {
        map_v4(bytes + 12, inner);
        return !IS_IN(closed_v4, inner);
    }
    return matches(bytes, global_v6.address, global_v6.bits) && !IS_IN(closed_v6, bytes);
}

bool network_is_local(const struct sockaddr *address)
{
    unsigned char bytes[16];

    return read_address(address, bytes) &&
           (address->sa_family == AF_INET || !matches(bytes, mapped_v4.address, mapped_v4.bits)) &&
           IS_IN(local_prefixes, bytes);
}
