/* Names that people read and field names as pointers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/words.h"

static void names(void **state)
{
    static const struct {
        const char *name;
        bool good;
    } rows[] = {
        {"a", true},
        {"sol grid (2)", true},
        {"", false},
        {"   ", false},
        {"\xc2\xa0\xe3\x80\x80", false}, /* other blanks */
        {"a\nb", false},
        {"a\x1b[31mb", false},
        {"a\x7f", false},
        {"a\xc2\x85", false}, /* a control of Latin-1 */
        {"a\xe2\x80\xae"
         "b",
         false}, /* right-to-left override */
        {"a\xe2\x81\xa6"
         "b",
         false}, /* isolate */
        {"a\xe2\x80\xa8"
         "b",
         false}, /* line separator */
        {"a\xe2\x80\x8b"
         "b",
         false}, /* zero-width space */
        {"\xef\xbb\xbf"
         "a",
         false},                                                /* byte order mark */
        {"\xf0\x9f\x98\x80", true},                             /* an emoji */
        {"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb", true}, /* two joined */
        {"\xe2\x80\x8d\xef\xb8\x8f", false},                    /* only joiners */
        {"\xd8\xb3\xd9\x88\xd9\x84", true},                     /* a right-to-left script */
        {"\xe2\x9d\xa4\xef\xb8\x8f", true},                     /* with a variation selector */
        {" a", false},
        {"a ", false},
        {"a\xc2\xa0"
         "b",
         false}, /* a blank that is no space */
        {"a\xc2\xad"
         "b",
         false}, /* soft hyphen */
        {"a\xe2\x80\x8d"
         "b",
         false}, /* a joiner that joins nothing */
        {"a\xef\xb8\x8f", false},
        {"a\xf3\xa0\x81\xa1", false}, /* a tag */
        {"a\xcd\x8f", false},         /* grapheme joiner */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(tb_name_fault(rows[i].name, 64) == NULL, rows[i].good);
}

static void length_counts_characters(void **state)
{
    char name[4 * 65 + 1] = "";
    (void)state;
    for (int i = 0; i < 64; i++)
        strcat(name, "\xf0\x9f\x98\x80");
    assert_null(tb_name_fault(name, 64));
    strcat(name, "x");
    assert_string_equal(tb_name_fault(name, 64), "is too long");
}

static void pointers(void **state)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    char field[80];
    (void)state;
    tb_pointer_add(&out, "a");
    tb_pointer_add(&out, "~b/c");
    tb_pointer_add(&out, "");
    assert_string_equal(tb_buffer_text(&out), "/a/~0b~1c/");

    tb_buffer_clear(&out);
    memset(field, 'x', 63);
    strcpy(field + 63, "\xc3\xa9yz");
    tb_pointer_add(&out, field);
    assert_int_equal(out.len, 1 + 63 + 2);
    tb_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(length_counts_characters),
        cmocka_unit_test(pointers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
