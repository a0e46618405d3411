/* What the store promises about bots, operations, keys, plans and tokens, whatever keeps them: run
 * with "memory" and "sqlite". */
#include "store_fixture.h"

static void count(void *arg)
{
    ++*(int *)arg;
}

static void count_bot(void *arg, const struct tb_store_bot *bot)
{
    (void)bot;
    count(arg);
}

static void count_operation(void *arg, const struct tb_store_operation *operation)
{
    (void)operation;
    count(arg);
}

static void bot_keeps_every_field(void **state)
{
    struct tb_store *store = store_of(state);
    struct tb_store_bot bot = {
        .id = "01A",
        .server = "two",
        .owner = "me",
        .epoch = 7,
        .name = "Näme \"x\"",
        .slug = "n-me-x",
        .exchange = "jupiter",
        .strategy = "arbitrage",
        .account = "acc",
        .state = "running",
        .intent = "stop",
        .plan_id = "plan",
        .holds_name = true,
        .version = 99,
        .created_at = 11,
        .updated_at = 12,
        .deleted_at = 0,
        .doc = "{\"a\": [1.0, \"\\u00e9\"]}",
    };
    must(tb_store_bot_put(store, &bot, 0, &err));
    struct tb_store_bot *read = tb_store_bot_get(store, "01A", NULL);
    assert_non_null(read);
    assert_string_equal(read->server, "two");
    assert_string_equal(read->owner, "me");
    assert_int_equal(read->epoch, 7);
    assert_string_equal(read->name, bot.name);
    assert_string_equal(read->slug, bot.slug);
    assert_string_equal(read->exchange, "jupiter");
    assert_string_equal(read->strategy, "arbitrage");
    assert_string_equal(read->account, "acc");
    assert_string_equal(read->state, "running");
    assert_string_equal(read->intent, "stop");
    assert_string_equal(read->plan_id, "plan");
    assert_true(read->holds_name);
    assert_int_equal(read->version, 1);
    assert_int_equal(read->created_at, 11);
    assert_int_equal(read->updated_at, 12);
    assert_int_equal(read->deleted_at, 0);
    assert_string_equal(read->doc, bot.doc);
    free(read);

    bot = some_bot("01A", "other");
    must(tb_store_bot_put(store, &bot, 1, &err));
    read = tb_store_bot_get(store, "01A", NULL);
    assert_string_equal(read->server, "default");
    assert_string_equal(read->owner, "");
    assert_string_equal(read->doc, "{}");
    assert_string_equal(read->name, "other");
    assert_null(read->plan_id);
    assert_int_equal(read->version, 2);
    assert_int_equal(read->created_at, 11);
    assert_int_equal(read->updated_at, 1000);
    free(read);
    must_refuse(TB_NOT_FOUND, tb_store_bot_get(store, "01B", &err) != NULL);
}

static void stale_versions_are_refused(void **state)
{
    struct tb_store *store = store_of(state);
    struct tb_store_bot bot = some_bot("a", "a");
    must_refuse(TB_NOT_FOUND, tb_store_bot_put(store, &bot, 1, &err));
    must(tb_store_bot_put(store, &bot, 0, &err));
    bot.name = "b";
    must_refuse(TB_CONFLICT, tb_store_bot_put(store, &bot, 0, &err));
    must(tb_store_bot_put(store, &bot, 1, &err));
    bot.name = "c";
    must_refuse(TB_CONFLICT, tb_store_bot_put(store, &bot, 1, &err));
    must_refuse(TB_CONFLICT, tb_store_bot_put(store, &bot, 3, &err));
    struct tb_store_bot *read = tb_store_bot_by_name(store, "b", NULL);
    assert_non_null(read);
    assert_int_equal(read->version, 2);
    free(read);
}

static void living_names_are_unique(void **state)
{
    struct tb_store *store = store_of(state);
    struct tb_store_bot first = some_bot("1", "grid");
    struct tb_store_bot second = some_bot("2", "grid");
    must(tb_store_bot_put(store, &first, 0, &err));
    must_refuse(TB_NAME_TAKEN, tb_store_bot_put(store, &second, 0, &err));
    second.name = "other";
    must(tb_store_bot_put(store, &second, 0, &err));
    second.name = "grid";
    must_refuse(TB_NAME_TAKEN, tb_store_bot_put(store, &second, 1, &err));

    first.holds_name = false;
    must(tb_store_bot_put(store, &first, 1, &err));
    must(tb_store_bot_put(store, &second, 1, &err));
    struct tb_store_bot *holder = tb_store_bot_by_name(store, "grid", NULL);
    assert_string_equal(holder->id, "2");
    free(holder);
    first.holds_name = true;
    must_refuse(TB_NAME_TAKEN, tb_store_bot_put(store, &first, 2, &err));

    second.deleted_at = 9;
    must(tb_store_bot_put(store, &second, 2, &err));
    must(tb_store_bot_put(store, &first, 2, &err));
    int n = 0;
    must(tb_store_bots_each(store, count_bot, &n, &err));
    assert_int_equal(n, 1);
}

static void a_commit_is_all_or_nothing(void **state)
{
    struct tb_store *store = store_of(state);
    struct tb_store_bot bot = some_bot("bot", "name");
    struct tb_store_operation operation = some_operation("op", "bot");
    struct tb_store_step step = {
        .operation_id = "op", .seq = 1, .name = "deploy", .state = "intended", .at = 3};
    struct tb_store_step lost = {
        .operation_id = "nowhere", .seq = 1, .name = "deploy", .state = "intended", .at = 3};
    struct tb_store_audit audit = {
        .at = 4, .request_id = "r", .method = "POST", .route = "bots", .status = 202};
    struct tb_store_idempotency key = some_key("k", "hash", "op");
    struct tb_store_idempotency_result result;
    struct tb_store_change changes[] = {
        KEY(&key, &result),
        BOT(&bot, 0),
        OPERATION(&operation),
        STEP(&step),
        {.kind = TB_STORE_AUDIT_ADD, .audit = &audit},
        STEP(&lost),
    };
    must_refuse(TB_INTERNAL, tb_store_commit(store, changes, 6, &err));
    must_refuse(TB_NOT_FOUND, tb_store_bot_get(store, "bot", &err) != NULL);
    must_refuse(TB_NOT_FOUND, tb_store_operation_get(store, "op", &err) != NULL);
    must_refuse(TB_NOT_FOUND,
                tb_store_idempotency_get(store, "token", "POST", "bots", "k", 5001, &err) != NULL);
    must(tb_store_commit(store, changes, 5, &err));
    assert_int_equal(result.outcome, TB_STORE_FRESH);
    free(tb_store_bot_get(store, "bot", NULL));
    struct tb_store_operation *read = tb_store_operation_get(store, "op", NULL);
    assert_non_null(read);
    free(read);
}

static void documents_must_be_json(void **state)
{
    struct tb_store *store = store_of(state);
    struct tb_store_bot bot = some_bot("bot", "name");
    bot.doc = "{\"a\": NaN}";
    must_refuse(TB_INTERNAL, tb_store_bot_put(store, &bot, 0, &err));
    bot.doc = NULL;
    bot.name = NULL;
    must_refuse(TB_INTERNAL, tb_store_bot_put(store, &bot, 0, &err));
    struct tb_store_health health;
    tb_store_health(store, &health);
    assert_true(health.ok);
}

static void a_key_counts_once(void **state)
{
    struct tb_store *store = store_of(state);
    struct tb_store_operation operation = some_operation("op1", NULL);
    struct tb_store_idempotency key = some_key("k", "hash", "op1");
    struct tb_store_idempotency_result result;
    struct tb_store_change changes[] = {KEY(&key, &result), OPERATION(&operation)};
    must(tb_store_commit(store, changes, 2, &err));
    key.status = 202;
    key.body = "{\"id\":1}";
    struct tb_store_change answer = {.kind = TB_STORE_IDEMPOTENCY_ANSWER, .idempotency = &key};
    must(tb_store_commit(store, &answer, 1, &err));

    struct tb_store_idempotency again = some_key("k", "hash", "op2");
    struct tb_store_operation second = some_operation("op2", NULL);
    struct tb_store_change repeat[] = {KEY(&again, &result), OPERATION(&second)};
    must_refuse(TB_CONFLICT, tb_store_commit(store, repeat, 2, &err));
    assert_int_equal(result.outcome, TB_STORE_SAME_BODY);
    assert_string_equal(result.found->operation_id, "op1");
    assert_int_equal(result.found->status, 202);
    assert_string_equal(result.found->body, "{\"id\":1}");
    free(result.found);
    again.body_sha256 = "otherhash";
    must_refuse(TB_IDEMPOTENCY_MISMATCH, tb_store_commit(store, repeat, 2, &err));
    assert_int_equal(result.outcome, TB_STORE_OTHER_BODY);
    free(result.found);
    must_refuse(TB_NOT_FOUND, tb_store_operation_get(store, "op2", &err) != NULL);

    again.token_id = "another";
    must(tb_store_commit(store, repeat, 1, &err));
    again.token_id = "token";
    again.created_at = 5000 + TB_STORE_IDEMPOTENCY_MS - 1;
    must_refuse(TB_IDEMPOTENCY_MISMATCH, tb_store_commit(store, repeat, 1, &err));
    free(result.found);
    again.created_at++;
    must(tb_store_commit(store, repeat, 1, &err));
    assert_null(result.found);

    struct tb_store_idempotency *read = tb_store_idempotency_get(
        store, "token", "POST", "bots", "k", again.created_at + TB_STORE_IDEMPOTENCY_MS - 1, NULL);
    assert_non_null(read);
    assert_string_equal(read->body_sha256, "otherhash");
    free(read);
    must_refuse(TB_NOT_FOUND,
                tb_store_idempotency_get(store, "token", "POST", "bots", "k",
                                         again.created_at + TB_STORE_IDEMPOTENCY_MS, &err) != NULL);
    key.key = "unknown";
    must_refuse(TB_NOT_FOUND, tb_store_commit(store, &answer, 1, &err));

    struct tb_store_change freed = {.kind = TB_STORE_IDEMPOTENCY_FREE, .idempotency = &again};
    must(tb_store_commit(store, &freed, 1, &err));
    must(tb_store_commit(store, repeat, 1, &err));
    assert_null(result.found);
}

static void collect_attempt(void *arg, const struct tb_store_attempt *attempt)
{
    strcat(arg, attempt->nonce);
}

static void a_nonce_is_used_once(void **state)
{
    struct tb_store *store = store_of(state);
    struct tb_store_bot bot = some_bot("bot", "name");
    must(tb_store_bot_put(store, &bot, 0, &err));
    struct tb_store_operation operation = some_operation("op", "bot");
    struct tb_store_attempt attempt = {.nonce = "9f31c2ab",
                                       .base = "hummingbot-name-9f31c2ab",
                                       .bot_id = "bot",
                                       .operation_id = "op",
                                       .state = "intended",
                                       .files = "[{\"path\":\"x.yml\"}]",
                                       .window_from = 10,
                                       .created_at = 10};
    struct tb_store_change changes[] = {OPERATION(&operation), ATTEMPT(&attempt)};
    must(tb_store_commit(store, changes, 2, &err));
    must_refuse(TB_CONFLICT, tb_store_commit(store, changes, 2, &err));
    attempt.nonce = "00000000";
    must_refuse(TB_CONFLICT, tb_store_commit(store, changes, 2, &err));

    struct tb_store_change update = {.kind = TB_STORE_ATTEMPT_UPDATE, .attempt = &attempt};
    must_refuse(TB_NOT_FOUND, tb_store_commit(store, &update, 1, &err));
    attempt.nonce = "9f31c2ab";
    attempt.state = "created";
    attempt.instance = "hummingbot-name-9f31c2ab-20261122-101500";
    attempt.files = "[]";
    attempt.window_to = 20;
    must(tb_store_commit(store, &update, 1, &err));
    struct tb_store_attempt *read = tb_store_attempt_by_base(store, attempt.base, NULL);
    assert_string_equal(read->state, "created");
    assert_string_equal(read->files, "[{\"path\":\"x.yml\"}]");
    assert_int_equal(read->window_from, 10);
    assert_int_equal(read->window_to, 20);
    free(read);
    struct tb_store_bot *owner = tb_store_bot_by_instance(store, attempt.instance, NULL);
    assert_string_equal(owner->id, "bot");
    free(owner);

    struct tb_store_attempt later = attempt;
    later.nonce = "11111111";
    later.base = "b";
    later.created_at = 11;
    later.instance = NULL;
    struct tb_store_change one = ATTEMPT(&later);
    must(tb_store_commit(store, &one, 1, &err));
    char seen[64] = "";
    must(tb_store_attempts_each(store, "bot", collect_attempt, seen, &err));
    assert_string_equal(seen, "9f31c2ab11111111");
    seen[0] = '\0';
    must(tb_store_attempts_each(store, NULL, collect_attempt, seen, &err));
    assert_string_equal(seen, "9f31c2ab11111111");
}

static void a_plan_is_used_once(void **state)
{
    struct tb_store *store = store_of(state);
    struct tb_store_plan plan = {.id = "p",
                                 .hash = "h",
                                 .created_at = 1,
                                 .expires_at = 100,
                                 .doc = "{ \"b\":1,\n  \"a\" : 2.50 }"};
    must(tb_store_plan_add(store, &plan, &err));
    must_refuse(TB_CONFLICT, tb_store_plan_add(store, &plan, &err));
    struct tb_store_change use = {.kind = TB_STORE_PLAN_USE,
                                  .plan_use = {.plan_id = "p", .operation_id = "op", .at = 100}};
    must_refuse(TB_PLAN_EXPIRED, tb_store_commit(store, &use, 1, &err));
    use.plan_use.at = 99;
    must(tb_store_commit(store, &use, 1, &err));
    must_refuse(TB_CONFLICT, tb_store_commit(store, &use, 1, &err));
    use.plan_use.plan_id = "q";
    must_refuse(TB_NOT_FOUND, tb_store_commit(store, &use, 1, &err));
    struct tb_store_plan *read = tb_store_plan_get(store, "p", NULL);
    assert_string_equal(read->doc, plan.doc);
    assert_string_equal(read->used_by_operation, "op");
    free(read);
}

static void count_token(void *arg, const struct tb_store_token *token)
{
    (void)token;
    count(arg);
}

static void only_living_tokens_are_found(void **state)
{
    struct tb_store *store = store_of(state);
    struct tb_store_token token = {.id = "t1",
                                   .name = "ops",
                                   .role = "operator",
                                   .bots = "[\"a\"]",
                                   .sha256 = "s1",
                                   .created_at = 1,
                                   .expires_at = 50};
    must(tb_store_token_add(store, &token, &err));
    token.id = "t2";
    must_refuse(TB_CONFLICT, tb_store_token_add(store, &token, &err));
    token.sha256 = "s2";
    token.bots = NULL;
    token.expires_at = 0;
    must(tb_store_token_add(store, &token, &err));

    struct tb_store_token *read = tb_store_token_by_sha256(store, "s1", 49, NULL);
    assert_string_equal(read->bots, "[\"a\"]");
    free(read);
    must_refuse(TB_NOT_FOUND, tb_store_token_by_sha256(store, "s1", 50, &err) != NULL);
    read = tb_store_token_by_sha256(store, "s2", INT64_MAX, NULL);
    assert_null(read->bots);
    free(read);
    must(tb_store_token_revoke(store, "t2", 60, &err));
    must(tb_store_token_revoke(store, "t2", 70, &err));
    must_refuse(TB_NOT_FOUND, tb_store_token_by_sha256(store, "s2", 65, &err) != NULL);
    must_refuse(TB_NOT_FOUND, tb_store_token_revoke(store, "t3", 60, &err));
    int n = 0;
    must(tb_store_tokens_each(store, count_token, &n, &err));
    assert_int_equal(n, 2);
}

static void collect_operation(void *arg, const struct tb_store_operation *operation)
{
    strcat(arg, operation->id);
}

static void collect_step(void *arg, const struct tb_store_step *step)
{
    strcat(strcat(arg, step->name), step->state);
}

static void operations_are_listed(void **state)
{
    struct tb_store *store = store_of(state);
    for (int i = 0; i < 6; i++) {
        char id[2] = {(char)('a' + i), '\0'};
        struct tb_store_operation operation = some_operation(id, i % 2 ? "odd" : "even");
        operation.ended_at = i < 4 ? 7 : 0;
        struct tb_store_change change = OPERATION(&operation);
        must(tb_store_commit(store, &change, 1, &err));
    }
    static const struct {
        struct tb_store_operation_filter filter;
        const char *ids;
    } cases[] = {
        {{0}, "fedcba"},
        {{.limit = 2}, "fe"},
        {{.before = "e", .limit = 2}, "dc"},
        {{.open_only = true}, "fe"},
        {{.bot_id = "odd"}, "fdb"},
        {{.bot_id = "odd", .open_only = true}, "f"},
        {{.bot_id = "even", .before = "e"}, "ca"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char seen[16] = "";
        must(tb_store_operations_each(store, &cases[i].filter, collect_operation, seen, &err));
        assert_string_equal(seen, cases[i].ids);
    }
    struct tb_store_step steps[] = {
        {"a", 2, "two", "-", 1, NULL}, {"a", 1, "one", "-", 1, "x"}, {"a", 2, "two", "+", 2, NULL}};
    struct tb_store_change changes[] = {STEP(&steps[0]), STEP(&steps[1]), STEP(&steps[2])};
    must(tb_store_commit(store, changes, 3, &err));
    char seen[32] = "";
    must(tb_store_steps_each(store, "a", collect_step, seen, &err));
    assert_string_equal(seen, "one-two+");
}

static void collect_audit(void *arg, const struct tb_store_audit *audit)
{
    strcat(arg, audit->request_id);
    assert_null(audit->code);
    assert_string_equal(audit->doc, "{}");
}

static void the_audit_is_listed(void **state)
{
    struct tb_store *store = store_of(state);
    for (int i = 0; i < 4; i++) {
        char id[2] = {(char)('a' + i), '\0'};
        struct tb_store_audit audit = {
            .id = 77, .at = i, .request_id = id, .method = "POST", .route = "bots", .status = 202};
        must(tb_store_audit_add(store, &audit, &err));
    }
    char seen[16] = "";
    must(tb_store_audit_each(store, 0, 0, collect_audit, seen, &err));
    assert_string_equal(seen, "dcba");
    seen[0] = '\0';
    must(tb_store_audit_each(store, 3, 1, collect_audit, seen, &err));
    assert_string_equal(seen, "b");
}

static void settings_are_kept(void **state)
{
    struct tb_store *store = store_of(state);
    must_refuse(TB_NOT_FOUND, tb_store_meta_get(store, "k", &err) != NULL);
    must(tb_store_meta_put(store, "k", "1", &err));
    must(tb_store_meta_put(store, "k", "2", &err));
    char *value = tb_store_meta_get(store, "k", NULL);
    assert_string_equal(value, "2");
    free(value);
    must(tb_store_meta_put(store, "k", NULL, &err));
    must_refuse(TB_NOT_FOUND, tb_store_meta_get(store, "k", &err) != NULL);
}

/* A list's callback may use the store, to write as well. */
static void put_another(void *arg, const struct tb_store_bot *bot)
{
    struct tb_store *store = arg;
    struct tb_store_bot next = *bot;
    next.name = "changed";
    must(tb_store_bot_put(store, &next, bot->version, &err));
    struct tb_store_bot *read = tb_store_bot_get(store, bot->id, NULL);
    assert_string_equal(read->name, "changed");
    free(read);
    int n = 0;
    must(tb_store_operations_each(store, &(struct tb_store_operation_filter){0}, count_operation,
                                  &n, &err));
}

static void callbacks_may_use_the_store(void **state)
{
    struct tb_store *store = store_of(state);
    struct tb_store_bot bot = some_bot("bot", "name");
    must(tb_store_bot_put(store, &bot, 0, &err));
    must(tb_store_bots_each(store, put_another, store, &err));
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(int argc, char **argv)
{
    in_memory = argc > 1 && strcmp(argv[1], "memory") == 0;
    const struct CMUnitTest tests[] = {
        T(bot_keeps_every_field),        T(stale_versions_are_refused),
        T(living_names_are_unique),      T(a_commit_is_all_or_nothing),
        T(documents_must_be_json),       T(a_key_counts_once),
        T(a_nonce_is_used_once),         T(a_plan_is_used_once),
        T(only_living_tokens_are_found), T(operations_are_listed),
        T(the_audit_is_listed),          T(settings_are_kept),
        T(callbacks_may_use_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
