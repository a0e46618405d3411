/* / for programs, /healthz and /readyz: short answers without secrets, for anybody. Any thread. */
#include "api/api_private.h"

#include <string.h>

static bool unwell(struct call *call, const char *status)
{
    call->res->status = 503;
    tb_http_header_add(call->res, "Retry-After", "2");
    tb_buffer_printf(&call->res->body, "{\"status\":\"%s\"}", status);
    return true;
}

static bool well(struct call *call, const char *status)
{
    tb_buffer_printf(&call->res->body, "{\"status\":\"%s\"}", status);
    return true;
}

bool api_get_health(struct call *call, struct tb_error *err)
{
    (void)err;
    return atomic_load(&call->api->draining) ? unwell(call, "draining") : well(call, "ok");
}

/* Before the first good look there is nothing true to say of the bots. Later losses of the API are
 * told with each list, which is served on. */
bool api_get_ready(struct call *call, struct tb_error *err)
{
    struct tb_store_health store;
    enum tb_code why;
    (void)err;
    if (atomic_load(&call->api->draining))
        return unwell(call, "draining");
    tb_store_health(call->api->store, &store);
    if (!store.ok)
        return unwell(call, "store_failed");
    if (tb_bots_ready(call->api->bots, &why))
        return well(call, "ready");
    return unwell(call, why == TB_OK ? "starting" : tb_code_word(why));
}
