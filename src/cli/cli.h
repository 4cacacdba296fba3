/* SPDX-License-Identifier: MIT */
/* cli.h - the subcommands. Each returns the exit status: 0 done, 1 failed, 2 wrong usage. */
#pragma once
#include "base/buf.h"

int cli_serve(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_ask(int argc, char **argv);
int cli_key(int argc, char **argv);
int cli_version(int argc, char **argv);

/* Which subcommand runs. Without one: serve. */
int cli_main(int argc, char **argv);

/* --- options: one table per command, from which parsing and --help both come --- */

enum cli_kind { CLI_FLAG, CLI_TEXT, CLI_COUNT };

struct cli_option {
    const char *name;  /* "--listen" */
    const char *brief; /* "-c", or null */
    enum cli_kind kind;
    const char *arg; /* "FILE" in help */
    const char *help;
    void *to; /* bool *, struct str *, unsigned * */
};

struct cli_command {
    const char *usage; /* "postern serve [options]" */
    const char *about;
    const struct cli_option *options;
    size_t option_count;
};

enum cli_result { CLI_GO, CLI_HELPED, CLI_WRONG };

/* Operands (what is no option) are moved to the front of argv; *operands gets their number. */
enum cli_result cli_options(const struct cli_command *command, int argc, char **argv,
                            int *operands);

/* The configuration that -c names, or postern.yaml here, or none (the built-in). */
struct str cli_config_file(struct str given);
