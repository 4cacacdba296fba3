/* SPDX-License-Identifier: MIT */
/* cli.c - from the first word to its command. */
#include "cli/cli.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/attr.h"

struct entry {
    const char *name;
    const char *help;
    int (*run)(int argc, char **argv);
};

static const struct entry entries[] = {
    {"serve", "serve the Messages API (the default)", cli_serve},
    {"check", "read the configuration and say what is in it; --probe asks the upstreams",
     cli_check},
    {"ask", "ask a question and stream the answer", cli_ask},
    {"key", "make keys: postern key new", cli_key},
    {"version", "what this is", cli_version},
};

static void print_overview(FILE *to)
{
    fprintf(to, "postern: the Anthropic Messages API in front of open models\n\n"
                "usage: postern [command] [options]\n\ncommands:\n");
    for (size_t i = 0; i < COUNT_OF(entries); i++) {
        fprintf(to, "  %-10s %s\n", entries[i].name, entries[i].help);
    }
    fprintf(to, "\n`postern COMMAND --help` tells more.\n");
}

/* Started without standard descriptors, the next ones opened would take their numbers: the log would go to a client. */
static bool hold_standard_descriptors(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    return fd >= 0 && close(fd) == 0;
}

/* What was printed must have arrived: a key that got lost on its way to a full disk is no success. */
static int end_output(int status)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "postern: cannot write to standard output\n");
        return status ? status : 1;
    }
    return status;
}

static int run_command(int argc, char **argv)
{
    struct str word = argc > 1 ? str_c(argv[1]) : STR_NONE;
    if (str_eq(word, STR("--help")) || str_eq(word, STR("-h")) || str_eq(word, STR("help"))) {
        print_overview(stdout);
        return 0;
    }
    if (str_eq(word, STR("--version"))) {
        return cli_version(0, argv);
    }
    if (word.n == 0 || word.p[0] == '-') {
        return cli_serve(argc - 1, argv + 1);
    }
    for (size_t i = 0; i < COUNT_OF(entries); i++) {
        if (str_eq(word, str_c(entries[i].name))) {
            return entries[i].run(argc - 2, argv + 2);
        }
    }
    fprintf(stderr, "postern: unknown command %s\n\n", argv[1]);
    print_overview(stderr);
    return 2;
}

int cli_main(int argc, char **argv)
{
    if (!hold_standard_descriptors()) {
        return 1;
    }
    return end_output(run_command(argc, argv));
}
