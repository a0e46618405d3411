/* The log: no secret in any form, no forged line, every JSON line valid, also with many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"

static int capture_fd = -1;

static int start_capture(void **state)
{
    (void)state;
    capture_fd = memfd_create("log", 0);
    tb_log_to_fd(capture_fd);
    /* Appending, so that writes of several threads cannot share an offset on any kernel. */
    return capture_fd < 0 || fcntl(capture_fd, F_SETFL, O_APPEND) != 0 ||
           !tb_log_configure(NULL, NULL);
}

static int end_capture(void **state)
{
    (void)state;
    tb_log_to_fd(STDERR_FILENO);
    close(capture_fd);
    return 0;
}

/* Everything logged so far; the caller frees it. */
static char *captured(void)
{
    off_t size = lseek(capture_fd, 0, SEEK_END);
    assert_true(size >= 0);
    char *text = calloc(1, (size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(pread(capture_fd, text, (size_t)size, 0), size);
    return text;
}

static void check_redacted(const char *text, const char *expected)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    tb_redact(&out, text);
    assert_string_equal(tb_buffer_text(&out), expected);
    tb_buffer_free(&out);
}

static void secrets_are_replaced_whole(void **state)
{
    (void)state;
    tb_log_secret("s3cret/Pa ss");
    tb_log_secret("s3cret/Pa ss");
    tb_log_secret("abc"); /* too short to hide */
    check_redacted("", "");
    check_redacted("plain text abc", "plain text abc");
    check_redacted("s3cret/Pa ss", "***");
    check_redacted("a s3cret/Pa ss b s3cret/Pa ss", "a *** b ***");
    check_redacted("s3cret/Pa s", "s3cret/Pa s");
    check_redacted("S3CRET/PA SS", "S3CRET/PA SS");
}

static void secrets_are_replaced_percent_encoded(void **state)
{
    (void)state;
    check_redacted("key=s3cret%2FPa%20ss&x=1", "key=***&x=1");
    check_redacted("key=s3cret%2fPa+ss&x=1", "key=***&x=1");
    check_redacted("key=%733cret/%50a%20ss", "key=***");
    check_redacted("s3cret\\/Pa ss", "***");
    check_redacted("%2", "%2");
    check_redacted("100%", "100%");
    tb_log_secret("50%25off");
    check_redacted("50%25off", "***");
    check_redacted("50%2525off", "***");
    tb_log_secret("quo\"te\\d");
    check_redacted("{\"p\":\"quo\\\"te\\\\d\"}", "{\"p\":\"***\"}");
}

static void overlapping_secrets_leave_no_tail(void **state)
{
    (void)state;
    tb_log_secret("longword");
    tb_log_secret("longwordandmore");
    tb_log_secret("moretail");
    check_redacted("xlongwordy", "x***y");
    check_redacted("xlongwordandmorey", "x***y");
    check_redacted("longwordandmoretail!", "***!");
    check_redacted("longwordlongword", "******");
}

static void secrets_are_replaced_in_base64(void **state)
{
    (void)state;
    static const char *const users[] = {"", "u", "us", "use", "admin", "hummingbot", "x y z w"};
    static const char *const values[] = {"p?>~", "Tr0ub4dor&3", "pass-w0rd\xc3\xa9\xff", "AAAA"};
    for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
        tb_log_secret(values[v]);
        for (size_t u = 0; u < sizeof users / sizeof users[0]; u++) {
            char pair[80];
            struct tb_buffer line = TB_BUFFER_INIT;
            snprintf(pair, sizeof pair, "%s:%s", users[u], values[v]);
            tb_buffer_puts(&line, "Authorization: Basic ");
            tb_base64_append(&line, pair, strlen(pair));
            tb_buffer_puts(&line, " end");
            check_redacted(line.data, "Authorization: Basic *** end");
            for (char *c = line.data; *c != '\0'; c++) {
                *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
            }
            check_redacted(line.data, "Authorization: Basic *** end");
            tb_buffer_free(&line);
        }
    }
    check_redacted("Authorization: Basic aGVsbG86d29ybGQ= end",
                   "Authorization: Basic aGVsbG86d29ybGQ= end");
}

static void check_escaped(const char *text, const char *expected)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    tb_escape_control(&out, text);
    assert_string_equal(tb_buffer_text(&out), expected);
    tb_buffer_free(&out);
}

static void control_characters_are_escaped(void **state)
{
    (void)state;
    check_escaped("plain \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
                  "plain \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    check_escaped("a\nb\r\tc\x1b[31m\x7f", "a\\x0ab\\x0d\\x09c\\x1b[31m\\x7f");
    check_escaped("\xc2\x85|\xc2\x9b|\xc2\xa0", "\\xc2\\x85|\\xc2\\x9b|\xc2\xa0");
    check_escaped("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9",
                  "\xe2\x80\xa7\\xe2\\x80\\xa8\\xe2\\x80\\xa9");
    check_escaped("\xe2\x80\xae\xe2\x81\xa6", "\\xe2\\x80\\xae\\xe2\\x81\\xa6");
    /* not UTF-8: alone, cut, overlong, surrogate, beyond U+10FFFF */
    check_escaped("\x9b", "\\x9b");
    check_escaped("\xe2\x82", "\\xe2\\x82");
    check_escaped("\xc0\x8a", "\\xc0\\x8a");
    check_escaped("\xe0\x80\x8a", "\\xe0\\x80\\x8a");
    check_escaped("\xed\xa0\x80", "\\xed\\xa0\\x80");
    check_escaped("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
    check_escaped("\xc1\x81 \xe0\x81\x81 \xf0\x80\x81\x81",
                  "\\xc1\\x81 \\xe0\\x81\\x81 \\xf0\\x80\\x81\\x81");
    check_escaped("\xff\xc3", "\\xff\\xc3");
}

static void settings_are_read_or_refused(void **state)
{
    (void)state;
    static const char *const good[] = {"text", "json", "text,debug", "json,error", "text,warn"};
    static const char *const bad[] = {"",       "xml",  "text,",           "text,loud",
                                      "debug",  "TEXT", "text,debug,json", "texts",
                                      ",debug", "json "};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(tb_log_configure(good[i], NULL));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct tb_error err = {0};
        assert_false(tb_log_configure(bad[i], &err));
        assert_int_equal(err.code, TB_INVALID);
        assert_non_null(strstr(err.detail, "text,debug"));
    }
    assert_true(tb_log_configure(NULL, NULL));
}

static void text_lines(void **state)
{
    (void)state;
    tb_clock_use_virtual(1795342500123, 0);
    errno = EBADF;
    tb_log(TB_INFO, "bot.deployed", "bot %s with %s\nforged line", "x", "s3cret%2FPa ss");
    assert_int_equal(errno, EBADF);
    tb_log(TB_DEBUG, "quiet", "below the level");
    assert_true(tb_log_configure("text,error", NULL));
    tb_log(TB_WARN, "quiet", "below the level");
    tb_log(TB_ERROR, "loud", "x");
    tb_clock_use_real();
    char *text = captured();
    assert_string_equal(
        text, "2026-11-22T10:15:00.123Z info  bot.deployed: bot x with ***\\x0aforged line\n"
              "2026-11-22T10:15:00.123Z error loud: x\n");
    free(text);
}

static void json_lines_are_valid(void **state)
{
    (void)state;
    static const char *const messages[] = {
        "plain",
        "",
        "quote \" backslash \\ slash /",
        "line\nbreak\ttab\x1b[0m",
        "bad \xff\xfe utf8 \xc3",
        "\xe2\x80\xa8 \xc2\x85 \xf0\x9f\x98\x80",
        "s3cret/Pa ss",
    };
    const size_t count = sizeof messages / sizeof messages[0];
    assert_true(tb_log_configure("json,debug", NULL));
    for (size_t i = 0; i < count; i++) {
        tb_log((enum tb_log_level)(i % 4), "test.event", "%s", messages[i]);
    }
    char *text = captured();
    size_t lines = 0;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0'; lines++) {
        json_error_t error;
        json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, &error);
        assert_non_null(json);
        assert_int_equal(json_object_size(json), 4);
        assert_string_equal(json_string_value(json_object_get(json, "event")), "test.event");
        assert_int_equal(json_string_length(json_object_get(json, "time")), 24);
        struct tb_buffer shown = TB_BUFFER_INIT;
        struct tb_buffer expected = TB_BUFFER_INIT;
        tb_redact(&shown, messages[lines]);
        tb_escape_control(&expected, tb_buffer_text(&shown));
        assert_string_equal(json_string_value(json_object_get(json, "message")),
                            tb_buffer_text(&expected));
        tb_buffer_free(&shown);
        tb_buffer_free(&expected);
        json_decref(json);
    }
    assert_int_equal(lines, count);
    free(text);
}

static void long_messages_are_cut_after_redaction(void **state)
{
    (void)state;
    char message[9001];
    memset(message, 'x', sizeof message - 1);
    message[sizeof message - 1] = '\0';
    /* Cut first, the secret would be halved at byte 8192 and be shown. */
    memcpy(message + 8186, "Tr0ub4dor&3", 11);
    assert_true(tb_log_configure("json", NULL));
    tb_log(TB_INFO, "long", "%s", message);
    char *text = captured();
    assert_null(strstr(text, "Tr0u"));
    assert_non_null(strstr(text, "bytes more)"));
    assert_true(strlen(text) < 8400);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    json_decref(json);
    free(text);
}

#define THREADS 4
#define LINES   200

static void *log_much(void *arg)
{
    int id = *(int *)arg;
    for (int i = 0; i < LINES; i++) {
        char secret[32];
        snprintf(secret, sizeof secret, "key-%d-%d-end", id, i / 20);
        tb_log_secret(secret);
        tb_log(TB_INFO, "thread", "t%d i%d %s", id, i, secret);
    }
    return NULL;
}

static void threads_write_whole_lines(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    int ids[THREADS];
    assert_true(tb_log_configure("json", NULL));
    for (int i = 0; i < THREADS; i++) {
        ids[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, log_much, &ids[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    char *text = captured();
    char *rest = text;
    int next[THREADS] = {0};
    int lines = 0;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0'; lines++) {
        json_t *json = json_loads(line, 0, NULL);
        assert_non_null(json);
        int id = -1, number = -1;
        char tail[8] = "";
        assert_int_equal(sscanf(json_string_value(json_object_get(json, "message")), "t%d i%d %7s",
                                &id, &number, tail),
                         3);
        assert_in_range(id, 0, THREADS - 1);
        assert_int_equal(number, next[id]++);
        assert_string_equal(tail, "***");
        json_decref(json);
    }
    assert_int_equal(lines, THREADS * LINES);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_replaced_whole),
        cmocka_unit_test(secrets_are_replaced_percent_encoded),
        cmocka_unit_test(overlapping_secrets_leave_no_tail),
        cmocka_unit_test(secrets_are_replaced_in_base64),
        cmocka_unit_test(control_characters_are_escaped),
        cmocka_unit_test(settings_are_read_or_refused),
        cmocka_unit_test_setup_teardown(text_lines, start_capture, end_capture),
        cmocka_unit_test_setup_teardown(json_lines_are_valid, start_capture, end_capture),
        cmocka_unit_test_setup_teardown(long_messages_are_cut_after_redaction, start_capture,
                                        end_capture),
        cmocka_unit_test_setup_teardown(threads_write_whole_lines, start_capture, end_capture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
