/* Telling the versions of the API apart: one small route list per era, strangers, hidden routes,
 * and the recorded document of the real API where it is at hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hummingbot/client.h"
#include "raw_server.h"

#define NOT_FOUND "{\"detail\":\"Not Found\"}"
#define ROOT      "{\"name\":\"Hummingbot API\",\"version\":\"1.0.1\",\"status\":\"running\"}"

static const char *root_body;
static const char *openapi_body; /* NULL: 404 */

static bool tell(struct raw_server *s, const struct raw_request *r, int fd)
{
    (void)s;
    const char *body = strncmp(r->head, "GET / ", 6) == 0 ? root_body : openapi_body;
    bool missing = !body || strcmp(body, NOT_FOUND) == 0;
    return raw_answer(fd, missing ? 404 : 200, "", missing ? NOT_FOUND : body);
}

static struct tb_hb_profile look(const char *root, const char *openapi, bool *ok_out)
{
    struct raw_server s;
    struct tb_error err = {0};
    struct tb_hb_profile p = {0};
    root_body = root;
    openapi_body = openapi;
    raw_start(&s, tell);
    struct tb_hb_config config = {.url = s.url};
    struct tb_hb *hb = tb_hb_open(&config, &err);
    assert_non_null(hb);
    *ok_out = tb_hb_profile(hb, false, &p, &err);
    if (*ok_out) {
        /* Remembered: nothing is asked a second time. */
        int asked = raw_count(&s, &s.delivered);
        struct tb_hb_profile again;
        assert_true(tb_hb_profile(hb, false, &again, &err));
        assert_int_equal(again.era, p.era);
        assert_int_equal(raw_count(&s, &s.delivered), asked);
    }
    tb_hb_close(hb);
    raw_stop(&s);
    return p;
}

#define PATH(p)     "\"" p "\":{\"get\":{},\"post\":{},\"delete\":{}}"
#define PATHS(list) "{\"paths\":{" list "},\"components\":{\"securitySchemes\":{\"HTTPBasic\":{}}}}"
#define STATUS      PATH("/bot-orchestration/status")
#define CONTROLLERS "," PATH("/bot-orchestration/deploy-v2-controllers")
#define SCRIPT      "," PATH("/bot-orchestration/deploy-v2-script")
#define GATEWAY     "," PATH("/gateway/status")
#define EXECUTORS   "," PATH("/executors/") "," PATH("/executors/{executor_id}/logs")
#define CLMM        "," PATH("/gateway/clmm/add")
#define PERFORMANCE "," PATH("/bot-orchestration/controller-performance-latest")
#define RESOURCES   "," PATH("/system/resources")

static void eras_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *root, *openapi;
        enum tb_hb_era era;
        const char *name, *since;
        bool list, create, script, whitelist, exact;
    } rows[] = {
        {NOT_FOUND, "{\"paths\":{" PATH("/get-active-bots-status") "}}", TB_HB_ERA_A, "era-a", "",
         false, false, false, false, false},
        {NOT_FOUND, PATHS(PATH("/get-active-bots-status")), TB_HB_ERA_B, "era-b", "", false, false,
         false, false, false},
        {"{\"name\":\"Backend API\",\"version\":\"0.2.0\"}", PATHS(STATUS CONTROLLERS SCRIPT),
         TB_HB_ERA_C1, "c1", "2025-07-14", true, false, true, false, false},
        {ROOT, PATHS(STATUS CONTROLLERS SCRIPT GATEWAY), TB_HB_ERA_C2, "c2", "2025-11-03", true,
         false, true, false, false},
        {ROOT, PATHS(STATUS CONTROLLERS SCRIPT GATEWAY EXECUTORS), TB_HB_ERA_C2, "c2", "2026-01-28",
         true, false, true, false, false},
        {ROOT, PATHS(STATUS CONTROLLERS GATEWAY EXECUTORS), TB_HB_ERA_NOSCRIPT, "noscript",
         "2026-01-28", true, true, false, false, false},
        {ROOT, PATHS(STATUS CONTROLLERS SCRIPT GATEWAY EXECUTORS CLMM), TB_HB_ERA_C3, "c3",
         "2026-03-28", true, true, true, false, false},
        {ROOT, PATHS(STATUS CONTROLLERS SCRIPT GATEWAY EXECUTORS CLMM PERFORMANCE), TB_HB_ERA_C4,
         "c4", "2026-05-20", true, true, true, false, true},
        {ROOT,
         PATHS(STATUS CONTROLLERS SCRIPT PERFORMANCE RESOURCES "," PATH("/gateway/wallets/create")),
         TB_HB_ERA_C4, "c4", "2026-06-15", true, true, true, false, true},
        {ROOT, PATHS(STATUS CONTROLLERS SCRIPT PERFORMANCE RESOURCES), TB_HB_ERA_C4, "c4",
         "2026-06-22", true, true, true, true, true},
        {ROOT, NULL, TB_HB_ERA_UNKNOWN, "unknown", "", true, false, false, false, false},
        {ROOT, "{\"paths\":{\"/pets\":{}}}", TB_HB_ERA_NOT_HUMMINGBOT, "not-hummingbot", "", false,
         false, false, false, false},
        {"{\"name\":\"Pets\"}", NULL, TB_HB_ERA_NOT_HUMMINGBOT, "not-hummingbot", "", false, false,
         false, false, false},
        {NOT_FOUND, NULL, TB_HB_ERA_NOT_HUMMINGBOT, "not-hummingbot", "", false, false, false,
         false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool ok;
        struct tb_hb_profile p = look(rows[i].root, rows[i].openapi, &ok);
        assert_true(ok);
        if (p.era != rows[i].era || strcmp(p.since, rows[i].since) != 0)
            fail_msg("row %zu: %s since `%s`", i, p.name, p.since);
        assert_string_equal(p.name, rows[i].name);
        assert_int_equal(p.can_list, rows[i].list);
        assert_int_equal(p.can_create, rows[i].create);
        assert_int_equal(p.deploy_script, rows[i].script);
        assert_int_equal(p.name_whitelist, rows[i].whitelist);
        assert_int_equal(p.slash_exact, rows[i].exact);
        assert_true(strlen(p.differences) > 0);
    }
}

static void strangers_pages_are_no_verdict(void **state)
{
    (void)state;
    bool ok;
    (void)look("<html>ERR_NGROK_3200</html>", NULL, &ok);
    assert_false(ok);
    (void)look(ROOT, "<html>", &ok);
    assert_false(ok);
}

static void fingerprint_depends_on_the_paths_only(void **state)
{
    (void)state;
    bool ok;
    struct tb_hb_profile a = look(ROOT, PATHS(STATUS SCRIPT), &ok);
    struct tb_hb_profile b = look(ROOT,
                                  "{\"paths\":{\"/bot-orchestration/deploy-v2-script\":{},"
                                  "\"/bot-orchestration/status\":{}}}",
                                  &ok);
    struct tb_hb_profile c = look(ROOT, PATHS(STATUS CONTROLLERS), &ok);
    assert_int_equal(strlen(a.fingerprint), 64);
    assert_string_equal(a.fingerprint, b.fingerprint);
    assert_string_not_equal(a.fingerprint, c.fingerprint);
}

static char *recorded_openapi(void)
{
    char path[512];
    const char *shared = getenv("TB_SHARED");
    const char *source = getenv("TB_SOURCE_DIR");
    snprintf(path, sizeof path, "%s%s/knowledge/hummingbot/openapi.json",
             shared ? shared : (source ? source : "."), shared ? "" : "/../shared");
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    char *text = calloc(1, 1 << 20);
    size_t n = text ? fread(text, 1, (1 << 20) - 1, file) : 0;
    fclose(file);
    if (n > 0)
        return text;
    free(text);
    return NULL;
}

static void real_document_is_the_newest_era(void **state)
{
    (void)state;
    char *text = recorded_openapi();
    if (!text) {
        print_message("skipped: the recorded openapi.json is not at hand (TB_SHARED)\n");
        skip();
    }
    bool ok;
    struct tb_hb_profile p = look(ROOT, text, &ok);
    free(text);
    assert_true(ok);
    assert_int_equal(p.era, TB_HB_ERA_C4);
    assert_string_equal(p.since, "2026-06-29");
    assert_true(p.can_create && p.deploy_script && p.deploy_controllers && p.name_whitelist);
    assert_string_equal(p.differences, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eras_are_told_apart),
        cmocka_unit_test(strangers_pages_are_no_verdict),
        cmocka_unit_test(fingerprint_depends_on_the_paths_only),
        cmocka_unit_test(real_document_is_the_newest_era),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
