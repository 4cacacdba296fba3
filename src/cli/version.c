/* SPDX-License-Identifier: MIT */
/* version.c - `postern version`. */
#include <stdio.h>

#include "cli/cli.h"
#include "json/json.h"

int cli_version(int argc, char **argv)
{
    static const struct cli_command command = {
        "postern version", "Prints the version and how this build scans.", NULL, 0};
    int operands;
    enum cli_result result = cli_options(&command, argc, argv, &operands);
    if (result != CLI_GO) {
        return result == CLI_HELPED ? 0 : 2;
    }
    printf("postern %s (json: %s)\n", POSTERN_VERSION, json_simd_name());
    return 0;
}
