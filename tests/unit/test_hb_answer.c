/* What upstream's answers mean: the recorded lies of a 200, the three error shapes, strangers'
 * pages, and what silence is worth. The bodies are those of the real API. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "hummingbot/client_private.h"

static struct tb_hb_raw answered(int status, const char *type, const char *body)
{
    struct tb_hb_raw raw = {.fate = TB_HB_FATE_ANSWERED, .status = status};
    strncpy(raw.content_type, type, sizeof raw.content_type - 1);
    tb_buffer_puts(&raw.body, body);
    return raw;
}

static void expect(enum tb_hb_endpoint endpoint, struct tb_hb_raw raw, enum tb_hb_outcome outcome,
                   enum tb_code code, const char *words)
{
    struct tb_error err = {0};
    struct tb_hb_answer answer;
    tb_hb_classify(tb_hb_endpoint(endpoint), &raw, &answer, &err);
    if (answer.outcome != outcome || err.code != code)
        fail_msg("%s: outcome %d, code %s, `%s`", tb_hb_endpoint(endpoint)->name,
                 (int)answer.outcome, tb_code_word(err.code), err.detail);
    if (words && !strstr(err.detail, words))
        fail_msg("`%s` lacks `%s`", err.detail, words);
    tb_hb_answer_free(&answer);
}

static void json_200(enum tb_hb_endpoint endpoint, const char *body, enum tb_hb_outcome outcome,
                     enum tb_code code, const char *words)
{
    expect(endpoint, answered(200, "application/json", body), outcome, code, words);
}

struct example {
    enum tb_hb_endpoint endpoint;
    const char *body;
    const char *words; /* in the error; NULL: an honest success */
};

static void every_lie_becomes_an_error(void **state)
{
    (void)state;
    static const struct example rows[] = {
        {TB_HB_BOTS_STOP,
         "{\"status\":\"success\",\"response\":{\"success\":false,\"message\":\"Bot nosuchbot not "
         "found\"}}",
         "response.success is false: Bot nosuchbot not found"},
        {TB_HB_BOTS_STOP, "{\"status\":\"success\",\"response\":{\"success\":false}}",
         "response.success is false"},
        {TB_HB_BOTS_START,
         "{\"status\":\"success\",\"response\":{\"success\":false,\"message\":\"Bot zz not "
         "found\"}}",
         "Bot zz not found"},
        {TB_HB_BOTS_HISTORY,
         "{\"status\":\"success\",\"response\":{\"success\":false,\"message\":\"No response "
         "received "
         "from tbyml-20261122-154236 within 3.0 seconds\",\"timeout\":true}}",
         "No response received"},
        {TB_HB_BOTS_HISTORY,
         "{\"status\":\"success\",\"response\":{\"success\":true,\"data\":{\"header\":{},\"data\":"
         "{\"status\":400,\"msg\":\"'NoneType' object\"}}}}",
         "the bot answered that it failed: 'NoneType' object"},
        {TB_HB_BOTS_BOT_STATUS,
         "{\"status\":\"success\",\"data\":{\"status\":\"not_found\",\"error\":\"Bot nosuchbot not "
         "found\"}}",
         "data.status is not_found: Bot nosuchbot not found"},
        {TB_HB_BOTS_BOT_STATUS,
         "{\"status\":\"success\",\"data\":{\"status\":\"error\",\"error\":\"boom\"}}", "boom"},
        {TB_HB_BOTS_ARCHIVE,
         "{\"status\":\"error\",\"message\":\"Bot 'nosuchbot' not found in active bots. Active "
         "bots: "
         "[]. Cannot perform graceful shutdown.\",\"details\":{\"input_name\":\"nosuchbot\"}}",
         "not found in active bots"},
        {TB_HB_BOTS_DEPLOY_SCRIPT,
         "{\"success\":false,\"message\":\"Password not provided. We cannot start the bot without "
         "a "
         "password.\"}",
         "success is false: Password not provided"},
        {TB_HB_BOTS_DEPLOY_CONTROLLERS,
         "{\"success\":false,\"message\":\"400 Client Error for http+docker://localhost/v1.51/"
         "containers/create?name=-abc-20261122-153947: Bad Request (\\\"Invalid container name "
         "(-abc-20261122-153947), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed\\\")\"}",
         "400 Client Error for docker: Bad Request"},
        {TB_HB_DOCKER_ACTIVE,
         "\"Error while fetching server API version: ('Connection aborted.', FileNotFoundError(2, "
         "'No "
         "such file or directory'))\"",
         "an error text stands where the list belongs"},
        {TB_HB_DOCKER_EXITED, "\"engine gone\"", "engine gone"},
        {TB_HB_DOCKER_START,
         "\"404 Client Error for http+docker://localhost/v1.51/containers/nope/json: Not Found "
         "(\\\"No such container: nope\\\")\"",
         "No such container: nope"},
        {TB_HB_DOCKER_STOP, "\"404 Client Error\"", "404 Client Error"},
        {TB_HB_DOCKER_CLEAN, "\"daemon down\"", "daemon down"},
        {TB_HB_DOCKER_REMOVE, "{\"success\":false,\"message\":\"404 Client Error\"}",
         "404 Client Error"},
        {TB_HB_BACKTESTING_RUN, "{\"error\":\"no candles\"}", "no candles"},
        {TB_HB_MARKET_FEEDS, "{\"error\":\"feed manager gone\"}", "feed manager gone"},
        {TB_HB_MARKET_DIAGNOSTICS, "{\"error\":\"No connector found for zz\"}",
         "No connector found for zz"},
        {TB_HB_MARKET_PAIR_REMOVE,
         "{\"success\":false,\"connector_name\":\"bitmart\",\"trading_pair\":\"X-Y\",\"message\":"
         "\"Trading pair X-Y not found or already removed\"}",
         "Trading pair X-Y not found"},
        {TB_HB_MARKET_ORDER_BOOK_RESTART, "{\"success\":false}", "success is false"},
        {TB_HB_CONNECTORS_TRADING_RULES,
         "{\"BTC-USDT\":{\"min_order_size\":1e-05},\"FOO-BAR\":{\"error\":\"Trading pair FOO-BAR "
         "not "
         "found\"}}",
         "no answer for `FOO-BAR`: Trading pair FOO-BAR not found"},
        {TB_HB_GATEWAY_CONNECTORS, "{\"error\":\"gateway text\",\"status\":500}", "gateway text"},
        {TB_HB_GATEWAY_CONNECTOR, "{\"error\":\"gateway text\",\"status\":404}", "gateway text"},
        {TB_HB_GATEWAY_CHAINS, "{\"error\":\"gateway text\",\"status\":500}", "gateway text"},
        {TB_HB_GATEWAY_NETWORK, "{\"error\":\"gateway text\",\"status\":404}", "gateway text"},
        {TB_HB_GATEWAY_TOKENS, "{\"error\":\"gateway text\",\"status\":404}", "gateway text"},
        {TB_HB_GATEWAY_CONNECTOR_UPDATE,
         "{\"success\":true,\"results\":[{},{\"error\":\"gateway text\",\"status\":400}]}",
         "gateway text"},
        {TB_HB_GATEWAY_NETWORK_UPDATE, "{\"success\":true,\"results\":[{\"error\":\"bad node\"}]}",
         "bad node"},
        {TB_HB_SWAP_QUOTE,
         "{\"base\":\"SOL\",\"quote\":\"USDC\",\"price\":\"0\",\"amount\":\"1\",\"amount_in\":null,"
         "\"amount_out\":null,\"expected_amount\":null,\"slippage_pct\":\"1.0\",\"gas_estimate\":"
         "null}",
         "found no route"},
        {TB_HB_SWAP_QUOTE, "{\"price\":\"0.000\"}", "found no route"},
        {TB_HB_ARCHIVED_PERFORMANCE,
         "{\"db_path\":\"x\",\"error\":\"No trades found in database\",\"performance_data\":[]}",
         "No trades found"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool read = tb_hb_endpoint(rows[i].endpoint)->effect == TB_HB_READ;
        json_200(rows[i].endpoint, rows[i].body, TB_HB_FAILED,
                 read ? TB_UPSTREAM_BROKEN : TB_UPSTREAM_REFUSED, rows[i].words);
    }
}

static void honest_answers_pass(void **state)
{
    (void)state;
    static const struct example rows[] = {
        {TB_HB_ROOT_INFO,
         "{\"name\":\"Hummingbot API\",\"version\":\"1.0.1\",\"status\":\"running\"}", NULL},
        {TB_HB_BOTS_STOP, "{\"status\":\"success\",\"response\":{\"success\":true}}", NULL},
        {TB_HB_BOTS_HISTORY,
         "{\"status\":\"success\",\"response\":{\"success\":true,\"data\":{\"header\":{\"reply_"
         "to\":"
         "\"\"},\"data\":{\"status\":200,\"msg\":\"\",\"trades\":[]}}}}",
         NULL},
        {TB_HB_BOTS_BOT_STATUS,
         "{\"status\":\"success\",\"data\":{\"status\":\"stopped\",\"performance\":{}}}", NULL},
        {TB_HB_BOTS_ARCHIVE,
         "{\"status\":\"success\",\"message\":\"Stop and archive process started\"}", NULL},
        {TB_HB_BOTS_DEPLOY_CONTROLLERS,
         "{\"success\":true,\"message\":\"Instance tbtwo-20261122-153949 created successfully.\","
         "\"unique_instance_name\":\"tbtwo-20261122-153949\"}",
         NULL},
        {TB_HB_BOTS_STATUS, "{\"status\":\"success\",\"data\":{\"a\":{\"x\":NaN}}}", NULL},
        {TB_HB_DOCKER_RUNNING, "false", NULL},
        {TB_HB_DOCKER_ACTIVE, "[]", NULL},
        {TB_HB_DOCKER_STOP, "null", NULL},
        {TB_HB_SCRIPTS_LIST, "[\"v2_with_controllers\"]", NULL},
        {TB_HB_SWAP_QUOTE, "{\"price\":\"150.1\",\"amount_in\":\"150.1\"}", NULL},
        {TB_HB_GATEWAY_CHAINS, "{\"chains\":[]}", NULL},
        {TB_HB_CONNECTORS_TRADING_RULES, "{\"BTC-USDT\":{\"min_order_size\":1e-05}}", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        json_200(rows[i].endpoint, rows[i].body, TB_HB_DONE, TB_OK, NULL);
}

/* A 200 without the member that carries the truth proves nothing: a write may have happened. */
static void strange_shapes_are_unknown(void **state)
{
    (void)state;
    static const struct example rows[] = {
        {TB_HB_BOTS_DEPLOY_SCRIPT, "{}", "success is missing"},
        {TB_HB_BOTS_DEPLOY_SCRIPT, "[]", NULL},
        {TB_HB_BOTS_DEPLOY_SCRIPT, "{\"success\":\"true\"}", NULL},
        {TB_HB_BOTS_DEPLOY_SCRIPT, "{\"success\":true", "not JSON"},
        {TB_HB_BOTS_DEPLOY_SCRIPT, "", "not JSON"},
        {TB_HB_BOTS_STOP, "{\"status\":\"success\"}", NULL},
        {TB_HB_DOCKER_STOP, "{}", NULL},
        {TB_HB_DOCKER_STOP, "true", NULL},
        {TB_HB_BOTS_ARCHIVE, "{\"message\":\"ok\"}", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        json_200(rows[i].endpoint, rows[i].body, TB_HB_UNKNOWN, TB_UPSTREAM_UNKNOWN, rows[i].words);
    json_200(TB_HB_DOCKER_ACTIVE, "{}", TB_HB_UNKNOWN, TB_UPSTREAM_NOT_JSON, "not a list");
    json_200(TB_HB_BOTS_STATUS, "{\"data\":", TB_HB_UNKNOWN, TB_UPSTREAM_NOT_JSON, NULL);
    json_200(TB_HB_BOTS_BOT_STATUS, "{\"data\":{}}", TB_HB_UNKNOWN, TB_UPSTREAM_NOT_JSON, NULL);
    json_200(TB_HB_SWAP_QUOTE, "{\"price\":null}", TB_HB_UNKNOWN, TB_UPSTREAM_NOT_JSON, NULL);
}

static void error_shapes_are_read(void **state)
{
    (void)state;
    const char *json = "application/json", *text = "text/plain; charset=utf-8";
    expect(TB_HB_BOTS_STATUS,
           answered(401, json, "{\"detail\":\"Incorrect username or password\"}"), TB_HB_REFUSED,
           TB_UPSTREAM_CREDENTIALS, "Incorrect username or password");
    expect(TB_HB_BOTS_DEPLOY_SCRIPT, answered(404, json, "{\"detail\":\"Not Found\"}"),
           TB_HB_REFUSED, TB_UPSTREAM_REFUSED, "no route POST /bot-orchestration/deploy-v2-script");
    expect(TB_HB_SCRIPTS_CONFIG_GET,
           answered(404, json, "{\"detail\":\"Configuration 'x' not found\"}"), TB_HB_REFUSED,
           TB_UPSTREAM_REFUSED, "Configuration 'x' not found");
    expect(TB_HB_BOTS_STOP, answered(405, json, "{\"detail\":\"Method Not Allowed\"}"),
           TB_HB_REFUSED, TB_UPSTREAM_REFUSED, "another version");
    expect(TB_HB_BOTS_START,
           answered(422, json,
                    "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\",\"bot_name\"],\"msg\":"
                    "\"Field required\",\"input\":{}},{\"loc\":[\"body\",3],\"msg\":\"odd\"}]}"),
           TB_HB_REFUSED, TB_UPSTREAM_REFUSED, "body.bot_name: Field required; body.3: odd");
    expect(TB_HB_BOTS_DEPLOY_SCRIPT, answered(500, text, "Internal Server Error"), TB_HB_FAILED,
           TB_UPSTREAM_REFUSED, "letters, digits");
    expect(TB_HB_BOTS_STATUS, answered(500, text, "Internal Server Error"), TB_HB_FAILED,
           TB_UPSTREAM_BROKEN, NULL);
    expect(TB_HB_BOTS_DEPLOY_SCRIPT,
           answered(500, json,
                    "{\"detail\":\"UnixHTTPConnectionPool(host='localhost', port=None): Read timed "
                    "out. (read timeout=60)\"}"),
           TB_HB_FAILED, TB_UPSTREAM_REFUSED, "Read timed out");
    expect(TB_HB_DOCKER_REMOVE,
           answered(400, json,
                    "{\"detail\":\"This endpoint only removes Hummingbot containers. Container "
                    "'nope' is not a Hummingbot container.\"}"),
           TB_HB_FAILED, TB_UPSTREAM_REFUSED, "only removes Hummingbot containers");
    expect(TB_HB_GATEWAY_TOKENS,
           answered(503, json, "{\"detail\":\"Gateway service is not available\"}"), TB_HB_FAILED,
           TB_UPSTREAM_BROKEN, "Gateway service is not available");
    expect(TB_HB_MARKET_CANDLES, answered(504, json, "{\"detail\":\"not ready within 30s\"}"),
           TB_HB_FAILED, TB_UPSTREAM_BROKEN, "not ready");
    expect(
        TB_HB_BOTS_RUNS,
        answered(500, json, "{\"detail\":\"LIMIT must not be negative\\n[SQL: SELECT secret]\"}"),
        TB_HB_FAILED, TB_UPSTREAM_BROKEN, "LIMIT must not be negative");
}

static void only_upstreams_own_json_is_a_refusal(void **state)
{
    (void)state;
    static const int statuses[] = {401, 404, 405, 422, 400, 403, 429, 500, 502, 503, 504};
    static const char *const bodies[] = {"<html><body>404</body></html>",
                                         "404 page not found",
                                         "",
                                         "{\"error\":\"not found\"}",
                                         "{\"detail\":{}}",
                                         "[]",
                                         "{\"detail\":\"x\""};
    for (size_t s = 0; s < sizeof statuses / sizeof *statuses; s++) {
        for (size_t b = 0; b < sizeof bodies / sizeof *bodies; b++) {
            expect(TB_HB_BOTS_DEPLOY_SCRIPT, answered(statuses[s], "text/html", bodies[b]),
                   TB_HB_UNKNOWN, TB_UPSTREAM_UNKNOWN, "look before repeating");
            expect(TB_HB_BOTS_STATUS, answered(statuses[s], "text/html", bodies[b]), TB_HB_UNKNOWN,
                   TB_UPSTREAM_NOT_JSON, NULL);
        }
    }
    expect(TB_HB_BOTS_STATUS, answered(500, "text/plain", "Internal Server Error!"), TB_HB_UNKNOWN,
           TB_UPSTREAM_NOT_JSON, NULL);
}

static void strangers_are_named(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *server, *body, *words;
    } rows[] = {
        {200, "",
         "<!DOCTYPE html><html><body>You are about to visit x.ngrok-free.app ERR_NGROK_6024",
         "ngrok-skip-browser-warning"},
        {404, "", "<!DOCTYPE html><html>The endpoint x.ngrok-free.app is offline. ERR_NGROK_3200",
         "tunnel is offline"},
        {502, "", "<html>ngrok ERR_NGROK_8012</html>", "nothing listens behind the tunnel"},
        {401, "", "<html>To access the website, please enter the tunnel password loca.lt</html>",
         "bypass-tunnel-reminder"},
        {530, "cloudflare", "error code: 1033", "cloudflared"},
        {502, "cloudflare", "<html>502</html>", "Cloudflare"},
        {502, "railway-edge",
         "{\"status\":\"error\",\"code\":502,\"message\":\"Application failed to respond\"}",
         "Railway"},
        {502, "nginx/1.22", "<html><center>nginx</center></html>", "nginx"},
        {200, "", "<html><title>Welcome</title></html>", "an HTML page"},
        {200, "", "hello", "a shape this route does not have"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tb_hb_raw raw = answered(rows[i].status, "", rows[i].body);
        strncpy(raw.server, rows[i].server, sizeof raw.server - 1);
        expect(TB_HB_ROOT_INFO, raw, TB_HB_UNKNOWN, TB_UPSTREAM_NOT_JSON, rows[i].words);
    }
    struct tb_hb_raw moved = answered(307, "", "");
    strncpy(moved.location, "https://other/", sizeof moved.location - 1);
    expect(TB_HB_BOTS_STOP, moved, TB_HB_UNKNOWN, TB_UPSTREAM_UNKNOWN, "https://other/");
    const char *header = tb_hb_tunnel_header("Ngrok-Error-Code: ERR\r\n", 23);
    assert_string_equal(header, "ngrok");
    assert_null(tb_hb_tunnel_header("Date: x\r\n", 9));
}

static struct tb_hb_raw silent(enum tb_hb_fate fate)
{
    return (struct tb_hb_raw){.fate = fate, .sent_mono_ms = 1000, .done_mono_ms = 16000};
}

static void silence_is_unknown_for_writes(void **state)
{
    (void)state;
    static const enum tb_hb_fate fates[] = {TB_HB_FATE_BROKEN, TB_HB_FATE_TIMED_OUT,
                                            TB_HB_FATE_TOO_LARGE};
    static const enum tb_code codes[] = {TB_UPSTREAM_BROKEN, TB_UPSTREAM_TIMEOUT,
                                         TB_UPSTREAM_BROKEN};
    for (size_t i = 0; i < 3; i++) {
        expect(TB_HB_BOTS_DEPLOY_SCRIPT, silent(fates[i]), TB_HB_UNKNOWN, TB_UPSTREAM_UNKNOWN,
               "look before repeating");
        expect(TB_HB_BOTS_STATUS, silent(fates[i]), TB_HB_UNKNOWN, codes[i], NULL);
    }
    expect(TB_HB_BOTS_STATUS, silent(TB_HB_FATE_CUT), TB_HB_UNKNOWN, TB_DRAINING, NULL);
    expect(TB_HB_BOTS_DEPLOY_SCRIPT, silent(TB_HB_FATE_UNSENT), TB_HB_UNSENT,
           TB_UPSTREAM_UNREACHABLE, "nothing was sent");
    struct tb_hb_raw busy = silent(TB_HB_FATE_TIMED_OUT);
    busy.busy = true;
    expect(TB_HB_BOTS_STATUS, busy, TB_HB_UNKNOWN, TB_UPSTREAM_BUSY, "busy with a container");
    expect(TB_HB_BOTS_STOP, busy, TB_HB_UNKNOWN, TB_UPSTREAM_UNKNOWN, "within 15.0 s");
}

static void only_safe_things_are_tried_again(void **state)
{
    (void)state;
    struct tb_hb_answer answer = {.outcome = TB_HB_UNKNOWN};
    const struct tb_hb_endpoint_row *deploy = tb_hb_endpoint(TB_HB_BOTS_DEPLOY_SCRIPT);
    const struct tb_hb_endpoint_row *order = tb_hb_endpoint(TB_HB_TRADING_ORDER_PLACE);
    const struct tb_hb_endpoint_row *get = tb_hb_endpoint(TB_HB_BOTS_STATUS);
    struct tb_hb_raw raw = silent(TB_HB_FATE_BROKEN);
    assert_false(tb_hb_again(deploy, &raw, &answer));
    assert_true(tb_hb_again(get, &raw, &answer));
    raw = silent(TB_HB_FATE_UNSENT);
    assert_true(tb_hb_again(deploy, &raw, &answer));
    assert_true(tb_hb_again(get, &raw, &answer));
    assert_false(tb_hb_again(order, &raw, &answer));
    raw = silent(TB_HB_FATE_TIMED_OUT);
    raw.timed_out = true;
    assert_false(tb_hb_again(deploy, &raw, &answer));
    assert_false(tb_hb_again(get, &raw, &answer));
    raw = (struct tb_hb_raw){.fate = TB_HB_FATE_ANSWERED, .status = 502};
    assert_false(tb_hb_again(deploy, &raw, &answer));
    assert_true(tb_hb_again(get, &raw, &answer));
    answer.outcome = TB_HB_FAILED;
    raw.status = 503; /* upstream's own: its Gateway is down, and will be in a moment too */
    assert_false(tb_hb_again(get, &raw, &answer));
}

static void upstreams_words_are_cleaned(void **state)
{
    (void)state;
    char out[64];
    tb_log_secret("hunter2-hunter2");
    static const char words[] = "a\n\x1b[31m hunter2-hunter2 [SQL: SELECT 1]";
    tb_hb_clean_text(words, sizeof words - 1, out, sizeof out);
    assert_null(strstr(out, "hunter2"));
    assert_null(strchr(out, '\x1b'));
    assert_null(strstr(out, "SQL"));
    tb_hb_clean_text("for http+docker://localhost/v1.51/x: No", 39, out, sizeof out);
    assert_string_equal(out, "for docker: No");
    char tiny[9];
    tb_hb_clean_text("abcd\xc3\xa4\xc3\xb6x", 9, tiny, sizeof tiny);
    assert_string_equal(tiny, "abcd...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_lie_becomes_an_error),
        cmocka_unit_test(honest_answers_pass),
        cmocka_unit_test(strange_shapes_are_unknown),
        cmocka_unit_test(error_shapes_are_read),
        cmocka_unit_test(only_upstreams_own_json_is_a_refusal),
        cmocka_unit_test(strangers_are_named),
        cmocka_unit_test(silence_is_unknown_for_writes),
        cmocka_unit_test(only_safe_things_are_tried_again),
        cmocka_unit_test(upstreams_words_are_cleaned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
