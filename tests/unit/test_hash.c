/* Hashes, base64 and the comparison of secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "base/hash.h"
#include "base/id.h"

static void sha256_of_known_texts(void **state)
{
    (void)state;
    char hex[TB_SHA256_TEXT];
    tb_sha256_hex(NULL, 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    tb_sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void base64_agrees_with_openssl(void **state)
{
    (void)state;
    unsigned char bytes[300];
    unsigned char theirs[420];
    tb_random_bytes(bytes, sizeof bytes);
    for (size_t len = 0; len < sizeof bytes; len++) {
        struct tb_buffer text = TB_BUFFER_INIT;
        struct tb_buffer back = TB_BUFFER_INIT;
        tb_base64_append(&text, bytes, len);
        EVP_EncodeBlock(theirs, bytes, (int)len);
        assert_string_equal(tb_buffer_text(&text), (char *)theirs);
        tb_buffer_puts(&back, "x");
        assert_true(tb_base64_decode(&back, tb_buffer_text(&text), text.len));
        assert_int_equal(back.len, len + 1);
        assert_memory_equal(back.data + 1, bytes, len);
        tb_buffer_free(&text);
        tb_buffer_free(&back);
    }
}

static void base64_refuses_bad_texts(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "Z",        "Zg",     "Zg=",  "Zm9",  "Zm9v=", "=",    "====", "Z===", "Zg==Zg==",
        "Zm8=Zm9v", "Zm9v\n", "Zm 9", "Zm9-", "Zm9_",  "Zh==", "Zm9=", "Zg=v", "Zm9vZ\x80==",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tb_buffer out = TB_BUFFER_INIT;
        tb_buffer_puts(&out, "kept");
        if (tb_base64_decode(&out, rows[i], strlen(rows[i]))) {
            fail_msg("'%s' was accepted", rows[i]);
        }
        assert_string_equal(out.data, "kept");
        tb_buffer_free(&out);
    }
    struct tb_buffer out = TB_BUFFER_INIT;
    assert_false(tb_base64_decode(&out, "Zm9\0", 4));
    tb_buffer_free(&out);
}

static void base64_beyond_the_cap_appends_nothing(void **state)
{
    (void)state;
    struct tb_buffer out;
    tb_buffer_init(&out, 6);
    tb_buffer_puts(&out, "ab");
    assert_false(tb_base64_decode(&out, "MTIzNDU2", 8));
    assert_int_equal(out.len, 2);
    assert_string_equal(out.data, "ab");
    tb_buffer_free(&out);
}

static void equality(void **state)
{
    (void)state;
    assert_true(tb_equal_constant_time("", 0, NULL, 0));
    assert_true(tb_equal_constant_time("a\0b", 3, "a\0b", 3));
    assert_false(tb_equal_constant_time("a\0b", 3, "a\0c", 3));
    assert_false(tb_equal_constant_time("ab", 2, "abc", 3));
    assert_false(tb_equal_constant_time("xbc", 3, "abc", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_known_texts),
        cmocka_unit_test(base64_agrees_with_openssl),
        cmocka_unit_test(base64_refuses_bad_texts),
        cmocka_unit_test(base64_beyond_the_cap_appends_nothing),
        cmocka_unit_test(equality),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
