/* Identifiers: form, order and difference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/id.h"

static void ulid_holds_the_time(void **state)
{
    (void)state;
    char id[TB_ULID_TEXT];
    tb_clock_use_virtual(1469918176385, 0); /* the example of the ULID specification */
    tb_ulid(id);
    assert_int_equal(strlen(id), 26);
    assert_memory_equal(id, "01ARYZ6S41", 10);
    assert_int_equal(strspn(id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), 26);
    tb_clock_use_real();
}

static void what_is_no_ulid_is_told(void **state)
{
    (void)state;
    char id[TB_ULID_TEXT];
    static const char *const others[] = {"",
                                         "01ARYZ6S41",
                                         "01ARYZ6S410000000000000000X",
                                         "01aryz6s41tsv4rrffq69g5fav",
                                         "01ARYZ6S41TSV4RRFFQ69G5FAU",
                                         "81ARYZ6S41TSV4RRFFQ69G5FAV",
                                         "01ARYZ6S41TSV4RRFFQ69G5FA\xc3"};
    tb_ulid(id);
    assert_true(tb_ulid_is(id));
    assert_true(tb_ulid_is("01ARYZ6S41TSV4RRFFQ69G5FAV"));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(tb_ulid_is(others[i]));
}

static void ulids_increase_whatever_the_clock_does(void **state)
{
    (void)state;
    char last[TB_ULID_TEXT] = "";
    char id[TB_ULID_TEXT];
    for (int i = 0; i < 30000; i++) {
        /* mostly standing, sometimes forward, sometimes back */
        int64_t wall = 1800000000000 + (i / 1000) % 7 * 50 - (i % 97 == 0 ? 500 : 0);
        tb_clock_use_virtual(wall, 0);
        tb_ulid(id);
        assert_true(strcmp(last, id) < 0);
        memcpy(last, id, sizeof last);
    }
    tb_clock_use_real();
}

#define PER_THREAD 2000

static void *make_ulids(void *arg)
{
    char(*ids)[TB_ULID_TEXT] = arg;
    for (int i = 0; i < PER_THREAD; i++) {
        tb_ulid(ids[i]);
    }
    return NULL;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void ulids_of_threads_differ(void **state)
{
    (void)state;
    static char ids[4 * PER_THREAD][TB_ULID_TEXT];
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, make_ulids, ids[i * PER_THREAD]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        for (size_t k = 1; k < PER_THREAD; k++) {
            assert_true(strcmp(ids[i * PER_THREAD + k - 1], ids[i * PER_THREAD + k]) < 0);
        }
    }
    qsort(ids, 4 * PER_THREAD, sizeof ids[0], compare_ids);
    for (size_t i = 1; i < 4 * PER_THREAD; i++) {
        assert_string_not_equal(ids[i - 1], ids[i]);
    }
}

static void nonces_and_tokens_have_their_form(void **state)
{
    (void)state;
    char nonce[TB_NONCE_TEXT], other_nonce[TB_NONCE_TEXT];
    char token[TB_TOKEN_TEXT], other_token[TB_TOKEN_TEXT];
    uint32_t seen_low = 0;
    for (int i = 0; i < 200; i++) {
        tb_nonce(nonce);
        tb_nonce(other_nonce);
        assert_int_equal(strlen(nonce), 8);
        assert_int_equal(strspn(nonce, "0123456789abcdef"), 8);
        seen_low |= (uint32_t)strtoul(nonce, NULL, 16);
        tb_token(token);
        tb_token(other_token);
        assert_int_equal(strlen(token), 46);
        assert_memory_equal(token, "tb_", 3);
        assert_int_equal(strspn(token + 3, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                           "0123456789-_"),
                         43);
        /* 43 characters are 258 bits; the two too many are zero. */
        assert_non_null(strchr("AEIMQUYcgkosw048", token[45]));
        assert_string_not_equal(token, other_token);
    }
    assert_int_equal(seen_low, UINT32_MAX); /* every bit was set once: wrong with odds of 2^-195 */
    assert_true(tb_random_u64() != tb_random_u64());
}

static void random_bytes_fill_exactly(void **state)
{
    (void)state;
    unsigned char bytes[1026] = {0};
    tb_random_bytes(bytes + 1, 1024);
    assert_int_equal(bytes[0], 0);
    assert_int_equal(bytes[1025], 0);
    size_t zeros = 0;
    for (size_t i = 1; i <= 1024; i++) {
        zeros += bytes[i] == 0;
    }
    assert_true(zeros < 64);
    tb_random_bytes(bytes, 0);
}

static void slugs(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *slug;
    } rows[] = {
        {"My Bot", "my-bot"},
        {"my-bot", "my-bot"},
        {"  --A__B!! c--  ", "a-b-c"},
        {"", "bot"},
        {"---", "bot"},
        {"\xc3\x84\xc3\xb6", "bot"},
        {"B\xc3\xb6rse 7", "b-rse-7"},
        {"0123456789012345678901234567890123456789", "0123456789012345678901234567890123456789"},
        {"01234567890123456789012345678901234567890", "0123456789012345678901234567890123456789"},
        {"012345678901234567890123456789012345678 x", "012345678901234567890123456789012345678"},
        {"01234567890123456789012345678901234567 x", "01234567890123456789012345678901234567-x"},
        {"@[`{/:", "bot"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char slug[TB_SLUG_TEXT];
        tb_slug(rows[i].name, slug);
        assert_string_equal(slug, rows[i].slug);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_ulid_is_told),
        cmocka_unit_test(ulids_increase_whatever_the_clock_does),
        cmocka_unit_test(ulids_of_threads_differ),
        cmocka_unit_test(nonces_and_tokens_have_their_form),
        cmocka_unit_test(random_bytes_fill_exactly),
        cmocka_unit_test(slugs),
    };
    /* ULIDs only go up within a process, so the one test with a time long ago runs first. */
    const struct CMUnitTest first[] = {cmocka_unit_test(ulid_holds_the_time)};
    return cmocka_run_group_tests(first, NULL, NULL) + cmocka_run_group_tests(tests, NULL, NULL);
}
