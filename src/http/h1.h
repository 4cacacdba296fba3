/* SPDX-License-Identifier: MIT */
/* h1.h - HTTP/1.1 messages out of bytes, for server and client alike. Strict, and without I/O.
 *
 *      bytes ──▶ h1_read ──▶ H1_HEAD, H1_BODY*, H1_END, H1_HEAD, …
 *                            (H1_MORE: give me more; H1_BAD: stop)
 *
 * The reader consumes from the caller's slice and yields one event at a time. A head that arrives
 * in one piece is parsed where it lies; a split one is gathered inside first. Slices in an event
 * live until the next h1_read or until the caller's bytes go, whichever comes first. Any split of
 * the same bytes gives the same events (adjacent H1_BODY slices joined). After H1_BAD the reader
 * stays bad: `bad` says why and which status an answer would carry.
 *
 * What is refused, and why, is the verdict table of docs/wire/http.md; nothing is repaired. Where
 * RFC 9112 lets a recipient be lenient this one is not: every smuggling bug started with a
 * convenience. */
#pragma once
#include "base/buf.h"
#include "base/limits.h"

#define H1_FIELDS_MAX 128

enum h1_kind { H1_REQUEST, H1_RESPONSE };

enum h1_method {
    H1_GET,
    H1_HEAD_METHOD,
    H1_POST,
    H1_PUT,
    H1_DELETE,
    H1_PATCH,
    H1_OPTIONS,
    H1_CONNECT,
    H1_TRACE,
    H1_OTHER_METHOD, /* a token that we do not know: 501 */
};

enum h1_framing {
    H1_NO_BODY, /* also a declared length of 0 */
    H1_LENGTH,
    H1_CHUNKED,
    H1_UNTIL_CLOSE, /* responses only */
};

struct h1_field {
    struct str name;  /* as sent */
    struct str value; /* trimmed */
};

struct h1_head {
    enum h1_method method;
    struct str method_name;
    struct str target; /* path and query; of an absolute-form only those; CONNECT: as sent */
    unsigned status;   /* responses */
    unsigned minor;    /* HTTP/1.<minor>: 0 or 1 */
    enum h1_framing framing;
    uint64_t length;      /* as declared, 0 without; an answer to HEAD keeps it */
    bool keep_alive;      /* what the message says about the connection */
    bool expect_continue; /* only with a body, only on 1.1 */
    struct str host;      /* value of Host, or empty */
    unsigned count;
    struct h1_field fields[H1_FIELDS_MAX];
};

/* First field of that name in any letter case, or null. */
const struct h1_field *h1_find(const struct h1_head *head, struct str name);
/* How many fields of that name there are. */
unsigned h1_count(const struct h1_head *head, struct str name);
const char *h1_method_name(enum h1_method m);

/* One reason per row of the verdict table. */
enum h1_bad {
    H1_BAD_NONE,
    H1_BAD_LINE_END, /* bare LF or bare CR */
    H1_BAD_REQUEST_LINE,
    H1_BAD_METHOD,
    H1_BAD_TARGET,
    H1_BAD_VERSION,
    H1_BAD_MAJOR, /* 505: a well-formed other major version */
    H1_BAD_STATUS_LINE,
    H1_BAD_FIELD_NAME,
    H1_BAD_FIELD_VALUE,
    H1_BAD_FOLD,
    H1_BAD_HOST,
    H1_BAD_LENGTH,
    H1_BAD_LENGTH_AND_CODING,
    H1_BAD_CODING,
    H1_BAD_CONNECTION, /* names an end-to-end field that matters */
    H1_BAD_EXPECT,     /* 417 */
    H1_BAD_CHUNK,
    H1_BAD_TRAILER,
    H1_LIMIT_REQUEST_LINE, /* 414 */
    H1_LIMIT_HEAD,         /* 431 */
    H1_LIMIT_FIELDS,       /* 431 */
    H1_BAD_COUNT,
};

/* The status that a server answers with (400 for most), and a sentence for the client. Both are
 * constant. */
unsigned h1_bad_status(enum h1_bad bad);
struct str h1_bad_text(enum h1_bad bad);

enum h1_event { H1_MORE, H1_HEAD, H1_BODY, H1_END, H1_BAD };

/* Private to h1_read.c. */
enum h1_state {
    H1_S_START, /* between messages, or inside a head */
    H1_S_BODY_LENGTH,
    H1_S_CHUNK_SIZE,
    H1_S_CHUNK_DATA,
    H1_S_CHUNK_DATA_END, /* the CRLF behind the data */
    H1_S_TRAILER,
    H1_S_BODY_CLOSE,
    H1_S_END, /* complete; H1_END is still to be told */
    H1_S_BAD,
};

struct h1_reader {
    enum h1_kind kind;
    enum h1_state state;
    const struct limits *limits;
    struct buf pending; /* a split head, until the h1_read after its H1_HEAD; empty otherwise */
    size_t scanned;     /* bytes of the unfinished head that need not be looked at again */
    unsigned lines;     /* of the unfinished head, complete ones */
    unsigned step;      /* private to h1_chunk.c: where in a chunk line or trailer we are */
    unsigned digits;    /* of the chunk size so far */
    size_t line_bytes;  /* of the chunk extension, or of all trailers, so far */
    uint64_t left;      /* body or chunk bytes still to come */
    enum h1_bad bad;
    struct str body; /* H1_BODY: the slice */
    bool no_body;    /* client: the request was HEAD, so the answer has no body */
};

void h1_reader_init(struct h1_reader *r, enum h1_kind kind, const struct limits *limits);
void h1_reader_fini(struct h1_reader *r);

/* Consumes from *in. `head` is valid after H1_HEAD alone (H1_BAD may leave half of one in it), so
 * all readers of a thread may share it. A message without a body gives H1_HEAD, then H1_END, the
 * second without needing another byte. An answer 1xx is a message of its own, without a body. */
enum h1_event h1_read(struct h1_reader *r, struct str *in, struct h1_head *head);

/* The peer closed. True when that is a legal end here (between messages, or a body that runs until
 * close). */
bool h1_read_eof(struct h1_reader *r) MUST_CHECK;

/* True between two messages: nothing of the next one has arrived. */
bool h1_reader_idle(const struct h1_reader *r);

/* --- writing: into a buffer, refusing CR, LF, NUL and other controls in every value --- */

void h1_write_status(struct buf *out, unsigned status); /* "HTTP/1.1 200 OK\r\n" */
/* False, and nothing written, when the target could not stand in a request line. */
bool h1_write_request(struct buf *out, enum h1_method m, struct str target);
/* False, and nothing written, when name or value could not stand in a head: beside controls that
 * means bytes above 0x7e (read, but never sent) and spaces at the ends. */
bool h1_write_field(struct buf *out, struct str name, struct str value);
void h1_write_field_u64(struct buf *out, struct str name, uint64_t value);
void h1_write_end(struct buf *out); /* the empty line */

/* Chunked framing around a payload: prefix "1a\r\n" into a small array; the suffix is always
 * "\r\n". */
#define H1_CHUNK_PREFIX_MAX 18
size_t h1_chunk_prefix(char out[H1_CHUNK_PREFIX_MAX], size_t payload);
#define H1_CHUNK_SUFFIX STR("\r\n")
#define H1_CHUNK_LAST   STR("0\r\n\r\n")
struct str h1_reason(unsigned status);
