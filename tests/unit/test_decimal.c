/* Exact decimals: the reading of text, the edges of the range, rounding by hand-written rows.
 *
 * With --tool it answers lines "op operands…" on stdin with one line each, for the differential
 * test against Python (tests/rules/test_decimal_differential.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <math.h>

#include <cmocka.h>

#include "base/decimal.h"

#define NINES_76 "9999999999999999999999999999999999999999999999999999999999999999999999999999"

/* ---- the tool ---- */

#define WORDS_MAX 5

static bool read_decimal(const char *text, struct tb_decimal *out)
{
    return text != NULL && tb_decimal_parse(text, strlen(text), out);
}

static bool read_rounding(const char *word, enum tb_rounding *out)
{
    static const char *const words[] = {
        [TB_ROUND_DOWN] = "down",           [TB_ROUND_UP] = "up",
        [TB_ROUND_FLOOR] = "floor",         [TB_ROUND_CEILING] = "ceiling",
        [TB_ROUND_HALF_EVEN] = "half_even", [TB_ROUND_HALF_UP] = "half_up",
    };
    for (size_t i = 0; word != NULL && i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(word, words[i]) == 0) {
            *out = (enum tb_rounding)i;
            return true;
        }
    }
    return false;
}

/* A row either makes a decimal (printed) or writes its own answer into `text`. */
struct call {
    char *word[WORDS_MAX];
    struct tb_decimal a, b, result;
    unsigned scale;
    enum tb_rounding rounding;
    char text[64];
};

static bool run_add(struct call *c)
{
    return tb_decimal_add(&c->a, &c->b, &c->result);
}

static bool run_subtract(struct call *c)
{
    return tb_decimal_subtract(&c->a, &c->b, &c->result);
}

static bool run_multiply(struct call *c)
{
    return tb_decimal_multiply(&c->a, &c->b, &c->result);
}

static bool run_divide(struct call *c)
{
    return tb_decimal_divide(&c->a, &c->b, c->scale, c->rounding, &c->result);
}

static bool run_round(struct call *c)
{
    return tb_decimal_round(&c->a, c->scale, c->rounding, &c->result);
}

static bool run_quantize(struct call *c)
{
    return tb_decimal_quantize(&c->a, &c->b, c->rounding, &c->result);
}

static bool run_parse(struct call *c)
{
    c->result = c->a;
    return true;
}

static bool run_normalise(struct call *c)
{
    c->result = c->a;
    tb_decimal_normalise(&c->result);
    return true;
}

static bool run_negate(struct call *c)
{
    c->result = c->a;
    tb_decimal_negate(&c->result);
    return true;
}

static bool run_compare(struct call *c)
{
    snprintf(c->text, sizeof c->text, "%d", tb_decimal_compare(&c->a, &c->b));
    return true;
}

static bool run_sign(struct call *c)
{
    snprintf(c->text, sizeof c->text, "%d", tb_decimal_sign(&c->a));
    return true;
}

static bool run_to_int64(struct call *c)
{
    int64_t value = 0;
    bool ok = tb_decimal_to_int64(&c->a, &value);
    snprintf(c->text, sizeof c->text, "%lld", (long long)value);
    return ok;
}

static bool run_to_double(struct call *c)
{
    snprintf(c->text, sizeof c->text, "%a", tb_decimal_to_double(&c->a));
    return true;
}

static bool run_from_double(struct call *c)
{
    return tb_decimal_from_double(strtod(c->word[1], NULL), &c->result);
}

static bool run_from_int64(struct call *c)
{
    tb_decimal_from_int64(strtoll(c->word[1], NULL, 10), &c->result);
    return true;
}

/* form: how the words behind the operation are read: a, b decimals, s scale, r rounding, t text */
static const struct {
    const char *name;
    const char *form;
    bool (*run)(struct call *c);
} operations[] = {
    {"add", "ab", run_add},
    {"subtract", "ab", run_subtract},
    {"multiply", "ab", run_multiply},
    {"divide", "absr", run_divide},
    {"round", "asr", run_round},
    {"quantize", "abr", run_quantize},
    {"parse", "a", run_parse},
    {"normalise", "a", run_normalise},
    {"negate", "a", run_negate},
    {"compare", "ab", run_compare},
    {"sign", "a", run_sign},
    {"to_int64", "a", run_to_int64},
    {"to_double", "a", run_to_double},
    {"from_double", "t", run_from_double},
    {"from_int64", "t", run_from_int64},
};

static bool read_operands(struct call *c, const char *form)
{
    for (size_t i = 0; form[i] != '\0'; i++) {
        const char *word = c->word[i + 1];
        bool ok = word != NULL;
        if (form[i] == 'a' || form[i] == 'b') {
            ok = ok && read_decimal(word, form[i] == 'a' ? &c->a : &c->b);
        } else if (form[i] == 's') {
            c->scale = ok ? (unsigned)strtoul(word, NULL, 10) : 0;
        } else if (form[i] == 'r') {
            ok = ok && read_rounding(word, &c->rounding);
        }
        if (!ok) {
            return false;
        }
    }
    return true;
}

static const char *answer(struct call *c, char out[TB_DECIMAL_TEXT])
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (strcmp(c->word[0], operations[i].name) != 0) {
            continue;
        }
        if (!read_operands(c, operations[i].form)) {
            return "unread";
        }
        if (!operations[i].run(c)) {
            return "false";
        }
        if (c->text[0] != '\0') {
            return c->text;
        }
        tb_decimal_format(&c->result, out);
        return out;
    }
    return "unknown operation";
}

static int tool(void)
{
    char line[1024];
    char out[TB_DECIMAL_TEXT];
    while (fgets(line, sizeof line, stdin) != NULL) {
        struct call call = {0};
        char *save = NULL;
        char *word = strtok_r(line, " \n", &save);
        for (size_t i = 0; i < WORDS_MAX && word != NULL; i++) {
            call.word[i] = word;
            word = strtok_r(NULL, " \n", &save);
        }
        puts(call.word[0] != NULL ? answer(&call, out) : "empty");
    }
    return 0;
}

/* ---- the tests ---- */

static struct tb_decimal dec(const char *text)
{
    struct tb_decimal d = {0};
    if (!tb_decimal_parse(text, strlen(text), &d)) {
        fail_msg("'%s' was not read", text);
    }
    return d;
}

static void check_text(const struct tb_decimal *d, const char *expected)
{
    char text[TB_DECIMAL_TEXT];
    assert_int_equal(tb_decimal_format(d, text), strlen(expected));
    assert_string_equal(text, expected);
}

static void reads_and_writes(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"0", "0"},
        {"-0", "0"},
        {"+0.00", "0.00"},
        {"-0.000", "0.000"},
        {"1", "1"},
        {"007", "7"},
        {"1.50", "1.50"},
        {"-12.034", "-12.034"},
        {"1e5", "100000"},
        {"1.5E+3", "1500"},
        {"15e-1", "1.5"},
        {"1e-60", "0.000000000000000000000000000000000000000000000000000000000001"},
        {"0e999999999999999999999", "0"},
        {"0e-7", "0.0000000"},
        {"0.1e1", "1"},
        {NINES_76, NINES_76},
        {"-" NINES_76, "-" NINES_76},
        {"000000000" NINES_76, NINES_76},
        {NINES_76 "e-60",
         "9999999999999999.999999999999999999999999999999999999999999999999999999999999"},
        {"1e75", "1000000000000000000000000000000000000000000000000000000000000000000000000000"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tb_decimal d = dec(rows[i][0]);
        check_text(&d, rows[i][1]);
    }
}

static void refuses_what_it_cannot_hold_or_read(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "-",
        "+",
        ".",
        ".5",
        "5.",
        "-.5",
        "1.e5",
        "e5",
        "1e",
        "1e+",
        "1e-",
        "--1",
        "+-1",
        " 1",
        "1 ",
        "1,5",
        "0x10",
        "1_000",
        "nan",
        "NaN",
        "inf",
        "Infinity",
        "1.2.3",
        "1e5.0",
        "1e5e5",
        "\xd9\xa1",
        "1e76",
        NINES_76 "9",
        NINES_76 "e1",
        "1e-61",
        "0e-61",
        "1e99999999999999999999",
        "1e-99999999999999999999",
        "0.0000000000000000000000000000000000000000000000000000000000001",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tb_decimal d;
        if (tb_decimal_parse(rows[i], strlen(rows[i]), &d)) {
            fail_msg("'%s' was read", rows[i]);
        }
    }
    struct tb_decimal d;
    assert_false(tb_decimal_parse("1\0", 2, &d));
    assert_true(tb_decimal_parse("12.5xyz", 4, &d)); /* reads no further than told */
    check_text(&d, "12.5");
}

static void the_reason_for_all_this(void **state)
{
    (void)state;
    struct tb_decimal a = dec("0.3"), step = dec("0.1"), out;
    assert_true(tb_decimal_divide(&a, &step, 0, TB_ROUND_FLOOR, &out));
    check_text(&out, "3");
    assert_true(tb_decimal_quantize(&a, &step, TB_ROUND_FLOOR, &out));
    check_text(&out, "0.3");
    struct tb_decimal one = dec("0.1"), two = dec("0.2");
    assert_true(tb_decimal_add(&one, &two, &out));
    assert_int_equal(tb_decimal_compare(&out, &a), 0);
}

static void rounds_in_every_direction(void **state)
{
    (void)state;
    /* columns in the order of enum tb_rounding */
    static const struct {
        const char *value;
        const char *rounded[6];
    } rows[] = {
        {"2.5", {"2", "3", "2", "3", "2", "3"}},        {"3.5", {"3", "4", "3", "4", "4", "4"}},
        {"-2.5", {"-2", "-3", "-3", "-2", "-2", "-3"}}, {"2.51", {"2", "3", "2", "3", "3", "3"}},
        {"2.49", {"2", "3", "2", "3", "2", "2"}},       {"-0.1", {"0", "-1", "-1", "0", "0", "0"}},
        {"-0.5", {"0", "-1", "-1", "0", "0", "-1"}},    {"2.0", {"2", "2", "2", "2", "2", "2"}},
        {"0.00", {"0", "0", "0", "0", "0", "0"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int r = TB_ROUND_DOWN; r <= TB_ROUND_HALF_UP; r++) {
            struct tb_decimal a = dec(rows[i].value), out;
            assert_true(tb_decimal_round(&a, 0, (enum tb_rounding)r, &out));
            check_text(&out, rows[i].rounded[r]);
            assert_false(out.negative && tb_decimal_sign(&out) == 0);
        }
    }
    struct tb_decimal a = dec("1.5"), out;
    assert_true(tb_decimal_round(&a, 4, TB_ROUND_DOWN, &out));
    check_text(&out, "1.5000");
    assert_false(tb_decimal_round(&a, 61, TB_ROUND_DOWN, &out));
}

static void overflow_is_refused_and_leaves_no_trace(void **state)
{
    (void)state;
    struct tb_decimal most = dec(NINES_76), one = dec("1"), ten = dec("10"), zero = dec("0");
    struct tb_decimal least = dec("1e-60"), out = dec("42"), minus = dec("-" NINES_76);
    assert_false(tb_decimal_add(&most, &one, &out));
    assert_false(tb_decimal_subtract(&minus, &one, &out));
    assert_false(tb_decimal_multiply(&most, &ten, &out));
    assert_false(tb_decimal_multiply(&least, &least, &out));
    assert_false(tb_decimal_add(&most, &least, &out));
    assert_false(tb_decimal_divide(&most, &least, 0, TB_ROUND_DOWN, &out));
    assert_false(tb_decimal_divide(&one, &zero, 0, TB_ROUND_DOWN, &out));
    assert_false(tb_decimal_divide(&one, &one, 61, TB_ROUND_DOWN, &out));
    assert_false(tb_decimal_quantize(&one, &zero, TB_ROUND_DOWN, &out));
    assert_false(tb_decimal_quantize(&one, &minus, TB_ROUND_DOWN, &out));
    assert_false(tb_decimal_quantize(&minus, &ten, TB_ROUND_FLOOR, &out));
    check_text(&out, "42");
    assert_true(tb_decimal_subtract(&most, &one, &out));
    assert_true(tb_decimal_add(&out, &one, &out));
    assert_int_equal(tb_decimal_compare(&out, &most), 0);
}

static void zeros_of_the_fraction_are_no_overflow(void **state)
{
    (void)state;
    struct tb_decimal most = dec(NINES_76), zero = dec("0.00"), out;
    assert_true(tb_decimal_add(&most, &zero, &out));
    check_text(&out, NINES_76);
    struct tb_decimal a = dec("2.5e-40"), b = dec("4e-20");
    assert_true(tb_decimal_multiply(&a, &b, &out));
    check_text(&out, "0.000000000000000000000000000000000000000000000000000000000010");
}

static void out_may_be_an_operand(void **state)
{
    (void)state;
    struct tb_decimal a = dec("1.5"), b = dec("-0.25");
    assert_true(tb_decimal_add(&a, &b, &a));
    check_text(&a, "1.25");
    assert_true(tb_decimal_subtract(&b, &a, &a));
    check_text(&a, "-1.50");
    assert_true(tb_decimal_multiply(&a, &a, &a));
    check_text(&a, "2.2500");
    assert_true(tb_decimal_divide(&a, &a, 2, TB_ROUND_DOWN, &a));
    check_text(&a, "1.00");
    assert_true(tb_decimal_subtract(&a, &a, &a));
    check_text(&a, "0.00");
    assert_int_equal(tb_decimal_sign(&a), 0);
    tb_decimal_negate(&a);
    assert_false(a.negative);
    a = dec("-3.7");
    assert_true(tb_decimal_quantize(&a, &a, TB_ROUND_DOWN, &b) == false);
    tb_decimal_negate(&a);
    assert_true(tb_decimal_quantize(&a, &a, TB_ROUND_DOWN, &a));
    check_text(&a, "3.7");
}

static void converts_integers_and_doubles(void **state)
{
    (void)state;
    static const int64_t integers[] = {0, 1, -1, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
        struct tb_decimal d;
        int64_t back = 7;
        tb_decimal_from_int64(integers[i], &d);
        assert_true(tb_decimal_to_int64(&d, &back));
        assert_int_equal(back, integers[i]);
    }
    static const char *const not_int64[] = {"0.5", "9223372036854775808", "-9223372036854775809",
                                            "18446744073709551616", "1e40"};
    for (size_t i = 0; i < sizeof not_int64 / sizeof not_int64[0]; i++) {
        struct tb_decimal d = dec(not_int64[i]);
        int64_t value;
        assert_false(tb_decimal_to_int64(&d, &value));
    }
    struct tb_decimal d = dec("7.000");
    int64_t seven = 0;
    assert_true(tb_decimal_to_int64(&d, &seven));
    assert_int_equal(seven, 7);
    static const struct {
        double value;
        const char *text;
    } doubles[] = {{0.1, "0.1"},
                   {-0.0, "0"},
                   {1e22, "10000000000000000000000"},
                   {100, "100"},
                   {0.1 + 0.2, "0.30000000000000004"},
                   {-1.5, "-1.5"},
                   {0x1p-44, "0.00000000000005684341886080802"}};
    for (size_t i = 0; i < sizeof doubles / sizeof doubles[0]; i++) {
        assert_true(tb_decimal_from_double(doubles[i].value, &d));
        check_text(&d, doubles[i].text);
        assert_true(tb_decimal_to_double(&d) == doubles[i].value);
    }
    assert_false(tb_decimal_from_double((double)NAN, &d));
    assert_false(tb_decimal_from_double((double)INFINITY, &d));
    assert_false(tb_decimal_from_double(-(double)INFINITY, &d));
    assert_false(tb_decimal_from_double(1e76, &d));
    assert_false(tb_decimal_from_double(1e-61, &d));
}

static void normalises(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"1.500", "1.5"}, {"100", "100"},    {"100.00", "100"},
                                          {"0.000", "0"},   {"-0.10", "-0.1"}, {"1.05", "1.05"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tb_decimal d = dec(rows[i][0]);
        tb_decimal_normalise(&d);
        check_text(&d, rows[i][1]);
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--tool") == 0) {
        return tool();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes),
        cmocka_unit_test(refuses_what_it_cannot_hold_or_read),
        cmocka_unit_test(the_reason_for_all_this),
        cmocka_unit_test(rounds_in_every_direction),
        cmocka_unit_test(overflow_is_refused_and_leaves_no_trace),
        cmocka_unit_test(zeros_of_the_fraction_are_no_overflow),
        cmocka_unit_test(out_may_be_an_operand),
        cmocka_unit_test(converts_integers_and_doubles),
        cmocka_unit_test(normalises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
