/* SPDX-License-Identifier: MIT */
/* fuzz_sse.c - the event stream reader, with a cap small enough to be met.
 *
 * Property: the events do not depend on how the bytes are cut (tests/lib/feed.h). The first two
 * bytes of the input choose the cuts. Each piece lies in a heap block of its own, so
 * AddressSanitizer sees a read outside it. */
#include "feed_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct feed_http arg = {.sse_max = 200};
    feed_fuzz(&feed_sse, &arg, STR_NONE, str_of((const char *)data, size));
    return 0;
}
