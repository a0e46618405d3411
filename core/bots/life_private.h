/* What the files of the life cycle share (life.h): one turn of one operation, the moves a turn can
 * make, and the function of each phase that reads what its call brought. */
#ifndef TB_BOTS_LIFE_PRIVATE_H
#define TB_BOTS_LIFE_PRIVATE_H

#include "bots/life.h"

/* Milliseconds. DESIGN section 4 gives the waits; the grounds of the others stand beside them. */
enum {
    LOOK_EVERY = 2000,
    LOOK_FOR = 30000,
    SETTLE_FOR = 90000,
    CLEAN_GAP = 10000,
    RETRY_GAP = 2000,
    RETRIES = 3,
    ATTEMPTS = 2,       /* nonces per operation */
    BURN_FOR = 1800000, /* then a person must look */
    PULL_FOR = 900000,
    CONTAINER_FOR = 60000,
    PROOF_FOR = 180000,   /* a cold Docker start takes tens of seconds, measured 5-19 s warm */
    SILENT_PROOF = 20000, /* scripts without reports: up, heard, no start error for this long */
    VIEW_EVERY = 1000,
    INSPECT_FOR = 60000,
    INSPECT_SILENT = 20000,
    HALT_FOR = 40000, /* docker stop takes 10 s and freezes the API as long */
    LATE_FOR =
        170000, /* an abandoned request was seen to execute 120 s later; a view takes up to 45 s */
    STOP_PROOF_FOR = 180000, /* closing takes 13 s measured, up to 30 s with odd fills */
    STILL_TRADING = 20000,   /* a delivered stop clears the reports at once */
    STOP_RESENDS = 3,
    ROUNDS = 12, /* of settling in one operation */
    /* stop-and-archive: 15 s, then up to ten times 10 s of docker stop and 2 s of waiting */
    ARCHIVE_FOR = 180000,
    UNSEEN_FOR = 600000, /* container lists that cannot be read */
    ARCHIVES = 2,        /* in one operation, each after the one before gave up */
};

/* The rules that keep a bot from living twice or being called what it is not. Test builds can
 * switch each one off, to prove that the search (tests/lifecycle) would notice its loss. */
#define LIFE_GUARDS(X)                                                                             \
    X(ONE_DEPLOY_PER_NONCE, "a deploy that may have left is never sent again")                     \
    X(BURN_BEFORE_NEW_NONCE, "files are deleted before anything new is made")                      \
    X(SETTLE, "what has copied its files already gets the time to appear")                         \
    X(FILES_STAY_GONE, "a late upload does not arm a burnt deploy again")                          \
    X(NO_START_OF_BURNT, "a container of a burnt attempt is never started")                        \
    X(STOP_AGAIN_ONLY_WITH_PROOF, "a second stop needs a report that is still full")               \
    X(LATE_START, "nothing is called ended while a late start may revive it")                      \
    X(OLD_REPORT, "a report from before the start proves no life")                                 \
    X(PROOF_BEFORE_NEXT, "what follows a stop waits until the stop is proven")                     \
    X(ONE_ARCHIVE, "no archive is sent while an earlier one may still work")                       \
    X(LATE_ARCHIVE, "nothing is started that an archive may still take away")

enum life_guard {
#define X(name, meaning) LIFE_##name,
    LIFE_GUARDS(X)
#undef X
        LIFE_GUARD_COUNT
};

#if TB_TEST_BUILD
extern unsigned life_guards_off; /* bit mask */
#define LIFE_GUARD(name) (!(life_guards_off & 1U << LIFE_##name))
#else
#define LIFE_GUARD(name) true
#endif

struct turn {
    struct tb_life *s;
    const struct tb_observation *o;
    int64_t now;
};

/* life.c: moves */
void life_go(struct turn *t, enum tb_phase phase);
void life_later(struct turn *t, int64_t ms);
bool life_overdue(const struct turn *t, int64_t ms);
void life_say(struct turn *t, const char *reason, const char *format, ...) TB_PRINTF(3, 4);
void life_end(struct turn *t, enum tb_op_state state);
/* Another try of the same call after a pause; false when they are used up. */
bool life_again(struct turn *t, int64_t most);

/* life_deploy.c: image, files, deploy, look, burn, settle */
void life_new_attempt(struct turn *t);
/* The stop of what the attempt may have made, policy close. */
void life_begin_stop(struct turn *t);
void life_image_result(struct turn *t);
void life_pull_result(struct turn *t);
void life_pull_wait_result(struct turn *t);
void life_controllers_result(struct turn *t);
void life_script_result(struct turn *t);
void life_verify_result(struct turn *t);
void life_deploy_result(struct turn *t);
void life_look_result(struct turn *t);
void life_remove_result(struct turn *t);
void life_burn_script_result(struct turn *t);
void life_burn_controllers_result(struct turn *t);
void life_burn_check_result(struct turn *t);
/* Enters a phase of settling; ends as unknown when that happened too often. */
void life_settle(struct turn *t, enum tb_phase phase);
void life_settle_begin_result(struct turn *t);
void life_settle_end_result(struct turn *t);
void life_clean_result(struct turn *t);
void life_still_gone_result(struct turn *t);

/* life_run.c: proof of life, start, stop */
/* May a container start whose answer was lost still execute? */
bool life_late_start(const struct turn *t);
void life_container_result(struct turn *t);
void life_proof_result(struct turn *t);
void life_inspect_result(struct turn *t);
void life_boot_result(struct turn *t);
void life_stop_result(struct turn *t);
void life_stop_proof_result(struct turn *t);
/* The stop is proven: it ends the operation or what follows it begins. */
void life_stopped(struct turn *t);
void life_halt_result(struct turn *t);
void life_halt_proof_result(struct turn *t);

/* life_archive.c */
/* What of an archive may still be executing when its answer will not be known. */
int64_t life_archive_doubt(int64_t now);
void life_archive_look_result(struct turn *t);
void life_archive_result(struct turn *t);
void life_archive_proof_result(struct turn *t);
void life_discard_result(struct turn *t);
void life_discard_proof_result(struct turn *t);

#endif
