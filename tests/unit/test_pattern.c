/* Our pattern matcher against Lua's own: random patterns of the language's pieces on random texts,
 * and that none runs longer than its steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../pattern_oracle.h"
#include "plugins/pattern.h"

enum { CASES = 60000 };

static uint64_t seed = 20261122;

static unsigned pick(unsigned below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % below;
}

static size_t add(uint8_t *to, size_t at, const char *piece, size_t len)
{
    memcpy(to + at, piece, len);
    return at + len;
}

static size_t random_pattern(uint8_t *to)
{
    static const char *const pieces[] = {
        "a",    "b",      "c",      ".",    "%a",    "%A",    "%d",  "%s",    "%w",   "%W",
        "%l",   "%u",     "%x",     "%z",   "%Z",    "%p",    "%c",  "%g",    "%.",   "%%",
        "[ab]", "[^ab]",  "*",      "+",    "-",     "?",     "[]]", "[^]a]", "()",   "(",
        ")",    "(a)",    "^",      "$",    "%1",    "%2",    "%0",  "%bab",  "%b()", "%f[a]",
        "%f",   "[a-c",   "[%a_%]", "%",    "[",     "%b",    "-",   "*",     ".-",   ".*",
        "(.-)", "%f[^a]", "[a-]",   "[-a]", "[%w-]", "[b-a]", "\x80"};
    size_t len = 0;
    if (pick(6) == 0)
        len = add(to, len, "^", 1);
    for (unsigned n = pick(7); n > 0; n--) {
        const char *piece = pieces[pick(sizeof pieces / sizeof *pieces)];
        len = pick(40) == 0 ? add(to, len, "\0", 1) : add(to, len, piece, strlen(piece));
        if (pick(3) == 0)
            len = add(to, len, &"*+-?"[pick(4)], 1);
    }
    if (pick(6) == 0)
        len = add(to, len, "$", 1);
    return len;
}

static size_t random_text(uint8_t *to, size_t max)
{
    static const char letters[] = "aaabbbc(())ABx1 _-]\n%.";
    size_t len = pick((unsigned)max);
    for (size_t i = 0; i < len; i++)
        to[i] = pick(30) == 0 ? (uint8_t)pick(256) : (uint8_t)letters[pick(sizeof letters)];
    return len;
}

static void test_same_as_lua(void **state)
{
    (void)state;
    struct pattern_oracle oracle;
    uint8_t data[512];
    pattern_open(&oracle);
    for (int i = 0; i < CASES; i++) {
        static const char *const repls[] = {"", "x", "%0", "<%1>", "%2", "%%", "%", "a%", "%x"};
        const char *repl = repls[pick(sizeof repls / sizeof *repls)];
        data[0] = (uint8_t)pick(8);
        data[1] = (uint8_t)pick(256);
        data[2] = (uint8_t)random_pattern(data + 4);
        data[3] = (uint8_t)strlen(repl);
        size_t len = add(data, 4u + data[2], repl, strlen(repl));
        len += random_text(data + len, 40);
        if (!pattern_same(&oracle, data, len))
            fail_msg("case %d", i);
    }
    pattern_close(&oracle);
}

/* What no random case finds: many captures, many choices, long sets. */
static void test_edges(void **state)
{
    (void)state;
    static const char *const pieces[] = {"()", "(a)", "(", "a?", "a*", "a-", "a+", "(a?)"};
    struct pattern_oracle oracle;
    uint8_t data[1024];
    pattern_open(&oracle);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        for (unsigned n = 1; n * strlen(pieces[i]) < 256; n++) {
            size_t len = 4;
            for (unsigned k = 0; k < n; k++)
                len = add(data, len, pieces[i], strlen(pieces[i]));
            data[0] = (uint8_t)(n % 3 == 0 ? 4 : 2);
            data[1] = 4;
            data[2] = (uint8_t)(len - 4);
            data[3] = 0;
            memset(data + len, 'a', 250);
            if (!pattern_same(&oracle, data, len + 250))
                fail_msg("%s %u times", pieces[i], n);
        }
    }
    pattern_close(&oracle);
}

static void count_ticks(void *owner)
{
    ++*(unsigned *)owner;
}

/* The budget is kept to the step, and the owner is asked on the way. */
static void test_steps(void **state)
{
    (void)state;
    static const char *const patterns[] = {".-.-.-.-b",   "a*a*a*a*b",           "a-a-a-a-%f[b]",
                                           "(a*)(a*)%1b", "[a-z]-[a-z]-[a-z]-b", "%b()"};
    char text[4000];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        unsigned ticks = 0;
        size_t end;
        if (patterns[i][0] == '%')
            memset(text, '(', sizeof text);
        struct tb_pattern m = {.subject = text,
                               .subject_len = sizeof text,
                               .text = patterns[i],
                               .len = strlen(patterns[i]),
                               .steps = 1000000,
                               .tick = count_ticks,
                               .owner = &ticks};
        enum tb_pattern_result result = TB_PATTERN_NO;
        for (size_t at = 0; at < sizeof text && result == TB_PATTERN_NO; at++)
            result = tb_pattern_match(&m, at, 0, &end);
        assert_int_equal(result, TB_PATTERN_BAD);
        assert_string_equal(m.error, "the pattern takes too many steps on this text");
        assert_true(m.steps > -100);
        assert_in_range(ticks, 200, 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_lua),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
