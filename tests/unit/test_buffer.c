/* The byte buffer and what error and memory promise next to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"

static void empty_buffer_reads_as_empty_text(void **state)
{
    (void)state;
    struct tb_buffer b = TB_BUFFER_INIT;
    assert_string_equal(tb_buffer_text(&b), "");
    size_t len = 99;
    char *stolen = tb_buffer_steal(&b, &len);
    assert_string_equal(stolen, "");
    assert_int_equal(len, 0);
    free(stolen);
    tb_buffer_append(&b, NULL, 0);
    assert_string_equal(b.data, "");
    tb_buffer_free(&b);
    tb_buffer_free(&b);
    assert_null(b.data);
}

static void appends_every_way(void **state)
{
    (void)state;
    struct tb_buffer b = TB_BUFFER_INIT;
    tb_buffer_puts(&b, "ab");
    tb_buffer_putc(&b, 'c');
    tb_buffer_append(&b, "d\0e", 3);
    tb_buffer_printf(&b, "%d-%s", 42, "x");
    assert_int_equal(b.len, 10);
    assert_memory_equal(b.data, "abcd\0e42-x", 11);
    size_t len = 0;
    char *stolen = tb_buffer_steal(&b, &len);
    assert_int_equal(len, 10);
    assert_null(b.data);
    assert_int_equal(b.len + b.capacity, 0);
    free(stolen);
}

static void grows_over_many_appends(void **state)
{
    (void)state;
    struct tb_buffer b = TB_BUFFER_INIT;
    for (int i = 0; i < 10000; i++) {
        tb_buffer_printf(&b, "%05d", i);
    }
    assert_int_equal(b.len, 50000);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(strncmp(b.data + (size_t)i * 5, "00000", 1), 0);
        char text[6];
        memcpy(text, b.data + (size_t)i * 5, 5);
        text[5] = '\0';
        assert_int_equal(atoi(text), i);
    }
    assert_int_equal(b.data[50000], '\0');
    tb_buffer_free(&b);
}

static void cap_is_exact_and_sticky(void **state)
{
    (void)state;
    struct tb_buffer b;
    tb_buffer_init(&b, 5);
    tb_buffer_puts(&b, "abcde");
    assert_false(b.overflow);
    tb_buffer_puts(&b, "");
    assert_false(b.overflow);
    tb_buffer_putc(&b, 'f');
    assert_true(b.overflow);
    assert_string_equal(b.data, "abcde");
    tb_buffer_clear(&b);
    assert_false(b.overflow);
    assert_string_equal(tb_buffer_text(&b), "");
    tb_buffer_puts(&b, "abc");
    tb_buffer_printf(&b, "%s", "def");
    assert_true(b.overflow);
    tb_buffer_putc(&b, 'd'); /* would fit, but a hole before it would be worse */
    assert_string_equal(b.data, "abc");
    tb_buffer_free(&b);
    assert_int_equal(b.max, 5);
    assert_false(b.overflow);
    assert_null(b.data);
}

static void absurd_length_overflows_instead_of_wrapping(void **state)
{
    (void)state;
    struct tb_buffer b = TB_BUFFER_INIT;
    tb_buffer_puts(&b, "a");
    tb_buffer_append(&b, "", SIZE_MAX);
    assert_true(b.overflow);
    assert_string_equal(b.data, "a");
    tb_buffer_free(&b);
    tb_buffer_init(&b, SIZE_MAX);
    tb_buffer_puts(&b, "fits");
    assert_string_equal(b.data, "fits");
    tb_buffer_free(&b);
}

static void error_may_wrap_its_own_detail(void **state)
{
    (void)state;
    struct tb_error err = {.upstream_status = 500, .upstream_detail = "old"};
    assert_false(tb_fail(&err, TB_NOT_FOUND, "no bot '%s'", "x"));
    assert_string_equal(err.detail, "no bot 'x'");
    assert_int_equal(err.upstream_status, 0);
    assert_string_equal(err.upstream_detail, "");
    assert_false(tb_fail(&err, TB_BUSY, "deploying: %s", err.detail));
    assert_string_equal(err.detail, "deploying: no bot 'x'");
    assert_int_equal(err.code, TB_BUSY);
    assert_false(tb_fail(NULL, TB_BUSY, "nobody asks"));
}

static void error_is_never_cut_inside_a_character(void **state)
{
    (void)state;
    char text[1200];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof text; i += 4) {
            memcpy(text + i, "\xf0\x9f\x98\x80", 5);
        }
        struct tb_error err;
        (void)tb_fail(&err, TB_INVALID, "%s", text);
        size_t len = strlen(err.detail);
        assert_int_equal((len - shift) % 4, 0);
        assert_true(len > sizeof err.detail - 5);
    }
}

static void codes_have_their_rows(void **state)
{
    (void)state;
    assert_string_equal(tb_code_word(TB_OK), "ok");
    assert_string_equal(tb_code_word(TB_UPSTREAM_UNKNOWN), "upstream_unknown");
    assert_int_equal(tb_code_http_status(TB_RATE_LIMITED), 429);
    assert_true(tb_code_retryable(TB_BUSY));
    assert_false(tb_code_retryable(TB_UPSTREAM_UNKNOWN));
    assert_string_equal(tb_code_word(TB_CODE_COUNT), "internal");
    for (int i = 0; i < TB_CODE_COUNT; i++) {
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(tb_code_word((enum tb_code)i), tb_code_word((enum tb_code)j));
        }
    }
}

static void memory_helpers(void **state)
{
    (void)state;
    char out[4];
    assert_true(tb_copy(out, sizeof out, "abc"));
    assert_string_equal(out, "abc");
    assert_false(tb_copy(out, sizeof out, "abcd"));
    assert_string_equal(out, "abc");
    assert_false(tb_copy(out, 0, "z"));
    assert_string_equal(out, "abc");
    char *part = tb_xstrndup("hello", 3);
    assert_string_equal(part, "hel");
    free(part);
    part = tb_xstrndup("hi", 30);
    assert_string_equal(part, "hi");
    free(part);
    free(tb_xmalloc(0));
    free(tb_xcalloc(0, 8));
    free(tb_xrealloc(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_buffer_reads_as_empty_text),
        cmocka_unit_test(appends_every_way),
        cmocka_unit_test(grows_over_many_appends),
        cmocka_unit_test(cap_is_exact_and_sticky),
        cmocka_unit_test(absurd_length_overflows_instead_of_wrapping),
        cmocka_unit_test(error_may_wrap_its_own_detail),
        cmocka_unit_test(error_is_never_cut_inside_a_character),
        cmocka_unit_test(codes_have_their_rows),
        cmocka_unit_test(memory_helpers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
