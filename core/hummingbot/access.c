/* With what a server is reached: user, password, further headers, proxy, trusted certificates.
 * Checked and copied at the start and whenever they are rotated; each request takes what is in
 * force when it is sent. Any thread. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "hummingbot/client_private.h"

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

static bool ca_is_sound(const char *ca, struct tb_error *err)
{
    return !ca || !*ca || strstr(ca, "-----BEGIN CERTIFICATE-----") ||
           tb_fail(err, TB_INVALID,
                   "HUMMINGBOT_API_CA is no certificate in PEM form; give its text, or the path of "
                   "its file as HUMMINGBOT_API_CA_FILE");
}

/* The default password is no secret, and a word that must stay readable. */
static void keep_secret(const char *password)
{
    if (password && strcmp(password, "admin") != 0)
        tb_log_secret(password);
}

bool tb_hb_access_read(const struct tb_hb_config *config, struct tb_hb_access *out,
                       struct tb_error *err)
{
    *out = (struct tb_hb_access){0};
    if (!credentials_are_sound(config, err) || !proxy_is_sound(config->proxy, err) ||
        !ca_is_sound(config->ca, err))
        return false;
    out->extra = tb_hb_headers_parse(config, err);
    if (!out->extra)
        return false;
    out->username = text_or_null(config->username);
    out->password = text_or_null(config->password);
    out->proxy = text_or_null(config->proxy);
    out->ca = text_or_null(config->ca);
    keep_secret(out->password);
    return true;
}

void tb_hb_access_free(struct tb_hb_access *access)
{
    tb_hb_headers_free(access->extra);
    free(access->username);
    free(access->password);
    free(access->proxy);
    free(access->ca);
    *access = (struct tb_hb_access){0};
}

bool tb_hb_set_access(struct tb_hb *hb, const struct tb_hb_config *config, struct tb_error *err)
{
    struct tb_hb_access fresh, old;
    if (!tb_hb_access_read(config, &fresh, err))
        return false;
    pthread_mutex_lock(&hb->mutex);
    old = hb->access;
    hb->access = fresh;
    hb->access_generation++;
    pthread_mutex_unlock(&hb->mutex);
    tb_hb_access_free(&old);
    return true;
}
