/* The table of every HTTP route of the Hummingbot API: one row each (endpoints.def), with our own
 * reviewed judgement of what it does and when it may be sent again.
 *
 * A test compares path, method and parameters with the recorded OpenAPI document. Read-only data.
 */
#ifndef TB_HUMMINGBOT_ENDPOINTS_H
#define TB_HUMMINGBOT_ENDPOINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tb_hb_effect {
    TB_HB_READ,    /* changes nothing */
    TB_HB_WRITE,   /* changes files, containers or settings that a person can put back */
    TB_HB_MONEY,   /* places orders, swaps, opens or closes positions directly */
    TB_HB_DESTROY, /* deletes data or things of others for good */
    TB_HB_SECRET,  /* takes or returns keys */
    TB_HB_CODE,    /* uploads program text, or computes with it inside the API */
};

enum tb_hb_retry {
    TB_HB_RETRY_ALWAYS, /* reads: one more try when the connection broke */
    TB_HB_RETRY_UNSENT, /* only when it is proven that no byte left */
    TB_HB_RETRY_NEVER,
};

/* How a 200 of this route hides a failure (CONTRACT section 4); each is turned into an error. */
enum tb_hb_lie {
    TB_HB_HONEST,
    TB_HB_LIE_RESPONSE,     /* response.success == false */
    TB_HB_LIE_HISTORY,      /* the same, or response.data.data.status != 200 */
    TB_HB_LIE_DATA_STATUS,  /* data.status not_found or error */
    TB_HB_LIE_STATUS,       /* status == "error" */
    TB_HB_LIE_SUCCESS,      /* success == false */
    TB_HB_LIE_LIST,         /* a JSON string where a list belongs */
    TB_HB_LIE_NULL,         /* null is success, a string is the error */
    TB_HB_LIE_ERROR_KEY,    /* an `error` member at the top */
    TB_HB_LIE_ERROR_VALUES, /* {"error": …} as the value of a member */
    TB_HB_LIE_RESULTS,      /* errors inside results[] */
    TB_HB_LIE_PRICE_ZERO,   /* price "0" and null amounts: no route */
    TB_HB_LIE_SHAPE,        /* another shape than an object */
};

struct tb_hb_endpoint_row {
    const char *name; /* "bots.deploy_script": group and name of hb.<group>.<name> in Lua */
    const char *method;
    const char *path;  /* "/docker/stop-container/{container_name}" */
    const char *query; /* allowed query parameters, space-separated; "" for none */
    const char *body;  /* name of the OpenAPI body schema, "object", or "" for none */
    enum tb_hb_effect effect;
    enum tb_hb_retry retry;
    enum tb_hb_lie lie;
    uint32_t timeout_ms;
    uint32_t body_max; /* cap of the answer in bytes */
};

/* The enum's words follow from the table: TB_HB_<id>. */
enum tb_hb_endpoint {
#define HB(id, ...) TB_HB_##id,
#include "hummingbot/endpoints.def"
#undef HB
    TB_HB_ENDPOINT_COUNT
};

const struct tb_hb_endpoint_row *tb_hb_endpoint(enum tb_hb_endpoint id);
/* By the name seen from Lua; false when there is none. */
bool tb_hb_endpoint_find(const char *name, enum tb_hb_endpoint *out);

#endif
