/* SPDX-License-Identifier: MIT */
/* options.c - command lines, by table.
 *
 * "--name value", "--name=value", "-c value"; "--" ends the options. An unknown option names the nearest known one. Help
 * goes to standard output and is no error; a wrong line goes to standard error with the usage. */
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"

static void print_help(const struct cli_command *c)
{
    printf("usage: %s\n\n%s\n", c->usage, c->about);
    if (c->option_count > 0) {
        printf("\noptions:\n");
    }
    for (size_t i = 0; i < c->option_count; i++) {
        const struct cli_option *o = &c->options[i];
        char left[64];
        (void)snprintf(left, sizeof(left), "%s%s%s%s%s", o->brief ? o->brief : "",
                       o->brief ? ", " : "", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        printf("  %-24s %s\n", left, o->help);
    }
    printf("  %-24s %s\n", "-h, --help", "this text");
}

static const struct cli_option *find_option(const struct cli_command *c, struct str name)
{
    for (size_t i = 0; i < c->option_count; i++) {
        const struct cli_option *o = &c->options[i];
        if (str_eq(name, str_c(o->name)) || (o->brief && str_eq(name, str_c(o->brief)))) {
            return o;
        }
    }
    return NULL;
}

static enum cli_result complain_unknown(const struct cli_command *c, struct str name)
{
    const char *nearest = NULL;
    unsigned distance = 4;
    for (size_t i = 0; i < c->option_count; i++) {
        unsigned d = str_distance(name, str_c(c->options[i].name));
        if (d < distance) {
            distance = d;
            nearest = c->options[i].name;
        }
    }
    fprintf(stderr, "postern: unknown option %.*s", STR_ARG(name));
    if (nearest) {
        fprintf(stderr, " (did you mean %s?)", nearest);
    }
    fprintf(stderr, "\nusage: %s\n", c->usage);
    return CLI_WRONG;
}

static bool store(const struct cli_option *o, struct str value)
{
    uint64_t count;
    switch (o->kind) {
    case CLI_FLAG: *(bool *)o->to = true; return true;
    case CLI_TEXT: *(struct str *)o->to = value; return value.n > 0;
    case CLI_COUNT:
        if (!str_to_u64(value, &count) || count > UINT32_MAX) {
            return false;
        }
        *(unsigned *)o->to = (unsigned)count;
        return true;
    }
    return false;
}

/* One option at argv[*at]; takes its value from behind "=" or from the next word. */
static enum cli_result take_option(const struct cli_command *c, int argc, char **argv, int *at)
{
    struct str value = str_c(argv[*at]);
    struct str name;
    bool joined = str_cut(&value, '=', &name);
    const struct cli_option *o = find_option(c, name);
    if (str_eq(name, STR("--help")) || str_eq(name, STR("-h"))) {
        print_help(c);
        return CLI_HELPED;
    }
    if (!o) {
        return complain_unknown(c, name);
    }
    if (o->kind != CLI_FLAG && !joined) {
        value = *at + 1 < argc ? str_c(argv[++*at]) : STR_NONE;
    }
    if ((o->kind == CLI_FLAG && joined) || !store(o, value)) {
        fprintf(stderr, "postern: %s needs %s\nusage: %s\n", o->name, o->arg ? o->arg : "no value",
                c->usage);
        return CLI_WRONG;
    }
    return CLI_GO;
}

enum cli_result cli_options(const struct cli_command *command, int argc, char **argv, int *operands)
{
    bool ended = false;
    *operands = 0;
    for (int i = 0; i < argc; i++) {
        struct str word = str_c(argv[i]);
        if (!ended && str_eq(word, STR("--"))) {
            ended = true;
        } else if (!ended && word.n > 1 && word.p[0] == '-') {
            enum cli_result result = take_option(command, argc, argv, &i);
            if (result != CLI_GO) {
                return result;
            }
        } else {
            argv[(*operands)++] = argv[i];
        }
    }
    return CLI_GO;
}

struct str cli_config_file(struct str given)
{
    if (given.n > 0) {
        return given;
    }
    return access("postern.yaml", F_OK) == 0 ? STR("postern.yaml") : STR_NONE;
}
