/* SPDX-License-Identifier: MIT */
/* h1_chunk.c - the lines around chunked data: sizes, extensions, trailers.
 *
 *     1a;name=value CR LF  <data>  CR LF  0 CR LF  Trailer: x CR LF  CR LF
 *     └── size line ────┘         └end──┘ └size─┘ └──── trailers ────────┘
 *
 * One byte, one step; nothing is kept but the size and two counters, so a line may be cut anywhere
 * and costs no memory. A size is one to eight hex digits, with nothing before or behind them.
 * Extensions follow the grammar of RFC 9112, 7.1.1, without spaces, and are dropped. Trailers must
 * be lawful field lines within a bound and are dropped whatever they say: merged into the head,
 * they could overrule what has been judged. */
#include "http/h1_int.h"

enum chunk_step {
    SIZE,       /* hex digits */
    EXT_NAME_1, /* first byte of a name, behind ';' */
    EXT_NAME,
    EXT_VALUE_1, /* first byte of a value, behind '=' */
    EXT_TOKEN,
    EXT_QUOTED,
    EXT_ESCAPED,  /* behind a backslash in quotes */
    EXT_UNQUOTED, /* behind the closing quote */
    SIZE_LF,
    DATA_CR,
    DATA_LF,
    LINE_1, /* first byte of a trailer line */
    NAME,
    VALUE,
    LINE_LF,
    LAST_LF,
    DONE,
    BAD,
};

#define SIZE_DIGITS 8

void h1_chunk_open(struct h1_reader *r)
{
    r->step = SIZE;
    r->digits = 0;
    r->left = 0;
    r->line_bytes = 0;
}

void h1_chunk_close(struct h1_reader *r)
{
    r->step = DATA_CR;
}

void h1_trailer_open(struct h1_reader *r)
{
    r->step = LINE_1;
    r->line_bytes = 0;
}

static enum chunk_step read_size(struct h1_reader *r, char c)
{
    if (h1_is(c, H1_C_HEX) && r->digits < SIZE_DIGITS) {
        r->left = r->left * 16 + h1_hex_value(c);
        r->digits++;
        return SIZE;
    }
    if (r->digits == 0) {
        return BAD;
    }
    return c == '\r' ? SIZE_LF : c == ';' ? EXT_NAME_1 : BAD;
}

/* Where a name or a value may end. */
static enum chunk_step end_of_part(char c)
{
    return c == '\r' ? SIZE_LF : c == ';' ? EXT_NAME_1 : BAD;
}

static bool is_text(char c)
{
    return (c >= 0x20 && c < 0x7f);
}

static enum chunk_step read_extension(enum chunk_step step, char c)
{
    bool token = h1_is(c, H1_C_TOKEN);
    if (step == EXT_NAME_1) {
        return token ? EXT_NAME : BAD;
    }
    if (step == EXT_NAME) {
        return token ? EXT_NAME : c == '=' ? EXT_VALUE_1 : end_of_part(c);
    }
    if (step == EXT_VALUE_1) {
        return token ? EXT_TOKEN : c == '"' ? EXT_QUOTED : BAD;
    }
    if (step == EXT_TOKEN) {
        return token ? EXT_TOKEN : end_of_part(c);
    }
    if (step == EXT_QUOTED && (c == '"' || c == '\\')) {
        return c == '"' ? EXT_UNQUOTED : EXT_ESCAPED;
    }
    if (step == EXT_QUOTED || step == EXT_ESCAPED) {
        return is_text(c) ? EXT_QUOTED : BAD;
    }
    return end_of_part(c); /* EXT_UNQUOTED */
}

/* Counts the byte; with that, an extension or the trailers may be too long. */
static bool fits(struct h1_reader *r, size_t limit)
{
    return ++r->line_bytes <= limit;
}

static enum chunk_step read_trailer(enum chunk_step step, char c)
{
    if (step == LINE_1) {
        return c == '\r' ? LAST_LF : h1_is(c, H1_C_TOKEN) ? NAME : BAD;
    }
    if (step == NAME) {
        return h1_is(c, H1_C_TOKEN) ? NAME : c == ':' ? VALUE : BAD;
    }
    unsigned char byte = (unsigned char)c;
    bool lawful = (byte >= 0x20 && byte != 0x7f) || byte == '\t';
    return lawful ? VALUE : c == '\r' ? LINE_LF : BAD;
}

static enum chunk_step read_byte(struct h1_reader *r, char c)
{
    enum chunk_step step = r->step;
    switch (step) {
    case SIZE: return read_size(r, c);
    case EXT_NAME_1:
    case EXT_NAME:
    case EXT_VALUE_1:
    case EXT_TOKEN:
    case EXT_QUOTED:
    case EXT_ESCAPED:
    case EXT_UNQUOTED: {
        enum chunk_step next = read_extension(step, c);
        return next == SIZE_LF || fits(r, r->limits->chunk_ext) ? next : BAD;
    }
    case DATA_CR: return c == '\r' ? DATA_LF : BAD;
    case SIZE_LF:
    case DATA_LF:
    case LAST_LF: return c == '\n' ? DONE : BAD;
    case LINE_1:
    case NAME:
    case VALUE: {
        enum chunk_step next = read_trailer(step, c);
        return next == LAST_LF || fits(r, r->limits->trailer_bytes) ? next : BAD;
    }
    case LINE_LF: return c == '\n' && fits(r, r->limits->trailer_bytes) ? LINE_1 : BAD;
    case DONE:
    case BAD: break;
    }
    return BAD;
}

enum h1_step h1_chunk_step(struct h1_reader *r, struct str *in)
{
    size_t i = 0;
    while (i < in->n && r->step != DONE && r->step != BAD) {
        r->step = read_byte(r, in->p[i++]);
    }
    *in = str_skip(*in, i);
    return r->step == DONE ? H1_STEP_DONE : r->step == BAD ? H1_STEP_BAD : H1_STEP_MORE;
}
