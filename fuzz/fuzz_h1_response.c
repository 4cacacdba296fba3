/* SPDX-License-Identifier: MIT */
/* fuzz_h1_response.c - the response reader; the size of the input says whether it answers a HEAD.
 *
 * Property: the events do not depend on how the bytes are cut (tests/lib/feed.h). The first two
 * bytes of the input choose the cuts. Each piece lies in a heap block of its own, so
 * AddressSanitizer sees a read outside it. */
#include "feed_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct feed_http arg = {.head_request = size % 2 == 1};
    feed_fuzz(&feed_response, &arg, STR_NONE, str_of((const char *)data, size));
    return 0;
}
