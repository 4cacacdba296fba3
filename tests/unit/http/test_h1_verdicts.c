/* SPDX-License-Identifier: MIT */
/* test_h1_verdicts.c - the 50 rows of the verdict table in docs/wire/http.md, as bytes.
 *
 * Each case carries the number of its row. Rows that need a socket, a route or a credential are
 * marked SERVER and are proven by the server's and the door's own tests; here they are counted, so
 * that none can be forgotten. Inputs use the notation of tests/bytes. Each is fed in every possible
 * split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "feed_http.h"

#define ROWS   50
#define ACCEPT H1_BAD_NONE
#define WAIT   H1_BAD_COUNT /* not refused, but not complete either: the timer decides (408) */
#define SERVER (H1_BAD_COUNT + 1)

#define N                 "\\r\\n"
#define GET(fields)       "GET / HTTP/1.1" N "Host: a" N fields N
#define POST(fields)      "POST / HTTP/1.1" N "Host: a" N fields N
#define LINE(line)        line N "Host: a" N N
#define LENGTH(value)     POST("Content-Length: " value N) "hello"
#define CODING(value)     POST("Transfer-Encoding: " value N) "0" N N
#define CHUNKS(bytes)     POST("Transfer-Encoding: chunked" N) bytes
#define CONNECTION(value) GET("Connection: " value N)

static const struct {
    unsigned row;
    const char *name;
    const char *input;
    int verdict; /* ACCEPT, WAIT, SERVER, or the reason */
} cases[] = {
    {1, "no Host", "GET / HTTP/1.1" N N, H1_BAD_HOST},
    {1, "no Host on 1.0 is legal (ruling 31)", "GET / HTTP/1.0" N N, ACCEPT},
    {2, "two Hosts, equal", GET("Host: a" N), H1_BAD_HOST},
    {2, "two Hosts on 1.0", "GET / HTTP/1.0" N "Host: a" N "host: a" N N, H1_BAD_HOST},
    {3, "Host empty", "GET / HTTP/1.1" N "Host:" N N, H1_BAD_HOST},
    {3, "Host blank", "GET / HTTP/1.1" N "Host: \\t " N N, H1_BAD_HOST},
    {3, "Host with path", "GET / HTTP/1.1" N "Host: a/b" N N, H1_BAD_HOST},
    {3, "Host with user", "GET / HTTP/1.1" N "Host: u@a" N N, H1_BAD_HOST},
    {3, "Host of 300 bytes", "GET / HTTP/1.1" N "Host: \\*{300}{a}" N N, H1_BAD_HOST},
    {3, "Host list", "GET / HTTP/1.1" N "Host: a, b" N N, H1_BAD_HOST},
    {3, "Host with port 65536", "GET / HTTP/1.1" N "Host: a:65536" N N, H1_BAD_HOST},
    {3, "Host with an empty port", "GET / HTTP/1.1" N "Host: a:" N N, H1_BAD_HOST},
    {3, "Host of port alone", "GET / HTTP/1.1" N "Host: :80" N N, H1_BAD_HOST},
    {3, "Host with open bracket", "GET / HTTP/1.1" N "Host: [::1" N N, H1_BAD_HOST},
    {3, "Host with junk behind ]", "GET / HTTP/1.1" N "Host: [::1]x" N N, H1_BAD_HOST},
    {3, "Host with a name in brackets", "GET / HTTP/1.1" N "Host: [host]" N N, H1_BAD_HOST},
    {3, "Host with UTF-8", "GET / HTTP/1.1" N "Host: \\xc3\\xa4" N N, H1_BAD_HOST},
    {3, "Host with underscore (ruling 31)", "GET / HTTP/1.1" N "Host: my_app:80" N N, ACCEPT},
    {3, "Host v6 with port", "GET / HTTP/1.1" N "Host: [::1]:65535" N N, ACCEPT},
    {4, "absolute-form, other authority", "GET http://b/ HTTP/1.1" N "Host: a" N N, H1_BAD_TARGET},
    {4, "absolute-form, other port", "GET http://a:80/ HTTP/1.1" N "Host: a" N N, H1_BAD_TARGET},
    {4, "absolute-form with user", "GET http://u@a/ HTTP/1.1" N "Host: a" N N, H1_BAD_TARGET},
    {4, "absolute-form without Host", "GET http://a/ HTTP/1.0" N N, H1_BAD_TARGET},
    {4, "absolute-form of another scheme", "GET ftp://a/ HTTP/1.1" N "Host: a" N N, H1_BAD_TARGET},
    {4, "absolute-form, same authority", "GET HTTP://A:80/x?y HTTP/1.1" N "Host: a:80" N N, ACCEPT},
    {4, "absolute-form without path", "GET http://a HTTP/1.1" N "Host: a" N N, ACCEPT},
    {4, "absolute-form, query without path", "GET http://a?x HTTP/1.1" N "Host: a" N N,
     H1_BAD_TARGET},
    {5, "LF behind the request line", "GET / HTTP/1.1\\nHost: a" N N, H1_BAD_LINE_END},
    {5, "LF behind a field", "GET / HTTP/1.1" N "Host: a\\n" N, H1_BAD_LINE_END},
    {5, "LF as the empty line", "GET / HTTP/1.1" N "Host: a" N "\\n", H1_BAD_LINE_END},
    {6, "bare CR in a value", GET("X: a\\rb" N), H1_BAD_LINE_END},
    {6, "two CRs", GET("X: a\\r\\r\\n"), H1_BAD_LINE_END},
    {6, "bare CR in a name", GET("X\\r: a" N), H1_BAD_LINE_END},
    {6, "bare CR in the target", LINE("GET /\\r HTTP/1.1"), H1_BAD_LINE_END},
    {7, "NUL in a value", GET("X: a\\x00b" N), H1_BAD_FIELD_VALUE},
    {7, "NUL in a name", GET("X\\x00: a" N), H1_BAD_FIELD_NAME},
    {7, "NUL in the target", LINE("GET /\\x00 HTTP/1.1"), H1_BAD_REQUEST_LINE},
    {7, "DEL in a value", GET("X: a\\x7f" N), H1_BAD_FIELD_VALUE},
    {7, "ESC in a value", GET("X: \\x1b[2J" N), H1_BAD_FIELD_VALUE},
    {8, "folded value, space", GET("X: a" N " b" N), H1_BAD_FOLD},
    {8, "folded value, tab", GET("X: a" N "\\tb: c" N), H1_BAD_FOLD},
    {8, "line of a space alone", GET("X: a" N " " N), H1_BAD_FOLD},
    {9, "space before the colon", GET("X : a" N), H1_BAD_FIELD_NAME},
    {9, "tab before the colon", GET("X\\t: a" N), H1_BAD_FIELD_NAME},
    {9, "space before Content-Length's colon", POST("Content-Length : 5" N), H1_BAD_FIELD_NAME},
    {10, "space before the first field", "GET / HTTP/1.1" N " Host: a" N N, H1_BAD_FIELD_NAME},
    {10, "tab before the first field", "GET / HTTP/1.1" N "\\tHost: a" N N, H1_BAD_FIELD_NAME},
    {11, "empty name", GET(": x" N), H1_BAD_FIELD_NAME},
    {12, "line without a colon", GET("Host" N), H1_BAD_FIELD_NAME},
    {13, "UTF-8 in a name", GET("X\\xc3\\xa4: a" N), H1_BAD_FIELD_NAME},
    {13, "control in a name", GET("X\\x01: a" N), H1_BAD_FIELD_NAME},
    {13, "separators in a name", GET("X(y): a" N), H1_BAD_FIELD_NAME},
    {13, "space in a name", GET("X y: a" N), H1_BAD_FIELD_NAME},
    {14, "obs-text in a value", GET("X: \\xe9\\xff" N), ACCEPT},
    {15, "length +5", LENGTH("+5"), H1_BAD_LENGTH},
    {15, "length -0", LENGTH("-0"), H1_BAD_LENGTH},
    {15, "length 0x5", LENGTH("0x5"), H1_BAD_LENGTH},
    {15, "length 5_0", LENGTH("5_0"), H1_BAD_LENGTH},
    {15, "length 5,5", LENGTH("5,5"), H1_BAD_LENGTH},
    {15, "length 5, 5", LENGTH("5, 5"), H1_BAD_LENGTH},
    {15, "length 5 5", LENGTH(" 5 5"), H1_BAD_LENGTH},
    {15, "length empty", LENGTH(""), H1_BAD_LENGTH},
    {15, "length 5.0", LENGTH("5.0"), H1_BAD_LENGTH},
    {15, "length 1e1", LENGTH("1e1"), H1_BAD_LENGTH},
    {15, "length with obs-text", LENGTH("5\\xa0"), H1_BAD_LENGTH},
    {15, "length between blanks", LENGTH("  5\\t "), ACCEPT},
    {16, "length 005", LENGTH("005"), H1_BAD_LENGTH},
    {16, "length 00", LENGTH("00"), H1_BAD_LENGTH},
    {17, "length twice, equal", POST("Content-Length: 5" N "Content-Length: 5" N), H1_BAD_LENGTH},
    {17, "length twice, not equal", POST("Content-Length: 5" N "content-length: 6" N),
     H1_BAD_LENGTH},
    {18, "length 2^63", LENGTH("9223372036854775808"), H1_BAD_LENGTH},
    {18, "length 2^64", LENGTH("18446744073709551616"), H1_BAD_LENGTH},
    {18, "length of 20 digits", LENGTH("10000000000000000005"), H1_BAD_LENGTH},
    {18, "length 2^63 - 1 is a number", LENGTH("9223372036854775807"), WAIT},
    {19, "length and coding", POST("Content-Length: 5" N "Transfer-Encoding: chunked" N),
     H1_BAD_LENGTH_AND_CODING},
    {19, "coding and length 0", POST("Transfer-Encoding: chunked" N "Content-Length: 0" N),
     H1_BAD_LENGTH_AND_CODING},
    {20, "coding xchunked", CODING("xchunked"), H1_BAD_CODING},
    {20, "coding identity", CODING("identity"), H1_BAD_CODING},
    {20, "coding gzip, chunked", CODING("gzip, chunked"), H1_BAD_CODING},
    {20, "coding chunked, chunked", CODING("chunked, chunked"), H1_BAD_CODING},
    {20, "coding , chunked", CODING(", chunked"), H1_BAD_CODING},
    {20, "coding chunked,", CODING("chunked,"), H1_BAD_CODING},
    {20, "coding chunked;q=1", CODING("chunked;q=1"), H1_BAD_CODING},
    {20, "coding \"chunked\"", CODING("\"chunked\""), H1_BAD_CODING},
    {20, "coding empty", CODING(""), H1_BAD_CODING},
    {21, "coding twice", CODING("chunked" N "Transfer-Encoding: chunked"), H1_BAD_CODING},
    {22, "coding behind VT", CODING("\\x0bchunked"), H1_BAD_FIELD_VALUE},
    {22, "coding behind FF", CODING("\\x0cchunked"), H1_BAD_FIELD_VALUE},
    {22, "coding behind NUL", CODING("\\x00chunked"), H1_BAD_FIELD_VALUE},
    {22, "coding behind a tab", CODING("\\tchunked"), H1_BAD_CODING},
    {22, "coding before a tab", CODING("chunked \\t"), H1_BAD_CODING},
    {22, "coding before a space", CODING("chunked "), ACCEPT},
    {23, "coding on 1.0", "POST / HTTP/1.0" N "Transfer-Encoding: chunked" N N "0" N N,
     H1_BAD_CODING},
    {24, "coding CHUNKED", CODING("CHUNKED"), ACCEPT},
    {24, "TE is another field (ruling 31)", GET("TE: trailers" N), ACCEPT},
    {25, "chunk 0x5", CHUNKS("0x5" N), H1_BAD_CHUNK},
    {25, "chunk +5", CHUNKS("+5" N), H1_BAD_CHUNK},
    {25, "chunk -2", CHUNKS("-2" N), H1_BAD_CHUNK},
    {25, "chunk, space before", CHUNKS(" 5" N), H1_BAD_CHUNK},
    {25, "chunk, space behind", CHUNKS("5 " N), H1_BAD_CHUNK},
    {25, "chunk, tab behind", CHUNKS("5\\t" N), H1_BAD_CHUNK},
    {25, "chunk 5_0", CHUNKS("5_0" N), H1_BAD_CHUNK},
    {25, "chunk without size", CHUNKS(N), H1_BAD_CHUNK},
    {25, "chunk without size, with extension", CHUNKS(";x" N), H1_BAD_CHUNK},
    {25, "chunk of 9 digits", CHUNKS("000000005" N), H1_BAD_CHUNK},
    {25, "chunk of 8 digits", CHUNKS("00000005" N "hello" N "0" N N), ACCEPT},
    {25, "chunk in either case", CHUNKS("a" N "0123456789" N "A" N "0123456789" N "00" N N),
     ACCEPT},
    {26, "chunk line ended by LF", CHUNKS("5\\nhello" N), H1_BAD_CHUNK},
    {26, "chunk line ended by CR", CHUNKS("5\\rhello" N), H1_BAD_CHUNK},
    {26, "chunk line ended by CRX", CHUNKS("5\\rX" N), H1_BAD_CHUNK},
    {26, "chunk data ended by LF", CHUNKS("5" N "hello\\n0" N N), H1_BAD_CHUNK},
    {26, "chunk data ended by CR", CHUNKS("5" N "hello\\r0" N N), H1_BAD_CHUNK},
    {26, "last chunk ended by LF", CHUNKS("0\\n" N), H1_BAD_CHUNK},
    {26, "last line ended by LF", CHUNKS("0" N "\\n"), H1_BAD_TRAILER},
    {27, "chunk longer than its size", CHUNKS("4" N "hello" N), H1_BAD_CHUNK},
    {27, "chunk shorter than its size", CHUNKS("6" N "hello" N "0" N N), H1_BAD_CHUNK},
    {28, "extension of 1 byte", CHUNKS("0;x" N N), ACCEPT},
    {28, "extension with value", CHUNKS("5;x=y;z=\"a;\\\\\"b\"" N "hello" N "0" N N), ACCEPT},
    {28, "extension of 256 bytes", CHUNKS("0;\\*{256}{x}" N N), ACCEPT},
    {29, "extension of 257 bytes", CHUNKS("0;\\*{257}{x}" N N), H1_BAD_CHUNK},
    {29, "extension of 64 KiB", CHUNKS("0;\\*{65536}{x}" N N), H1_BAD_CHUNK},
    {29, "extension with bare CR", CHUNKS("0;a\\rb" N N), H1_BAD_CHUNK},
    {29, "extension with LF", CHUNKS("0;a\\n" N), H1_BAD_CHUNK},
    {29, "extension with NUL", CHUNKS("0;a\\x00" N N), H1_BAD_CHUNK},
    {29, "extension without name", CHUNKS("0;" N N), H1_BAD_CHUNK},
    {29, "extension with space", CHUNKS("0; x" N N), H1_BAD_CHUNK},
    {29, "extension with LF in quotes", CHUNKS("0;a=\"\\n\"" N N), H1_BAD_CHUNK},
    {29, "extension with open quotes", CHUNKS("0;a=\"b" N N), H1_BAD_CHUNK},
    {30, "trailers that must not count",
     CHUNKS("0" N "Content-Length: 9" N "Transfer-Encoding: x" N "Host: b" N
            "Authorization: c" N N),
     ACCEPT},
    {30, "trailer that is no field", CHUNKS("0" N "hello" N N), H1_BAD_TRAILER},
    {30, "trailer folded", CHUNKS("0" N "X: a" N " b" N N), H1_BAD_TRAILER},
    {30, "trailer with NUL", CHUNKS("0" N "X: \\x00" N N), H1_BAD_TRAILER},
    {30, "trailers of 8 KiB", CHUNKS("0" N "X:\\*{8188}{a}" N N), ACCEPT},
    {30, "trailers above 8 KiB", CHUNKS("0" N "X:\\*{8189}{a}" N N), H1_BAD_TRAILER},
    {31, "final CRLF missing, next request comes", CHUNKS("0" N) GET(""), H1_BAD_TRAILER},
    {31, "final CRLF missing", CHUNKS("0" N), WAIT},
    {32, "GET with length 0 is no body (ruling 31)", GET("Content-Length: 0" N), ACCEPT},
    {32, "GET with body: framed here, judged by the route", GET("Content-Length: 1" N) "x", ACCEPT},
    {32, "GET with body is refused by the route", NULL, SERVER},
    {33, "HTTP/1.32", LINE("GET / HTTP/1.32"), H1_BAD_VERSION},
    {33, "HTTP/1.2", LINE("GET / HTTP/1.2"), H1_BAD_VERSION},
    {33, "HTTP/2.0", LINE("GET / HTTP/2.0"), H1_BAD_MAJOR},
    {33, "HTTP/0.9", LINE("GET / HTTP/0.9"), H1_BAD_MAJOR},
    {33, "http/1.1", LINE("GET / http/1.1"), H1_BAD_VERSION},
    {33, "HTTP/1.", LINE("GET / HTTP/1."), H1_BAD_VERSION},
    {33, "HTTP/1,1", LINE("GET / HTTP/1,1"), H1_BAD_VERSION},
    {33, "HTTP/01.1", LINE("GET / HTTP/01.1"), H1_BAD_VERSION},
    {34, "HTTP/0.9 line", "GET /" N, H1_BAD_REQUEST_LINE},
    {34, "HTTP/0.9 line with a space", "GET / " N, H1_BAD_VERSION},
    {35, "two spaces behind the method", LINE("GET  / HTTP/1.1"), H1_BAD_REQUEST_LINE},
    {35, "two spaces before the version", LINE("GET /  HTTP/1.1"), H1_BAD_VERSION},
    {35, "space behind the version", LINE("GET / HTTP/1.1 "), H1_BAD_VERSION},
    {35, "space before the method", LINE(" GET / HTTP/1.1"), H1_BAD_REQUEST_LINE},
    {35, "tab separators", LINE("GET\\t/\\tHTTP/1.1"), H1_BAD_REQUEST_LINE},
    {35, "space in the target", LINE("GET /a b HTTP/1.1"), H1_BAD_VERSION},
    {35, "empty line before the request line", N GET(""), H1_BAD_REQUEST_LINE},
    {36, "HTTP/2 preface", "PRI * HTTP/2.0" N N "SM" N N, H1_BAD_MAJOR},
    {36, "TLS hello", "\\x16\\x03\\x01\\x02\\x00", H1_BAD_REQUEST_LINE},
    {37, "method of 21 letters: 501", LINE("ABCDEFGHIJKLMNOPQRSTU / HTTP/1.1"), ACCEPT},
    {37, "method in lower case: 501", LINE("get / HTTP/1.1"), ACCEPT},
    {37, "method with a separator", LINE("GE(T / HTTP/1.1"), H1_BAD_METHOD},
    {37, "method with UTF-8", LINE("GET\\xc3\\xa4 / HTTP/1.1"), H1_BAD_METHOD},
    {37, "CONNECT: 405 (ruling 23)", LINE("CONNECT a:443 HTTP/1.1"), ACCEPT},
    {37, "TRACE: 405 (ruling 23)", LINE("TRACE / HTTP/1.1"), ACCEPT},
    {37, "unknown method is answered 501, known 405", NULL, SERVER},
    {38, "request line of 8192 bytes", LINE("GET /\\*{8178}{a} HTTP/1.1"), ACCEPT},
    {38, "request line of 8193 bytes", LINE("GET /\\*{8179}{a} HTTP/1.1"), H1_LIMIT_REQUEST_LINE},
    {38, "target of 8193 bytes", LINE("GET /\\*{8192}{a} HTTP/1.1"), H1_LIMIT_REQUEST_LINE},
    {39, "100 fields", GET("\\*{99}{A: b" N "}"), ACCEPT},
    {39, "101 fields", GET("\\*{100}{A: b" N "}"), H1_LIMIT_FIELDS},
    {39, "head of 32768 bytes", GET("X: \\*{32736}{a}" N), ACCEPT},
    {39, "head of 32769 bytes", GET("X: \\*{32737}{a}" N), H1_LIMIT_HEAD},
    {40, "%00 in the path", LINE("GET /%00 HTTP/1.1"), H1_BAD_TARGET},
    {40, "%0d%0a in the path", LINE("GET /a%0d%0ab HTTP/1.1"), H1_BAD_TARGET},
    {40, "%7F in the path", LINE("GET /%7F HTTP/1.1"), H1_BAD_TARGET},
    {40, "%0a in the query", LINE("GET /?a=%0a HTTP/1.1"), ACCEPT},
    {40, "broken escape", LINE("GET /%4 HTTP/1.1"), H1_BAD_TARGET},
    {40, "no escape", LINE("GET /%zz HTTP/1.1"), H1_BAD_TARGET},
    {40, "..%2f stays as it is", LINE("GET /..%2f HTTP/1.1"), ACCEPT},
    {40, "backslash", LINE("GET /\\\\ HTTP/1.1"), H1_BAD_TARGET},
    {40, "fragment", LINE("GET /#x HTTP/1.1"), H1_BAD_TARGET},
    {40, "UTF-8", LINE("GET /\\xc3\\xa4 HTTP/1.1"), H1_BAD_TARGET},
    {40, "asterisk-form", LINE("OPTIONS * HTTP/1.1"), H1_BAD_TARGET},
    {40, "relative path", LINE("GET a HTTP/1.1"), H1_BAD_TARGET},
    {40, "..%2f finds no route", NULL, SERVER},
    {41, "100 only after the credential", NULL, SERVER},
    {42, "Expect: other", POST("Expect: 200-ok" N "Content-Length: 5" N), H1_BAD_EXPECT},
    {42, "Expect: 100-Continue", POST("Expect: 100-Continue" N "Content-Length: 5" N) "hello",
     ACCEPT},
    {43, "Upgrade: h2c (ruling 23)",
     POST("Connection: Upgrade, HTTP2-Settings" N "Upgrade: h2c" N "HTTP2-Settings: AAMAAABk" N
          "Content-Length: 5" N) "hello",
     ACCEPT},
    {43, "Upgrade: websocket", GET("Connection: upgrade" N "Upgrade: websocket" N), ACCEPT},
    {44, "Connection: x-api-key", CONNECTION("close, X-Api-Key"), H1_BAD_CONNECTION},
    {44, "Connection: authorization", CONNECTION("authorization"), H1_BAD_CONNECTION},
    {44, "Connection: content-length", CONNECTION("keep-alive,Content-Length"), H1_BAD_CONNECTION},
    {44, "Connection: host", CONNECTION("\\thost\\t"), H1_BAD_CONNECTION},
    {44, "Connection: transfer-encoding", CONNECTION(",,transfer-encoding"), H1_BAD_CONNECTION},
    {44, "Connection in a second field", CONNECTION("close" N "Connection: x-api-key"),
     H1_BAD_CONNECTION},
    {44, "Connection: x-api-keys is another name", CONNECTION("x-api-keys, TE"), ACCEPT},
    {45, "valid, then pipelined invalid: both in order", GET("") "GET" N, H1_BAD_REQUEST_LINE},
    {45, "valid, then pipelined invalid: answers", NULL, SERVER},
    {46, "client closes behind the head", NULL, SERVER},
    {46, "client closes inside the body", LENGTH("6"), WAIT},
    {47, "bytes behind the length are the next request", LENGTH("5") GET(""), ACCEPT},
    {47, "bytes behind the length are no body", LENGTH("4"), WAIT},
    {48, "one byte per packet (and every other way)", LENGTH("5"), ACCEPT},
    {49, "x-api-key and Authorization that differ", NULL, SERVER},
    {50, "Content-Type missing on JSON", NULL, SERVER},
};

/* What the log says about the outcome. */
static int read_verdict(struct str log)
{
    struct str bad = STR("bad ");
    size_t at = str_starts(log, bad) ? 0 : str_find(log, STR("\nbad "));
    if (at == log.n) {
        return str_ends(log, STR("eof ok\n")) ? (int)ACCEPT : (int)WAIT;
    }
    struct str name;
    struct str rest = str_skip(log, at + bad.n + (at > 0));
    (void)str_cut(&rest, ' ', &name);
    for (enum h1_bad reason = 0; reason < H1_BAD_COUNT; reason++) {
        if (str_eq(name, str_c(feed_bad_name(reason)))) {
            return (int)reason;
        }
    }
    return -1;
}

static bool run_case(unsigned row, const char *name, const char *input, int verdict)
{
    struct buf bytes;
    struct buf log;
    buf_init(&bytes, 1 << 20);
    buf_init(&log, 1 << 20);
    bool ok = feed_unescape(&bytes, str_c(input)) &&
              feed_all(&feed_request, NULL, name, buf_str(&bytes), FEED_SOME * 8, &log);
    int got = read_verdict(buf_str(&log));
    if (ok && got != verdict) {
        ok = false;
        fprintf(stderr, "row %u, %s: verdict %d, expected %d\n%.*s", row, name, got, verdict,
                STR_ARG(buf_str(&log)));
    }
    buf_fini(&bytes);
    buf_fini(&log);
    return ok;
}

static void verdicts_hold(void **state)
{
    (void)state;
    unsigned failed = 0;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (cases[i].verdict != (int)SERVER) {
            failed += !run_case(cases[i].row, cases[i].name, cases[i].input, cases[i].verdict);
        }
    }
    assert_int_equal(failed, 0);
}

static void every_row_has_a_case(void **state)
{
    (void)state;
    bool seen[ROWS + 1] = {false};
    bool proven[ROWS + 1] = {false};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_in_range(cases[i].row, 1, ROWS);
        seen[cases[i].row] = true;
        proven[cases[i].row] |= cases[i].verdict != (int)SERVER;
    }
    unsigned server_only = 0;
    for (unsigned row = 1; row <= ROWS; row++) {
        assert_true(seen[row]);
        server_only += !proven[row];
    }
    assert_int_equal(server_only, 3); /* 41, 49, 50 */
}

/* Every refusal is a status that a client understands and a sentence. */
static void every_reason_has_words(void **state)
{
    (void)state;
    for (enum h1_bad bad = H1_BAD_NONE + 1; bad < H1_BAD_COUNT; bad++) {
        unsigned status = h1_bad_status(bad);
        bool known =
            status == 400 || status == 414 || status == 417 || status == 431 || status == 505;
        if (!known || h1_bad_text(bad).n < 20 || !str_ends(h1_bad_text(bad), STR("."))) {
            fail_msg("%s: status %u, \"%.*s\"", feed_bad_name(bad), status,
                     STR_ARG(h1_bad_text(bad)));
        }
    }
    assert_int_equal(h1_bad_status(H1_BAD_MAJOR), 505);
    assert_int_equal(h1_bad_status(H1_BAD_EXPECT), 417);
    assert_int_equal(h1_bad_status(H1_LIMIT_REQUEST_LINE), 414);
    assert_int_equal(h1_bad_status(H1_LIMIT_HEAD), 431);
    assert_int_equal(h1_bad_status(H1_LIMIT_FIELDS), 431);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_hold),
        cmocka_unit_test(every_row_has_a_case),
        cmocka_unit_test(every_reason_has_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
