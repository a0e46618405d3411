/* The simulated world: what the API process, the container engine, the bots and the exchanges know.
 * Private to the simulator. Everything here is used with the world's mutex held, from any thread;
 * times are milliseconds of the world's own clock (`now`, a wall time). */
#ifndef TB_SIMULATOR_WORLD_H
#define TB_SIMULATOR_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/json.h"
#include "simulator/market.h"

#define SIM_NAME        304 /* longest name the API lets through, with its suffix */
#define SIM_TICK        100 /* the world moves in steps of this many milliseconds */
#define SIM_LOGS        100 /* the API keeps so many lines of either kind */
#define SIM_SILENCE_MS  30000
#define SIM_FILLS       500
#define SIM_LEVELS      64
#define SIM_SNAPSHOT_MS (INT64_C(5) * 60 * 1000)

/* ---- files: name -> text, in order of creation ---- */

struct sim_file {
    char *name;
    char *text;
};

struct sim_shelf {
    struct sim_file *files;
    size_t count;
};

const char *sim_shelf_get(const struct sim_shelf *shelf, const char *name); /* NULL if absent */
void sim_shelf_put(struct sim_shelf *shelf, const char *name, const char *text);
bool sim_shelf_remove(struct sim_shelf *shelf, const char *name);
void sim_shelf_clear(struct sim_shelf *shelf);

/* ---- accounts ---- */

struct sim_coin {
    char token[16];
    double units;
    double locked;
};

struct sim_wallet {
    char connector[48];
    struct sim_coin coins[16];
    size_t coin_count;
};

struct sim_account {
    char name[SIM_NAME];
    struct sim_wallet wallets[24];
    size_t wallet_count;
    bool oneway; /* position mode of its perpetuals; else hedge */
};

/* ---- trading ---- */

enum sim_close_type {
    SIM_TIME_LIMIT,
    SIM_STOP_LOSS,
    SIM_TAKE_PROFIT,
    SIM_EARLY_STOP,
    SIM_INSUFFICIENT,
    SIM_FAILED,
    SIM_COMPLETED,
    SIM_CLOSE_TYPES
};

const char *sim_close_type_name(enum sim_close_type type);

struct sim_report {
    bool empty; /* the farewell */
    bool nan;
    double realised, unrealised, volume;
    unsigned closed[SIM_CLOSE_TYPES];
};

enum sim_level_state { SIM_LEVEL_IDLE, SIM_LEVEL_OPEN, SIM_LEVEL_HELD };

/* One price level of a grid or of a market maker: idle, an order in the book, or a position. */
struct sim_level {
    enum sim_level_state state;
    bool buy;
    double price;  /* of the order in the book, or the grid's own price while idle */
    double fixed;  /* the grid's own price */
    double amount; /* base */
    double entry;  /* price of the fill */
    double share;  /* of the controller's money */
    double spread;
    int64_t since; /* order placed, position opened, or idle */
    int64_t ready; /* not before: cool-down */
};

enum sim_kind { SIM_IDLE, SIM_GRID, SIM_MAKER, SIM_ARBITRAGE };

struct sim_controller {
    char *id;
    char *file; /* name of its config without .yml */
    enum sim_kind kind;
    char connector[48], pair[32];
    char connector_2[48], pair_2[32];
    struct sim_level levels[SIM_LEVELS];
    size_t level_count;
    double total, take_profit, stop_loss, limit_price, activation, min_profit;
    double start_price, end_price;
    int64_t refresh_ms, cooldown_ms, time_limit_ms, batch_ms, next_batch, delay_ms;
    int max_open, imbalance, max_imbalance;
    bool broken; /* paper trade: reports but cannot trade */
    bool killed, over;
    int64_t kill_closes;
    double peak, stop_at; /* drawdown: best result so far, allowed fall (0: any) */
    struct sim_report now;
    char *loaded; /* config text in force */
};

struct sim_fill {
    int64_t at;
    uint64_t id;
    char connector[48], pair[32];
    bool buy;
    double price, amount;
};

enum sim_strategy {
    SIM_STRATEGY_STARTING,
    SIM_STRATEGY_RUNNING,
    SIM_STRATEGY_STOPPING,
    SIM_STRATEGY_NONE,   /* stopped, or never came up although the process lives */
    SIM_STRATEGY_PLAIN,  /* a script that publishes no reports */
    SIM_STRATEGY_WAITING /* connectors never get ready */
};

/* The process inside a container. */
struct sim_bot {
    bool alive;
    bool mute;   /* an image that never speaks */
    bool silent; /* told to be silent */
    bool frozen; /* told to repeat its last report */
    bool nan;
    bool sees_farewell; /* the strategy ran, so it has a farewell to send */
    enum sim_strategy strategy;
    enum sim_strategy after_start;
    int64_t started, first_message, first_report, dies, stop_closes, stop_ends;
    int64_t next_beat, next_reload, next_warning, last_error;
    double global_stop; /* max_global_drawdown_quote, 0 for none */
    double peak, forced_loss;
    struct sim_controller *controllers;
    size_t controller_count;
    struct sim_fill *fills;
    size_t fill_count;
    char death[512]; /* what its log says when it dies */
};

/* ---- the container engine ---- */

enum sim_container_state { SIM_CREATED, SIM_RUNNING, SIM_EXITED };

struct sim_container {
    char id[65];
    char name[SIM_NAME];
    char image[192];
    char account[SIM_NAME];
    char script_config[SIM_NAME]; /* "" when none */
    bool headless;
    bool forgotten; /* the engine lost it; its process goes on */
    bool stubborn;  /* docker stop does not end it */
    int exit_code;
    enum sim_container_state state;
    int64_t created;
    struct sim_bot bot;
};

/* bots/instances/<name> */
struct sim_instance {
    char name[SIM_NAME];
    bool has_controllers; /* conf/controllers exists */
    struct sim_shelf scripts, controllers;
    int64_t created;
};

/* bots/archived/<name>: what its database tells, as JSON. */
struct sim_archive {
    char name[SIM_NAME];
    char database[SIM_NAME];
    unsigned trade_count, executor_count, controller_count;
    char *trades, *orders, *executors, *controllers; /* arrays; trades and orders at most 100 */
    char *pairs, *exchanges;
};

struct sim_image {
    char name[192];
    bool bot;
};

/* ---- what the API process keeps in memory ---- */

struct sim_log {
    int64_t at;
    int level; /* 20, 30, 40 */
    char *text;
    const char *logger;
};

struct sim_seen_report {
    char *controller;
    struct sim_report report;
};

/* A bot as the API sees it. */
struct sim_view {
    char name[SIM_NAME];
    bool active;
    bool stopping;
    bool docker; /* source at first sight */
    bool has_reports;
    bool stale;           /* no message since the last API start */
    int64_t last_message; /* 0: never */
    struct sim_seen_report *reports;
    size_t report_count;
    struct sim_log *errors, *general;
    size_t error_count, general_count;
};

struct sim_run {
    int id;
    char *name;
    int64_t deployed, stopped; /* 0: null */
    bool script;
    char *strategy, *config, *account, *image, *deployment; /* config may be NULL */
    bool archived;
    char *final_status; /* NULL until stopped */
};

struct sim_snapshot {
    int64_t at;
    char *bot, *controller;
    struct sim_report report;
};

struct sim_pull {
    char image[192];
    int64_t started;
    bool known;
};

struct sim_order {
    char id[48], account[SIM_NAME], connector[48], pair[32], type[16];
    bool buy, open;
    double amount, price;
    int64_t at;
};

/* A task of the API's own backtesting; what became of it follows from the time. */
struct sim_backtest {
    char id[9];
    char *config; /* JSON */
    int64_t at;
};

enum sim_job_kind {
    SIM_JOB_ARCHIVE_STOP,   /* 15 s after stop-and-archive */
    SIM_JOB_ARCHIVE_FINISH, /* the container is down */
    SIM_JOB_CREATE,         /* the engine makes the container after its client gave up */
    SIM_JOB_LATE            /* a dropped request executes */
};

struct sim_job {
    int64_t due;
    enum sim_job_kind kind;
    char name[SIM_NAME];
    void *late; /* struct sim_late, for SIM_JOB_LATE */
};

struct sim_world {
    int64_t now;
    uint64_t random;
    bool fresh;
    int64_t frozen_until; /* until then the event loop is blocked: no discovery, no jobs */
    bool broker_down, engine_down, database_down, orders_rejected, candles_missing;
    bool history_kept; /* bots tell their trades also after a stop */
    int64_t engine_sleep_ms;
    int64_t api_started, next_discovery, next_second, next_snapshot;

    struct sim_market market;
    struct sim_account *accounts;
    size_t account_count;
    struct sim_shelf scripts, script_configs, controllers, controller_configs;
    struct sim_image *images;
    size_t image_count;
    struct sim_container **containers;
    size_t container_count;
    struct sim_instance **instances;
    size_t instance_count;
    struct sim_archive *archives;
    size_t archive_count;
    struct sim_view **views;
    size_t view_count;
    struct sim_run *runs;
    size_t run_count;
    int next_run;
    struct sim_snapshot *snapshots;
    size_t snapshot_count;
    struct sim_pull *pulls;
    size_t pull_count;
    struct sim_backtest *backtests; /* oldest first */
    size_t backtest_count;
    struct sim_order *orders;
    size_t order_count;
    struct sim_job *jobs;
    size_t job_count;
    size_t orphan_orders;
    struct sim_shelf made; /* base name -> how many containers, as text */
    bool gateway_running;
    struct sim_listed_token {
        char symbol[24], name[64], address[64];
        int64_t decimals;
    } tokens[16]; /* added to Gateway's list by hand */
    size_t token_count;
    char gateway_image[128];
    int gateway_port;
    int64_t gateway_created;
    uint64_t next_fill, next_order;
    void (*run_late)(struct sim_world *w, void *late); /* executes and frees a dropped request */
};

void sim_world_init(struct sim_world *w, int64_t now, uint64_t seed, bool fresh, unsigned bots);
void sim_world_free(struct sim_world *w);
/* Lives through everything up to `now`. */
void sim_world_advance(struct sim_world *w, int64_t now);
bool sim_frozen(const struct sim_world *w);
void sim_world_job(struct sim_world *w, int64_t due, enum sim_job_kind kind, const char *name,
                   void *late);
/* When the API looks for bots next. */
int64_t sim_discovery_after(const struct sim_world *w, int64_t earliest);
/* Forgets the tasks from `first` to `end`. */
void sim_backtests_forget(struct sim_world *w, size_t first, size_t end);
/* The API process restarts: what it kept in memory is gone. */
void sim_world_restart_api(struct sim_world *w);

double sim_random(struct sim_world *w); /* [0, 1) */
int64_t sim_random_between(struct sim_world *w, int64_t low, int64_t high);

struct sim_account *sim_account_find(struct sim_world *w, const char *name);
struct sim_account *sim_account_add(struct sim_world *w, const char *name);
struct sim_wallet *sim_wallet_find(struct sim_account *account, const char *connector);
/* A wallet with the usual coins. NULL when the account holds too many connectors. */
struct sim_wallet *sim_wallet_add(struct sim_account *account, const char *connector);
struct sim_coin *sim_coin_find(struct sim_wallet *wallet, const char *token);
/* Makes the coin when absent; NULL when the wallet is full. */
struct sim_coin *sim_coin_make(struct sim_wallet *wallet, const char *token);

struct sim_container *sim_container_find(struct sim_world *w, const char *name);
struct sim_container *sim_container_add(struct sim_world *w, const char *name, const char *image);
void sim_container_remove(struct sim_world *w, struct sim_container *container);
struct sim_instance *sim_instance_find(struct sim_world *w, const char *name);
struct sim_instance *sim_instance_make(struct sim_world *w, const char *name);
/* Moves the folder to the archive. */
void sim_instance_archive(struct sim_world *w, const char *name);
void sim_archive_clear(struct sim_archive *archive);
void sim_instance_forget(struct sim_world *w, const char *name);
const struct sim_image *sim_image_find(const struct sim_world *w, const char *name);
void sim_image_add(struct sim_world *w, const char *name, bool bot);
struct sim_run *sim_run_open(struct sim_world *w,
                             const char *name); /* newest of that name, CREATED */
void sim_base_name(const char *container, char out[SIM_NAME]);

/* ---- the API's view (view.c) ---- */

struct sim_view *sim_view_find(struct sim_world *w, const char *name);   /* any */
struct sim_view *sim_view_active(struct sim_world *w, const char *name); /* in the active set */
struct sim_view *sim_view_make(struct sim_world *w, const char *name);
void sim_view_forget(struct sim_view *view); /* reports and logs */
void sim_view_drop_reports(struct sim_view *view);
void sim_view_free(struct sim_view *view);
/* Discovery: once a second. */
void sim_view_discover(struct sim_world *w);
/* Something was published on the bot's topics. */
void sim_view_heard(struct sim_world *w, const char *name);
void sim_view_reported(struct sim_world *w, struct sim_container *c, bool farewell);
void sim_view_logged(struct sim_world *w, const char *name, int level, const char *logger,
                     const char *text);
void sim_view_snapshot(struct sim_world *w);
/* The object of one bot; with_source for the list of all. False when it holds a NaN. */
bool sim_view_write(struct sim_world *w, struct tb_json_writer *out, const struct sim_view *view,
                    bool with_source);

#endif
