/* What the store keeps for a time only, whatever keeps it: versions of plugins, backtests and
 * series, and what of the old goes and what stays. Run with "memory" and "sqlite". */
#include "base/buffer.h"
#include "store_fixture.h"

static void put_version(struct tb_store *store, const char *hash, int64_t at, const char *files)
{
    struct tb_store_plugin_version version = {.plugin = "p",
                                              .hash = hash,
                                              .version = "1.0",
                                              .origin = "folder",
                                              .created_at = at,
                                              .activated_at = at,
                                              .files = files};
    struct tb_store_change change = {.kind = TB_STORE_PLUGIN_VERSION_PUT,
                                     .plugin_version = &version};
    must(tb_store_commit(store, &change, 1, &err));
}

static void collect_version(void *arg, const struct tb_store_plugin_version *version)
{
    strcat(arg, version->hash);
    strcat(arg, " ");
    assert_string_equal(version->files, "{}");
}

static void versions_of_plugins_are_kept_once(void **state)
{
    struct tb_store *store = store_of(state);
    put_version(store, "aa1", 1, "{\"a\": \"one\"}");
    put_version(store, "ab2", 2, "{\"a\": \"two\"}");
    put_version(store, "aa1", 3, "{\"a\": \"another\"}");
    put_version(store, "ab2", 0, "{}"); /* seen again without being activated */
    char seen[32] = "";
    must(tb_store_plugin_versions_each(store, "p", 0, collect_version, seen, &err));
    assert_string_equal(seen, "aa1 ab2 ");
    struct tb_store_plugin_version *read = tb_store_plugin_version_get(store, "p", "aa1", NULL);
    assert_string_equal(read->files, "{\"a\": \"one\"}");
    assert_int_equal(read->created_at, 1);
    assert_int_equal(read->activated_at, 3);
    free(read);
    read = tb_store_plugin_version_get(store, "p", "a", NULL);
    assert_string_equal(read->hash, "aa1");
    free(read);
    read = tb_store_plugin_version_get(store, "p", "ab", NULL);
    assert_int_equal(read->activated_at, 2);
    free(read);
    must_refuse(TB_NOT_FOUND, tb_store_plugin_version_get(store, "q", "aa1", &err) != NULL);
}

/* What somebody may want back stays: the newest, what serves or waits or is pinned against, and
 * what a bot was made with, is wanted to be made with, or was made with before. */
static void versions_nobody_needs_are_pruned(void **state)
{
    static const char *const hashes[] = {"aaaaaaaa1", "bbbbbbbb1", "cccccccc1", "dddddddd1",
                                         "eeeeeeee1", "ffffffff1", "abababab1", "acacacac1"};
    struct tb_store *store = store_of(state);
    struct tb_store_bot bot = some_bot("b", "b"), gone = some_bot("g", "g");
    struct tb_store_plan plan = {
        .id = "old",
        .hash = "h",
        .doc = "{\"bot_facts\": {\"plugin\": {\"generation\": \"dddddddd\"}}}"};
    struct tb_store_plugin_state serves = {.plugin = "p", .active = "aaaaaaaa1"};
    struct tb_store_change change = {.kind = TB_STORE_PLUGIN_STATE_PUT, .plugin_state = &serves};
    char seen[128] = "";

    for (int i = 0; i < 8; i++)
        put_version(store, hashes[i], i + 1, "{}");
    must(tb_store_plan_add(store, &plan, &err));
    must(tb_store_commit(store, &change, 1, &err));
    bot.doc = "{\"facts\": {\"plugin\": {\"generation\": \"bbbbbbbb\"}},"
              " \"wanted\": {\"facts\": {\"plugin\": {\"generation\": \"cccccccc\"}}},"
              " \"past\": [{\"plan_id\": \"old\"}, {\"plan_id\": null}]}";
    must(tb_store_bot_put(store, &bot, 0, &err));
    gone.doc = "{\"facts\": {\"plugin\": {\"generation\": \"eeeeeeee\"}}}";
    gone.deleted_at = 1;
    must(tb_store_bot_put(store, &gone, 0, &err));
    must(tb_store_prune(store, 0, 0, 2, &err));
    must(tb_store_plugin_versions_each(store, "p", 0, collect_version, seen, &err));
    assert_string_equal(seen, "acacacac1 abababab1 dddddddd1 cccccccc1 bbbbbbbb1 aaaaaaaa1 ");
}

static void collect_state(void *arg, const struct tb_store_plugin_state *s)
{
    struct tb_buffer *out = arg;
    tb_buffer_printf(out, "%s=%s/%s/%s/%s ", s->plugin, s->active ? s->active : "-",
                     s->pin ? s->pin : "-", s->folder ? s->folder : "-",
                     s->waiting ? s->waiting : "-");
}

static void states_of_plugins_are_replaced_and_deleted(void **state)
{
    struct tb_store *store = store_of(state);
    struct tb_store_plugin_state p = {.plugin = "p", .active = "aa1"}, q = {.plugin = "q"};
    struct tb_store_change changes[] = {
        {.kind = TB_STORE_PLUGIN_STATE_PUT, .plugin_state = &q},
        {.kind = TB_STORE_PLUGIN_STATE_PUT, .plugin_state = &p},
    };
    struct tb_store_change gone = {.kind = TB_STORE_PLUGIN_STATE_DELETE, .plugin = "q"};
    struct tb_buffer seen = TB_BUFFER_INIT;
    must(tb_store_commit(store, changes, 2, &err));
    p.pin = "upload";
    p.folder = "f";
    p.waiting = "w";
    must(tb_store_commit(store, &changes[1], 1, &err));
    must(tb_store_plugin_states_each(store, collect_state, &seen, &err));
    assert_string_equal(tb_buffer_text(&seen), "p=aa1/upload/f/w q=-/-/-/- ");
    must(tb_store_commit(store, &gone, 1, &err));
    tb_buffer_clear(&seen);
    must(tb_store_plugin_states_each(store, collect_state, &seen, &err));
    assert_string_equal(tb_buffer_text(&seen), "p=aa1/upload/f/w ");
    tb_buffer_free(&seen);
}

static void collect_backtest(void *arg, const struct tb_store_backtest *t)
{
    tb_buffer_printf(arg, "%s/%s/%s/%lld/%s ", t->id, t->plan_id, t->state, (long long)t->ended_at,
                     t->doc);
}

static void assert_backtests(struct tb_store *store, const char *plan, const char *want)
{
    struct tb_buffer seen = TB_BUFFER_INIT;
    must(tb_store_backtests_each(store, plan, collect_backtest, &seen, &err));
    assert_string_equal(tb_buffer_text(&seen), want);
    tb_buffer_free(&seen);
}

static void backtests_belong_to_their_plan(void **state)
{
    struct tb_store *store = store_of(state);
    struct tb_store_backtest a = {.id = "a", .plan_id = "p", .state = "queued", .created_at = 10},
                             b = {.id = "b", .plan_id = "p", .state = "queued", .created_at = 10},
                             c = {.id = "c", .plan_id = "q", .state = "queued", .created_at = 10};
    const struct tb_store_plan plan = {
        .id = "q", .hash = "h", .created_at = 10, .expires_at = 9999};
    const struct tb_store_change changes[] = {
        {.kind = TB_STORE_PLAN_ADD, .plan = &plan},
        {.kind = TB_STORE_BACKTEST_PUT, .backtest = &a},
        {.kind = TB_STORE_BACKTEST_PUT, .backtest = &b},
        {.kind = TB_STORE_BACKTEST_PUT, .backtest = &c},
    };
    must(tb_store_commit(store, changes, 4, &err));
    assert_backtests(store, "p", "b/p/queued/0/{} a/p/queued/0/{} ");
    assert_backtests(store, NULL, "a/p/queued/0/{} b/p/queued/0/{} c/q/queued/0/{} ");
    a.state = "failed";
    a.ended_at = 7;
    a.doc = "{\"x\":1}";
    must(tb_store_commit(store, &changes[1], 1, &err));
    assert_backtests(store, "p", "b/p/queued/0/{} a/p/failed/7/{\"x\":1} ");
    assert_backtests(store, NULL, "b/p/queued/0/{} c/q/queued/0/{} ");
    /* Those of plans that are gone go with them, not before they are a day old. */
    must(tb_store_prune(store, 9 + TB_STORE_IDEMPOTENCY_MS, 0, 9, &err));
    assert_backtests(store, "p", "b/p/queued/0/{} a/p/failed/7/{\"x\":1} ");
    must(tb_store_prune(store, 10 + TB_STORE_IDEMPOTENCY_MS, 0, 9, &err));
    assert_backtests(store, "p", "");
    assert_backtests(store, "q", "c/q/queued/0/{} ");
}

static void collect_sample(void *arg, const struct tb_store_sample *sample)
{
    strcat(arg, sample->doc);
}

static void collect_line(void *arg, const struct tb_store_log_line *line)
{
    strcat(arg, line->text);
}

static void collect_event(void *arg, const struct tb_store_event *event)
{
    strcat(arg, event->type);
}

static void add_series(struct tb_store *store)
{
    for (int i = 0; i < 4; i++) {
        char digit[2] = {(char)('0' + i), '\0'};
        tb_store_sample_add(store,
                            &(struct tb_store_sample){"bot", i, i % 2 ? "BTC" : "USDT", digit});
        tb_store_log_line_add(store, &(struct tb_store_log_line){"bot", i / 2, "error", digit, 1});
        tb_store_event_add(store, &(struct tb_store_event){i + 1, i, digit, NULL});
    }
    tb_store_event_add(store, &(struct tb_store_event){2, 9, "again", NULL});
    tb_store_sample_add(store, &(struct tb_store_sample){"bot", 9, "USDT", "not json"});
}

static void series_are_read_back(void **state)
{
    struct tb_store *store = store_of(state);
    int64_t last = -1;
    must(tb_store_event_last(store, &last, &err));
    assert_int_equal(last, 0);
    add_series(store);
    char seen[32] = "";
    must(tb_store_samples_each(store, "bot", NULL, 1, 99, collect_sample, seen, &err));
    assert_string_equal(seen, "123");
    seen[0] = '\0';
    must(tb_store_samples_each(store, "bot", "USDT", 0, 2, collect_sample, seen, &err));
    assert_string_equal(seen, "0");
    seen[0] = '\0';
    must(tb_store_log_lines_each(store, "bot", 3, collect_line, seen, &err));
    assert_string_equal(seen, "123");
    seen[0] = '\0';
    must(tb_store_events_each(store, 1, 2, collect_event, seen, &err));
    assert_string_equal(seen, "12");
    must(tb_store_event_last(store, &last, &err));
    assert_int_equal(last, 4);
    struct tb_store_health health;
    tb_store_health(store, &health);
    assert_int_equal(health.series_dropped, 1);
    assert_true(health.series_ok);

    must(tb_store_prune(store, 0, 99, 9, &err));
    must(tb_store_event_last(store, &last, &err));
    assert_int_equal(last, 4);
    seen[0] = '\0';
    must(tb_store_samples_each(store, "bot", NULL, 0, 99, collect_sample, seen, &err));
    must(tb_store_log_lines_each(store, "bot", 0, collect_line, seen, &err));
    must(tb_store_events_each(store, 0, 0, collect_event, seen, &err));
    assert_string_equal(seen, "3");
}

static void the_old_is_pruned(void **state)
{
    struct tb_store *store = store_of(state);
    struct tb_store_plan plan = {.id = "p", .hash = "h", .expires_at = 100};
    must(tb_store_plan_add(store, &plan, &err));
    struct tb_store_idempotency key = some_key("k", "hash", NULL);
    struct tb_store_change begin = KEY(&key, NULL);
    must(tb_store_commit(store, &begin, 1, &err));
    must(tb_store_prune(store, 99 + TB_STORE_IDEMPOTENCY_MS, 0, 9, &err));
    free(tb_store_plan_get(store, "p", NULL));
    must_refuse(TB_CONFLICT, tb_store_commit(store, &begin, 1, &err));
    must(tb_store_prune(store, 5000 + TB_STORE_IDEMPOTENCY_MS, 0, 9, &err));
    must_refuse(TB_NOT_FOUND, tb_store_plan_get(store, "p", &err) != NULL);
    must(tb_store_commit(store, &begin, 1, &err));
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(int argc, char **argv)
{
    in_memory = argc > 1 && strcmp(argv[1], "memory") == 0;
    const struct CMUnitTest tests[] = {
        T(versions_of_plugins_are_kept_once),
        T(versions_nobody_needs_are_pruned),
        T(states_of_plugins_are_replaced_and_deleted),
        T(series_are_read_back),
        T(backtests_belong_to_their_plan),
        T(the_old_is_pruned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
