/*
 * upload_slot: the stanzas of XEP-0363.  No data, any thread.
 *
 * What a slot says becomes an HTTP request of ours and a link that users are shown, so nothing in
 * it is taken on trust.
 */
#include "bridge/to_jabber/upload_slot.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define UPLOAD_NS "urn:xmpp:http:upload:0"
#define INFO_NS   "http://jabber.org/protocol/disco#info"
#define DATA_NS   "jabber:x:data"
#define ERROR_NS  "urn:ietf:params:xml:ns:xmpp-stanzas"

enum { URL_MAX = 2000, VALUE_MAX = 8000 };

static bool has_type(const struct xml_node *stanza, const char *type)
{
    const char *is = xml_get(stanza, "type");

    return is && strcmp(is, type) == 0;
}

/* The text of the child, without an arena: NULL when it is none, or of several runs. */
static const char *plain_text(const struct xml_node *node, const char *name)
{
    const struct xml_node *child = xml_child(node, DATA_NS, name);

    return child && child->first && child->first == child->last && child->first->text
               ? child->first->text
               : NULL;
}

static const char *field_value(const struct xml_node *form, const char *var)
{
    const struct xml_node *field;

    for (field = xml_child(form, DATA_NS, "field"); field;
         field = xml_next(field, DATA_NS, "field")) {
        const char *is = xml_get(field, "var");

        if (is && strcmp(is, var) == 0)
            return plain_text(field, "value");
    }
    return NULL;
}

static int64_t read_size_max(const struct xml_node *query)
{
    const struct xml_node *form;
    const char *type, *text;

    for (form = xml_child(query, DATA_NS, "x"); form; form = xml_next(form, DATA_NS, "x")) {
        type = field_value(form, "FORM_TYPE");
        text = type && strcmp(type, UPLOAD_NS) == 0 ? field_value(form, "max-file-size") : NULL;
        if (text && strspn(text, "0123456789") == strlen(text) && strlen(text) < 19)
            return strtoll(text, NULL, 10);
    }
    return 0;
}

bool slot_is_service(const struct xml_node *answer, int64_t *size_max_out)
{
    const struct xml_node *query, *feature;

    *size_max_out = 0;
    if (!has_type(answer, "result"))
        return false;
    query = xml_child(answer, INFO_NS, "query");
    for (feature = xml_child(query, INFO_NS, "feature"); feature;
         feature = xml_next(feature, INFO_NS, "feature")) {
        const char *var = xml_get(feature, "var");

        if (var && strcmp(var, UPLOAD_NS) == 0) {
            *size_max_out = read_size_max(query);
            return true;
        }
    }
    return false;
}

struct xml_node *slot_request(struct arena *a, const char *filename, size_t size,
                              const char *media_type)
{
    struct xml_node *request = xml_new(a, UPLOAD_NS, "request");
    const char *text = arena_printf(a, "%zu", size);

    request = xml_set(a, request, "filename", filename);
    request = text ? xml_set(a, request, "size", text) : NULL;
    return xml_set(a, request, "content-type", media_type);
}

/* Nothing that could end a line of ours or of a client's. */
static bool is_url(const char *url)
{
    const unsigned char *p;

    if (!url || (strncasecmp(url, "https://", 8) != 0 && strncasecmp(url, "http://", 7) != 0) ||
        strlen(url) > URL_MAX)
        return false;
    for (p = (const unsigned char *)url; *p; p++)
        if (*p <= 0x20 || *p == 0x7f || strchr("\"'<>\\", *p))
            return false;
    return true;
}

/* XEP-0363 §5: newlines are taken out of a value.  NULL: other controls, or memory. */
static const char *clean_value(struct arena *a, const char *value)
{
    char *out = arena_strdup(a, value), *p;

    for (p = out; out && *value; value++) {
        if (*value == '\r' || *value == '\n')
            continue;
        if (((unsigned char)*value < 0x20 && *value != '\t') || *value == 0x7f)
            return NULL;
        *p++ = *value;
    }
    if (out)
        *p = '\0';
    return out;
}

static int read_header(struct arena *a, const struct xml_node *header, struct slot *out,
                       struct err *e)
{
    static const char *const names[] = {"Authorization", "Cookie", "Expires"};
    const char *name = xml_get(header, "name"), *value = xml_text(a, header);
    size_t i, n = sizeof names / sizeof names[0];

    if (!value)
        return err_memory(e);
    for (i = 0; name && i < n && strcasecmp(name, names[i]) != 0; i++)
        ;
    if (!name || i == n) /* XEP-0363 §5: any other is to be ignored */
        return 0;
    value = clean_value(a, value);
    if (!value || strlen(value) > VALUE_MAX || out->header_count == SLOT_HEADERS_MAX)
        return err_set(e, ERR_PERMANENT, "the upload service gives a header that cannot be used");
    out->headers[out->header_count++] = (struct http_header){names[i], value};
    return 0;
}

static int read_refusal(struct arena *a, const struct xml_node *answer, struct err *e)
{
    const struct xml_node *error = xml_child(answer, NULL, "error");
    const char *type = xml_get(error, "type"), *text = NULL;
    bool is_wait = !type || strcmp(type, "wait") == 0;

    if (xml_child(error, UPLOAD_NS, "file-too-large"))
        return err_set(e, ERR_PERMANENT, "the file is too large for the upload service");
    text = xml_child_text(a, error, ERROR_NS, "text");
    return err_set(e, is_wait ? ERR_RETRY : ERR_PERMANENT, "the upload service refuses%s%.200s",
                   text && *text ? ": " : "", text ? text : "");
}

int slot_read(struct arena *a, const struct xml_node *answer, struct slot *out, struct err *e)
{
    const struct xml_node *slot, *put, *header;

    *out = (struct slot){.put_url = NULL};
    if (!has_type(answer, "result"))
        return read_refusal(a, answer, e);
    slot = xml_child(answer, UPLOAD_NS, "slot");
    put = xml_child(slot, UPLOAD_NS, "put");
    out->put_url = xml_get(put, "url");
    out->get_url = xml_get(xml_child(slot, UPLOAD_NS, "get"), "url");
    if (!is_url(out->put_url) || !is_url(out->get_url))
        return err_set(e, ERR_PERMANENT, "the upload service gives no address that can be used");
    out->put_url = arena_strdup(a, out->put_url);
    out->get_url = arena_strdup(a, out->get_url);
    if (!out->put_url || !out->get_url)
        return err_memory(e);
    for (header = xml_child(put, UPLOAD_NS, "header"); header;
         header = xml_next(header, UPLOAD_NS, "header"))
        if (read_header(a, header, out, e) < 0)
            return -1;
    return 0;
}
