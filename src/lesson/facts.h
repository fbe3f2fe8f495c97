#ifndef SOCKDIAG_LESSON_FACTS_H
#define SOCKDIAG_LESSON_FACTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* Facts of a run: a JSON object, name: number, text, true, false, null or a list of these. They are taken
 * from the NDJSON that a command printed, from lines name=value of a program, or computed from each other.
 * docs/lessons/README.md has the language of takes, expressions and conditions. Pure: no I/O. */

/* [a-z][a-z0-9_]*, at most so long */
#define FACTS_NAME_MOST 63
bool facts_is_name(const char *text, size_t len);

/* Is it of the right shape? 0, or -EINVAL and `err` tells what is wrong. */
int facts_check_take(const json_t *take, struct sd_err *err);
int facts_check_expression(const json_t *expression, struct sd_err *err);
int facts_check_condition(const json_t *condition, struct sd_err *err);

/* Take each fact of `takes` ({"name": take, …}) from NDJSON. 0, or a negative errno: a line is no JSON,
 * "only" found several. */
int facts_take(json_t *facts, const json_t *takes, const char *ndjson, size_t len, struct sd_err *err);

/* Is a line of output "name=value"? */
bool facts_is_line(const char *line, size_t len);

/* Each line name=value of a program's output becomes a fact: a number where all of it is one, else a text. 0
 * or -ENOMEM. */
int facts_take_lines(json_t *facts, const char *text, size_t len, struct sd_err *err);

/* The value of an expression, for the caller to json_decref(); NULL and `err` where a fact is missing, or an
 * operator meets a text or divides by 0. A null makes the whole null. */
json_t *facts_value(const json_t *facts, const json_t *expression, struct sd_err *err);

/* `values`: {"name": expression, …}, each of which becomes a fact. 0 or a negative errno. */
int facts_compute(json_t *facts, const json_t *values, struct sd_err *err);

/* 0 and `holds`, or a negative errno: a fact is missing. */
int facts_hold(const json_t *facts, const json_t *condition, bool *holds, struct sd_err *err);

/* Append a value as a text of a lesson has it: 1448, 0.4, TypeError, "1, 2"; null is "?". */
void facts_print(struct buf *out, const json_t *value);

/* Append a command, with {name} of a fact replaced by its value; braces that name no fact are the shell's.
 * -EINVAL where a value holds anything but letters, digits and . _ : / + - , which a shell leaves alone. */
int facts_fill(struct buf *out, const char *command, const json_t *facts, struct sd_err *err);

#endif
