/* needs: capture/framing.c src/base/buf.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "capture/framing.h"

/* What a message is expected to be; the list ends at a length of 0. */
struct expected {
    enum framing_part part;
    uint64_t length, announced;
    bool complete;
};

/* The parser gets a copy of exactly `len` bytes, so that the sanitizers see a read past the end. */
static struct buf parse(enum framing_id id, const void *data, size_t len, bool ended)
{
    struct buf out = {0};
    uint8_t *copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, data, len);
    framing_parse(&framings[id], copy, len, ended, &out);
    free(copy);
    assert_false(out.failed);
    return out;
}

static size_t count(const struct buf *out)
{
    assert_int_equal(out->len % sizeof(struct framing_message), 0);
    return out->len / sizeof(struct framing_message);
}

static struct framing_message message_at(const struct buf *out, size_t i)
{
    struct framing_message message;
    assert_true(i < count(out));
    memcpy(&message, out->data + i * sizeof message, sizeof message);
    return message;
}

static void expect(enum framing_id id, const void *data, size_t len, bool ended,
                   const struct expected *expected)
{
    struct buf out = parse(id, data, len, ended);
    uint64_t offset = 0;
    size_t i = 0;
    for (; expected[i].length != 0; i++) {
        struct framing_message m = message_at(&out, i);
        assert_int_equal(m.part, expected[i].part);
        assert_int_equal(m.offset, offset);
        assert_int_equal(m.length, expected[i].length);
        assert_int_equal(m.announced, expected[i].announced);
        assert_int_equal(m.complete, expected[i].complete);
        offset += m.length;
    }
    assert_int_equal(count(&out), i);
    assert_int_equal(offset, len);
    buf_free(&out);
}

/* Every prefix is cut into messages that tile it, never into garbage, and only the last may be incomplete. */
static void expect_prefixes_clean(enum framing_id id, const void *data, size_t len)
{
    for (size_t n = 0; n <= len; n++) {
        struct buf out = parse(id, data, n, false);
        uint64_t offset = 0;
        for (size_t i = 0; i < count(&out); i++) {
            struct framing_message m = message_at(&out, i);
            assert_int_not_equal(m.part, FRAMING_GARBAGE);
            assert_int_equal(m.offset, offset);
            assert_true(m.complete || i + 1 == count(&out));
            offset += m.length;
        }
        assert_int_equal(offset, n);
        buf_free(&out);
    }
}

/* Append a header as `length` frames it. */
static void add_counted(struct buf *b, const char *header)
{
    uint8_t prefix[4];
    store_be32(prefix, (uint32_t)strlen(header));
    buf_append(b, prefix, sizeof prefix);
    buf_text(b, header);
}

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < FRAMING_COUNT; i++) {
        assert_int_equal(framings[i].id, i);
        assert_ptr_equal(framing_find(framings[i].name, strlen(framings[i].name)), &framings[i]);
        assert_int_equal(framings[i].breaks == NULL, i == FRAMING_LENGTH);
        assert_int_equal(framings[i].reader_buffer == 0, framings[i].header_prefix);
    }
    assert_null(framing_find("lengt", 5));
    assert_null(framing_find("", 0));
    assert_ptr_equal(framing_find("sizes", 4), &framings[FRAMING_SIZE]);
}

static const char put_notes[] = "{\"op\":\"put\",\"name\":\"粘包.txt\",\"size\":5}";
#define PUT_LEN (sizeof put_notes - 1)

static void test_unsized(void **state)
{
    (void)state;
    static const enum framing_id ids[] = {FRAMING_NAIVE, FRAMING_SLEEP, FRAMING_LOCKSTEP};
    struct buf b = {0};
    buf_text(&b, put_notes);
    buf_text(&b, "{\"a\":more than five bytes");
    for (size_t i = 0; i < 3; i++) {
        expect(ids[i], put_notes, PUT_LEN, true,
               (struct expected[]){{FRAMING_HEADER, PUT_LEN, 0, true}, {0}});
        expect(ids[i], b.data, b.len, true,
               (struct expected[]){
                   {FRAMING_HEADER, PUT_LEN, 0, true}, {FRAMING_BODY, b.len - PUT_LEN, 0, true}, {0}});
        expect(ids[i], b.data, b.len, false,
               (struct expected[]){
                   {FRAMING_HEADER, PUT_LEN, 0, true}, {FRAMING_BODY, b.len - PUT_LEN, 0, false}, {0}});
        expect_prefixes_clean(ids[i], put_notes, PUT_LEN);
    }
    buf_free(&b);
}

static void test_answers(void **state)
{
    (void)state;
    static const char answers[] = "{\"ok\":true}{\"ok\":true}\n{\"ok\":true,\"stored\":4096}";
    expect(FRAMING_LOCKSTEP, answers, sizeof answers - 1, true,
           (struct expected[]){{FRAMING_HEADER, 11, 0, true},
                               {FRAMING_HEADER, 12, 0, true},
                               {FRAMING_HEADER, 25, 0, true},
                               {0}});
    expect_prefixes_clean(FRAMING_LOCKSTEP, answers, sizeof answers - 1);
}

static void test_size(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_text(&b, put_notes);
    buf_text(&b, "hello{\"op\":\"put\",\"name\":\"empty\",\"size\":0}{\"op\":\"ls\"}");
    expect(FRAMING_SIZE, b.data, b.len, true,
           (struct expected[]){{FRAMING_HEADER, PUT_LEN, 0, true},
                               {FRAMING_BODY, 5, 5, true},
                               {FRAMING_HEADER, 36, 0, true},
                               {FRAMING_HEADER, 11, 0, true},
                               {0}});
    expect(FRAMING_SIZE, b.data, PUT_LEN + 3, true,
           (struct expected[]){{FRAMING_HEADER, PUT_LEN, 0, true}, {FRAMING_BODY, 3, 5, false}, {0}});
    expect_prefixes_clean(FRAMING_SIZE, b.data, b.len);
    buf_free(&b);
}

static void test_length(void **state)
{
    (void)state;
    struct buf b = {0};
    add_counted(&b, put_notes);
    buf_text(&b, "hello");
    add_counted(&b, "{\"op\":\"ls\"} ");
    expect(FRAMING_LENGTH, b.data, b.len, true,
           (struct expected[]){{FRAMING_PREFIX, 4, 4, true},
                               {FRAMING_HEADER, PUT_LEN, PUT_LEN, true},
                               {FRAMING_BODY, 5, 5, true},
                               {FRAMING_PREFIX, 4, 4, true},
                               {FRAMING_HEADER, 12, 12, true},
                               {0}});
    expect(FRAMING_LENGTH, b.data, 3, true, (struct expected[]){{FRAMING_PREFIX, 3, 4, false}, {0}});
    expect(FRAMING_LENGTH, b.data, 14, true,
           (struct expected[]){{FRAMING_PREFIX, 4, 4, true}, {FRAMING_HEADER, 10, PUT_LEN, false}, {0}});
    expect_prefixes_clean(FRAMING_LENGTH, b.data, b.len);
    buf_free(&b);
}

static void test_wrong_lengths(void **state)
{
    (void)state;
    struct buf b = {0};
    expect(FRAMING_LENGTH, "outcome", 7, true, (struct expected[]){{FRAMING_GARBAGE, 7, 0, false}, {0}});
    expect(FRAMING_LENGTH, "\0\0\0\0{}", 6, true, (struct expected[]){{FRAMING_GARBAGE, 6, 0, false}, {0}});
    expect(FRAMING_LENGTH, "\377\377\377\377", 4, true,
           (struct expected[]){{FRAMING_GARBAGE, 4, 0, false}, {0}});
    /* A length that is too short or too long for its JSON. */
    expect(FRAMING_LENGTH, "\0\0\0\1{}", 6, true,
           (struct expected[]){{FRAMING_PREFIX, 4, 4, true}, {FRAMING_GARBAGE, 2, 0, false}, {0}});
    expect(FRAMING_LENGTH, "\0\0\0\3{}x", 7, true,
           (struct expected[]){{FRAMING_PREFIX, 4, 4, true}, {FRAMING_GARBAGE, 3, 0, false}, {0}});
    expect(FRAMING_LENGTH, "\0\0\0\2[]", 6, true,
           (struct expected[]){{FRAMING_PREFIX, 4, 4, true}, {FRAMING_GARBAGE, 2, 0, false}, {0}});
    /* The greatest length that is allowed, and one more. */
    expect(FRAMING_LENGTH, "\0\1\0\0{", 5, true,
           (struct expected[]){{FRAMING_PREFIX, 4, 4, true}, {FRAMING_HEADER, 1, 65536, false}, {0}});
    expect(FRAMING_LENGTH, "\0\1\0\1{", 5, true, (struct expected[]){{FRAMING_GARBAGE, 5, 0, false}, {0}});
    buf_free(&b);
}

/* A size in characters ends the body early: what is left of it is no header. */
static void test_size_chars(void **state)
{
    (void)state;
    static const char header[] = "{\"size\":2}";
    struct buf b = {0};
    add_counted(&b, header);
    buf_text(&b, "粘包");
    expect(FRAMING_LENGTH, b.data, b.len, true,
           (struct expected[]){{FRAMING_PREFIX, 4, 4, true},
                               {FRAMING_HEADER, 10, 10, true},
                               {FRAMING_BODY, 2, 2, true},
                               {FRAMING_GARBAGE, 4, 0, false},
                               {0}});
    expect(
        FRAMING_SIZE, b.data + 4, b.len - 4, true,
        (struct expected[]){
            {FRAMING_HEADER, 10, 0, true}, {FRAMING_BODY, 2, 2, true}, {FRAMING_GARBAGE, 4, 0, false}, {0}});
    buf_free(&b);
}

static void test_garbage(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "GET / HTTP/1.1\r\n\r\n",          "[{\"op\":\"ls\"}]", "{\"op\":nothing}",
        "{\"size\":99999999999999999999}", "{\"a\":1,\"a\":2}", "\xff\xfe{}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct buf b = {0};
        buf_text(&b, "{\"op\":\"ls\"}");
        buf_text(&b, texts[i]);
        expect(FRAMING_NAIVE, b.data, b.len, true,
               (struct expected[]){
                   {FRAMING_HEADER, 11, 0, true}, {FRAMING_GARBAGE, strlen(texts[i]), 0, false}, {0}});
        buf_free(&b);
    }
    /* Sizes that count no bytes announce no body. */
    expect(FRAMING_SIZE, "{\"size\":-1}{\"size\":1.5}{\"size\":\"7\"}", 35, true,
           (struct expected[]){{FRAMING_HEADER, 11, 0, true},
                               {FRAMING_HEADER, 12, 0, true},
                               {FRAMING_HEADER, 12, 0, true},
                               {0}});
    /* The greatest size there is: no overflow. */
    expect(FRAMING_SIZE, "{\"size\":9223372036854775807}abc", 31, true,
           (struct expected[]){{FRAMING_HEADER, 28, 0, true}, {FRAMING_BODY, 3, INT64_MAX, false}, {0}});
}

static void test_long_header(void **state)
{
    (void)state;
    uint8_t *data = malloc(FRAMING_HEADER_MAX + 1);
    assert_non_null(data);
    memset(data, 'x', FRAMING_HEADER_MAX + 1);
    memcpy(data, "{\"comment\":\"", 12);
    size_t end = 0;
    assert_int_equal(framing_header(data, FRAMING_HEADER_MAX - 1, &end), FRAMING_CUT);
    assert_int_equal(framing_header(data, FRAMING_HEADER_MAX + 1, &end), FRAMING_NONE);
    memcpy(data + FRAMING_HEADER_MAX - 2, "\"}{", 3);
    assert_int_equal(framing_header(data, FRAMING_HEADER_MAX + 1, &end), FRAMING_WHOLE);
    assert_int_equal(end, FRAMING_HEADER_MAX);
    free(data);
}

/* A stream of the smallest headers does not take more memory than the bound allows. */
static void test_many_messages(void **state)
{
    (void)state;
    const size_t len = 2 * ((size_t)FRAMING_MESSAGES_MAX + 10);
    char *data = malloc(len);
    assert_non_null(data);
    for (size_t i = 0; i < len; i += 2)
        memcpy(data + i, "{}", 2);
    struct buf out = parse(FRAMING_NAIVE, data, len, true);
    assert_int_equal(count(&out), FRAMING_MESSAGES_MAX);
    buf_free(&out);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),       cmocka_unit_test(test_unsized),
        cmocka_unit_test(test_answers),     cmocka_unit_test(test_size),
        cmocka_unit_test(test_length),      cmocka_unit_test(test_wrong_lengths),
        cmocka_unit_test(test_size_chars),  cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_long_header), cmocka_unit_test(test_many_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
