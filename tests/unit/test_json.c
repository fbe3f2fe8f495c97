/* needs: src/base/buf.c src/base/json.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "base/json.h"

static void keys_keep_their_order(void **state)
{
    (void)state;
    static const uint32_t numbers[] = {1, 4294967295U};
    struct buf out = {0};
    struct json j = json_begin(&out);
    json_text(&j, "type", "thing");
    json_u64(&j, "big", UINT64_MAX);
    json_i64(&j, "low", INT64_MIN);
    json_u64_if(&j, "unknown", false, 7);
    json_bool(&j, "yes", true);
    json_text(&j, "nothing", NULL);
    json_ns(&j, "at_ns", 1700000000000000001U);
    json_enter(&j, "inner");
    json_numbers(&j, "numbers", numbers, 2);
    json_numbers(&j, "none", NULL, 0);
    json_leave(&j);
    json_list(&j, "list");
    json_item(&j);
    json_u64(&j, "a", 1);
    json_leave(&j);
    json_item(&j);
    json_leave(&j);
    json_end_list(&j);
    json_list(&j, "empty");
    json_end_list(&j);
    json_bool(&j, "last", false);
    json_end_line(&j);
    assert_string_equal(buf_cstr(&out),
                        "{\"type\":\"thing\",\"big\":18446744073709551615,\"low\":-9223372036854775808,"
                        "\"unknown\":null,\"yes\":true,\"nothing\":null,\"at_ns\":\"1700000000000000001\","
                        "\"inner\":{\"numbers\":[1,4294967295],\"none\":[]},\"list\":[{\"a\":1},{}],"
                        "\"empty\":[],\"last\":false}\n");
    buf_free(&out);
}

/* Every string of two bytes between two others is JSON that another reader accepts, and valid UTF-8 comes
 * back as it was. */
static void any_bytes_are_valid_json(void **state)
{
    (void)state;
    struct buf out = {0};
    for (unsigned pair = 0; pair < 65536; pair++) {
        const uint8_t bytes[] = {'a', (uint8_t)(pair >> 8), (uint8_t)pair, 'z'};
        json_error_t error;
        out.len = 0;
        struct json j = json_begin(&out);
        json_text_len(&j, "text", bytes, sizeof bytes);
        json_end(&j);
        json_t *back = json_loadb((const char *)out.data, out.len, JSON_ALLOW_NUL, &error);
        assert_non_null(back);
        const json_t *text = json_object_get(back, "text");
        if (bytes[1] < 0x80 && bytes[2] < 0x80) {
            assert_int_equal(json_string_length(text), 4);
            assert_memory_equal(json_string_value(text), bytes, 4);
        }
        json_decref(back);
    }
    buf_free(&out);
}

static void characters_stay_and_other_bytes_are_told(void **state)
{
    (void)state;
    struct buf out = {0};
    struct json j = json_begin(&out);
    json_text(&j, "text", "粘包 \xe7\xb2 \xff\x1b[31m\"\\");
    json_end(&j);
    assert_string_equal(buf_cstr(&out), "{\"text\":\"粘包 \\\\xe7\\\\xb2 \\\\xff\\u001b[31m\\\"\\\\\"}");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_keep_their_order),
        cmocka_unit_test(any_bytes_are_valid_json),
        cmocka_unit_test(characters_stay_and_other_bytes_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
