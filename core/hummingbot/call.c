/* One call: checks, address, lane, transfer, judgement, at most one more try. Any thread. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "hummingbot/client_private.h"

/* How long a call without a deadline of its own waits for its lane: longer than a deploy. */
#define LANE_WAIT_MS   90000
#define RETRY_AFTER_MS 150

/* The bodies that upstream demands where we have nothing to say. */
static const char EMPTY_BODY[] = "{}";

static int64_t earlier(int64_t a, int64_t b)
{
    return b != 0 && b < a ? b : a;
}

static bool check(const struct tb_hb_call *call, struct tb_error *err)
{
    const struct tb_hb_endpoint_row *row = tb_hb_endpoint(call->endpoint);
    if (!row)
        return tb_fail(err, TB_INTERNAL, "there is no endpoint %d", (int)call->endpoint);
    if (call->body && !*row->body)
        return tb_fail(err, TB_INTERNAL, "%s takes no body", row->name);
    return tb_hb_guard(call, err);
}

/* Sends, and once more where that is safe. hurried_out: the caller's deadline was shorter than the
 * row's time-out, so a time-out is the caller's and not upstream's. */
static void send_and_judge(const struct tb_hb_send *first, uint32_t timeout_ms, int64_t deadline,
                           struct tb_hb_answer *answer, struct tb_error *err, bool *hurried_out)
{
    struct tb_hb_send send = *first;
    for (int attempt = 1;; attempt++) {
        struct tb_hb_raw raw;
        int64_t full = tb_mono_ms() + timeout_ms;
        bool was_busy = tb_hb_busy(send.hb);
        send.mono_deadline_ms = earlier(full, deadline);
        *hurried_out = send.mono_deadline_ms < full;
        tb_hb_transfer(&send, &raw);
        raw.busy = was_busy || tb_hb_busy(send.hb);
        tb_hb_classify(send.row, &raw, answer, err);
        tb_hb_note(send.hb, send.row, &raw, answer, err);
        int64_t next = tb_mono_ms() + RETRY_AFTER_MS;
        if (attempt == 2 || (deadline != 0 && next >= deadline) || tb_hb_draining(send.hb) ||
            !tb_hb_again(send.row, &raw, answer))
            return;
        tb_hb_answer_free(answer);
        tb_sleep_ms(RETRY_AFTER_MS);
    }
}

/* Through the lane and the lease. */
static void perform(struct tb_hb *hb, const struct tb_hb_call *call, const char *url,
                    struct tb_hb_answer *answer, struct tb_error *err, bool *hurried_out)
{
    const struct tb_hb_endpoint_row *row = tb_hb_endpoint(call->endpoint);
    uint32_t timeout_ms = call->timeout_ms ? call->timeout_ms : row->timeout_ms;
    int64_t lane_deadline =
        call->mono_deadline_ms ? call->mono_deadline_ms : tb_mono_ms() + LANE_WAIT_MS;
    enum tb_hb_slot slot;
    answer->outcome = TB_HB_UNSENT;
    *hurried_out = call->mono_deadline_ms != 0;
    if (!tb_hb_lane_enter(hb, call, lane_deadline, &slot, err))
        return;
    struct tb_hb_lease *lease = tb_lease_take(hb->pool, lane_deadline, err);
    if (lease) {
        struct tb_hb_send send = {.hb = hb, .lease = lease, .row = row, .url = url};
        send.body = call->body ? call->body : *row->body ? EMPTY_BODY : NULL;
        send.body_len = call->body ? call->body_len : send.body ? sizeof EMPTY_BODY - 1 : 0;
        send_and_judge(&send, timeout_ms, call->mono_deadline_ms, answer, err, hurried_out);
        tb_lease_return(hb->pool, lease, false);
    }
    tb_hb_lane_leave(hb, call, slot, answer);
}

static void perform_shared(struct tb_hb *hb, const struct tb_hb_call *call, const char *url,
                           struct tb_hb_answer *answer, struct tb_error *err)
{
    const struct tb_hb_endpoint_row *row = tb_hb_endpoint(call->endpoint);
    struct tb_hb_flight *flight = NULL;
    bool hurried = false;
    int64_t deadline =
        call->mono_deadline_ms ? call->mono_deadline_ms : tb_mono_ms() + LANE_WAIT_MS;
    enum tb_hb_share share = tb_hb_share_board(hb, call, url, deadline, &flight, answer, err);
    if (share == TB_HB_SHARE_COPIED)
        return;
    if (row->effect != TB_HB_READ)
        tb_hb_share_written(hb);
    perform(hb, call, url, answer, err, &hurried);
    if (row->effect != TB_HB_READ)
        tb_hb_share_written(hb);
    if (share == TB_HB_SHARE_LEAD)
        tb_hb_share_land(hb, flight, answer, err, hurried);
}

bool tb_hb_call(struct tb_hb *hb, const struct tb_hb_call *call, struct tb_hb_answer *answer,
                struct tb_error *err)
{
    struct tb_error own = {0};
    struct tb_buffer url = TB_BUFFER_INIT;
    *answer = (struct tb_hb_answer){.outcome = TB_HB_UNSENT};
    if (tb_hb_enter(hb, &own)) {
        if (check(call, &own) && tb_hb_url(hb->base, call, &url, &own))
            perform_shared(hb, call, tb_buffer_text(&url), answer, &own);
        tb_hb_leave(hb);
    }
    tb_buffer_free(&url);
    if (answer->outcome == TB_HB_DONE)
        return true;
    if (err)
        *err = own;
    return false;
}
