/* SPDX-License-Identifier: MIT */
/* rc.c - names of the control-flow codes, for logs and assertions. */
#include "base/rc.h"

const char *rc_name(enum rc rc)
{
    switch (rc) {
    case RC_OK: return "ok";
    case RC_AGAIN: return "again";
    case RC_EOF: return "eof";
    case RC_LIMIT: return "limit";
    case RC_SYNTAX: return "syntax";
    case RC_IO: return "io";
    case RC_TIMEOUT: return "timeout";
    }
    return "?";
}
