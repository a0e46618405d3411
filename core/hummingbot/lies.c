/* Failures inside a 200. Upstream reports many of them with success's status (CONTRACT section 4);
 * one judge a kind. A judge believes nothing it has not seen: an answer that lacks the very member
 * that carries the truth is strange, not good. Any thread. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "hummingbot/client_private.h"

/* A verdict with room for upstream's words. */
struct judge {
    const struct tb_json *root;
    char *why;
    size_t size;
};

static enum tb_hb_truth say(struct judge *j, enum tb_hb_truth verdict, const char *what,
                            const struct tb_json *words)
{
    char clean[256] = "";
    if (words && words->type == TB_JSON_STRING)
        tb_hb_clean_text(words->text, words->len, clean, sizeof clean);
    snprintf(j->why, j->size, "%s%s%s", what, *clean ? ": " : "", clean);
    return verdict;
}

static enum tb_hb_truth judge_success_in(struct judge *j, const struct tb_json *object,
                                         const char *name)
{
    char what[64];
    const struct tb_json *success = tb_json_get(object, "success");
    snprintf(what, sizeof what, "%s is %s", name, success ? "false" : "missing");
    if (tb_json_true(success))
        return TB_HB_TRUE;
    return say(j, tb_json_is(success, TB_JSON_BOOL) ? TB_HB_FALSE : TB_HB_STRANGE, what,
               tb_json_get(object, "message"));
}

static enum tb_hb_truth judge_success(struct judge *j)
{
    return judge_success_in(j, j->root, "success");
}

static enum tb_hb_truth judge_response(struct judge *j)
{
    return judge_success_in(j, tb_json_get(j->root, "response"), "response.success");
}

static enum tb_hb_truth judge_history(struct judge *j)
{
    enum tb_hb_truth outer = judge_response(j);
    if (outer != TB_HB_TRUE)
        return outer;
    const struct tb_json *bot = tb_json_path(j->root, "response", "data", "data", NULL);
    int64_t status = 0;
    if (!tb_json_int64(tb_json_get(bot, "status"), &status))
        return say(j, TB_HB_STRANGE, "the bot's own answer is missing", NULL);
    if (status != 200)
        return say(j, TB_HB_FALSE, "the bot answered that it failed", tb_json_get(bot, "msg"));
    return TB_HB_TRUE;
}

static enum tb_hb_truth judge_data_status(struct judge *j)
{
    const struct tb_json *data = tb_json_get(j->root, "data");
    const char *status = tb_json_get_string(data, "status");
    if (!status)
        return say(j, TB_HB_STRANGE, "data.status is missing", NULL);
    if (strcmp(status, "not_found") == 0)
        return say(j, TB_HB_FALSE, "data.status is not_found", tb_json_get(data, "error"));
    if (strcmp(status, "error") == 0)
        return say(j, TB_HB_FALSE, "data.status is error", tb_json_get(data, "error"));
    return TB_HB_TRUE;
}

static enum tb_hb_truth judge_status(struct judge *j)
{
    const char *status = tb_json_get_string(j->root, "status");
    if (status && strcmp(status, "success") == 0)
        return TB_HB_TRUE;
    return say(j, status ? TB_HB_FALSE : TB_HB_STRANGE,
               status ? "status is not success" : "status is missing",
               tb_json_get(j->root, "message"));
}

static enum tb_hb_truth judge_list(struct judge *j)
{
    if (tb_json_is(j->root, TB_JSON_ARRAY))
        return TB_HB_TRUE;
    if (tb_json_is(j->root, TB_JSON_STRING))
        return say(j, TB_HB_FALSE, "an error text stands where the list belongs", j->root);
    return say(j, TB_HB_STRANGE, "the answer is not a list", NULL);
}

static enum tb_hb_truth judge_null(struct judge *j)
{
    if (tb_json_is(j->root, TB_JSON_NULL))
        return TB_HB_TRUE;
    if (tb_json_is(j->root, TB_JSON_STRING))
        return say(j, TB_HB_FALSE, "the container engine refused", j->root);
    return say(j, TB_HB_STRANGE, "the answer is neither null nor an error text", NULL);
}

static enum tb_hb_truth judge_error_key(struct judge *j)
{
    const struct tb_json *error = tb_json_get(j->root, "error");
    if (!error || error->type == TB_JSON_NULL)
        return TB_HB_TRUE;
    return say(j, TB_HB_FALSE, "the answer is an error", error);
}

static enum tb_hb_truth judge_error_values(struct judge *j)
{
    if (!j->root || j->root->type != TB_JSON_OBJECT)
        return say(j, TB_HB_STRANGE, "the answer is not an object", NULL);
    for (const struct tb_json *m = j->root->child; m; m = m->next) {
        const struct tb_json *error = tb_json_get(m, "error");
        if (error) {
            char what[128];
            snprintf(what, sizeof what, "no answer for `%.64s`", m->key);
            return say(j, TB_HB_FALSE, what, error);
        }
    }
    return TB_HB_TRUE;
}

static enum tb_hb_truth judge_results(struct judge *j)
{
    enum tb_hb_truth outer = judge_success(j);
    if (outer != TB_HB_TRUE)
        return outer;
    const struct tb_json *results = tb_json_get(j->root, "results");
    for (const struct tb_json *r = results ? results->child : NULL; r; r = r->next) {
        const struct tb_json *error = tb_json_get(r, "error");
        if (error)
            return say(j, TB_HB_FALSE, "one of the results is an error", error);
    }
    return TB_HB_TRUE;
}

static enum tb_hb_truth judge_price_zero(struct judge *j)
{
    struct tb_decimal price;
    if (!tb_json_decimal(tb_json_get(j->root, "price"), &price))
        return say(j, TB_HB_STRANGE, "price is missing", NULL);
    if (tb_decimal_sign(&price) == 0)
        return say(j, TB_HB_FALSE,
                   "price is 0: the Gateway found no route for this pair and amount, or failed",
                   NULL);
    return TB_HB_TRUE;
}

static enum tb_hb_truth judge_shape(struct judge *j)
{
    return tb_json_is(j->root, TB_JSON_OBJECT)
               ? TB_HB_TRUE
               : say(j, TB_HB_STRANGE, "the answer is not an object", NULL);
}

static enum tb_hb_truth judge_honest(struct judge *j)
{
    (void)j;
    return TB_HB_TRUE;
}

static enum tb_hb_truth (*const JUDGES[])(struct judge *) = {
    [TB_HB_HONEST] = judge_honest,           [TB_HB_LIE_RESPONSE] = judge_response,
    [TB_HB_LIE_HISTORY] = judge_history,     [TB_HB_LIE_DATA_STATUS] = judge_data_status,
    [TB_HB_LIE_STATUS] = judge_status,       [TB_HB_LIE_SUCCESS] = judge_success,
    [TB_HB_LIE_LIST] = judge_list,           [TB_HB_LIE_NULL] = judge_null,
    [TB_HB_LIE_ERROR_KEY] = judge_error_key, [TB_HB_LIE_ERROR_VALUES] = judge_error_values,
    [TB_HB_LIE_RESULTS] = judge_results,     [TB_HB_LIE_PRICE_ZERO] = judge_price_zero,
    [TB_HB_LIE_SHAPE] = judge_shape,
};

static bool ignore_member(void *arg, const char *key, size_t key_len, struct tb_json_slice value)
{
    (void)arg;
    (void)key;
    (void)key_len;
    (void)value;
    return true;
}

enum tb_hb_truth tb_hb_judge(const struct tb_hb_endpoint_row *row, const char *body, size_t len,
                             char *why, size_t why_size)
{
    size_t start = 0;
    while (start < len && strchr(" \t\r\n", body[start]) && body[start])
        start++;
    snprintf(why, why_size, "the answer is not JSON");
    /* The status document is megabytes; slicing checks it without building it. */
    if (row->lie == TB_HB_HONEST && start < len && body[start] == '{')
        return tb_json_each_member(body, len, ignore_member, NULL, NULL) ? TB_HB_TRUE
                                                                         : TB_HB_STRANGE;
    struct tb_json_doc *doc = tb_json_parse(body, len, TB_JSON_UPSTREAM, NULL);
    if (!doc)
        return TB_HB_STRANGE;
    struct judge j = {tb_json_root(doc), why, why_size};
    enum tb_hb_truth verdict = JUDGES[row->lie](&j);
    tb_json_free(doc);
    return verdict;
}
