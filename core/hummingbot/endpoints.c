/* Look-ups in the endpoint table. Read-only data, any thread. */
#include "hummingbot/endpoints.h"

#include <string.h>

static const struct tb_hb_endpoint_row ROWS[TB_HB_ENDPOINT_COUNT] = {
#define HB(id, name, method, path, query, body, effect, retry, lie, timeout_ms, body_max)          \
    [TB_HB_##                                                                                      \
        id] = {name,        method,     path,    query, body, TB_HB_##effect, TB_HB_RETRY_##retry, \
               TB_HB_##lie, timeout_ms, body_max},
#include "hummingbot/endpoints.def"
#undef HB
};

const struct tb_hb_endpoint_row *tb_hb_endpoint(enum tb_hb_endpoint id)
{
    return (unsigned)id < TB_HB_ENDPOINT_COUNT ? &ROWS[id] : NULL;
}

bool tb_hb_endpoint_find(const char *name, enum tb_hb_endpoint *out)
{
    for (unsigned i = 0; i < TB_HB_ENDPOINT_COUNT; i++) {
        if (strcmp(ROWS[i].name, name) == 0) {
            *out = (enum tb_hb_endpoint)i;
            return true;
        }
    }
    return false;
}
