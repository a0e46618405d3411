/* The problem document (RFC 9457): every refusal and failure in one shape, with one sentence in
 * `detail` that a front end can show as it is. Any thread. */
#include "api/api_private.h"

#include <ctype.h>
#include <string.h>

#include "base/log.h"

/* "name_taken" becomes "Name taken". */
static void write_title(struct tb_json_writer *w, const char *word)
{
    char title[64];
    size_t n = 0;
    for (; word[n] && n + 1 < sizeof title; n++)
        title[n] = (char)(word[n] == '_' ? ' ' : word[n]);
    title[n] = '\0';
    title[0] = (char)toupper((unsigned char)title[0]);
    tb_jw_kv_string(w, "title", title);
}

/* Texts of plugins and of upstream end here too: people copy them into terminals and logs. */
static void write_redacted(struct tb_json_writer *w, const char *key, const char *text)
{
    struct tb_buffer redacted = TB_BUFFER_INIT, plain = TB_BUFFER_INIT;
    tb_redact(&redacted, text);
    tb_escape_control(&plain, tb_buffer_text(&redacted));
    tb_jw_kv_string(w, key, tb_buffer_text(&plain));
    tb_buffer_free(&redacted);
    tb_buffer_free(&plain);
}

static void write_upstream(struct tb_json_writer *w, const struct tb_error *err)
{
    if (!err->upstream_status && !err->upstream_detail[0])
        return;
    tb_jw_key(w, "upstream");
    tb_jw_object(w);
    if (err->upstream_status)
        tb_jw_kv_int(w, "status", err->upstream_status);
    if (err->upstream_detail[0])
        write_redacted(w, "detail", err->upstream_detail);
    tb_jw_end_object(w);
}

static void write_lists(struct tb_json_writer *w, const struct call *call)
{
    const struct tb_problems *p = call ? &call->problems : NULL;
    if (p && p->errors.len > 0) {
        tb_jw_kv_raw(w, "errors", p->errors.data, p->errors.len);
    } else {
        tb_jw_key(w, "errors");
        tb_jw_array(w);
        tb_jw_end_array(w);
    }
    if (p && p->warnings.len > 0)
        tb_jw_kv_raw(w, "warnings", p->warnings.data, p->warnings.len);
    if (p && p->plugin.len > 0)
        tb_jw_kv_raw(w, "plugin", p->plugin.data, p->plugin.len);
    if (p && p->plugin_log.len > 0 && api_role_includes(call->who.role, API_DEVELOPER))
        tb_jw_kv_raw(w, "plugin_log", p->plugin_log.data, p->plugin_log.len);
    if (call && call->existing.len > 0)
        tb_jw_kv_raw(w, "existing", call->existing.data, call->existing.len);
}

static void write_document(const struct tb_http_request *req, struct tb_http_response *res,
                           const struct tb_error *err, enum tb_code code, const struct call *call)
{
    struct tb_json_writer w;
    struct tb_buffer type = TB_BUFFER_INIT;
    const char *word = tb_code_word(code);
    tb_buffer_clear(&res->body);
    tb_buffer_printf(&type, "urn:trading-bridge:problem:%s", word);
    tb_jw_init(&w, &res->body);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "type", tb_buffer_text(&type));
    write_title(&w, word);
    tb_jw_kv_int(&w, "status", res->status);
    tb_jw_kv_string(&w, "code", word);
    write_redacted(&w, "detail",
                   err->detail[0]
                       ? err->detail
                       : "Something failed inside the bridge; its log has the request id.");
    write_lists(&w, call);
    tb_jw_kv_string(&w, "request_id", req->id);
    tb_jw_kv_bool(&w, "retryable", tb_code_retryable(code));
    write_upstream(&w, err);
    tb_jw_end_object(&w);
    tb_buffer_free(&type);
}

void api_problem(const struct tb_http_request *req, struct tb_http_response *res,
                 const struct tb_error *err, const struct call *call)
{
    enum tb_code code = err->code == TB_OK ? TB_INTERNAL : err->code;
    res->status = tb_code_http_status(code);
    res->content_type = "application/problem+json";
    write_document(req, res, err, code, call);
    if (call && call->problems.location[0])
        tb_http_header_add(res, "Location", call->problems.location);
    if (res->status == 401)
        tb_http_header_add(res, "WWW-Authenticate", "Bearer realm=\"trading-bridge\"");
    if (res->status == 503 || res->status == 429)
        tb_http_header_add(res, "Retry-After", code == TB_DRAINING ? "10" : "2");
    if (res->status >= 500 && res->status != 503)
        tb_log(TB_WARN, "http.failed", "%s %s: %s (%s)", req->method, req->id, err->detail,
               tb_code_word(code));
}
