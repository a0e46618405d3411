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

static char *text_or_null(const char *text)
{
    return text && *text ? tb_xstrdup(text) : NULL;
}

/* A real deployment lost a day to one blank at the end of a password. */
static void warn_of_blanks(const char *name, const char *value)
{
    size_t len = value ? strlen(value) : 0;
    if (len > 0 && ((unsigned char)value[0] <= ' ' || (unsigned char)value[len - 1] <= ' '))
        tb_log(TB_WARN, "hummingbot.blanks", "%s begins or ends with a blank; it is sent as it is",
               name);
}

static bool credentials_are_sound(const struct tb_hb_config *config, struct tb_error *err)
{
    const char *const values[] = {config->username, config->password};
    for (size_t i = 0; i < 2; i++) {
        for (const char *p = values[i] ? values[i] : ""; *p; p++) {
            if ((unsigned char)*p < ' ' || *p == 0x7f)
                return tb_fail(err, TB_INVALID,
                               "%s holds a control character (a line end?); remove it",
                               i ? "HUMMINGBOT_API_PASSWORD" : "HUMMINGBOT_API_USERNAME");
        }
    }
    if (config->username && strchr(config->username, ':'))
        return tb_fail(err, TB_INVALID, "HUMMINGBOT_API_USERNAME must not hold a colon");
    warn_of_blanks("HUMMINGBOT_API_USERNAME", config->username);
    warn_of_blanks("HUMMINGBOT_API_PASSWORD", config->password);
    return true;
}

/* A proxy's password stands in its URL and in curl's words about it. */
static bool proxy_is_sound(const char *proxy, struct tb_error *err)
{
    if (!proxy || !*proxy)
        return true;
    CURLU *u = curl_url();
    char *password = NULL;
    bool ok = u && strstr(proxy, "://") &&
              curl_url_set(u, CURLUPART_URL, proxy, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;
    if (ok && curl_url_get(u, CURLUPART_PASSWORD, &password, CURLU_URLDECODE) == CURLUE_OK)
        tb_log_secret(password);
    curl_free(password);
    curl_url_cleanup(u);
    return ok || tb_fail(err, TB_INVALID,
                         "HUMMINGBOT_PROXY is not a proxy's URL; write it like "
                         "socks5h://localhost:1055");
}

static void release(struct tb_hb *hb)
{
    tb_lease_pool_free(hb->pool);
    tb_hb_share_free(hb);
    tb_hb_headers_free(hb->extra);
    pthread_cond_destroy(&hb->changed);
    pthread_mutex_destroy(&hb->mutex);
    free(hb->base);
    free(hb->username);
    free(hb->password);
    free(hb->proxy);
    free(hb);
}

/* The default password is no secret, and a word that must stay readable. */
static void keep_secret(const char *password)
{
    if (password && strcmp(password, "admin") != 0)
        tb_log_secret(password);
}

void tb_hb_set_password(struct tb_hb *hb, const char *password)
{
    char *fresh = text_or_null(password);
    keep_secret(fresh);
    pthread_mutex_lock(&hb->mutex);
    char *old = hb->password;
    hb->password = fresh;
    pthread_mutex_unlock(&hb->mutex);
    free(old);
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
    hb->extra = hb->base ? tb_hb_headers_parse(config, err) : NULL;
    if (!hb->extra || !credentials_are_sound(config, err) || !proxy_is_sound(config->proxy, err)) {
        release(hb);
        return NULL;
    }
    hb->username = text_or_null(config->username);
    hb->password = text_or_null(config->password);
    hb->proxy = text_or_null(config->proxy);
    keep_secret(hb->password);
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
