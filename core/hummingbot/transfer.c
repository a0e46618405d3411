/* One HTTP transfer on a leased curl handle.
 *
 * Each lease has its own multi, so that a drain can wake the thread that waits in it at once. All
 * options are set anew for every transfer (nothing leaks from the previous one). Whatever is not a
 * plain read gets a fresh connection: on a reused one that dies, curl sends the request again by
 * itself and one POST arrives twice. Used by the thread that holds the lease. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/memory.h"
#include "hummingbot/client_private.h"

#define CONNECT_MS 2000
/* uvicorn closes idle connections after 5 s; older ones are not worth trying. */
#define IDLE_CONNECTION_S 4L

static void lease_destroy(void *user, void *thing)
{
    (void)user;
    struct tb_hb_lease *lease = thing;
    curl_easy_cleanup(lease->easy);
    if (lease->multi)
        curl_multi_cleanup(lease->multi);
    curl_slist_free_all(lease->headers);
    free(lease);
}

static void *lease_make(void *user, struct tb_error *err)
{
    struct tb_hb_lease *lease = tb_xcalloc(1, sizeof *lease);
    (void)user;
    lease->easy = curl_easy_init();
    lease->multi = curl_multi_init();
    if (lease->easy && lease->multi)
        return lease;
    lease_destroy(NULL, lease);
    (void)tb_fail(err, TB_INTERNAL, "no memory for another connection to the Hummingbot API");
    return NULL;
}

struct tb_lease_ops tb_hb_lease_ops(void)
{
    return (struct tb_lease_ops){.make = lease_make, .destroy = lease_destroy};
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct tb_hb_raw *raw = user;
    tb_buffer_append(&raw->body, bytes, size * count);
    return raw->body.overflow ? 0 : size * count;
}

static bool header_is(const char *line, size_t len, const char *name, char *out, size_t out_size)
{
    size_t n = strlen(name);
    if (len <= n || line[n] != ':' || strncasecmp(line, name, n) != 0)
        return false;
    const char *value = line + n + 1;
    size_t left = len - n - 1;
    while (left > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        left--;
    }
    while (left > 0 && (unsigned char)value[left - 1] <= ' ')
        left--;
    left = left < out_size - 1 ? left : out_size - 1;
    memcpy(out, value, left);
    out[left] = '\0';
    return true;
}

static size_t on_header(char *line, size_t size, size_t count, void *user)
{
    struct tb_hb_raw *raw = user;
    size_t len = size * count;
    char date[64];
    if (len > 5 && memcmp(line, "HTTP/", 5) == 0) {
        /* A new header block (after a proxy's CONNECT or a 1xx): forget the last one's. */
        raw->content_type[0] = raw->server[0] = raw->location[0] = raw->tunnel[0] = '\0';
        raw->upstream_wall_ms = 0;
    } else if (header_is(line, len, "date", date, sizeof date)) {
        time_t at = curl_getdate(date, NULL);
        raw->upstream_wall_ms = at > 0 ? (int64_t)at * 1000 : 0;
    } else if (!header_is(line, len, "content-type", raw->content_type, sizeof raw->content_type) &&
               !header_is(line, len, "server", raw->server, sizeof raw->server)) {
        (void)header_is(line, len, "location", raw->location, sizeof raw->location);
    }
    const char *tunnel = tb_hb_tunnel_header(line, len);
    if (tunnel)
        (void)tb_copy(raw->tunnel, sizeof raw->tunnel, tunnel);
    return len;
}

static bool add_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *more = curl_slist_append(*list, line);
    *list = more ? more : *list;
    return more != NULL;
}

/* Under the mutex. False: no memory; the request is not sent, since a header would be missing. */
static bool set_headers(struct tb_hb_lease *lease, const struct tb_hb *hb)
{
    /* An empty value removes curl's own header. */
    static const char *const own[] = {"Accept: application/json", "Content-Type: application/json",
                                      "Expect:"};
    bool ok = true;
    if (lease->generation == hb->access_generation)
        return true;
    curl_slist_free_all(lease->headers);
    lease->headers = NULL;
    lease->generation = 0;
    for (size_t i = 0; ok && i < sizeof own / sizeof *own; i++)
        ok = add_header(&lease->headers, own[i]);
    for (char **line = hb->access.extra; ok && *line; line++)
        ok = add_header(&lease->headers, *line);
    if (ok)
        lease->generation = hb->access_generation;
    return ok;
}

/* Curl copies what it is given here, so the access may change while the request is under way. */
static bool set_access(struct tb_hb_lease *lease, struct tb_hb *hb)
{
    CURL *e = lease->easy;
    pthread_mutex_lock(&hb->mutex);
    const struct tb_hb_access *a = &hb->access;
    bool ok = set_headers(lease, hb);
    /* Never the environment's proxy: it surprises containers. */
    curl_easy_setopt(e, CURLOPT_PROXY, a->proxy ? a->proxy : "");
    curl_easy_setopt(e, CURLOPT_NOPROXY, a->proxy ? "" : "*");
    if (a->username) {
        curl_easy_setopt(e, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(e, CURLOPT_USERNAME, a->username);
        curl_easy_setopt(e, CURLOPT_PASSWORD, a->password ? a->password : "");
    }
    if (a->ca) {
        struct curl_blob blob = {.data = a->ca, .len = strlen(a->ca), .flags = CURL_BLOB_COPY};
        ok = curl_easy_setopt(e, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK && ok;
        curl_easy_setopt(e, CURLOPT_CAPATH, NULL); /* beside these nobody is trusted */
    }
    pthread_mutex_unlock(&hb->mutex);
    return ok;
}

static void set_address(CURL *e)
{
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, 30L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, 10L);
    curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, IDLE_CONNECTION_S);
    curl_easy_setopt(e, CURLOPT_MAXCONNECTS, 1L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "trading-bridge/" TB_VERSION);
}

static void set_request(const struct tb_hb_send *send, struct tb_hb_raw *raw)
{
    CURL *e = send->lease->easy;
    const char *method = send->row->method;
    bool get = strcmp(method, "GET") == 0;
    long fresh = send->row->retry == TB_HB_RETRY_ALWAYS ? 0L : 1L;
    int64_t left = send->mono_deadline_ms - tb_mono_ms();
    long real = (long)tb_clock_real_ms(left > 0 ? left : 1);
    curl_easy_setopt(e, CURLOPT_URL, send->url);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, send->lease->headers);
    curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, fresh);
    curl_easy_setopt(e, CURLOPT_FORBID_REUSE, fresh);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, real);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, real < CONNECT_MS ? real : (long)CONNECT_MS);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, send->lease->error_text);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, raw);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, raw);
    if (get) {
        curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
        return;
    }
    if (send->body || strcmp(method, "DELETE") != 0) {
        curl_easy_setopt(e, CURLOPT_POST, 1L);
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)send->body_len);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, send->body ? send->body : "");
    }
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, method);
}

/* Drives the transfer to its end; false when a drain cut it. */
static bool drive(const struct tb_hb_send *send, CURLcode *code_out)
{
    struct tb_hb_lease *lease = send->lease;
    bool may_cut = send->row->effect == TB_HB_READ;
    int running = 1;
    *code_out = CURLE_OK;
    while (running) {
        if (curl_multi_perform(lease->multi, &running) != CURLM_OK) {
            *code_out = CURLE_FAILED_INIT;
            return true;
        }
        if (!running)
            break;
        if (may_cut && tb_hb_draining(send->hb))
            return false;
        curl_multi_poll(lease->multi, NULL, 0, 1000, NULL);
    }
    int left = 0;
    for (CURLMsg *m; (m = curl_multi_info_read(lease->multi, &left));) {
        if (m->msg == CURLMSG_DONE)
            *code_out = m->data.result;
    }
    return true;
}

/* Did any byte of the request leave? Only what curl proves counts as "no". */
static bool nothing_sent(CURL *e, CURLcode code)
{
    long request = 1;
    if (code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_COULDNT_RESOLVE_HOST ||
        code == CURLE_COULDNT_CONNECT)
        return true;
    return curl_easy_getinfo(e, CURLINFO_REQUEST_SIZE, &request) == CURLE_OK && request == 0;
}

static bool is_tls(CURLcode code)
{
    return code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION ||
           code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM ||
           code == CURLE_SSL_ISSUER_ERROR;
}

static void conclude(const struct tb_hb_send *send, bool finished, CURLcode code,
                     struct tb_hb_raw *raw)
{
    CURL *e = send->lease->easy;
    long status = 0;
    curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status);
    raw->status = (int)status;
    raw->timed_out = code == CURLE_OPERATION_TIMEDOUT;
    raw->unresolved = code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY;
    raw->tls = is_tls(code);
    raw->untrusted = code == CURLE_PEER_FAILED_VERIFICATION;
    if (finished && code == CURLE_OK) {
        raw->fate = TB_HB_FATE_ANSWERED;
        return;
    }
    long os_error = 0;
    curl_easy_getinfo(e, CURLINFO_OS_ERRNO, &os_error);
    const char *words =
        send->lease->error_text[0] ? send->lease->error_text : curl_easy_strerror(code);
    if (code == CURLE_COULDNT_CONNECT && os_error == ECONNREFUSED)
        words = "connection refused";
    (void)tb_copy(raw->curl_text, sizeof raw->curl_text, words);
    if (nothing_sent(e, finished ? code : CURLE_ABORTED_BY_CALLBACK))
        raw->fate = TB_HB_FATE_UNSENT;
    else if (!finished)
        raw->fate = TB_HB_FATE_CUT;
    else if (raw->timed_out)
        raw->fate = TB_HB_FATE_TIMED_OUT;
    else if (raw->body.overflow)
        raw->fate = TB_HB_FATE_TOO_LARGE;
    else
        raw->fate = TB_HB_FATE_BROKEN;
}

void tb_hb_transfer(const struct tb_hb_send *send, struct tb_hb_raw *raw)
{
    struct tb_hb_lease *lease = send->lease;
    CURLcode code = CURLE_OK;
    *raw = (struct tb_hb_raw){0};
    tb_buffer_init(&raw->body, send->row->body_max);
    lease->error_text[0] = '\0';
    curl_easy_reset(lease->easy);
    set_address(lease->easy);
    bool ready = set_access(lease, send->hb);
    set_request(send, raw);

    tb_hb_cuttable(send->hb, lease->multi, true);
    raw->sent_wall_ms = tb_wall_ms();
    raw->sent_mono_ms = tb_mono_ms();
    bool finished = true;
    if (ready && curl_multi_add_handle(lease->multi, lease->easy) == CURLM_OK) {
        finished = drive(send, &code);
        raw->done_wall_ms = tb_wall_ms();
        raw->done_mono_ms = tb_mono_ms();
        conclude(send, finished, code, raw);
        curl_multi_remove_handle(lease->multi, lease->easy);
    } else {
        raw->fate = TB_HB_FATE_UNSENT;
        raw->done_wall_ms = raw->sent_wall_ms;
        raw->done_mono_ms = raw->sent_mono_ms;
        (void)tb_copy(raw->curl_text, sizeof raw->curl_text, "the transfer could not be started");
    }
    tb_hb_cuttable(send->hb, lease->multi, false);
}
