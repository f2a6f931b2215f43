/* vCards of any version, as programs write them. */
#include <string.h>

#include "base/utf8.h"
#include "mapping/card/vcard_read.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const charsets[] = {NULL, "utf-8", "iso-8859-1", "utf-16", "shift_jis"};
    struct arena *a = arena_new(32 << 20);
    char *text = malloc(size + 1);
    struct vcard *card, *first;
    size_t count = 0, i;

    if (!a || !text)
        goto out;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (vcard_read(a, charsets[size % 5], text, size, &first) < 0)
        goto out;
    for (card = first; card; card = card->next) {
        HOLDS(++count <= VCARD_CARDS_MAX);
        HOLDS(card->mail_count <= VCARD_ADDRESSES_MAX && card->jid_count <= VCARD_ADDRESSES_MAX &&
              card->group_count <= VCARD_GROUPS_MAX);
        HOLDS(!card->name || (strlen(card->name) <= VCARD_TEXT_MAX &&
                              utf8_is_valid(card->name, strlen(card->name))));
        for (i = 0; i < card->mail_count; i++)
            HOLDS(card->mails[i] != NULL);
        for (i = 0; i < card->jid_count; i++)
            HOLDS(card->jids[i] != NULL);
    }
out:
    free(text);
    arena_free(a);
    return 0;
}
