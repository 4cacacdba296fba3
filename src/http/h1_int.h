/* SPDX-License-Identifier: MIT */
/* h1_int.h - what the files of the HTTP/1.1 reader share. Nobody outside src/http includes it. */
#pragma once
#include "http/h1.h"

/* Byte classes of RFC 9110 and RFC 3986, one table look-up each. */
enum h1_class {
    H1_C_TOKEN = 1,  /* tchar: method, field name, extension name */
    H1_C_TARGET = 2, /* what may stand in a path or query */
    H1_C_HOST = 4,   /* registered name; with the underscore of docker compose (ruling 31) */
    H1_C_HEX = 8,
};

extern const uint8_t h1_classes[256];

static inline bool h1_is(char c, enum h1_class wanted)
{
    return (h1_classes[(unsigned char)c] & wanted) != 0;
}

/* True when every byte is of the class; also for the empty slice. */
bool h1_all(struct str s, enum h1_class wanted);

/* Value of a byte of class H1_C_HEX. */
unsigned h1_hex_value(char c);

/* First index in [from, to) of a control byte other than tab, or `to`. */
size_t h1_find_control(const char *p, size_t from, size_t to);
/* First index in [0, n) of CR or LF, or n. */
size_t h1_find_line_end(const char *p, size_t n);

/* The first line, taken apart. */
struct h1_start {
    enum h1_method method;
    struct str method_name;
    struct str target; /* as sent */
    unsigned status;
    unsigned minor;
};

enum h1_bad h1_parse_request_line(struct str line, struct h1_start *out);
enum h1_bad h1_parse_status_line(struct str line, struct h1_start *out);

/* What finding the end of a head learns on the way. */
struct h1_draft {
    struct h1_start start;
    uint32_t ends[H1_FIELDS_MAX + 2]; /* index of each line's CR; the last is the empty line's */
};

enum h1_step { H1_STEP_MORE, H1_STEP_DONE, H1_STEP_BAD };

/* Looks on from r->scanned. DONE: the head is bytes[0, r->scanned). BAD: r->bad says why. */
enum h1_step h1_scan_head(struct h1_reader *r, struct str bytes, struct h1_draft *draft);
/* Takes a complete head apart, after one h1_scan_head has run over all of it. */
enum h1_bad h1_parse_head(const struct h1_reader *r, struct str bytes, const struct h1_draft *draft,
                          struct h1_head *head);

/* Everything that several fields decide together: Host, framing, Connection, Expect. The start line
 * and the fields are in the head already; fills the rest. */
enum h1_bad h1_apply_rules(struct h1_head *head, enum h1_kind kind, bool no_body);

/* Chunk lines, the end of chunk data, trailers: byte by byte, keeping nothing. */
void h1_chunk_open(struct h1_reader *r);   /* before a chunk-size line */
void h1_chunk_close(struct h1_reader *r);  /* before the CRLF behind the data */
void h1_trailer_open(struct h1_reader *r); /* behind the last chunk's size line */
/* Runs the opened part over *in. DONE: it is complete, and r->left is the size if it was a size
 * line. */
enum h1_step h1_chunk_step(struct h1_reader *r, struct str *in);
