/* SPDX-License-Identifier: MIT */
/* keyfile.c - reads <data>/secret, or makes it.
 *
 * Two processes may start at once: each writes a file of its own and links it to the name; the first link stands and the
 * second process reads what stands there. A file that is there but is no key is never overwritten: somebody's sealed
 * conversations may depend on what it was. */
#include "cli/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "base/secret.h"

#define HEX_LEN   (2 * SEAL_KEY_LEN)
#define PATH_ROOM 4096

static bool parse_hex(const char text[HEX_LEN], struct seal_key *key)
{
    for (size_t i = 0; i < SEAL_KEY_LEN; i++) {
        uint64_t byte;
        if (!str_to_hex64(str_of(text + 2 * i, 2), &byte)) {
            return false;
        }
        key->bytes[i] = (unsigned char)byte;
    }
    return true;
}

enum found { FOUND_KEY, FOUND_NOTHING, FOUND_BROKEN };

static enum found read_key(const char *path, struct seal_key *key, struct buf *why)
{
    char text[HEX_LEN + 2];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        if (errno == ENOENT) {
            return FOUND_NOTHING;
        }
        buf_add_fmt(why, "%s: %s", path, strerror(errno));
        return FOUND_BROKEN;
    }
    ssize_t n = read(fd, text, sizeof(text));
    (void)close(fd);
    bool good = n >= HEX_LEN && n <= HEX_LEN + 1 && parse_hex(text, key);
    secret_wipe(text, sizeof(text));
    if (!good) {
        buf_add_fmt(why, "%s: is not a key of %d hex digits; move it away to get a new one", path,
                    HEX_LEN);
        return FOUND_BROKEN;
    }
    return FOUND_KEY;
}

static bool write_key(const char *path, const struct seal_key *key)
{
    static const char digits[] = "0123456789abcdef";
    char text[HEX_LEN + 1];
    for (size_t i = 0; i < SEAL_KEY_LEN; i++) {
        text[2 * i] = digits[key->bytes[i] >> 4];
        text[2 * i + 1] = digits[key->bytes[i] & 15];
    }
    text[HEX_LEN] = '\n';
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write(fd, text, sizeof(text)) == (ssize_t)sizeof(text) && fsync(fd) == 0;
    secret_wipe(text, sizeof(text));
    if (fd >= 0) {
        (void)close(fd);
    }
    return good;
}

/* Ours, or that of whoever was first. */
static bool make_key(const char *dir, const char *path, struct seal_key *key, struct buf *why)
{
    char own[PATH_ROOM];
    int n = snprintf(own, sizeof(own), "%s.%ld", path, (long)getpid());
    bool fits = n > 0 && (size_t)n < sizeof(own);
    if (fits && (mkdir(dir, 0700) == 0 || errno == EEXIST) && write_key(own, key)) {
        bool linked = link(own, path) == 0;
        bool taken = !linked && errno == EEXIST;
        (void)unlink(own);
        if (linked || (taken && read_key(path, key, why) == FOUND_KEY)) {
            return true;
        }
    }
    buf_add_fmt(why, "%s cannot be written: %s", path, strerror(errno));
    return false;
}

bool keyfile_load(struct str data_dir, struct seal_key *key, struct buf *why)
{
    char dir[PATH_ROOM];
    char path[PATH_ROOM];
    struct str from = data_dir.n > 0 ? data_dir : STR(".");
    random_system.fill(&random_system, key->bytes, sizeof(key->bytes));
    int n = snprintf(dir, sizeof(dir), "%.*s", STR_ARG(from));
    int m = snprintf(path, sizeof(path), "%.*s/secret", STR_ARG(from));
    if (n <= 0 || m <= 0 || (size_t)m >= sizeof(path)) {
        buf_add_fmt(why, "the path of the data directory is too long");
        return false;
    }
    switch (read_key(path, key, why)) {
    case FOUND_KEY: return true;
    case FOUND_BROKEN:
        random_system.fill(&random_system, key->bytes, sizeof(key->bytes));
        return false;
    case FOUND_NOTHING: break;
    }
    return make_key(dir, path, key, why);
}
