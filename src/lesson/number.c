#include "lesson/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE_LIMIT 9e18 /* a double beyond this is kept as one */

struct number number_whole(int64_t whole)
{
    return (struct number){.real = false, .whole = whole, .value = (double)whole};
}

struct number number_real(double value)
{
    return (struct number){.real = true, .value = value};
}

static size_t digits(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && text[n] >= '0' && text[n] <= '9')
        n++;
    return n;
}

bool number_from_text(const char *text, size_t len, struct number *number)
{
    char copy[48];
    const size_t sign = len > 0 && text[0] == '-';
    const size_t before = digits(text + sign, len - sign);
    size_t end = sign + before;
    if (before == 0 || len >= sizeof copy)
        return false;
    const bool real = end < len && text[end] == '.';
    if (real) {
        const size_t after = digits(text + end + 1, len - end - 1);
        end += after > 0 ? 1 + after : 0;
    }
    if (end != len)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    const double value = strtod(copy, NULL);
    *number = real || fabs(value) > WHOLE_LIMIT ? number_real(value) : number_whole(strtoll(copy, NULL, 10));
    return true;
}

bool number_from_json(const json_t *value, struct number *number)
{
    if (json_is_integer(value))
        *number = number_whole(json_integer_value(value));
    else if (json_is_real(value))
        *number = number_real(json_real_value(value));
    else
        return json_is_string(value) &&
               number_from_text(json_string_value(value), json_string_length(value), number);
    return true;
}

int number_compare(struct number a, struct number b)
{
    if (!a.real && !b.real)
        return (a.whole > b.whole) - (a.whole < b.whole);
    return (a.value > b.value) - (a.value < b.value);
}

json_t *number_to_json(struct number number)
{
    return number.real ? json_real(number.value) : json_integer(number.whole);
}

static bool apply_whole(char op, int64_t a, int64_t b, struct number *result)
{
    long long whole = 0;
    bool over = false;
    if (op == '+')
        over = __builtin_add_overflow(a, b, &whole);
    else if (op == '-')
        over = __builtin_sub_overflow(a, b, &whole);
    else if (op == '*')
        over = __builtin_mul_overflow(a, b, &whole);
    *result = number_whole(whole);
    return !over;
}

static bool apply_real(char op, double a, double b, struct number *result)
{
    const double value = op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b : a / b;
    *result = number_real(value);
    return isfinite(value);
}

static bool divide(struct number a, struct number b, struct number *result)
{
    if (b.value == 0)
        return false;
    if (!a.real && !b.real && b.whole != -1 && a.whole % b.whole == 0) {
        *result = number_whole(a.whole / b.whole);
        return true;
    }
    return apply_real('/', a.value, b.value, result);
}

bool number_apply(const char *op, struct number a, struct number b, struct number *result)
{
    if (strcmp(op, "min") == 0 || strcmp(op, "max") == 0) {
        const bool first = (number_compare(a, b) < 0) == (op[1] == 'i');
        *result = first ? a : b;
        return true;
    }
    if (op[0] == '/')
        return divide(a, b, result);
    return !a.real && !b.real ? apply_whole(op[0], a.whole, b.whole, result)
                              : apply_real(op[0], a.value, b.value, result);
}

struct number number_round(struct number number, unsigned digits_behind)
{
    const double scale = pow(10, digits_behind);
    const double value = round(number.value * scale) / scale;
    if (!number.real)
        return number;
    return digits_behind == 0 && fabs(value) < WHOLE_LIMIT ? number_whole((int64_t)value)
                                                           : number_real(value);
}
