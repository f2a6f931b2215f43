/*
 * pack: one walk over the table for each direction.
 *
 * Numbers are as the machine has them, unaligned.  A text is its length and one, its bytes and a
 * NUL, so that it can be used where it lies; 0 stands for NULL.  Shapes contain each other but
 * never themselves, so the recursion is as deep as the tables are.  Owns nothing; a crash leaves
 * nothing behind.
 */
#include "base/pack.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

/* ---- writing ---- */

static void write_fields(struct buf *out, const struct pack_shape *shape, const char *object);

static void write_number(struct buf *out, size_t value)
{
    uint32_t n = (uint32_t)value;

    if (value > UINT32_MAX)
        out->failed = true;
    buf_add(out, &n, sizeof n);
}

static void write_bytes(struct buf *out, const char *data, size_t len)
{
    write_number(out, data ? len + 1 : 0);
    if (data) {
        buf_add(out, data, len);
        buf_addc(out, '\0');
    }
}

static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

static bool is_text(const char *p, size_t n, bool is_line)
{
    size_t len;
    uint32_t cp;

    for (; n > 0; p += len, n -= len) {
        unsigned char c = (unsigned char)*p;

        len = 1;
        if (c >= 0x20 && c < 0x7f)
            continue;
        if (c < 0x80 ? is_line && is_control(c) : (len = utf8_sequence(p, n, &cp)) == 0)
            return false;
        if (!utf8_is_xml(c < 0x80 ? c : cp))
            return false;
    }
    return true;
}

/* Blanks for what may not stand in a text, byte by byte, so that no mail is lost to one character
 * that slipped through. */
static void clean(char *p, size_t n, bool is_line)
{
    size_t len;
    uint32_t cp;

    for (; n > 0; p += len, n -= len) {
        len = utf8_sequence(p, n, &cp);
        if (len > 0 && utf8_is_xml(cp) && !(is_line && cp < 0x80 && is_control((unsigned char)*p)))
            continue;
        len = len > 0 ? len : 1;
        memset(p, ' ', len);
    }
}

static void write_text(struct buf *out, const char *text, bool is_line)
{
    size_t start = out->len, len = text ? strlen(text) : 0;

    write_bytes(out, text, len);
    if (text && !buf_failed(out) && !is_text(text, len, is_line))
        clean(out->data + start + sizeof(uint32_t), len, is_line);
}

static const char *pointer_at(const char *object, size_t offset)
{
    const char *p;

    memcpy(&p, object + offset, sizeof p);
    return p;
}

static size_t size_at(const char *object, size_t offset)
{
    size_t n;

    memcpy(&n, object + offset, sizeof n);
    return n;
}

static void write_list(struct buf *out, const struct pack_shape *shape, const char *first)
{
    const char *p;
    size_t count = 0;

    for (p = first; p; p = pointer_at(p, shape->next))
        count++;
    write_number(out, count);
    for (p = first; p; p = pointer_at(p, shape->next))
        write_fields(out, shape, p);
}

static void write_array(struct buf *out, const struct pack_field *f, const char *object)
{
    const char *first = pointer_at(object, f->offset);
    size_t count = size_at(object, f->second), i;

    write_number(out, count);
    for (i = 0; i < count; i++) {
        if (f->kind == PACK_ARRAY)
            write_fields(out, f->shape, first + i * f->shape->size);
        else
            write_text(out, pointer_at(first, i * sizeof(char *)), true);
    }
}

static void write_field(struct buf *out, const struct pack_field *f, const char *object)
{
    const char *at = object + f->offset;
    unsigned number;

    switch (f->kind) {
    case PACK_BOOL:
        buf_addc(out, *(const bool *)at ? 1 : 0);
        break;
    case PACK_NUMBER:
        memcpy(&number, at, sizeof number);
        write_number(out, number);
        break;
    case PACK_INT64:
        buf_add(out, at, sizeof(int64_t));
        break;
    case PACK_TEXT:
        write_text(out, pointer_at(object, f->offset), false);
        break;
    case PACK_LINE:
        write_text(out, pointer_at(object, f->offset), true);
        break;
    case PACK_BYTES:
        write_bytes(out, pointer_at(object, f->offset), size_at(object, f->second));
        break;
    case PACK_STRUCT:
        write_fields(out, f->shape, at);
        break;
    case PACK_POINTER:
        buf_addc(out, pointer_at(object, f->offset) ? 1 : 0);
        if (pointer_at(object, f->offset))
            write_fields(out, f->shape, pointer_at(object, f->offset));
        break;
    case PACK_LIST:
        write_list(out, f->shape, pointer_at(object, f->offset));
        break;
    case PACK_LINES:
    case PACK_ARRAY:
        write_array(out, f, object);
        break;
    }
}

static void write_fields(struct buf *out, const struct pack_shape *shape, const char *object)
{
    size_t i;

    for (i = 0; i < shape->field_count && !buf_failed(out); i++)
        write_field(out, &shape->fields[i], object);
}

void pack_write(struct buf *out, const struct pack_shape *shape, const void *object)
{
    write_fields(out, shape, object);
}

/* ---- reading ---- */

struct input {
    struct arena *arena;
    char *at, *end;
    struct err *e;
};

static int read_fields(struct input *in, const struct pack_shape *shape, char *object);

static int unsound(struct input *in, const struct pack_field *f)
{
    return err_set(in->e, ERR_BUG, "%s is not sound", f->name);
}

/* NULL when fewer than n bytes are left. */
static char *take(struct input *in, size_t n)
{
    char *p = in->at;

    if ((size_t)(in->end - in->at) < n)
        return NULL;
    in->at += n;
    return p;
}

static int read_number(struct input *in, const struct pack_field *f, size_t max, size_t *out)
{
    const char *p = take(in, sizeof(uint32_t));
    uint32_t n;

    *out = 0;
    if (!p)
        return unsound(in, f);
    memcpy(&n, p, sizeof n);
    *out = n;
    return n <= max ? 0 : unsound(in, f);
}

static int read_flag(struct input *in, const struct pack_field *f, bool *out)
{
    const char *p = take(in, 1);

    *out = false;
    if (!p || (*p != 0 && *p != 1))
        return unsound(in, f);
    *out = *p == 1;
    return 0;
}

/* max counts the bytes without the NUL; *out is NULL for none. */
static int read_bytes(struct input *in, const struct pack_field *f, size_t max, char **out,
                      size_t *len_out)
{
    size_t n;

    *out = NULL;
    *len_out = 0;
    if (read_number(in, f, max < UINT32_MAX ? max + 1 : UINT32_MAX, &n) < 0)
        return -1;
    if (n == 0)
        return 0;
    *out = take(in, n);
    if (!*out || (*out)[n - 1] != '\0')
        return unsound(in, f);
    *len_out = n - 1;
    return 0;
}

static int read_text(struct input *in, const struct pack_field *f, size_t max, bool is_line,
                     char **out)
{
    size_t len;

    if (read_bytes(in, f, max, out, &len) < 0)
        return -1;
    return is_text(*out, len, is_line) ? 0 : unsound(in, f);
}

static void set_pointer(char *object, size_t offset, void *p)
{
    memcpy(object + offset, &p, sizeof p);
}

static int read_new(struct input *in, const struct pack_shape *shape, char **out)
{
    *out = arena_alloc(in->arena, shape->size);
    if (!*out)
        return err_memory(in->e);
    return read_fields(in, shape, *out);
}

static int read_list(struct input *in, const struct pack_field *f, char *object)
{
    size_t count, offset = f->offset;
    char *one;

    if (read_number(in, f, f->max, &count) < 0)
        return -1;
    for (; count > 0; count--) {
        if (read_new(in, f->shape, &one) < 0)
            return -1;
        set_pointer(object, offset, one);
        object = one;
        offset = f->shape->next;
    }
    return 0;
}

static int read_array(struct input *in, const struct pack_field *f, char *object)
{
    size_t size = f->kind == PACK_ARRAY ? f->shape->size : sizeof(char *), count, i;
    char *first, *line;

    /* Every element takes a byte at least: what is claimed beyond that needs no memory. */
    if (read_number(in, f, f->max, &count) < 0)
        return -1;
    if (count > (size_t)(in->end - in->at))
        return unsound(in, f);
    first = arena_alloc(in->arena, count * size + 1);
    if (!first)
        return err_memory(in->e);
    for (i = 0; i < count; i++) {
        if (f->kind == PACK_ARRAY) {
            if (read_fields(in, f->shape, first + i * size) < 0)
                return -1;
            continue;
        }
        if (read_text(in, f, UINT32_MAX, true, &line) < 0)
            return -1;
        if (!line)
            return unsound(in, f);
        set_pointer(first, i * size, line);
    }
    set_pointer(object, f->offset, first);
    memcpy(object + f->second, &count, sizeof count);
    return 0;
}

static int read_scalar(struct input *in, const struct pack_field *f, char *object)
{
    size_t value;
    unsigned number;
    const char *p;
    int64_t wide;

    switch (f->kind) {
    case PACK_BOOL:
        return read_flag(in, f, (bool *)(object + f->offset));
    case PACK_NUMBER:
        if (read_number(in, f, f->max, &value) < 0)
            return -1;
        number = (unsigned)value;
        memcpy(object + f->offset, &number, sizeof number);
        return 0;
    default:
        p = take(in, sizeof wide);
        if (!p)
            return unsound(in, f);
        memcpy(&wide, p, sizeof wide);
        if (f->max > 0 && (wide > (int64_t)f->max || wide < -(int64_t)f->max))
            return unsound(in, f);
        memcpy(object + f->offset, &wide, sizeof wide);
        return 0;
    }
}

static int read_field(struct input *in, const struct pack_field *f, char *object)
{
    char *p = NULL;
    size_t len;
    bool is_there;

    switch (f->kind) {
    case PACK_BOOL:
    case PACK_NUMBER:
    case PACK_INT64:
        return read_scalar(in, f, object);
    case PACK_TEXT:
    case PACK_LINE:
        if (read_text(in, f, f->max, f->kind == PACK_LINE, &p) < 0)
            return -1;
        set_pointer(object, f->offset, p);
        return 0;
    case PACK_BYTES:
        if (read_bytes(in, f, f->max, &p, &len) < 0)
            return -1;
        set_pointer(object, f->offset, p);
        memcpy(object + f->second, &len, sizeof len);
        return 0;
    case PACK_STRUCT:
        return read_fields(in, f->shape, object + f->offset);
    case PACK_POINTER:
        if (read_flag(in, f, &is_there) < 0 || (is_there && read_new(in, f->shape, &p) < 0))
            return -1;
        set_pointer(object, f->offset, p);
        return 0;
    case PACK_LIST:
        return read_list(in, f, object);
    case PACK_LINES:
    case PACK_ARRAY:
        return read_array(in, f, object);
    }
    return unsound(in, f);
}

static int read_fields(struct input *in, const struct pack_shape *shape, char *object)
{
    size_t i;

    for (i = 0; i < shape->field_count; i++)
        if (read_field(in, &shape->fields[i], object) < 0)
            return -1;
    if (shape->is_sound && !shape->is_sound(in->arena, object))
        return err_set(in->e, ERR_BUG, "what %s and the others make is not sound",
                       shape->fields[0].name);
    return 0;
}

int pack_read(struct arena *a, const struct pack_shape *shape, char *data, size_t len, void *object,
              struct err *e)
{
    struct input in = {.arena = a, .at = data, .end = data + len, .e = e};

    if (read_fields(&in, shape, object) < 0)
        return -1;
    return in.at == in.end ? 0 : err_set(e, ERR_BUG, "more bytes than there should be");
}
