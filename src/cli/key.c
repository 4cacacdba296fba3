/* SPDX-License-Identifier: MIT */
/* key.c - `postern key new NAME`: a key that is shown once, and the line for the configuration that knows only its hash. */
#include <stdio.h>

#include "base/secret.h"
#include "cli/cli.h"
#include "door/keys.h"

static bool name_is_plain(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.';
        if (!plain) {
            return false;
        }
    }
    return name.n > 0 && name.n <= 64;
}

static int new_key(struct str name)
{
    char text[KEYS_TEXT_LEN];
    unsigned char hash[KEYS_HASH_LEN];
    char hex[KEYS_HEX_LEN];
    if (!name_is_plain(name)) {
        fprintf(stderr, "postern: a key's name is 1 to 64 letters, digits, '-', '_' or '.'\n");
        return 2;
    }
    keys_new(&random_system, text, hash);
    keys_hex(hash, hex);
    printf("%.*s\n", (int)sizeof(text), text);
    fprintf(
        stderr,
        "\nThe line above is the key. It is shown once; only its hash is kept. In postern.yaml:\n\n"
        "keys:\n  - name: %.*s\n    hash: %.*s\n",
        STR_ARG(name), (int)sizeof(hex), hex);
    secret_wipe(text, sizeof(text));
    return 0;
}

int cli_key(int argc, char **argv)
{
    static const struct cli_command command = {
        "postern key new [NAME]",
        "Makes a key and prints it once, with the hash that belongs into the configuration.\n"
        "The key goes to standard output, everything else to standard error.",
        NULL, 0};
    int operands;
    enum cli_result result = cli_options(&command, argc, argv, &operands);
    if (result != CLI_GO) {
        return result == CLI_HELPED ? 0 : 2;
    }
    if (operands < 1 || operands > 2 || !str_eq(str_c(argv[0]), STR("new"))) {
        fprintf(stderr, "usage: %s\n", command.usage);
        return 2;
    }
    return new_key(operands == 2 ? str_c(argv[1]) : STR("default"));
}
