/* Fuzzes the judgement of upstream's answers: whatever comes back, it ends in one of the five
 * outcomes with an error that fits it, and a write is never called refused or done on a stranger's
 * word.
 *
 * Input: one byte chooses the row, one the status, one how the transfer ended, the rest is the
 * body. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "hummingbot/client_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void insist(bool holds)
{
    if (!holds)
        abort();
}

static const int STATUSES[] = {200, 201, 200, 204, 301, 307, 400, 401, 403, 404,
                               405, 422, 429, 500, 501, 502, 503, 504, 530, 0};
static const char *const TYPES[] = {"application/json", "text/html", "text/plain", ""};

static bool has_own_detail(const char *body, size_t len)
{
    struct tb_json_doc *doc = tb_json_parse(body, len, TB_JSON_UPSTREAM, NULL);
    const struct tb_json *detail = doc ? tb_json_get(tb_json_root(doc), "detail") : NULL;
    bool own = tb_json_is(detail, TB_JSON_STRING) || tb_json_is(detail, TB_JSON_ARRAY);
    tb_json_free(doc);
    return own;
}

static void check(const struct tb_hb_endpoint_row *row, const struct tb_hb_raw *shape,
                  const struct tb_hb_answer *answer, const struct tb_error *err)
{
    bool write = row->effect != TB_HB_READ;
    insist((answer->outcome == TB_HB_DONE) == (err->code == TB_OK));
    insist((answer->outcome == TB_HB_DONE) == (err->detail[0] == '\0'));
    insist(memchr(err->detail, '\0', sizeof err->detail) != NULL);
    for (const char *p = err->detail; *p; p++)
        insist((unsigned char)*p >= ' ' && *p != 0x7f);
    switch (answer->outcome) {
    case TB_HB_DONE:
        insist(shape->fate == TB_HB_FATE_ANSWERED && shape->status / 100 == 2);
        break;
    case TB_HB_REFUSED:
        insist(shape->fate == TB_HB_FATE_ANSWERED);
        insist(shape->status == 401 || shape->status == 404 || shape->status == 405 ||
               shape->status == 422);
        insist(has_own_detail(tb_buffer_text(&answer->body), answer->body.len));
        break;
    case TB_HB_FAILED:
        insist(shape->fate == TB_HB_FATE_ANSWERED && shape->status >= 200);
        insist(!write || !tb_code_retryable(err->code));
        break;
    case TB_HB_UNSENT:
        insist(shape->fate == TB_HB_FATE_UNSENT);
        break;
    case TB_HB_UNKNOWN:
        insist(shape->fate != TB_HB_FATE_UNSENT);
        insist(!write || err->code == TB_UPSTREAM_UNKNOWN || shape->fate == TB_HB_FATE_CUT);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    const struct tb_hb_endpoint_row *row =
        tb_hb_endpoint((enum tb_hb_endpoint)(data[0] % TB_HB_ENDPOINT_COUNT));
    struct tb_hb_raw raw = {.fate = (enum tb_hb_fate)(data[2] % 16 < 6 ? data[2] % 16 : 0),
                            .status = STATUSES[data[1] % (sizeof STATUSES / sizeof *STATUSES)],
                            .timed_out = data[2] & 16,
                            .busy = data[2] & 32};
    strcpy(raw.content_type, TYPES[data[2] >> 6]);
    size_t hint = size - 3 < sizeof raw.location - 1 ? size - 3 : sizeof raw.location - 1;
    memcpy(raw.location, data + 3, hint);
    memcpy(raw.server, data + 3, hint < sizeof raw.server - 1 ? hint : sizeof raw.server - 1);
    memcpy(raw.curl_text, data + 3, hint);
    tb_buffer_append(&raw.body, data + 3, size - 3);
    struct tb_hb_raw shape = raw;

    struct tb_error err;
    struct tb_hb_answer answer;
    tb_hb_classify(row, &raw, &answer, &err);
    check(row, &shape, &answer, &err);
    if (tb_hb_again(row, &shape, &answer))
        insist(row->retry == TB_HB_RETRY_ALWAYS || shape.fate == TB_HB_FATE_UNSENT);
    tb_hb_answer_free(&answer);
    (void)tb_hb_tunnel_header((const char *)data, size);
    return 0;
}
