/* SPDX-License-Identifier: MIT */
/* h1_write.c - heads and chunk framing into a buffer.
 *
 * What comes from outside (values, targets) is checked here, at the one place where a CR could
 * become a new header, and refused whole: nothing is escaped or cut. The check is stricter than the
 * reader's, which accepts what others may send: we send visible ASCII and inner spaces only. Names
 * and numbers are ours, so a wrong one is a programming error. */
#include "http/h1_int.h"

#include "base/must.h"

static bool value_is_clean(struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < 0x20 || value.p[i] > 0x7e) {
            return false;
        }
    }
    return value.n == 0 || (value.p[0] != ' ' && value.p[value.n - 1] != ' ');
}

void h1_write_status(struct buf *out, unsigned status)
{
    must(status >= 100 && status <= 999);
    buf_add(out, STR("HTTP/1.1 "));
    buf_add_u64(out, status);
    buf_add_char(out, ' ');
    buf_add(out, h1_reason(status));
    buf_add(out, STR("\r\n"));
}

bool h1_write_request(struct buf *out, enum h1_method m, struct str target)
{
    must(m != H1_OTHER_METHOD);
    if (target.n == 0 || !h1_all(target, H1_C_TARGET)) {
        return false;
    }
    buf_add(out, str_c(h1_method_name(m)));
    buf_add_char(out, ' ');
    buf_add(out, target);
    buf_add(out, STR(" HTTP/1.1\r\n"));
    return true;
}

bool h1_write_field(struct buf *out, struct str name, struct str value)
{
    if (name.n == 0 || !h1_all(name, H1_C_TOKEN) || !value_is_clean(value)) {
        return false;
    }
    buf_add(out, name);
    buf_add(out, STR(": "));
    buf_add(out, value);
    buf_add(out, STR("\r\n"));
    return true;
}

void h1_write_field_u64(struct buf *out, struct str name, uint64_t value)
{
    must(name.n > 0 && h1_all(name, H1_C_TOKEN));
    buf_add(out, name);
    buf_add(out, STR(": "));
    buf_add_u64(out, value);
    buf_add(out, STR("\r\n"));
}

void h1_write_end(struct buf *out)
{
    buf_add(out, STR("\r\n"));
}

size_t h1_chunk_prefix(char out[H1_CHUNK_PREFIX_MAX], size_t payload)
{
    must(payload > 0); /* an empty chunk would end the body */
    size_t digits = 1;
    for (size_t rest = payload; rest > 15; rest /= 16) {
        digits++;
    }
    size_t rest = payload;
    for (size_t i = digits; i-- > 0; rest /= 16) {
        out[i] = "0123456789abcdef"[rest % 16];
    }
    out[digits] = '\r';
    out[digits + 1] = '\n';
    return digits + 2;
}
