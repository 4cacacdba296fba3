/* SPDX-License-Identifier: MIT */
/* keyfile.h - the installation's own secret: <data>/secret.
 *
 * Made on the first start, 32 random bytes in hex, readable by the owner alone. Every process that shares the data
 * directory seals and opens with the same key. */
#pragma once
#include "base/buf.h"
#include "chat/seal.h"

/* False: `why` says what is wrong with the file; the key is then random and dies with the process. */
bool keyfile_load(struct str data_dir, struct seal_key *key, struct buf *why);
