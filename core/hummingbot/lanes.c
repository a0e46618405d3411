/* Lanes and health of one server.
 *
 * Upstream is one event loop: at most 4 reads and 1 write of ours are in flight, and 1 more slot is
 * kept for a stop, which never queues behind a deploy. History calls go one at a time, because two
 * in the same millisecond get each other's trades. A container operation of ours freezes the API;
 * while one runs, silence means busy, not down. Any thread; everything under the server's mutex,
 * which is never held across I/O. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "hummingbot/client_private.h"

/* Our calls that block upstream's event loop, and how long after their answer they still may
 * (stop-and-archive answers at once and stops the container up to 25 s later). */
static const struct freezing {
    enum tb_hb_endpoint endpoint;
    int32_t after_ms;
} FREEZING[] = {
    {TB_HB_DOCKER_STOP, 0},
    {TB_HB_DOCKER_START, 0},
    {TB_HB_DOCKER_REMOVE, 0},
    {TB_HB_DOCKER_CLEAN, 0},
    {TB_HB_DOCKER_PULL, 0},
    {TB_HB_BOTS_DEPLOY_SCRIPT, 0},
    {TB_HB_BOTS_DEPLOY_CONTROLLERS, 0},
    {TB_HB_BOTS_ARCHIVE, 45000},
    {TB_HB_GATEWAY_START, 0},
    {TB_HB_GATEWAY_STOP, 0},
    {TB_HB_GATEWAY_RESTART, 0},
    {TB_HB_BACKTESTING_RUN, 0},
};

/* A freezing call that we gave up on goes on upstream; the engine's own time-out is 60 s. */
#define ABANDONED_FREEZE_MS 60000

static const struct freezing *freezing_of(enum tb_hb_endpoint endpoint)
{
    for (size_t i = 0; i < sizeof FREEZING / sizeof *FREEZING; i++) {
        if (FREEZING[i].endpoint == endpoint)
            return &FREEZING[i];
    }
    return NULL;
}

/* A free slot for this call. A stop may also take the write slot when its own is taken by another.
 */
static bool pick(const struct tb_hb *hb, const struct tb_hb_call *call, enum tb_hb_slot *out)
{
    bool read = tb_hb_endpoint(call->endpoint)->effect == TB_HB_READ;
    if (call->endpoint == TB_HB_BOTS_HISTORY && hb->histories > 0)
        return false;
    if (call->lane == TB_HB_LANE_STOP && hb->stops < 1) {
        *out = TB_HB_SLOT_STOP;
        return true;
    }
    *out = read ? TB_HB_SLOT_READ : TB_HB_SLOT_WRITE;
    return read ? hb->reads < TB_HB_READ_LANES : hb->writes < 1;
}

static void count(struct tb_hb *hb, const struct tb_hb_call *call, enum tb_hb_slot slot, bool in)
{
    unsigned *slots[] = {&hb->reads, &hb->writes, &hb->stops};
    unsigned step = in ? 1u : -1u;
    *slots[slot] += step;
    if (call->endpoint == TB_HB_BOTS_HISTORY)
        hb->histories += step;
    if (freezing_of(call->endpoint))
        hb->freezing += step;
}

bool tb_hb_lane_enter(struct tb_hb *hb, const struct tb_hb_call *call, int64_t mono_deadline_ms,
                      enum tb_hb_slot *slot_out, struct tb_error *err)
{
    const struct tb_hb_endpoint_row *row = tb_hb_endpoint(call->endpoint);
    bool in_time = true;
    bool in = false;
    pthread_mutex_lock(&hb->mutex);
    while (!hb->draining && !(in = pick(hb, call, slot_out)) && in_time)
        in_time = tb_cond_wait_until(&hb->changed, &hb->mutex, mono_deadline_ms);
    bool draining = hb->draining;
    if (in)
        count(hb, call, *slot_out, true);
    pthread_mutex_unlock(&hb->mutex);
    if (in)
        return true;
    if (draining)
        return tb_fail(err, TB_DRAINING, "the bridge is shutting down; %s %s was not sent",
                       row->method, row->path);
    return tb_fail(err, TB_BUSY,
                   "other calls to the Hummingbot API took too long; %s %s was not sent",
                   row->method, row->path);
}

void tb_hb_lane_leave(struct tb_hb *hb, const struct tb_hb_call *call, enum tb_hb_slot slot,
                      const struct tb_hb_answer *answer)
{
    const struct freezing *freezing = freezing_of(call->endpoint);
    int64_t after = 0;
    if (freezing && answer->outcome == TB_HB_DONE)
        after = freezing->after_ms;
    else if (freezing && answer->outcome == TB_HB_UNKNOWN)
        after = ABANDONED_FREEZE_MS;
    pthread_mutex_lock(&hb->mutex);
    count(hb, call, slot, false);
    if (after > 0 && tb_mono_ms() + after > hb->frozen_until_mono)
        hb->frozen_until_mono = tb_mono_ms() + after;
    pthread_cond_broadcast(&hb->changed);
    pthread_mutex_unlock(&hb->mutex);
}

/* ---- drain ---- */

void tb_hb_cuttable(struct tb_hb *hb, CURLM *multi, bool in)
{
    pthread_mutex_lock(&hb->mutex);
    for (size_t i = 0; i < TB_HB_HANDLES; i++) {
        if (hb->cuttable[i] == (in ? NULL : multi)) {
            hb->cuttable[i] = in ? multi : NULL;
            break;
        }
    }
    pthread_mutex_unlock(&hb->mutex);
}

bool tb_hb_draining(struct tb_hb *hb)
{
    pthread_mutex_lock(&hb->mutex);
    bool draining = hb->draining;
    pthread_mutex_unlock(&hb->mutex);
    return draining;
}

void tb_hb_drain(struct tb_hb *hb)
{
    pthread_mutex_lock(&hb->mutex);
    hb->draining = true;
    for (size_t i = 0; i < TB_HB_HANDLES; i++) {
        if (hb->cuttable[i])
            curl_multi_wakeup(hb->cuttable[i]);
    }
    pthread_cond_broadcast(&hb->changed);
    pthread_mutex_unlock(&hb->mutex);
}

bool tb_hb_enter(struct tb_hb *hb, struct tb_error *err)
{
    pthread_mutex_lock(&hb->mutex);
    bool draining = hb->draining;
    if (!draining)
        hb->calls++;
    pthread_mutex_unlock(&hb->mutex);
    return !draining || tb_fail(err, TB_DRAINING, "the bridge is shutting down; nothing was sent");
}

void tb_hb_leave(struct tb_hb *hb)
{
    pthread_mutex_lock(&hb->mutex);
    hb->calls--;
    pthread_cond_broadcast(&hb->changed);
    pthread_mutex_unlock(&hb->mutex);
}

/* ---- health ---- */

bool tb_hb_busy(struct tb_hb *hb)
{
    pthread_mutex_lock(&hb->mutex);
    bool busy = hb->freezing > 0 || tb_mono_ms() < hb->frozen_until_mono;
    pthread_mutex_unlock(&hb->mutex);
    return busy;
}

/* Did upstream itself speak? Also a refusal proves that it lives; a tunnel's page does not. */
static bool upstream_spoke(const struct tb_hb_answer *answer)
{
    return answer->outcome == TB_HB_DONE || answer->outcome == TB_HB_REFUSED ||
           answer->outcome == TB_HB_FAILED;
}

static void note_life(struct tb_hb *hb, const struct tb_hb_raw *raw)
{
    if (hb->health == TB_HB_NEVER_SEEN || hb->health == TB_HB_DOWN)
        hb->up_since_mono_ms = raw->done_mono_ms;
    hb->health = TB_HB_UP;
    hb->last_ok_wall_ms = raw->done_wall_ms;
    hb->last_ok_mono_ms = raw->done_mono_ms;
    /* The Date header has whole seconds, so its middle is meant; slow answers say less about now.
     */
    if (raw->upstream_wall_ms > 0 && raw->done_mono_ms - raw->sent_mono_ms <= 1000) {
        hb->clock_known = true;
        hb->clock_offset_ms =
            raw->upstream_wall_ms + 500 - (raw->sent_wall_ms + raw->done_wall_ms) / 2;
    }
}

/* Whether silence or a stranger's answer says that upstream is down. A time-out that was shorter
 * than the row's (the caller was in a hurry), or during which another call was answered, says
 * nothing. */
static bool proves_down(const struct tb_hb *hb, const struct tb_hb_endpoint_row *row,
                        const struct tb_hb_raw *raw)
{
    if (raw->fate == TB_HB_FATE_CUT || raw->fate == TB_HB_FATE_TOO_LARGE ||
        hb->last_ok_mono_ms > raw->sent_mono_ms)
        return false;
    if (raw->fate == TB_HB_FATE_TIMED_OUT)
        return raw->done_mono_ms - raw->sent_mono_ms >= (int64_t)row->timeout_ms - 100;
    return true;
}

void tb_hb_note(struct tb_hb *hb, const struct tb_hb_endpoint_row *row, const struct tb_hb_raw *raw,
                const struct tb_hb_answer *answer, const struct tb_error *err)
{
    pthread_mutex_lock(&hb->mutex);
    if (upstream_spoke(answer)) {
        note_life(hb, raw);
    } else {
        bool silent = raw->fate == TB_HB_FATE_TIMED_OUT || raw->timed_out;
        if (raw->busy && silent && hb->health != TB_HB_NEVER_SEEN)
            hb->health = TB_HB_BUSY_NOW;
        else if (proves_down(hb, row, raw))
            hb->health = TB_HB_DOWN;
    }
    if (answer->outcome != TB_HB_DONE && err)
        (void)tb_copy(hb->last_error, sizeof hb->last_error, err->detail);
    pthread_mutex_unlock(&hb->mutex);
}

void tb_hb_status(struct tb_hb *hb, struct tb_hb_status *out)
{
    pthread_mutex_lock(&hb->mutex);
    *out = (struct tb_hb_status){
        .health = hb->health,
        .last_ok_wall_ms = hb->last_ok_wall_ms,
        .up_since_mono_ms = hb->up_since_mono_ms,
        .clock_known = hb->clock_known,
        .clock_offset_ms = hb->clock_offset_ms,
        .reads_in_flight = hb->reads,
        .writes_in_flight = hb->writes + hb->stops,
    };
    (void)tb_copy(out->last_error, sizeof out->last_error, hb->last_error);
    pthread_mutex_unlock(&hb->mutex);
}
