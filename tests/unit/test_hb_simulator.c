/* The upstream client and the simulator, which do not know each other, on one wire: the profile,
 * honest calls, and every injected fault of a deploy ends in the outcome that is true, delivered
 * once. */
#include "hb_jobs.h"

#include "base/json.h"
#include "simulator/simulator.h"

struct fixture {
    struct tb_simulator *simulator;
    struct tb_hb *hb;
    char url[64];
};

static int set_up(void **state)
{
    struct tb_error err = {0};
    struct fixture *f = calloc(1, sizeof *f);
    struct tb_simulator_config config = {.bots = 2, .seed = 7};
    assert_non_null(f);
    f->simulator = tb_simulator_start(&config, &err);
    if (!f->simulator)
        fail_msg("%s", err.detail);
    snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d", tb_simulator_port(f->simulator));
    struct tb_hb_config access = {.url = f->url, .username = "admin", .password = "admin"};
    f->hb = tb_hb_open(&access, &err);
    assert_non_null(f->hb);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    tb_hb_close(f->hb);
    tb_simulator_stop(f->simulator);
    free(f);
    return 0;
}

static size_t collect(char *bytes, size_t size, size_t count, void *user)
{
    tb_buffer_append(user, bytes, size * count);
    return size * count;
}

/* The simulator's own routes, which the client does not have. */
static void control(const struct fixture *f, const char *method, const char *path, const char *body,
                    struct tb_buffer *out)
{
    char url[128];
    CURL *e = curl_easy_init();
    struct tb_buffer unused = TB_BUFFER_INIT;
    snprintf(url, sizeof url, "%s%s", f->url, path);
    curl_easy_setopt(e, CURLOPT_URL, url);
    curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    if (body)
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, out ? out : &unused);
    assert_int_equal(curl_easy_perform(e), CURLE_OK);
    curl_easy_cleanup(e);
    tb_buffer_free(&unused);
}

static int64_t delivered(const struct fixture *f)
{
    int64_t n = -1;
    struct tb_buffer out = TB_BUFFER_INIT;
    control(f, "GET", "/_simulator/ledger", NULL, &out);
    struct tb_json_doc *doc = tb_json_parse(tb_buffer_text(&out), out.len, TB_JSON_UPSTREAM, NULL);
    assert_non_null(doc);
    assert_true(tb_json_int64(tb_json_get(tb_json_root(doc), "deploys_delivered"), &n));
    tb_json_free(doc);
    tb_buffer_free(&out);
    return n;
}

static void it_passes_for_the_newest_api(void **state)
{
    struct fixture *f = *state;
    struct tb_hb_profile p;
    struct tb_error err;
    assert_true(tb_hb_profile(f->hb, false, &p, &err));
    assert_int_equal(p.era, TB_HB_ERA_C4);
    assert_true(p.can_create && p.deploy_script && p.name_whitelist);
    static const enum tb_hb_endpoint reads[] = {TB_HB_BOTS_STATUS,    TB_HB_BOTS_RUNS,
                                                TB_HB_DOCKER_ACTIVE,  TB_HB_DOCKER_EXITED,
                                                TB_HB_ACCOUNTS_LIST,  TB_HB_SCRIPTS_CONFIG_LIST,
                                                TB_HB_GATEWAY_STATUS, TB_HB_PORTFOLIO_STATE};
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
        assert_int_equal(do_call(f->hb, simple(reads[i]), NULL), TB_HB_DONE);
}

static void every_fault_of_a_deploy_ends_truly(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *fault;
        enum tb_hb_outcome outcome;
        enum tb_code code;
    } rows[] = {
        {"\"kind\":\"latency\",\"delay_ms\":50", TB_HB_DONE, TB_OK},
        {"\"kind\":\"error500\"", TB_HB_FAILED, TB_UPSTREAM_REFUSED},
        {"\"kind\":\"error_detail\",\"detail\":\"boom\"", TB_HB_FAILED, TB_UPSTREAM_REFUSED},
        {"\"kind\":\"success_shaped_failure\"", TB_HB_FAILED, TB_UPSTREAM_REFUSED},
        {"\"kind\":\"created\"", TB_HB_FAILED, TB_UPSTREAM_REFUSED},
        {"\"kind\":\"unauthorized\"", TB_HB_REFUSED, TB_UPSTREAM_CREDENTIALS},
        {"\"kind\":\"html\"", TB_HB_UNKNOWN, TB_UPSTREAM_UNKNOWN},
        {"\"kind\":\"drop_before\"", TB_HB_UNKNOWN, TB_UPSTREAM_UNKNOWN},
        {"\"kind\":\"drop_after\"", TB_HB_UNKNOWN, TB_UPSTREAM_UNKNOWN},
        {"\"kind\":\"late\",\"delay_ms\":10", TB_HB_UNKNOWN, TB_UPSTREAM_UNKNOWN},
        {"\"kind\":\"hang\"", TB_HB_UNKNOWN, TB_UPSTREAM_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char body[256], fault[256];
        struct tb_error err = {0};
        int64_t before = delivered(f);
        snprintf(fault, sizeof fault,
                 "{\"match\":{\"method\":\"POST\",\"path\":\"/bot-orchestration/deploy\"},"
                 "\"count\":1,%s}",
                 rows[i].fault);
        control(f, "POST", "/_simulator/faults", fault, NULL);
        snprintf(body, sizeof body,
                 "{\"instance_name\":\"hummingbot-t%zu\",\"credentials_profile\":"
                 "\"master_account\",\"image\":\"hummingbot/hummingbot:version-2.16.0\","
                 "\"script_config\":\"none.yml\",\"headless\":true}",
                 i);
        struct tb_hb_call call = {.endpoint = TB_HB_BOTS_DEPLOY_SCRIPT,
                                  .body = body,
                                  .body_len = strlen(body),
                                  .timeout_ms = 2000};
        enum tb_hb_outcome outcome = do_call(f->hb, call, &err);
        if (outcome != rows[i].outcome || err.code != rows[i].code)
            fail_msg("%s: outcome %d, %s", rows[i].fault, (int)outcome, err.detail);
        assert_int_equal(delivered(f) - before, 1);
        control(f, "DELETE", "/_simulator/faults", NULL, NULL);
    }
}

static void lists_that_are_texts_are_failed_looks(void **state)
{
    struct fixture *f = *state;
    struct tb_error err = {0};
    struct tb_hb_call look = {.endpoint = TB_HB_DOCKER_ACTIVE, .fresh = true};
    control(f, "POST", "/_simulator/faults", "{\"kind\":\"text_list\",\"count\":1}", NULL);
    assert_int_equal(do_call(f->hb, look, &err), TB_HB_FAILED);
    assert_non_null(strstr(err.detail, "an error text stands where the list belongs"));
    assert_int_equal(do_call(f->hb, look, &err), TB_HB_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_passes_for_the_newest_api, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_fault_of_a_deploy_ends_truly, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists_that_are_texts_are_failed_looks, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
