/* Asks the Hummingbot API's validator about a controller config (verdict.h). */
#include "bots/verdict.h"

#include <string.h>

#include "base/clock.h"
#include "hummingbot/config_fields.h"

/* Advice is not waited for longer than this. */
enum { WAIT_MS = 4000 };

/* The validator takes the first config class it finds in a controller's module. In these modules
 * that is the imported base class, which does not have the controller's own fields and forbids
 * them: a refusal of a class's own fields by that base class is wrong, and so is its consent worth
 * nothing for them. */
static const struct {
    const char *type, *name, *validator;
} PICKS_THE_BASE[] = {
    {"directional_trading", "supertrend_v1", "DirectionalTradingControllerConfigBase"},
    {"directional_trading", "macd_bb_v1", "DirectionalTradingControllerConfigBase"},
    {"market_making", "pmm_dynamic", "MarketMakingControllerConfigBase"},
};

static const char *wrong_validator(const char *type, const char *name)
{
    for (size_t i = 0; i < sizeof PICKS_THE_BASE / sizeof *PICKS_THE_BASE; i++)
        if (strcmp(PICKS_THE_BASE[i].type, type) == 0 && strcmp(PICKS_THE_BASE[i].name, name) == 0)
            return PICKS_THE_BASE[i].validator;
    return NULL;
}

/* One error of the text: the field's line, and below it the reason. Steps over both. */
static bool own_field_forbidden(const struct tb_hb_class *c, const char **at)
{
    char field[64] = "";
    size_t name = strcspn(*at, "\n");
    const char *reason = *at + name + ((*at)[name] == '\n');
    size_t len = strcspn(reason, "\n");
    if (name > 0 && name < sizeof field)
        memcpy(field, *at, name);
    *at = reason + len + (reason[len] == '\n');
    while (**at == ' ') { /* where to read more */
        *at += strcspn(*at, "\n");
        *at += **at == '\n';
    }
    const char *forbidden = strstr(reason, "[type=extra_forbidden");
    return forbidden && forbidden < reason + len &&
           tb_hb_class_field(c, field) != TB_HB_FIELD_UNKNOWN;
}

bool verdict_known_wrong(const char *type, const char *name, const char *body, size_t len)
{
    const char *validator = wrong_validator(type, name);
    struct tb_error ignored;
    struct tb_json_doc *doc =
        validator ? tb_json_parse(body, len, TB_JSON_UPSTREAM, &ignored) : NULL;
    const char *detail = doc ? tb_json_get_string(tb_json_root(doc), "detail") : NULL;
    const char *head = detail ? strstr(detail, validator) : NULL;
    const char *at = head ? head + strlen(validator) : NULL;
    bool wrong = at && *at == '\n' && at[1];
    if (wrong) {
        const struct tb_hb_class *c = tb_hb_class_find(type, name);
        at++;
        while (wrong && *at)
            wrong = own_field_forbidden(c, &at);
    }
    tb_json_free(doc);
    return wrong;
}

static void refused(const struct tb_verdict_question *question, const struct tb_hb_answer *answer,
                    const char *words, struct tb_buffer *checks, struct tb_buffer *warnings)
{
    static const char says[] = "Hummingbot's own validator refuses the controller config.";
    if (verdict_known_wrong(question->type, question->name, tb_buffer_text(&answer->body),
                            answer->body.len)) {
        tb_problem_add(checks, "", "upstream_verdict_wrong",
                       "Hummingbot's own validator refuses the controller config, and is wrong: "
                       "for this class it looks at the base class, which does not have the fields "
                       "it names. The bot accepts them.",
                       words);
        return;
    }
    tb_problem_add(checks, "", "upstream_verdict", says, words);
    tb_problem_add(warnings, "/strategy", "upstream_verdict", says, words);
}

void verdict_ask(struct tb_bots *b, const struct tb_verdict_question *question,
                 struct tb_buffer *checks, struct tb_buffer *warnings)
{
    int64_t patience = tb_mono_ms() + WAIT_MS;
    struct tb_hb_call call = {.endpoint = TB_HB_CONTROLLERS_VALIDATE,
                              .arg = {question->type, question->name},
                              .body = question->config->data,
                              .body_len = question->config->len,
                              .mono_deadline_ms = patience < question->mono_deadline_ms
                                                      ? patience
                                                      : question->mono_deadline_ms};
    struct tb_hb_answer answer;
    struct tb_error err = {0};
    if (tb_hb_call(b->hb, &call, &answer, &err))
        tb_problem_add(checks, "", "upstream_valid",
                       wrong_validator(question->type, question->name)
                           ? "Hummingbot's own validator accepts the controller config, but for "
                             "this class it looks at the base class only."
                           : "Hummingbot's own validator accepts the controller config.",
                       NULL);
    else if (answer.status == 404 || answer.status == 405)
        tb_problem_add(checks, "", "upstream_no_validator",
                       "This Hummingbot API has no validator for controller configs (it came on "
                       "2025-08-09), so only the bridge checked them.",
                       NULL);
    else if (answer.status == 400 || answer.status == 422)
        refused(question, &answer, err.upstream_detail[0] ? err.upstream_detail : err.detail,
                checks, warnings);
    else
        tb_problem_add(checks, "", "upstream_not_asked",
                       "Hummingbot's own validator gave no verdict on the controller config, so "
                       "only the bridge checked it.",
                       err.detail);
    tb_hb_answer_free(&answer);
}
