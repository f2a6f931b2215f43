/*
 * sfs: a link and what is known of the file behind it, as XEP-0447 and XEP-0446 write it.
 *
 * Works in the caller's arena, keeps nothing; any thread.
 */
#include "mapping/mime/sfs.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mapping/mime/attachment_read.h"
#include "mapping/mime/header_write.h"
#include "mapping/names.h"
#include "mapping/text/text.h"

enum { NAME_MAX_LEN = 200, TYPE_MAX = 127, SOURCES_MAX = 20 };

bool sfs_is_file(const struct attachment *att)
{
    return att->url && (att->media_type || att->size > 0 || att->filename);
}

/* One child with text; no text, no child. */
static int add_fact(struct arena *a, struct xml_node *file, const char *name, const char *text)
{
    const char *clipped;

    if (!text || !*text)
        return 0;
    clipped = arena_strndup(a, text, header_clip(text, NAME_MAX_LEN));
    return clipped && xml_add_with_text(a, file, NS_FILE, name, clipped) ? 0 : -1;
}

static int add_hash(struct arena *a, struct xml_node *file, const char *sha256)
{
    if (!sha256)
        return 0;
    return xml_set(a, xml_add_with_text(a, file, NS_HASHES, "hash", sha256), "algo", "sha-256")
               ? 0
               : -1;
}

static int add_size(struct arena *a, struct xml_node *file, const struct attachment *att)
{
    return att->size > 0 || att->content
               ? add_fact(a, file, "size", arena_printf(a, "%zu", att->size))
               : 0;
}

int sfs_write(struct arena *a, const struct attachment *att, unsigned number,
              struct xml_node *stanza)
{
    struct xml_node *sharing = xml_add(a, stanza, NS_SFS, "file-sharing"), *file, *source;

    sharing = xml_set(a, sharing, "disposition", att->is_inline ? "inline" : "attachment");
    sharing = xml_set(a, sharing, "id", arena_printf(a, "file-%u", number));
    file = xml_add(a, sharing, NS_FILE, "file");
    source = xml_add(a, xml_add(a, sharing, NS_SFS, "sources"), NS_URL_DATA, "url-data");
    if (!file || !xml_set(a, source, "target", att->url))
        return -1;
    return add_fact(a, file, "media-type", att->media_type) < 0 ||
                   add_fact(a, file, "name", att->filename) < 0 || add_size(a, file, att) < 0 ||
                   add_hash(a, file, att->sha256) < 0 ||
                   add_fact(a, file, "desc", att->description) < 0
               ? -1
               : 0;
}

/* The text of a child as one line; NULL in *out: there is none. */
static int read_fact(struct arena *a, const struct xml_node *file, const char *name, size_t max,
                     const char **out)
{
    const struct xml_node *child = xml_child(file, NS_FILE, name);
    const char *text = child ? xml_text(a, child) : NULL;

    *out = text ? text_line(a, text, max) : NULL;
    if (child && !*out)
        return -1;
    if (*out && !**out)
        *out = NULL;
    return 0;
}

static bool is_media_type(const char *type)
{
    static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "!#$&-^_.+";
    size_t n = strspn(type, token);

    return n > 0 && type[n] == '/' && type[n + 1] && type[n + 1 + strspn(type + n + 1, token)] == 0;
}

static int read_file(struct arena *a, const struct xml_node *file, struct attachment *out)
{
    const char *name, *size;
    char *end;

    if (read_fact(a, file, "media-type", TYPE_MAX, &out->media_type) < 0 ||
        read_fact(a, file, "desc", HEADER_TEXT_MAX, &out->description) < 0 ||
        read_fact(a, file, "name", HEADER_TEXT_MAX, &name) < 0 ||
        read_fact(a, file, "size", 20, &size) < 0)
        return -1;
    if (out->media_type && !is_media_type(out->media_type))
        out->media_type = NULL;
    if (name) {
        out->filename = attachment_safe_name(a, name);
        if (!out->filename)
            return -1;
        if (!*out->filename)
            out->filename = NULL;
    }
    if (size && *size >= '0' && *size <= '9') {
        unsigned long long value = strtoull(size, &end, 10);

        if (!*end && value < SIZE_MAX)
            out->size = (size_t)value;
    }
    return 0;
}

int sfs_read(struct arena *a, const struct xml_node *sharing, struct attachment *out)
{
    const struct xml_node *sources = xml_child(sharing, NS_SFS, "sources"), *source;
    const char *disposition = xml_get(sharing, "disposition");
    unsigned n = 0;

    *out = (struct attachment){.url = ""};
    out->is_inline = disposition && strcmp(disposition, "inline") == 0;
    for (source = xml_child(sources, NS_URL_DATA, "url-data");
         source && n < SOURCES_MAX && !*out->url;
         source = xml_next(source, NS_URL_DATA, "url-data"), n++) {
        const char *target = xml_get(source, "target");

        if (!target)
            continue;
        out->url = text_url(a, target);
        if (!out->url)
            return -1;
        if (!text_is_link(out->url))
            out->url = "";
    }
    return read_file(a, xml_child(sharing, NS_FILE, "file"), out);
}
