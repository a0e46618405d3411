/* The simulator's inside: one event loop with a queue, the faults and the ledger. Lock: `mutex`
 * over everything here and in the world; the loop is a ticket queue on top of it, so that a handler
 * can freeze the loop (docker stop) without shutting out the test's own routes. */
#ifndef TB_SIMULATOR_HOST_H
#define TB_SIMULATOR_HOST_H

#include <pthread.h>
#include <stdio.h>

#include "base/http.h"
#include "simulator/answer.h"
#include "simulator/simulator.h"
#include "simulator/world.h"

typedef void sim_handler_fn(struct sim_call *call);

#define SIM_OPEN    1u /* needs no password */
#define SIM_LISTED  2u /* part of the openapi document */
#define SIM_DEPLOYS 4u
#define SIM_ENGINE  8u /* asks the container engine: 500 text/plain when it is down */

struct sim_route {
    const char *method;
    const char *path;    /* as the openapi document writes it */
    const char *pattern; /* for base/http; NULL: as path; "": not routed on its own */
    const char *tag;
    sim_handler_fn *handler; /* NULL: known, not simulated */
    const struct sim_member *members;
    enum sim_body body;
    unsigned flags;
};

extern const struct sim_route sim_routes[]; /* end with method == NULL */
extern const struct tb_http_route sim_control_routes[];

/* ---- faults ---- */

enum sim_fault_kind {
    SIM_FAULT_NONE,
    SIM_FAULT_LATENCY,
    SIM_FAULT_FREEZE,
    SIM_FAULT_HANG,
    SIM_FAULT_ERROR500,
    SIM_FAULT_ERROR_DETAIL,
    SIM_FAULT_DROP_BEFORE,
    SIM_FAULT_DROP_AFTER,
    SIM_FAULT_LATE,
    SIM_FAULT_LATE_HANG,
    SIM_FAULT_SUCCESS_SHAPED,
    SIM_FAULT_NAN,
    SIM_FAULT_HTML,
    SIM_FAULT_UNAUTHORIZED,
    SIM_FAULT_CREATED,
    SIM_FAULT_ENGINE_TIMEOUT,
    SIM_FAULT_TEXT_LIST,
    SIM_FAULT_KINDS
};

struct sim_fault {
    enum sim_fault_kind kind;
    char method[12];
    char path[SIM_NAME];
    char detail[256];
    int64_t delay_ms;
    int64_t left; /* uses; 0 means until deleted */
};

const char *sim_fault_word(enum sim_fault_kind kind);
enum sim_fault_kind sim_fault_parse(const char *word); /* SIM_FAULT_NONE when unknown */
/* The body of a 200 that hides a failure, in the shape of the route. */
void sim_fault_success_shaped(struct sim_call *call, const struct sim_route *route);

/* ---- ledger ---- */

struct sim_write {
    int64_t at, executed_at; /* 0: not (yet) */
    char *method, *path, *query;
    char body[65];
    bool answered;
    int status;
    enum sim_fault_kind fault;
};

struct sim_host {
    struct sim_world world;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* the loop became free, time jumped, or the end came */
    uint64_t next_ticket, serving;
    bool stopping;
    bool clock_stopped;
    int64_t start_wall, start_mono, stopped_mono, skew;
    struct sim_fault *faults;
    size_t fault_count;
    struct sim_write *writes;
    size_t write_count, writes_forgotten;
    size_t deploys_delivered, deploys_executed;
    char *username, *password;
    FILE *log;
    struct tb_http_route *routes;
    struct tb_http_server *server;
};

/* Lives through everything up to the present. With the mutex held. */
void sim_host_advance(struct sim_host *host);
/* Time stands still but for waits and /_simulator/advance. */
void sim_host_stop_clock(struct sim_host *host, bool stop);
/* Blocks the event loop for ms (docker's grace time, a pull). A call that executes late does not
 * wait: its caller is gone, the loop alone is blocked. */
void sim_freeze(struct sim_call *call, int64_t ms);
/* Waits without blocking the loop: others are served meanwhile. */
void sim_wait(struct sim_call *call, int64_t ms);
void sim_ledger_write(struct sim_host *host, struct tb_json_writer *out);
size_t sim_ledger_add(struct sim_host *host, const struct tb_http_request *req,
                      enum sim_fault_kind fault);
struct sim_write *sim_ledger_at(struct sim_host *host, size_t id); /* NULL when forgotten */
void sim_ledger_forget(struct sim_host *host);
/* What a browser's Origin adds to any answer. */
void sim_cors_ordinary(const struct tb_http_request *req, struct tb_http_response *res);
/* OPTIONS of a browser. */
bool sim_cors(const struct tb_http_request *req, struct tb_http_response *res);

#endif
