/* What an answer means: outcome, error code, and one sentence for people.
 *
 * Upstream has three shapes of errors: {"detail": "text"}, {"detail": [ {loc, msg}, … ]} with 422,
 * and the bare text `Internal Server Error`. Whatever has none of them and is not the JSON that the
 * route answers with did not come from upstream's handler, or not whole; then a write may have
 * happened and its outcome is unknown. No clock, no network; any thread. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "hummingbot/client_private.h"

#define BARE_ERROR    "Internal Server Error"
#define DETAILS_SHOWN 4

/* Where upstream's words turn into things nobody outside should read; the rest is cut. */
static const char *const CUT_AT[] = {"[SQL:", "Traceback (most recent call last)"};

/* Addresses of the container engine inside its error texts. */
static const char ENGINE_URL[] = "http+docker://";

static void without_engine_urls(struct tb_buffer *out, const char *text)
{
    for (const char *url; (url = strstr(text, ENGINE_URL));) {
        tb_buffer_append(out, text, (size_t)(url - text));
        tb_buffer_puts(out, "docker");
        text = url + strcspn(url, " \t\n\"'");
        if (text[-1] == ':')
            text--;
    }
    tb_buffer_puts(out, text);
}

void tb_hb_clean_text(const char *text, size_t len, char *out, size_t size)
{
    /* A bot may be asked for anything; more than this is never shown. */
    char *whole = tb_xstrndup(text, len < 4096 ? len : 4096);
    struct tb_buffer plain = TB_BUFFER_INIT, escaped = TB_BUFFER_INIT, red = TB_BUFFER_INIT;
    for (size_t i = 0; i < sizeof CUT_AT / sizeof *CUT_AT; i++) {
        char *at = strstr(whole, CUT_AT[i]);
        if (at)
            *at = '\0';
    }
    for (char *p = whole; *p; p++) {
        if (*p == '\n' || *p == '\r' || *p == '\t')
            *p = ' ';
    }
    without_engine_urls(&plain, whole);
    tb_redact(&red, tb_buffer_text(&plain));
    tb_escape_control(&escaped, tb_buffer_text(&red));
    if (!tb_copy(out, size, tb_buffer_text(&escaped)) && size > 4) {
        /* Never half a character. */
        size_t end = size - 4;
        while (end > 0 && ((unsigned char)out[end] & 0xc0) == 0x80)
            end--;
        memcpy(out + end, "...", 4);
    }
    tb_buffer_free(&plain);
    tb_buffer_free(&escaped);
    tb_buffer_free(&red);
    free(whole);
}

/* ---- error shapes ---- */

/* "body.instance_name: Field required" */
static void append_problem(struct tb_buffer *out, const struct tb_json *problem)
{
    const struct tb_json *loc = tb_json_get(problem, "loc");
    const char *msg = tb_json_get_string(problem, "msg");
    const char *separator = "";
    for (const struct tb_json *part = loc ? loc->child : NULL; part; part = part->next) {
        if (part->type != TB_JSON_STRING && part->type != TB_JSON_NUMBER)
            continue;
        tb_buffer_puts(out, separator);
        tb_buffer_append(out, part->text, part->len);
        separator = ".";
    }
    tb_buffer_printf(out, "%s%s", out->len ? ": " : "", msg ? msg : "not accepted");
}

static void read_problems(const struct tb_json *list, char *out, size_t size)
{
    struct tb_buffer all = TB_BUFFER_INIT;
    size_t shown = 0;
    for (const struct tb_json *p = list->child; p && shown < DETAILS_SHOWN; p = p->next, shown++) {
        struct tb_buffer one = TB_BUFFER_INIT;
        append_problem(&one, p);
        tb_buffer_printf(&all, "%s%s", shown ? "; " : "", tb_buffer_text(&one));
        tb_buffer_free(&one);
    }
    tb_hb_clean_text(tb_buffer_text(&all), all.len, out, size);
    tb_buffer_free(&all);
}

/* Is this body upstream's own error? Fills its words. */
static bool own_error(const struct tb_hb_raw *raw, char *words, size_t size)
{
    words[0] = '\0';
    if (raw->status == 500 && raw->body.len == sizeof BARE_ERROR - 1 &&
        memcmp(raw->body.data, BARE_ERROR, raw->body.len) == 0)
        return tb_copy(words, size, BARE_ERROR);
    struct tb_json_doc *doc =
        tb_json_parse(tb_buffer_text(&raw->body), raw->body.len, TB_JSON_UPSTREAM, NULL);
    const struct tb_json *detail = doc ? tb_json_get(tb_json_root(doc), "detail") : NULL;
    bool own = false;
    if (detail && detail->type == TB_JSON_STRING) {
        tb_hb_clean_text(detail->text, detail->len, words, size);
        own = true;
    } else if (detail && detail->type == TB_JSON_ARRAY) {
        read_problems(detail, words, size);
        own = true;
    }
    tb_json_free(doc);
    return own;
}

/* ---- sentences ---- */

static bool reads(const struct tb_hb_endpoint_row *row)
{
    return row->effect == TB_HB_READ;
}

/* The code of an answer that cannot be trusted: a read may be tried again, a write may have
 * happened. */
static enum tb_code untrusted(const struct tb_hb_endpoint_row *row, enum tb_code for_read)
{
    return reads(row) ? for_read : TB_UPSTREAM_UNKNOWN;
}

static const char *consequence(const struct tb_hb_endpoint_row *row)
{
    return reads(row) ? ""
                      : "; whether it was carried out is not known, so look before repeating it";
}

static enum tb_hb_outcome foreign(const struct tb_hb_endpoint_row *row, const struct tb_hb_raw *raw,
                                  struct tb_error *err)
{
    const char *name = NULL, *remedy = NULL;
    const char *kind = tb_hb_is_html(raw) ? "an HTML page" : "something that is not the API's JSON";
    enum tb_code code = untrusted(row, TB_UPSTREAM_NOT_JSON);
    if (raw->status >= 300 && raw->status < 400) {
        char to[160];
        tb_hb_clean_text(raw->location, strlen(raw->location), to, sizeof to);
        (void)tb_fail(
            err, code,
            "%s %s was redirected (%d) to `%s`, which is not followed; put the final address "
            "into HUMMINGBOT_API_URL (https instead of http, for instance)%s",
            row->method, row->path, raw->status, to, consequence(row));
    } else if (tb_hb_tunnel(raw, &name, &remedy)) {
        (void)tb_fail(err, code, "%s %s was answered (%d) by %s, not by the Hummingbot API: %s%s",
                      row->method, row->path, raw->status, name, remedy, consequence(row));
    } else {
        (void)tb_fail(
            err, code,
            "%s %s was answered (%d) with %s: a proxy, a tunnel or another program stands "
            "at this address%s",
            row->method, row->path, raw->status, kind, consequence(row));
    }
    return TB_HB_UNKNOWN;
}

static enum tb_hb_outcome refused(const struct tb_hb_endpoint_row *row, const struct tb_hb_raw *raw,
                                  const char *words, struct tb_error *err)
{
    if (raw->status == 401)
        (void)tb_fail(err, TB_UPSTREAM_CREDENTIALS,
                      "the Hummingbot API refused our user and password (%s); check "
                      "HUMMINGBOT_API_USERNAME and HUMMINGBOT_API_PASSWORD",
                      words);
    else if (raw->status == 405 || (raw->status == 404 && strcmp(words, "Not Found") == 0))
        (void)tb_fail(err, TB_UPSTREAM_REFUSED,
                      "this Hummingbot API has no route %s %s (%d); it is of another version",
                      row->method, row->path, raw->status);
    else
        (void)tb_fail(err, TB_UPSTREAM_REFUSED, "the Hummingbot API refused %s %s (%d): %s",
                      row->method, row->path, raw->status, words);
    return TB_HB_REFUSED;
}

static enum tb_hb_outcome failed(const struct tb_hb_endpoint_row *row, const struct tb_hb_raw *raw,
                                 const char *words, struct tb_error *err)
{
    bool server = raw->status >= 500;
    bool bare = strcmp(words, BARE_ERROR) == 0;
    enum tb_code code = reads(row) && server ? TB_UPSTREAM_BROKEN : TB_UPSTREAM_REFUSED;
    (void)tb_fail(err, code, "%s %s failed in the Hummingbot API (%d): %s%s", row->method,
                  row->path, raw->status, words,
                  bare && !reads(row) ? " (it says this also for a name with characters beyond "
                                        "letters, digits, `_` and `-`)"
                                      : "");
    return TB_HB_FAILED;
}

static enum tb_hb_outcome read_success(const struct tb_hb_endpoint_row *row,
                                       const struct tb_hb_raw *raw, struct tb_error *err)
{
    char why[400];
    switch (tb_hb_judge(row, tb_buffer_text(&raw->body), raw->body.len, why, sizeof why)) {
    case TB_HB_TRUE:
        return TB_HB_DONE;
    case TB_HB_FALSE:
        (void)tb_fail(err, reads(row) ? TB_UPSTREAM_BROKEN : TB_UPSTREAM_REFUSED,
                      "%s %s was answered %d, but it failed: %s", row->method, row->path,
                      raw->status, why);
        if (err)
            (void)tb_copy(err->upstream_detail, sizeof err->upstream_detail, why);
        return TB_HB_FAILED;
    case TB_HB_STRANGE:
        break;
    }
    const char *name = NULL, *remedy = NULL;
    if (tb_hb_is_html(raw) || tb_hb_tunnel(raw, &name, &remedy))
        return foreign(row, raw, err);
    (void)tb_fail(err, untrusted(row, TB_UPSTREAM_NOT_JSON),
                  "%s %s was answered %d in a shape this route does not have (%s)%s", row->method,
                  row->path, raw->status, why, consequence(row));
    return TB_HB_UNKNOWN;
}

static enum tb_hb_outcome read_answer(const struct tb_hb_endpoint_row *row,
                                      const struct tb_hb_raw *raw, struct tb_error *err)
{
    char words[320];
    if (raw->status >= 200 && raw->status < 300)
        return read_success(row, raw, err);
    if (raw->status < 400 || !own_error(raw, words, sizeof words))
        return foreign(row, raw, err);
    enum tb_hb_outcome outcome;
    if (raw->status == 401 || raw->status == 404 || raw->status == 405 || raw->status == 422)
        outcome = refused(row, raw, words, err);
    else
        outcome = failed(row, raw, words, err);
    if (err)
        (void)tb_copy(err->upstream_detail, sizeof err->upstream_detail, words);
    return outcome;
}

/* ---- no answer ---- */

static enum tb_hb_outcome read_unsent(const struct tb_hb_endpoint_row *row,
                                      const struct tb_hb_raw *raw, struct tb_error *err)
{
    const char *why =
        raw->unresolved  ? "its host name has no address; check HUMMINGBOT_API_URL and DNS"
        : raw->untrusted ? "its TLS certificate is not trusted; give the one of the authority that "
                           "signed it as HUMMINGBOT_API_CA_FILE, and use the host name that it is "
                           "for"
        : raw->tls       ? "the TLS handshake failed; check the certificate and https"
        : raw->timed_out ? "no connection in time; check the address, firewall and VPN"
                         : "is it running, and does HUMMINGBOT_API_URL name its port?";
    char words[256];
    tb_hb_clean_text(raw->curl_text, strlen(raw->curl_text), words, sizeof words);
    (void)tb_fail(err, raw->busy && raw->timed_out ? TB_UPSTREAM_BUSY : TB_UPSTREAM_UNREACHABLE,
                  "the Hummingbot API cannot be reached for %s %s (%s): %s; nothing was sent",
                  row->method, row->path, words, why);
    return TB_HB_UNSENT;
}

static enum tb_hb_outcome read_silence(const struct tb_hb_endpoint_row *row,
                                       const struct tb_hb_raw *raw, struct tb_error *err)
{
    long long seconds10 = (raw->done_mono_ms - raw->sent_mono_ms + 50) / 100;
    char words[256];
    tb_hb_clean_text(raw->curl_text, strlen(raw->curl_text), words, sizeof words);
    if (raw->fate == TB_HB_FATE_CUT)
        (void)tb_fail(err, TB_DRAINING, "%s %s was cut: the bridge is shutting down", row->method,
                      row->path);
    else if (raw->fate == TB_HB_FATE_TOO_LARGE)
        (void)tb_fail(err, untrusted(row, TB_UPSTREAM_BROKEN),
                      "the answer to %s %s is larger than %u MiB%s", row->method, row->path,
                      (unsigned)(row->body_max >> 20), consequence(row));
    else if (raw->fate == TB_HB_FATE_BROKEN)
        (void)tb_fail(err, untrusted(row, TB_UPSTREAM_BROKEN),
                      "the connection broke before %s %s was answered (%s)%s", row->method,
                      row->path, words, consequence(row));
    else
        (void)tb_fail(err, untrusted(row, raw->busy ? TB_UPSTREAM_BUSY : TB_UPSTREAM_TIMEOUT),
                      "the Hummingbot API did not answer %s %s within %lld.%lld s%s%s", row->method,
                      row->path, seconds10 / 10, seconds10 % 10,
                      raw->busy ? " (it is busy with a container operation of ours)" : "",
                      consequence(row));
    return TB_HB_UNKNOWN;
}

void tb_hb_classify(const struct tb_hb_endpoint_row *row, struct tb_hb_raw *raw,
                    struct tb_hb_answer *answer, struct tb_error *err)
{
    *answer = (struct tb_hb_answer){
        .sent_wall_ms = raw->sent_wall_ms,
        .done_wall_ms = raw->done_wall_ms,
        .upstream_wall_ms = raw->upstream_wall_ms,
        .elapsed_ms = (uint32_t)(raw->done_mono_ms - raw->sent_mono_ms),
    };
    if (err)
        *err = (struct tb_error){0};
    if (raw->fate == TB_HB_FATE_ANSWERED) {
        answer->status = raw->status;
        answer->outcome = read_answer(row, raw, err);
        if (err && answer->outcome != TB_HB_DONE)
            err->upstream_status = raw->status;
    } else if (raw->fate == TB_HB_FATE_UNSENT) {
        answer->outcome = read_unsent(row, raw, err);
    } else {
        answer->outcome = read_silence(row, raw, err);
    }
    answer->body = raw->body;
    raw->body = (struct tb_buffer)TB_BUFFER_INIT;
}

bool tb_hb_again(const struct tb_hb_endpoint_row *row, const struct tb_hb_raw *raw,
                 const struct tb_hb_answer *answer)
{
    /* What cannot change within a moment is not tried again. */
    if (raw->tls || raw->timed_out || raw->fate == TB_HB_FATE_CUT ||
        raw->fate == TB_HB_FATE_TOO_LARGE)
        return false;
    if (raw->fate == TB_HB_FATE_UNSENT)
        return row->retry == TB_HB_RETRY_ALWAYS || row->retry == TB_HB_RETRY_UNSENT;
    if (row->retry != TB_HB_RETRY_ALWAYS)
        return false;
    if (raw->fate == TB_HB_FATE_BROKEN)
        return true;
    /* A proxy's moment of weakness, and upstream's own race while it writes the status document. */
    bool proxy = answer->outcome == TB_HB_UNKNOWN && raw->status >= 502 && raw->status <= 504;
    bool race = answer->outcome == TB_HB_FAILED && raw->status == 500 &&
                strcmp(row->method, "GET") == 0 &&
                strcmp(tb_buffer_text(&answer->body), BARE_ERROR) == 0;
    return proxy || race;
}
