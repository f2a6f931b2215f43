/*
 * parser: bytes to stanzas, by expat.
 *
 * Owns the expat parser, and the arena of the stanza that is being read; a finished stanza is
 * handed over with its arena.  No thread of its own.  What a stanza may cost is bounded three
 * times: its bytes, its nesting and attributes, and the memory that its tree takes.  A crash leaves
 * nothing behind.
 */
#include "component/parser.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <expat.h>

#include "base/buf.h"

enum { STANZA_BYTES_DEFAULT = 256 * 1024, DEPTH_DEFAULT = 64, ATTRIBUTES_DEFAULT = 64 };
/* A tree is larger than its text: `<a/>` becomes a node of 100 bytes.  What ordinary stanzas take
 * is three to eight times their text, and whoever gets the stanza works in the same arena. */
enum { ARENA_FACTOR = 32, ARENA_BASE = 64 * 1024 };

/* Between namespace and name in what expat reports; no byte of UTF-8. */
#define SEPARATOR '\xff'

/* In expat since 2.6.0, and in what distributions have mended since: it may be missing. */
extern XML_Bool XML_SetReparseDeferralEnabled(XML_Parser expat, XML_Bool enabled) // NOLINT
    __attribute__((weak));

#define TOO_LARGE           "a stanza is larger than the limit"
#define TOO_MANY_ATTRIBUTES "an element has too many attributes"
#define TOO_MUCH_MEMORY     "a stanza takes more memory than there is for it"

struct parser {
    XML_Parser expat;
    struct parser_limits limits;
    struct parser_handler handler;
    void *arg;

    struct arena *arena; /* of the element being read; NULL between stanzas */
    struct xml_node *node;
    struct xml_node *top; /* of the stanza being read */
    const char *skipped;  /* why nothing more of that stanza is kept; NULL: it is */
    struct buf text;      /* of the run of text being read: expat gives it in pieces */
    unsigned level;       /* open elements, the root included */
    unsigned declared;    /* namespaces declared by the tag being read */

    uint64_t fed;  /* bytes in all */
    uint64_t mark; /* where the last thing that is done with ended */

    bool strict; /* no text between stanzas */
    bool feeding, freed;
    bool failed; /* the rest holds once it is set */
    const char *condition;
    struct err err;
};

static void refuse(struct parser *p, const char *condition, const char *text)
{
    if (p->failed)
        return;
    p->failed = true;
    p->condition = condition;
    err_set(&p->err, ERR_PERMANENT, "%s", text);
    XML_StopParser(p->expat, XML_FALSE);
}

/* expat may still make a call or two after XML_StopParser. */
static bool is_over(const struct parser *p)
{
    return p->failed || p->freed;
}

/* The stanza being read is over a limit: it is passed over where somebody wants to know of it, and
 * the end of the stream where not.  The root cannot be passed over. */
static void skip(struct parser *p, const char *condition, const char *why)
{
    if (!p->handler.skipped || p->level == 0)
        refuse(p, condition, why);
    else if (!p->skipped)
        p->skipped = why;
    buf_reset(&p->text);
}

static void out_of_memory(struct parser *p)
{
    skip(p, "resource-constraint", TOO_MUCH_MEMORY);
    if (p->failed && (!p->arena || p->text.is_starved || arena_is_starved(p->arena)))
        p->err.class = ERR_RETRY; /* it is not the stanza that takes too much */
}

static uint64_t end_of_tag(const struct parser *p)
{
    return (uint64_t)XML_GetCurrentByteIndex(p->expat) +
           (uint64_t)XML_GetCurrentByteCount(p->expat);
}

static void set_mark(struct parser *p)
{
    p->mark = end_of_tag(p);
}

/* "ns SEPARATOR name" or "name"; *ns_len is 0 for none. */
static const char *split_name(const char *name, size_t *ns_len)
{
    const char *sep = strchr(name, SEPARATOR);

    *ns_len = sep ? (size_t)(sep - name) : 0;
    return sep ? sep + 1 : name;
}

static struct xml_node *make_node(struct arena *a, const struct xml_node *parent, const char *name)
{
    struct xml_node *node = arena_alloc(a, sizeof *node);
    size_t ns_len;
    const char *local = split_name(name, &ns_len);

    if (!node)
        return NULL;
    node->name = arena_strdup(a, local);
    /* Most children are of their parent's namespace: its string is shared. */
    if (parent && strlen(parent->ns) == ns_len && memcmp(parent->ns, name, ns_len) == 0)
        node->ns = parent->ns;
    else
        node->ns = ns_len > 0 ? arena_strndup(a, name, ns_len) : "";
    return node->name && node->ns ? node : NULL;
}

static struct xml_attr *make_attr(struct arena *a, const char *name, const char *value)
{
    struct xml_attr *attr = arena_alloc(a, sizeof *attr);
    size_t ns_len;
    const char *local = split_name(name, &ns_len);

    if (!attr)
        return NULL;
    if (ns_len > 0) {
        attr->ns = arena_strndup(a, name, ns_len);
        if (!attr->ns)
            return NULL;
    }
    attr->name = arena_strdup(a, local);
    attr->value = arena_strdup(a, value);
    return attr->name && attr->value ? attr : NULL;
}

static int add_attrs(struct parser *p, struct xml_node *node, const char **atts)
{
    struct xml_attr **end = &node->attrs;
    unsigned count = p->declared;

    for (; *atts; atts += 2) {
        if (++count > p->limits.attributes) {
            skip(p, "policy-violation", TOO_MANY_ATTRIBUTES);
            return -1;
        }
        *end = make_attr(p->arena, atts[0], atts[1]);
        if (!*end) {
            out_of_memory(p);
            return -1;
        }
        end = &(*end)->next;
    }
    return 0;
}

/* Of a stanza with too many attributes only those that tell whose it is: all, or none. */
static void keep_addressing(struct parser *p, struct xml_node *node, const char **atts)
{
    static const char *const names[] = {"type", "id", "from", "to"};
    size_t i;

    node->attrs = NULL;
    for (; *atts; atts += 2) {
        for (i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (strcmp(atts[0], names[i]) == 0 && !xml_set(p->arena, node, names[i], atts[1])) {
                node->attrs = NULL;
                return;
            }
        }
    }
}

/* The run of text before a tag becomes a node. */
static void flush_text(struct parser *p)
{
    if (p->text.len > 0 && !xml_add_text(p->arena, p->node, p->text.data))
        out_of_memory(p);
    buf_reset(&p->text);
}

/* NULL: nothing is kept of it. */
static struct xml_node *start_node(struct parser *p, const char *name, const char **atts)
{
    struct xml_node *node;

    if (p->level > p->limits.depth) {
        skip(p, "policy-violation", "elements are nested too deeply");
        return NULL;
    }
    if (!p->arena)
        p->arena = arena_new(p->limits.stanza_bytes * ARENA_FACTOR + ARENA_BASE);
    node = p->arena ? make_node(p->arena, p->node, name) : NULL;
    if (!node) {
        out_of_memory(p);
        return NULL;
    }
    if (p->level == 1)
        p->top = node;
    if (p->declared > p->limits.attributes)
        skip(p, "policy-violation", TOO_MANY_ATTRIBUTES);
    else if (add_attrs(p, node, atts) == 0)
        return node;
    if (p->level == 1)
        keep_addressing(p, node, atts);
    return NULL;
}

static void start_stream(struct parser *p, struct xml_node *root)
{
    set_mark(p);
    if (p->handler.opened)
        p->handler.opened(root, p->arg);
    arena_free(p->arena);
    p->arena = NULL;
}

static void on_start(void *arg, const XML_Char *name, const XML_Char **atts)
{
    struct parser *p = arg;
    struct xml_node *node;

    if (is_over(p))
        return;
    node = p->skipped ? NULL : start_node(p, name, atts);
    p->declared = 0;
    if (is_over(p))
        return;
    p->level++;
    if (p->level == 1) {
        start_stream(p, node);
        return;
    }
    if (!node)
        return;
    if (p->node) {
        flush_text(p);
        xml_append(p->node, node);
    }
    p->node = node;
}

static void end_skipped(struct parser *p)
{
    struct arena *arena = p->arena;
    const struct xml_node *top = p->top;
    const char *why = p->skipped;

    set_mark(p);
    p->node = p->top = NULL;
    p->arena = NULL;
    p->skipped = NULL;
    p->declared = 0;
    buf_reset(&p->text);
    if (top)
        p->handler.skipped(top, why, p->arg);
    arena_free(arena);
}

static void end_stanza(struct parser *p)
{
    struct xml_node *stanza = p->node;
    struct arena *arena = p->arena;

    set_mark(p);
    p->node = p->top = NULL;
    p->arena = NULL;
    if (p->handler.stanza)
        p->handler.stanza(stanza, arena, p->arg);
    else
        arena_free(arena);
}

static void on_end(void *arg, const XML_Char *name)
{
    struct parser *p = arg;

    (void)name;
    if (is_over(p))
        return;
    if (p->level > 1 && !p->skipped)
        flush_text(p);
    if (p->level == 2 && !p->skipped && end_of_tag(p) - p->mark > p->limits.stanza_bytes)
        skip(p, "policy-violation", TOO_LARGE);
    if (is_over(p))
        return;
    p->level--;
    if (p->level == 0) {
        if (p->handler.closed)
            p->handler.closed(p->arg);
    } else if (p->level > 1) {
        if (!p->skipped)
            p->node = p->node->parent;
    } else if (p->skipped) {
        end_skipped(p);
    } else {
        end_stanza(p);
    }
}

static bool is_space(const char *s, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++)
        if (!strchr(" \t\r\n", s[i]) || s[i] == '\0')
            return false;
    return true;
}

static void on_text(void *arg, const XML_Char *s, int len)
{
    struct parser *p = arg;

    if (is_over(p))
        return;
    if (p->level > 1) {
        if (!p->skipped && p->text.len + (size_t)len > p->limits.stanza_bytes)
            skip(p, "policy-violation", TOO_LARGE);
        else if (!p->skipped && buf_add(&p->text, s, (size_t)len) < 0)
            out_of_memory(p);
        return;
    }
    /* White space keeps a stream alive (RFC 6120 §4.6.1); other text there means nothing to us. */
    if (p->strict && !is_space(s, (size_t)len))
        refuse(p, "bad-format", "there is text outside the stanza");
    set_mark(p);
}

static void on_namespace(void *arg, const XML_Char *prefix, const XML_Char *uri)
{
    struct parser *p = arg;

    (void)prefix;
    (void)uri;
    if (!is_over(p))
        p->declared++; /* they come before their tag, which is refused for them */
}

static void on_doctype(void *arg, const XML_Char *name, const XML_Char *sysid,
                       const XML_Char *pubid, int has_internal_subset)
{
    (void)name;
    (void)sysid;
    (void)pubid;
    (void)has_internal_subset;
    refuse(arg, "restricted-xml", "a document type declaration is not allowed");
}

static void on_comment(void *arg, const XML_Char *data)
{
    (void)data;
    refuse(arg, "restricted-xml", "a comment is not allowed");
}

static void on_instruction(void *arg, const XML_Char *target, const XML_Char *data)
{
    (void)target;
    (void)data;
    refuse(arg, "restricted-xml", "a processing instruction is not allowed");
}

struct parser *parser_new(const struct parser_limits *limits, const struct parser_handler *handler,
                          void *arg)
{
    struct parser *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    if (limits)
        p->limits = *limits;
    if (p->limits.stanza_bytes == 0)
        p->limits.stanza_bytes = STANZA_BYTES_DEFAULT;
    if (p->limits.depth == 0)
        p->limits.depth = DEPTH_DEFAULT;
    if (p->limits.attributes == 0)
        p->limits.attributes = ATTRIBUTES_DEFAULT;
    p->handler = *handler;
    p->arg = arg;
    buf_init(&p->text, p->limits.stanza_bytes);
    /* UTF-8 whatever a declaration says (RFC 6120 §11.6). */
    p->expat = XML_ParserCreateNS("UTF-8", SEPARATOR);
    if (!p->expat) {
        free(p);
        return NULL;
    }
    /* expat would keep the end of a tag back until more bytes come, and after a stanza none may
     * come. What that guards against, a long tag in many tiny pieces, is bounded by the stanza's
     * size. */
    if (XML_SetReparseDeferralEnabled)
        XML_SetReparseDeferralEnabled(p->expat, XML_FALSE);
    XML_SetUserData(p->expat, p);
    XML_SetElementHandler(p->expat, on_start, on_end);
    XML_SetCharacterDataHandler(p->expat, on_text);
    XML_SetStartNamespaceDeclHandler(p->expat, on_namespace);
    XML_SetStartDoctypeDeclHandler(p->expat, on_doctype);
    XML_SetCommentHandler(p->expat, on_comment);
    XML_SetProcessingInstructionHandler(p->expat, on_instruction);
    return p;
}

static void parser_destroy(struct parser *p)
{
    XML_ParserFree(p->expat);
    arena_free(p->arena);
    buf_clear(&p->text);
    free(p);
}

void parser_free(struct parser *p)
{
    if (!p)
        return;
    if (!p->feeding) {
        parser_destroy(p);
        return;
    }
    p->freed = true;
    XML_StopParser(p->expat, XML_FALSE);
}

/* What expat itself found, unless one of our own limits stopped it. */
static void note_failure(struct parser *p)
{
    enum XML_Error code = XML_GetErrorCode(p->expat);

    if (p->failed)
        return;
    p->failed = true;
    p->condition = "not-well-formed";
    if (code == XML_ERROR_UNDEFINED_ENTITY)
        p->condition = "restricted-xml"; /* RFC 6120 §11.1: only the five of XML itself */
    else if (code == XML_ERROR_UNBOUND_PREFIX)
        p->condition = "bad-namespace-prefix";
    else if (code == XML_ERROR_NO_MEMORY)
        p->condition = "resource-constraint";
    err_set(&p->err, code == XML_ERROR_NO_MEMORY ? ERR_RETRY : ERR_PERMANENT, "line %lu: %s",
            (unsigned long)XML_GetCurrentLineNumber(p->expat), XML_ErrorString(code));
}

/* After a piece: is what is read already larger than it may be? */
static void check_size(struct parser *p)
{
    uint64_t size = p->fed - p->mark;

    if (size <= p->limits.stanza_bytes || is_over(p))
        return;
    if (!p->handler.skipped || size / PARSER_SKIP_FACTOR > p->limits.stanza_bytes)
        refuse(p, "policy-violation", TOO_LARGE);
    else if (p->level > 1)
        skip(p, "policy-violation", TOO_LARGE);
    /* Else a tag that has not ended: its size is seen when it has. */
}

/* parser_feed, but for freeing. */
static int feed(struct parser *p, const char *data, size_t len, const char **e_condition_out,
                struct err *e)
{
    enum XML_Status status = XML_STATUS_OK;

    while (len > 0 && status == XML_STATUS_OK && !is_over(p)) {
        /* In pieces, so that a limit is noticed before much more than it was read. */
        int n = len > 16384 ? 16384 : (int)len;

        p->fed += (uint64_t)n;
        status = XML_Parse(p->expat, data, n, XML_FALSE);
        data += n;
        len -= (size_t)n;
        if (status == XML_STATUS_OK)
            check_size(p);
    }
    if (status != XML_STATUS_OK && !p->freed)
        note_failure(p);
    if (!p->failed)
        return 0;
    if (e_condition_out)
        *e_condition_out = p->condition;
    if (e)
        *e = p->err;
    return -1;
}

int parser_feed(struct parser *p, const char *data, size_t len, const char **e_condition_out,
                struct err *e)
{
    int r;

    p->feeding = true;
    r = feed(p, data, len, e_condition_out, e);
    p->feeding = false;
    if (!p->freed)
        return r;
    parser_destroy(p);
    return 0;
}

/* ---- one stanza from a text ---- */

struct one {
    struct arena *arena; /* the caller's */
    struct xml_node *stanza;
    bool is_more, is_full;
};

static void one_stanza(struct xml_node *stanza, struct arena *arena, void *arg)
{
    struct one *one = arg;

    if (one->stanza)
        one->is_more = true;
    else {
        one->stanza = xml_copy(one->arena, stanza);
        one->is_full = !one->stanza;
    }
    arena_free(arena);
}

/* Skips a byte order mark, white space and an XML declaration. */
static void skip_prolog(const char **text, size_t *len)
{
    const char *p = *text, *end = p + *len, *close;

    if (end - p >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
        p += 3;
    while (p < end && is_space(p, 1))
        p++;
    if (end - p > 5 && memcmp(p, "<?xml", 5) == 0 && is_space(p + 5, 1)) {
        close = buf_find(p, (size_t)(end - p), "?>", 2);
        if (close)
            p = close + 2;
    }
    *text = p;
    *len = (size_t)(end - p);
}

static int feed_wrapped(struct parser *p, const char *text, size_t len, const char *default_ns,
                        struct err *e)
{
    struct buf open;
    int r = -1;

    buf_init(&open, 4096);
    buf_adds(&open, "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='");
    xml_escape(&open, default_ns ? default_ns : "");
    buf_adds(&open, "'>");
    if (buf_failed(&open))
        err_memory(e);
    else if (feed(p, open.data, open.len, NULL, e) == 0 && feed(p, text, len, NULL, e) == 0)
        r = feed(p, "</stream:stream>", 16, NULL, e);
    buf_clear(&open);
    return r;
}

int parser_read_one(struct arena *a, const char *text, size_t len, const char *default_ns,
                    const struct parser_limits *limits, struct xml_node **out, struct err *e)
{
    static const struct parser_handler handler = {.stanza = one_stanza};
    struct one one = {.arena = a};
    struct parser *p = parser_new(limits, &handler, &one);
    int r;

    if (!p)
        return err_memory(e);
    p->strict = true;
    skip_prolog(&text, &len);
    r = feed_wrapped(p, text, len, default_ns, e);
    parser_free(p);
    if (r < 0)
        return -1;
    if (one.is_full)
        return err_memory(e);
    if (one.is_more)
        return err_set(e, ERR_PERMANENT, "there is more than one stanza");
    if (!one.stanza)
        return err_set(e, ERR_PERMANENT, "there is no stanza");
    *out = one.stanza;
    return 0;
}
