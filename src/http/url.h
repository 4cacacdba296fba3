/* SPDX-License-Identifier: MIT */
/* url.h - a URL that somebody else wrote, taken apart once and strictly.
 *
 * Not the URL of the standards but the part of it that every parser reads alike: everything else
 * is refused, nothing is decoded, lower-cased in place or repaired. What leaves here is connected
 * to as it stands; no second parser ever looks at the text. */
#pragma once
#include "base/arena.h"
#include "net/address.h"

#define HTTP_URL_MAX ((size_t)8000)

struct http_url {
    bool tls;
    struct str host; /* as written, without brackets */
    enum net_host kind;
    uint16_t port;
    bool port_given;
    struct str authority; /* host[:port] as written, for the Host field */
    struct str target;    /* path and query; "/" when there was none */
};

enum http_url_bad {
    HTTP_URL_OK,
    HTTP_URL_LONG,
    HTTP_URL_SCHEME,    /* neither http:// nor https:// */
    HTTP_URL_CHARACTER, /* a control, a space, a backslash, not ASCII, ... */
    HTTP_URL_USER,      /* user name or password */
    HTTP_URL_HOST,
    HTTP_URL_PORT,
    HTTP_URL_FRAGMENT,
    HTTP_URL_QUERY, /* a query directly behind the authority */
};

/* The slices are those of `text`. */
enum http_url_bad http_url_parse(struct str text, struct http_url *out) MUST_CHECK;
const char *http_url_bad_text(enum http_url_bad bad);

/* The URL that a Location field names, seen from `base`: a whole URL as it is, or an absolute path
 * on the same server. Empty for any other form. */
struct str http_url_follow(const struct http_url *base, struct str location, struct arena *a);
