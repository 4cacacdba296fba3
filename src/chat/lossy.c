/* SPDX-License-Identifier: MIT */
/* lossy.c - the list of losses of one exchange. */
#include "chat/lossy.h"

const char *fate_name(enum fate fate)
{
    switch (fate) {
    case FATE_EXACT: return "exact";
    case FATE_TRANSLATED: return "translated";
    case FATE_EMULATED: return "emulated";
    case FATE_CLAMPED: return "clamped";
    case FATE_DROPPED: return "dropped";
    case FATE_REFUSED: return "refused";
    }
    return "?";
}

void lossy_note(struct lossy *l, struct str field, enum fate fate)
{
    if (fate == FATE_EXACT || fate == FATE_TRANSLATED) {
        return;
    }
    for (unsigned i = 0; i < l->count; i++) {
        if (str_eq(l->items[i].field, field)) {
            if (fate > l->items[i].fate) {
                l->items[i].fate = fate;
            }
            return;
        }
    }
    if (l->count == LOSSY_MAX) {
        l->more++;
        return;
    }
    l->items[l->count].field = field;
    l->items[l->count].fate = fate;
    l->count++;
}

void lossy_render(const struct lossy *l, struct buf *out)
{
    for (unsigned i = 0; i < l->count; i++) {
        if (i > 0) {
            buf_add(out, STR(", "));
        }
        buf_add(out, l->items[i].field);
        buf_add_char(out, '=');
        buf_add(out, str_c(fate_name(l->items[i].fate)));
    }
    if (l->more) {
        buf_add(out, STR(", and "));
        buf_add_u64(out, l->more);
        buf_add(out, STR(" more"));
    }
}
