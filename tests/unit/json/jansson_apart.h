/* SPDX-License-Identifier: MIT */
/* jansson_apart.h - jansson's header beside ours: its type names and ours are the same words, so
 * they are renamed while it is read. Include it before json/json.h, and ask json_typeof: macros
 * such as json_is_string would mean our names. */
#pragma once

#define json_type   jansson_type
#define JSON_OBJECT JANSSON_OBJECT
#define JSON_ARRAY  JANSSON_ARRAY
#define JSON_STRING JANSSON_STRING
#define JSON_TRUE   JANSSON_TRUE
#define JSON_FALSE  JANSSON_FALSE
#define JSON_NULL   JANSSON_NULL
#include <jansson.h>
#undef json_type
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL
