/* The simulator: a stand-in Hummingbot API with state and time, for the demo, for tests and for
 * trying the bridge without money. It listens on 127.0.0.1 only.
 *
 * It answers as the real API (main, June 2026, "1.0.1") does with Hummingbot 2.16.0 bots, its lies
 * included: one event loop that a `docker stop` freezes, requests that execute although their
 * client went away, bots that look stopped while they start and running after they stopped, 200s
 * that hide failures. Known routes it does not serve answer 501 {"detail":"not simulated"}.
 *
 * Routes under /_simulator belong to the tests; they need no password and never wait for the event
 * loop:
 *
 *   GET    /_simulator/ledger      {"now_ms",
 * "writes":[{"id","at_ms","executed_at_ms"|null,"method",
 *                                  "path","query","body_sha256","executed","answered","status","fault"|null}],
 *                                  "deploys_delivered", "deploys_executed",
 *                                  "instances":{base name: containers ever made},
 *                                  "alive":{base name: bot processes that run now},
 *                                  "trading":[bots whose strategy runs now], "orphan_orders",
 *                                  "files":{"scripts_configs":[…],"controllers_configs":[…],
 *                                  "instances":[…],"archived":[…]},
 *                                  "containers":[{"name","state","image","exit_code"|null}]}
 *                                  A write is every request that is not GET, HEAD or OPTIONS; the
 *                                  base name is the container name without "-YYYYMMDD-HHMMSS".
 *   DELETE /_simulator/ledger      forgets the writes (not the counts of instances)
 *   POST   /_simulator/faults      {"match":{"method":"POST","path":"/docker/"},"kind":…,"count":1,
 *                                  "delay_ms":…,"detail":…}: "path" is a prefix, both members of
 *                                  "match" may be absent, "count" 0 means until deleted. Kinds:
 *       latency               waits delay_ms (other requests go on), then answers
 *       freeze                blocks the whole event loop for delay_ms, then answers
 *       hang                  never answers (until delay_ms, if given); nothing is executed
 *       error500              500 text/plain; nothing is executed
 *       error_detail          500 {"detail": detail}; nothing is executed
 *       drop_before           connection closed without an answer; nothing is executed
 *       drop_after            executed at once, connection closed without an answer
 *       late                  connection closed now, executed delay_ms later (without delay_ms: a
 *                             seeded time up to 120 s)
 *       late_hang             as late, but the connection stays open until the execution
 *       success_shaped_failure  200 whose body hides a failure, in the shape of that route
 *       nan                   the answer's numbers hold a NaN: 500 text/plain as the real one
 *       html                  200 text/html, as a tunnel or proxy in between would answer
 *       unauthorized          401 although the password is right
 *       created               deploys only: container stays in `created`, 500 with a detail
 *       engine_timeout        deploys only: 60 s frozen, 500, the container is created 2 s later
 *       text_list             docker lists answer a JSON string instead of a list
 *   DELETE /_simulator/faults      removes all faults
 *   POST   /_simulator/bots/{name}/crash     the process dies (engine sees it, the API does not)
 *   POST   /_simulator/bots/{name}/silence   lives and trades but speaks no more
 *   POST   /_simulator/bots/{name}/freeze    {"frozen": true}: is heard, but its report stays as it
 *                                  was
 *   POST   /_simulator/bots/{name}/nan       its next reports hold NaN
 *   POST   /_simulator/bots/{name}/stubborn  {"is": true}: docker stop does not end it
 *   POST   /_simulator/bots/{name}/drawdown  {"quote": 25}: loses that much at once
 *   POST   /_simulator/restart     API process restarts: reports, logs and marks are lost, the
 *                                  first status answers are empty; bots go on
 *   POST   /_simulator/reboot      the host restarts: every container has exited, the API is new
 *   POST   /_simulator/conditions  {"broker":"up|down","engine":"up|down","database":"up|down",
 *                                  "engine_sleep_ms":n (next engine call only),
 *                                  "orders":"accepted|rejected","candles":"ready|missing",
 *                                  "history":"forgotten|kept" (by bots that were stopped),
 *                                  "forget_containers":true, "clock":"running|stopped"}: a stopped
 *                                  clock moves only by advance and by what blocks or waits, so a
 *                                  test does not depend on the machine's speed
 *   POST   /_simulator/images      {"name":…,"bot":bool}: installs an image; bot false is an image
 *                                  whose process never speaks
 *   POST   /_simulator/advance     {"ms": n}: the world's clock jumps ahead
 *   POST   /_simulator/price       {"token":"SOL","price":140}: moves a market
 *   POST   /_simulator/lock        {"account","connector","token","amount"}: so much of a coin is
 *                                  locked by orders, as if somebody else had placed some
 *
 * Threads: those of base/http; all state is behind one mutex. One simulator per process. */
#ifndef TB_SIMULATOR_SIMULATOR_H
#define TB_SIMULATOR_SIMULATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct tb_simulator_config {
    int port;             /* 0: any free one */
    unsigned bots;        /* bots that run from the start and that no bridge made */
    uint64_t seed;        /* same seed, same prices */
    bool fresh;           /* the recordings' start: no keys, Gateway down, no configs */
    const char *username; /* NULL: "admin" */
    const char *password; /* NULL: "admin" */
    const char *log;      /* file that gets one line a request; NULL for none */
};

struct tb_simulator;

TB_MUST_CHECK
struct tb_simulator *tb_simulator_start(const struct tb_simulator_config *config,
                                        struct tb_error *err);
int tb_simulator_port(const struct tb_simulator *simulator);
/* Ends frozen calls early, joins every thread, frees everything. NULL is fine. */
void tb_simulator_stop(struct tb_simulator *simulator);

#endif
