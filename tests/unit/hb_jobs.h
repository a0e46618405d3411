/* Calls of the upstream client for its tests, in this thread or in one of their own. */
#ifndef TB_TESTS_HB_JOBS_H
#define TB_TESTS_HB_JOBS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "hummingbot/client_private.h"
#include "raw_server.h"

#define CREATED "{\"success\":true,\"unique_instance_name\":\"a-20261122-101500\"}"

static inline struct tb_hb *open_client(const char *url)
{
    struct tb_error err = {0};
    struct tb_hb_config config = {.url = url,
                                  .username = "admin",
                                  .password = "p:w d",
                                  .api_key = "key-123",
                                  .headers = "X-Extra: one"};
    struct tb_hb *hb = tb_hb_open(&config, &err);
    if (!hb)
        fail_msg("%s", err.detail);
    return hb;
}

struct job {
    struct tb_hb *hb;
    struct tb_hb_call call;
    struct tb_hb_answer answer;
    struct tb_error err;
    pthread_t thread;
};

static inline void *job_run(void *arg)
{
    struct job *job = arg;
    (void)!tb_hb_call(job->hb, &job->call, &job->answer, &job->err);
    return NULL;
}

static inline void job_start(struct job *job, struct tb_hb *hb, struct tb_hb_call call)
{
    *job = (struct job){.hb = hb, .call = call};
    pthread_create(&job->thread, NULL, job_run, job);
}

static inline enum tb_hb_outcome job_end(struct job *job)
{
    pthread_join(job->thread, NULL);
    enum tb_hb_outcome outcome = job->answer.outcome;
    tb_hb_answer_free(&job->answer);
    return outcome;
}

/* In this thread. */
static inline enum tb_hb_outcome do_call(struct tb_hb *hb, struct tb_hb_call call,
                                         struct tb_error *err)
{
    struct job job = {.hb = hb, .call = call};
    job_run(&job);
    if (err)
        *err = job.err;
    enum tb_hb_outcome outcome = job.answer.outcome;
    tb_hb_answer_free(&job.answer);
    return outcome;
}

static inline struct tb_hb_call simple(enum tb_hb_endpoint endpoint)
{
    return (struct tb_hb_call){.endpoint = endpoint};
}

static inline struct tb_hb_call deploy_call(void)
{
    return (struct tb_hb_call){
        .endpoint = TB_HB_BOTS_DEPLOY_SCRIPT, .body = "{\"a\":1}", .body_len = 7};
}

static inline struct tb_hb_call named(enum tb_hb_endpoint endpoint, const char *name)
{
    return (struct tb_hb_call){.endpoint = endpoint, .arg = {name}};
}

static inline bool asks(const struct raw_request *r, const char *part)
{
    const char *end = strstr(r->head, "\r\n");
    const char *at = strstr(r->head, part);
    return at && at < end;
}

#endif
