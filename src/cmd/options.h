#ifndef SOCKDIAG_CMD_OPTIONS_H
#define SOCKDIAG_CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Options as data: each command has a table of them; parsing and --help read the same rows. */

enum option_kind {
    OPTION_FLAG,   /* bool: set to true */
    OPTION_TEXT,   /* const char *: the argument */
    OPTION_NUMBER, /* uint64_t: decimal digits, within [min, max] */
    OPTION_CUSTOM, /* parse() decides */
};

struct option_row {
    char letter;          /* 0: long only */
    const char *name;     /* without the dashes */
    const char *argument; /* N_(), placeholder for the help, NULL: takes none; "[SPEC]": optional, taken from
                             the next word only when accepts() says that it looks like one */
    const char *help;     /* N_() */
    enum option_kind kind;
    void *target;
    uint64_t min, max; /* OPTION_NUMBER; max 0: no bound */
    int (*parse)(void *target, const char *argument,
                 struct sd_err *err); /* OPTION_CUSTOM; argument NULL: left out */
    bool (*accepts)(const char *word);
};

/* The options that every command has. --lang and --json take effect as they are parsed: nothing is translated
 * once --json was seen. */
struct options_common {
    bool json, quiet, verbose, help;
    const char *color; /* "auto", "always", "never" */
    bool no_json;      /* set before parsing where stdout is a program's: there is no --json */
};

struct command_help {
    bool no_json;         /* as in options_common */
    const char *name;     /* "demo" */
    const char *usage;    /* "demo [options]"; more lines separated by \n; N_() */
    const char *summary;  /* one sentence, N_() */
    const char *examples; /* lines "command\tmeaning", shown first, N_() */
    const char *notes;    /* or NULL; a line is a paragraph, or a pair "left\tright", N_() */
};

/* Parse argv[1…]; stops at "--" (left out) and, with `stop_at_operand`, at the first operand. Fills
 * `operands` with the index of the first of them: operands are moved to the end of argv. 0, or -EINVAL with a
 * message that names the nearest right option. */
int options_parse(int argc, char **argv, const struct option_row *rows, size_t row_count,
                  struct options_common *common, bool stop_at_operand, int *first_operand,
                  struct sd_err *err);

/* Print examples, usage and options on stdout, wrapped at 80 columns. */
void options_help(const struct command_help *help, const struct option_row *rows, size_t row_count);

#endif
