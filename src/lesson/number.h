#ifndef SOCKDIAG_LESSON_NUMBER_H
#define SOCKDIAG_LESSON_NUMBER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* The numbers in facts. Nanoseconds stand in JSON as texts of digits and do not fit into a double: whole
 * numbers stay whole as long as they can. */

struct number {
    bool real;
    int64_t whole;
    double value; /* also of a whole number */
};

struct number number_whole(int64_t whole);
struct number number_real(double value);

/* A JSON number, or a text that is one. False for anything else. */
bool number_from_json(const json_t *value, struct number *number);

/* The same of a text: [-]digits[.digits], nothing before or behind. */
bool number_from_text(const char *text, size_t len, struct number *number);

/* -1, 0, 1 */
int number_compare(struct number a, struct number b);

/* A new JSON number, NULL when memory is out or the value is not finite. */
json_t *number_to_json(struct number number);

/* The operation named by `op`, one of + - * / min max, of two numbers. False where there is no answer:
 * division by zero, a whole number out of range. */
bool number_apply(const char *op, struct number a, struct number b, struct number *result);

/* To `digits` places (0 to 9); with 0, a whole number. */
struct number number_round(struct number number, unsigned digits);

#endif
