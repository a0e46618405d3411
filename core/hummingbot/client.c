/* Opening and closing one server's client. Any thread may use it between the two. */
#include "hummingbot/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "hummingbot/client_private.h"

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void start_curl(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void release(struct tb_hb *hb)
{
    tb_lease_pool_free(hb->pool);
    tb_hb_share_free(hb);
    tb_hb_access_free(&hb->access);
    pthread_cond_destroy(&hb->changed);
    pthread_mutex_destroy(&hb->mutex);
    free(hb->base);
    free(hb);
}

struct tb_hb *tb_hb_open(const struct tb_hb_config *config, struct tb_error *err)
{
    pthread_once(&curl_once, start_curl);
    if (curl_ready != CURLE_OK) {
        (void)tb_fail(err, TB_INTERNAL, "libcurl cannot be started");
        return NULL;
    }
    struct tb_hb *hb = tb_xcalloc(1, sizeof *hb);
    pthread_mutex_init(&hb->mutex, NULL);
    tb_cond_init(&hb->changed);
    hb->base = tb_hb_base_url(config->url, err);
    if (!hb->base || !tb_hb_access_read(config, &hb->access, err)) {
        release(hb);
        return NULL;
    }
    hb->access_generation = 1;
    struct tb_lease_ops ops = tb_hb_lease_ops();
    hb->pool = tb_lease_pool_new("hummingbot", TB_HB_HANDLES, &ops, hb);
    return hb;
}

void tb_hb_close(struct tb_hb *hb)
{
    if (!hb)
        return;
    tb_hb_drain(hb);
    pthread_mutex_lock(&hb->mutex);
    while (hb->calls > 0)
        (void)tb_cond_wait_until(&hb->changed, &hb->mutex, tb_mono_ms() + 1000);
    pthread_mutex_unlock(&hb->mutex);
    release(hb);
}

void tb_hb_answer_free(struct tb_hb_answer *answer)
{
    tb_buffer_free(&answer->body);
    *answer = (struct tb_hb_answer){0};
}
