/* The life cycle of one operation as a pure function.
 *
 * tb_life_step(state, observation, now) gives the next state and at most one call that should be
 * made. It reads no clock, no store and no network, so that tests can search it. The driver
 * (operations.c) commits the next state before it makes the call, makes it, and feeds what came
 * back as the next observation. After a crash the driver feeds TB_OBS_TAKEN_OVER first.
 *
 * The rules are DESIGN section 4 (deploy rule, proof of life, stop, start); the measured facts
 * behind each wait are in the contract's notes on deploys and stops. Times are milliseconds of one
 * clock that never runs backwards within a process and continues wall time across a restart. */
#ifndef TB_BOTS_LIFE_H
#define TB_BOTS_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/id.h"
#include "base/json.h"

#define TB_BASE_NAME     72 /* "hummingbot-<slug 40>-<nonce 8>" + NUL */
#define TB_INSTANCE_NAME 96 /* base + "-YYYYMMDD-HHMMSS" + NUL */
#define TB_LOOK_HITS     8

/* kind, its word, does it begin with a stop that must be proven, does the bot run when it
 * succeeded? */
#define TB_OP_KINDS(X)                                                                             \
    X(TB_OP_CREATE, "create", false, true)                                                         \
    X(TB_OP_START, "start", false, true)                                                           \
    X(TB_OP_STOP, "stop", true, false)                                                             \
    X(TB_OP_RESTART, "restart", true, true)                                                        \
    X(TB_OP_ARCHIVE, "archive", true, false)                                                       \
    X(TB_OP_REDEPLOY, "redeploy", true, true)

#define TB_OP_STATES(X)                                                                            \
    X(TB_OPS_PENDING, "pending")                                                                   \
    X(TB_OPS_RUNNING, "running")                                                                   \
    X(TB_OPS_SETTLING, "settling")                                                                 \
    X(TB_OPS_SUCCEEDED, "succeeded")                                                               \
    X(TB_OPS_FAILED, "failed")                                                                     \
    X(TB_OPS_NOT_PROVEN, "not_proven")                                                             \
    X(TB_OPS_UNKNOWN, "unknown")                                                                   \
    X(TB_OPS_CONFLICT, "conflict")                                                                 \
    X(TB_OPS_SUPERSEDED, "superseded")

/* phase, its word, the step a person sees */
#define TB_PHASES(X)                                                                               \
    X(TB_PH_IMAGE, "image", "image")                                                               \
    X(TB_PH_PULL, "pull", "image")                                                                 \
    X(TB_PH_PULL_WAIT, "pull_wait", "image")                                                       \
    X(TB_PH_CONTROLLERS, "controllers", "upload_controllers")                                      \
    X(TB_PH_SCRIPT, "script", "upload_script")                                                     \
    X(TB_PH_VERIFY, "verify", "verify_files")                                                      \
    X(TB_PH_DEPLOY, "deploy", "deploy")                                                            \
    X(TB_PH_LOOK, "look", "look")                                                                  \
    X(TB_PH_REMOVE, "remove", "remove_created")                                                    \
    X(TB_PH_BURN_SCRIPT, "burn_script", "burn")                                                    \
    X(TB_PH_BURN_CONTROLLERS, "burn_controllers", "burn")                                          \
    X(TB_PH_BURN_CHECK, "burn_check", "burn")                                                      \
    X(TB_PH_SETTLE_BEGIN, "settle_begin", "settle")                                                \
    X(TB_PH_SETTLE_END, "settle_end", "settle")                                                    \
    X(TB_PH_CLEAN, "clean", "settle")                                                              \
    X(TB_PH_STILL_GONE, "still_gone", "settle")                                                    \
    X(TB_PH_CONTAINER, "container", "container")                                                   \
    X(TB_PH_PROOF, "proof", "proof_of_life")                                                       \
    X(TB_PH_INSPECT, "inspect", "inspect")                                                         \
    X(TB_PH_STOP, "stop", "stop_bot")                                                              \
    X(TB_PH_STOP_PROOF, "stop_proof", "proof_of_stop")                                             \
    X(TB_PH_HALT, "halt", "stop_container")                                                        \
    X(TB_PH_HALT_PROOF, "halt_proof", "stop_container")                                            \
    X(TB_PH_BOOT, "boot", "start_container")                                                       \
    X(TB_PH_ARCHIVE_LOOK, "archive_look", "inspect")                                               \
    X(TB_PH_ARCHIVE, "archive", "archive")                                                         \
    X(TB_PH_ARCHIVE_PROOF, "archive_proof", "proof_of_archive")                                    \
    X(TB_PH_DISCARD, "discard", "remove_container")                                                \
    X(TB_PH_DISCARD_PROOF, "discard_proof", "remove_container")                                    \
    X(TB_PH_END, "end", "end")

/* Calls. The second column: does it change something upstream? */
#define TB_ACTS(X)                                                                                 \
    X(TB_ACT_NONE, "none", false)                                                                  \
    X(TB_ACT_IMAGES, "images", false)                                                              \
    X(TB_ACT_PULL, "pull", true)                                                                   \
    X(TB_ACT_PULL_STATUS, "pull_status", false)                                                    \
    X(TB_ACT_PUT_CONTROLLER, "put_controller", true)                                               \
    X(TB_ACT_PUT_SCRIPT, "put_script", true)                                                       \
    X(TB_ACT_VERIFY_FILES, "verify_files", false)                                                  \
    X(TB_ACT_DEPLOY, "deploy", true)                                                               \
    X(TB_ACT_LOOK, "look", false)                                                                  \
    X(TB_ACT_REMOVE_CONTAINER, "remove_container", true)                                           \
    X(TB_ACT_DELETE_SCRIPT, "delete_script", true)                                                 \
    X(TB_ACT_DELETE_CONTROLLER, "delete_controller", true)                                         \
    X(TB_ACT_FILES_GONE, "files_gone", false)                                                      \
    X(TB_ACT_ROOT, "root", false)                                                                  \
    X(TB_ACT_VIEW, "view", false)                                                                  \
    X(TB_ACT_STOP_BOT, "stop_bot", true)                                                           \
    X(TB_ACT_STOP_CONTAINER, "stop_container", true)                                               \
    X(TB_ACT_START_CONTAINER, "start_container", true)                                             \
    X(TB_ACT_ARCHIVE, "archive", true)                                                             \
    X(TB_ACT_ARCHIVE_VIEW, "archive_view", false)

#define X(name, ...) name,
enum tb_op_kind { TB_OP_KINDS(X) TB_OP_KIND_COUNT };
enum tb_op_state { TB_OP_STATES(X) TB_OP_STATE_COUNT };
enum tb_phase { TB_PHASES(X) TB_PHASE_COUNT };
enum tb_act { TB_ACTS(X) TB_ACT_COUNT };
#undef X

const char *tb_op_kind_word(enum tb_op_kind kind);
bool tb_op_kind_stops(enum tb_op_kind kind);
bool tb_op_kind_runs(enum tb_op_kind kind);
const char *tb_op_state_word(enum tb_op_state state);
const char *tb_phase_word(enum tb_phase phase);
const char *tb_phase_step(enum tb_phase phase);
const char *tb_act_word(enum tb_act act);
bool tb_act_writes(enum tb_act act);
/* Calls of these phases go one at a time: they are asked for only by a step that begins in them. */
bool tb_phase_laned(enum tb_phase phase);
bool tb_op_state_final(enum tb_op_state state);

/* Everything that must survive a crash. Plain data; written and read as JSON by one field table. */
struct tb_life {
    enum tb_op_kind kind;
    enum tb_op_state state;
    enum tb_phase phase;
    bool inflight; /* the phase's call was intended and its result is not known yet */
    /* the attempt: one nonce, one base name, at most one instance */
    char nonce[TB_NONCE_TEXT];
    char base[TB_BASE_NAME];
    char instance[TB_INSTANCE_NAME];
    char stem[TB_BASE_NAME]; /* base without the nonce: "hummingbot-<slug>-" */
    int64_t attempts;        /* nonces used up to now */
    int64_t controllers;     /* number of controller files */
    int64_t index;           /* the controller file in hand */
    int64_t tries;           /* of the call in hand */
    bool sent;               /* deploy of this nonce was intended: it may have been delivered */
    bool burnt;              /* this nonce's files are (being) deleted */
    bool keep_container;     /* stop leaves the container running (policy close) */
    bool stopped;            /* the stop that the operation begins with was proven */
    bool rests;              /* a stop of the instance was proven and nothing was started since */
    bool reports;            /* the script publishes performance reports */
    bool may_pull;
    bool renews;              /* a start or restart that deploys anew does it with another plan */
    int64_t next_controllers; /* of the plan that a redeploy or such a start deploys */
    bool next_reports;
    /* times */
    int64_t began_at;    /* the operation began */
    int64_t phase_at;    /* entered the phase */
    int64_t next_at;     /* nothing to do before */
    int64_t sent_at;     /* deploy / stop-bot / start-container was sent (clock of `now`) */
    int64_t window_from; /* wall ms: names the deploy may have got lie between these seconds */
    int64_t window_to;
    int64_t settle_at;   /* prompt answer after the 404 read-back */
    int64_t clean_at;    /* first clean look, 0 if none */
    int64_t doubt_until; /* a write with unknown outcome may still execute before this */
    int64_t taken_until; /* an archive or removal of the instance may still work before this */
    int64_t resends;     /* of stop-bot, each after proof that the bot still trades */
    int64_t rounds;      /* of settling, so that no answer of upstream keeps it going for ever */
    /* A container start was sent and upstream has not forgotten the reports from before it: an
     * empty one proves nothing. */
    bool old_reports;
    /* how it ended */
    char reason[32];
    char detail[320];
};

enum tb_obs_kind {
    TB_OBS_TICK,       /* time passed */
    TB_OBS_RESULT,     /* the call in hand came back */
    TB_OBS_TAKEN_OVER, /* the process died and another continues */
};

enum tb_result {
    TB_RES_DONE,    /* honest success */
    TB_RES_REFUSED, /* upstream said no before doing anything */
    TB_RES_FAILED,  /* answered with a failure; a write may have happened all the same */
    TB_RES_UNSENT,  /* no byte left */
    TB_RES_UNKNOWN, /* sent, no trustworthy answer */
};

enum tb_container { TB_CT_UNSEEN, TB_CT_ABSENT, TB_CT_RUNNING, TB_CT_EXITED, TB_CT_CREATED };

struct tb_hit {
    char instance[TB_INSTANCE_NAME];
    enum tb_container container;
};

struct tb_observation {
    enum tb_obs_kind kind;
    enum tb_result result;
    enum tb_code code; /* of the failure, for the words a person sees */
    char detail[320];
    bool hold;                       /* shutting down: read what came back, ask for no call */
    char fresh_nonce[TB_NONCE_TEXT]; /* always given; used when a new attempt begins */
    int64_t sent_wall, done_wall;    /* upstream's wall clock around the call; on ticks: now */
    bool yes;    /* IMAGES: present; PULL_STATUS: completed; VERIFY, FILES_GONE */
    bool prompt; /* LOOK, ROOT: GET / answered promptly, API up for 10 s */
    bool lists;  /* LOOK: both container lists were JSON lists */
    char instance[TB_INSTANCE_NAME]; /* DEPLOY: unique_instance_name */
    struct tb_hit hit[TB_LOOK_HITS]; /* LOOK */
    int64_t hits;
    bool archived; /* ARCHIVE_VIEW: its run is recorded as archived */
    /* VIEW, ARCHIVE_VIEW of one instance */
    enum tb_container container;
    bool heard;       /* the status document was read; else the next four mean nothing */
    bool reported;    /* a status document with at least one controller came */
    bool trading;     /* … and at least one performance object is not empty */
    bool active;      /* MQTT traffic within upstream's 30 s */
    bool start_error; /* its log names a failed start */
};

struct tb_intent {
    enum tb_act act;
    int64_t index; /* controller file */
};

/* Starts an operation; then set next_controllers and next_reports (for a start or restart `renews`
 * too) and may_pull of the plan that is deployed.
 * `known`: the life of the operation it supersedes or follows (its attempt, instance and settings
 * are taken over); for a create only its settings count. `abandon`: a stop that stops the container
 * and leaves orders and positions as they are. */
void tb_life_begin(struct tb_life *life, enum tb_op_kind kind, const struct tb_life *known,
                   bool abandon, const char *fresh_nonce, int64_t now);

/* The pure step. next may be the same object as state. */
void tb_life_step(const struct tb_life *state, const struct tb_observation *obs, int64_t now,
                  struct tb_life *next, struct tb_intent *intent);

/* Is the operation at a stop, alone or before what follows it? */
bool tb_life_stopping(const struct tb_life *life);
/* Is there anything in `next`, or in the call it wants made, that a crash must not lose? Polling
 * alone is not. */
bool tb_life_worth_storing(const struct tb_life *now, const struct tb_life *next,
                           struct tb_intent intent);

void tb_life_write(const struct tb_life *life, struct tb_json_writer *w);
TB_MUST_CHECK
bool tb_life_read(const struct tb_json *node, struct tb_life *out, struct tb_error *err);

#endif
