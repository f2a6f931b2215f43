/*
 * reverse_path: b+<token>@md, the token by base/keyed.h.  No data, any thread.
 */
#include "mapping/address/reverse_path.h"

#include <string.h>

#include "base/keyed.h"

static const char purpose[] = "bounce";
enum { DAY_S = 86400 };

const char *reverse_path_make(const struct context *ctx, struct arena *a, int64_t id)
{
    char token[KEYED_TOKEN_SIZE];

    keyed_token(ctx->key, purpose, id, ctx->now_s + REVERSE_PATH_DAYS * (int64_t)DAY_S, token);
    if (!*token)
        return NULL;
    return address_map_reverse_make(ctx->map, a, token);
}

bool reverse_path_is_form(const char *local)
{
    return (local[0] == 'b' || local[0] == 'B') && local[1] == '+';
}

enum keyed_state reverse_path_check(const struct context *ctx, const char *local, int64_t *id_out)
{
    if (!reverse_path_is_form(local))
        return KEYED_FORGED;
    return keyed_check(ctx->key, purpose, local + 2, strlen(local + 2), ctx->now_s, id_out);
}
