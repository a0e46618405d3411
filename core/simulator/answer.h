/* Answers in the dialect of FastAPI, and the checks it makes before a handler runs. One request,
 * one thread, the world's mutex held. */
#ifndef TB_SIMULATOR_ANSWER_H
#define TB_SIMULATOR_ANSWER_H

#include "base/http.h"
#include "base/json.h"
#include "simulator/world.h"

struct sim_host;
struct sim_route;

struct sim_call {
    struct sim_host *host;
    struct sim_world *w;
    const struct sim_route *route;
    const struct tb_http_request *req; /* NULL while a dropped request executes late */
    const char *arg[TB_HTTP_ARGS];
    const struct tb_json *body; /* NULL when the route takes none */
    struct tb_json_writer out;
    struct tb_buffer *text;
    int status;
    bool plain; /* text/plain */
    bool created_fault, engine_timeout_fault, text_list_fault;
    const char *fault_detail;
    const char *const *queries; /* copied name, value, …, NULL for a late call */
};

/* Python writes a float with a point; so do we. */
void sim_float(struct tb_json_writer *out, double value);
void sim_kv_float(struct tb_json_writer *out, const char *key, double value);
/* 2026-11-22T15:36:28.598432+00:00; 0 writes null. */
void sim_kv_iso(struct tb_json_writer *out, const char *key, int64_t at);
void sim_report_write(struct tb_json_writer *out, const struct sim_report *report);

/* {"detail": …} */
void sim_detail(struct sim_call *call, int status, const char *format, ...) TB_PRINTF(3, 4);
/* {"message": …} */
void sim_message(struct sim_call *call, int status, const char *format, ...) TB_PRINTF(3, 4);
/* An exception nobody caught: 500 text/plain. */
void sim_crash(struct sim_call *call);
/* A bare JSON string as the body. */
void sim_bare_string(struct sim_call *call, const char *format, ...) TB_PRINTF(2, 3);

const char *sim_query(const struct sim_call *call, const char *name);
/* An integer parameter of the query; false when a 422 was written. */
bool sim_query_int(struct sim_call *call, const char *name, int64_t fallback, int64_t low,
                   int64_t high, int64_t *out);
/* A parameter that must match ^(a|b|…)$; false when a 422 was written. */
bool sim_query_choice(struct sim_call *call, const char *name, const char *pattern);
/* Appends a Python list of strings: ['a', 'b']. */
void sim_python_list(struct tb_buffer *out, const char *const *items, size_t count);

/* ---- body models ---- */

enum sim_body { SIM_BODY_NONE, SIM_BODY_MODEL, SIM_BODY_DICT };

/* type: s string, S string or null, b boolean, n number or null, N number, i integer, l list of
 * strings, L list of strings or null, o object, a anything */
struct sim_member {
    const char *name;
    char type;
    bool required;
};

/* Reads and checks the body as FastAPI would; false when an answer was written. *doc_out holds the
 * parsed body and is the caller's. */
bool sim_body_check(struct sim_call *call, enum sim_body kind, const struct sim_member *members,
                    const char *text, size_t len, const char *content_type,
                    struct tb_json_doc **doc_out);
/* [A-Za-z0-9_-]+, and if allowed an optional .yml */
bool sim_name_ok(const char *name, bool yml);

#endif
