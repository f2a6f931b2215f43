/*
 * json: strings in quotes.  No data, any thread.
 */
#include "bridge/cli/json.h"

void json_string(struct buf *out, const char *text)
{
    if (!text) {
        buf_adds(out, "null");
        return;
    }
    buf_addc(out, '"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buf_printf(out, "\\u%04x", c);
        else
            buf_addc(out, (char)c);
    }
    buf_addc(out, '"');
}
