/* SPDX-License-Identifier: MIT */
/* rc.h - control flow inside the program. A failure that somebody outside reads is a `struct fault` (chat/fault.h). */
#pragma once

enum rc {
    RC_OK,
    RC_AGAIN,   /* nothing wrong: feed more, or come back later */
    RC_EOF,     /* the source ended where it may */
    RC_LIMIT,   /* a limit of struct limits was reached */
    RC_SYNTAX,  /* the bytes break their grammar */
    RC_IO,      /* the system said no; errno or the object knows more */
    RC_TIMEOUT, /* a deadline passed */
};

const char *rc_name(enum rc rc);
