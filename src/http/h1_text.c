/* SPDX-License-Identifier: MIT */
/* h1_text.c - the words: what is said about a refused message, and the reason phrases.
 *
 * Sentences are for the developer at the other end. They are constant: nothing of the refused bytes
 * is repeated, so a refusal can neither reflect an attack nor leak a credential. */
#include "http/h1.h"

#include "base/must.h"

static const struct {
    unsigned status;
    struct str text;
} verdicts[] = {
#define VERDICT(status, text)                                                                      \
    {                                                                                              \
        status,                                                                                    \
        {                                                                                          \
            text, sizeof(text) - 1                                                                 \
        }                                                                                          \
    }
    [H1_BAD_NONE] = VERDICT(0, ""),
    [H1_BAD_LINE_END] = VERDICT(400, "Every line of the head must end with CR LF."),
    [H1_BAD_REQUEST_LINE] =
        VERDICT(400, "The request line must be: method, one space, target, one space, version."),
    [H1_BAD_METHOD] = VERDICT(400, "The method has a character that no method may have."),
    [H1_BAD_TARGET] =
        VERDICT(400, "The request target must be a path, or a URL of the host that Host names."),
    [H1_BAD_VERSION] = VERDICT(400, "The version must be HTTP/1.1 or HTTP/1.0."),
    [H1_BAD_MAJOR] = VERDICT(505, "This server speaks HTTP/1.1 and HTTP/1.0."),
    [H1_BAD_STATUS_LINE] = VERDICT(400, "The status line is malformed."),
    [H1_BAD_FIELD_NAME] =
        VERDICT(400, "A header line must be: name, colon, value, with no space before the colon."),
    [H1_BAD_FIELD_VALUE] = VERDICT(400, "A header value has a control character."),
    [H1_BAD_FOLD] = VERDICT(400, "A header value may not go on in the next line."),
    [H1_BAD_HOST] = VERDICT(400, "Exactly one Host header with a valid host name is required."),
    [H1_BAD_LENGTH] = VERDICT(400, "Content-Length must be there once, as a plain number."),
    [H1_BAD_LENGTH_AND_CODING] =
        VERDICT(400, "Content-Length and Transfer-Encoding exclude each other."),
    [H1_BAD_CODING] = VERDICT(400, "The only Transfer-Encoding is one chunked, on HTTP/1.1."),
    [H1_BAD_CONNECTION] = VERDICT(400, "Connection names a header that is not hop-by-hop."),
    [H1_BAD_EXPECT] = VERDICT(417, "The only expectation that can be met is 100-continue."),
    [H1_BAD_CHUNK] = VERDICT(400, "The chunked body is malformed."),
    [H1_BAD_TRAILER] = VERDICT(400, "The trailer section is malformed or too long."),
    [H1_LIMIT_REQUEST_LINE] = VERDICT(414, "The request line is too long."),
    [H1_LIMIT_HEAD] = VERDICT(431, "The request head is too long."),
    [H1_LIMIT_FIELDS] = VERDICT(431, "The request has too many headers."),
#undef VERDICT
};

_Static_assert(COUNT_OF(verdicts) == H1_BAD_COUNT, "one verdict per reason");

unsigned h1_bad_status(enum h1_bad bad)
{
    must(bad < H1_BAD_COUNT);
    return verdicts[bad].status;
}

struct str h1_bad_text(enum h1_bad bad)
{
    must(bad < H1_BAD_COUNT);
    return verdicts[bad].text;
}

struct str h1_reason(unsigned status)
{
    switch (status) {
    case 100: return STR("Continue");
    case 200: return STR("OK");
    case 201: return STR("Created");
    case 202: return STR("Accepted");
    case 204: return STR("No Content");
    case 301: return STR("Moved Permanently");
    case 302: return STR("Found");
    case 303: return STR("See Other");
    case 304: return STR("Not Modified");
    case 307: return STR("Temporary Redirect");
    case 308: return STR("Permanent Redirect");
    case 400: return STR("Bad Request");
    case 401: return STR("Unauthorized");
    case 402: return STR("Payment Required");
    case 403: return STR("Forbidden");
    case 404: return STR("Not Found");
    case 405: return STR("Method Not Allowed");
    case 406: return STR("Not Acceptable");
    case 408: return STR("Request Timeout");
    case 409: return STR("Conflict");
    case 411: return STR("Length Required");
    case 413: return STR("Content Too Large");
    case 414: return STR("URI Too Long");
    case 415: return STR("Unsupported Media Type");
    case 417: return STR("Expectation Failed");
    case 421: return STR("Misdirected Request");
    case 422: return STR("Unprocessable Content");
    case 429: return STR("Too Many Requests");
    case 431: return STR("Request Header Fields Too Large");
    case 500: return STR("Internal Server Error");
    case 501: return STR("Not Implemented");
    case 502: return STR("Bad Gateway");
    case 503: return STR("Service Unavailable");
    case 504: return STR("Gateway Timeout");
    case 505: return STR("HTTP Version Not Supported");
    case 529: return STR("Overloaded");
    default: return STR("Status"); /* a phrase must stand there; nobody reads it */
    }
}
