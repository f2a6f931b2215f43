/*
 * sniff: the well-known beginnings of pictures, sounds, films and archives.  No data but the table.
 */
#include "mapping/mime/sniff.h"

#include <string.h>

struct magic {
    size_t at;
    const char *bytes;
    size_t len;
    size_t more_at; /* a second place that has to fit, too; 0: none */
    const char *more;
    const char *type;
};

#define MAGIC(at, bytes)   (at), (bytes), sizeof(bytes) - 1
#define AND(more_at, more) (more_at), (more)
#define ALONE              0, NULL

static const struct magic magics[] = {
    {MAGIC(0, "\x89PNG\r\n\x1a\n"), ALONE, "image/png"},
    {MAGIC(0, "\xff\xd8\xff"), ALONE, "image/jpeg"},
    {MAGIC(0, "GIF87a"), ALONE, "image/gif"},
    {MAGIC(0, "GIF89a"), ALONE, "image/gif"},
    {MAGIC(0, "RIFF"), AND(8, "WEBP"), "image/webp"},
    {MAGIC(0, "RIFF"), AND(8, "WAVE"), "audio/wav"},
    {MAGIC(4, "ftyp"), AND(8, "avif"), "image/avif"},
    {MAGIC(4, "ftyp"), AND(8, "heic"), "image/heic"},
    {MAGIC(4, "ftyp"), AND(8, "M4A "), "audio/mp4"},
    {MAGIC(4, "ftyp"), ALONE, "video/mp4"},
    {MAGIC(0, "\x1a\x45\xdf\xa3"), ALONE, "video/webm"},
    {MAGIC(0, "OggS"), ALONE, "audio/ogg"},
    {MAGIC(0, "fLaC"), ALONE, "audio/flac"},
    {MAGIC(0, "ID3"), ALONE, "audio/mpeg"},
    {MAGIC(0, "%PDF-"), ALONE, "application/pdf"},
    {MAGIC(0, "PK\x03\x04"), ALONE, "application/zip"},
    {MAGIC(0, "\x1f\x8b\x08"), ALONE, "application/gzip"},
};

static int has(const char *bytes, size_t len, size_t at, const char *what, size_t n)
{
    return len >= at + n && memcmp(bytes + at, what, n) == 0;
}

const char *sniff_type(const char *bytes, size_t len)
{
    size_t i;

    for (i = 0; i < sizeof magics / sizeof magics[0]; i++) {
        const struct magic *m = &magics[i];

        if (has(bytes, len, m->at, m->bytes, m->len) &&
            (!m->more || has(bytes, len, m->more_at, m->more, strlen(m->more))))
            return m->type;
    }
    return "application/octet-stream";
}
