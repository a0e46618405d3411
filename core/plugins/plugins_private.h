/* Shared by the files of the Lua host: what a generation is, what a call in progress is, and the
 * doors between the files. Not for other rooms. */
#ifndef TB_PLUGINS_PRIVATE_H
#define TB_PLUGINS_PRIVATE_H

#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/lease.h"
#include "plugins/arena.h"
#include "plugins/host.h"

#define TB_PLUGIN_NAME 64

/* Budgets are run time of the calling thread. Sanitizers make code several times slower; they do
 * not make a plugin worse. The only place where that is taken into account, for deadlines too. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TB_BUDGET_FACTOR 10
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(undefined_behavior_sanitizer)
#define TB_BUDGET_FACTOR 10
#else
#define TB_BUDGET_FACTOR 1
#endif
#else
#define TB_BUDGET_FACTOR 1
#endif

#define TB_LOAD_BUDGET_MS 1000
/* How long after its budget's end a call may still run. */
#define TB_GRACE_MS 50
/* A call that executes no Lua instruction for this much run time is stuck inside a C function. */
#define TB_STUCK_MS 10000
/* The hook looks at the clocks this often; after a breach at every instruction. */
#define TB_HOOK_COUNT 1000
/* One instruction can go through a whole text (comparing, converting), so that a call with long
 * texts is looked at before its instructions can have gone through this much. */
#define TB_HOOK_BYTES (16 << 20)

/* ---- generations (generation.c) ---- */

/* One Lua file: its source for excerpts, its bytecode for instantiation. Immutable. */
struct tb_script {
    char name[128]; /* module name: "spot_grid", "lib.levels", SDK: "form" */
    char path[160]; /* as shown: "bitmart/spot_grid.lua", "sdk/form.lua" */
    char *source;
    size_t source_len;
    char *bytecode;
    size_t bytecode_len;
};

struct tb_script_set {
    struct tb_script *scripts;
    size_t count;
};

/* Why the plugin's transforms are switched off (breaker.c); kept apart for status and log. */
enum { TB_BREAKER_HOOKS = 2 };
struct tb_breaker {
    atomic_uint failures[TB_BREAKER_HOOKS]; /* in a row */
    atomic_bool open;
    char message[640];
    struct tb_plugin_fault fault;
};

/* One version of one plugin, shared by the generations that have it. */
struct tb_plugin {
    atomic_uint refs;
    atomic_bool broken; /* a hook of it hung inside C; refused until its files change */
    char name[TB_PLUGIN_NAME];
    char hash[TB_SHA256_TEXT];
    struct tb_script_set set;
    struct tb_json_doc *described;    /* what the describe entry said at load */
    atomic_uint tests, golden_differ; /* of its own tests, once they ran */
    int64_t loaded_wall_ms;
    struct tb_breaker breaker;
};

/* What became of a plugin at the last reading. */
enum tb_plugin_status {
    TB_SLOT_LOADED,
    TB_SLOT_UNCHANGED,
    TB_SLOT_KEPT,   /* the new files fail; the last good version serves */
    TB_SLOT_FAILED, /* the files fail and there never was a good version */
    TB_SLOT_DRAFT,  /* nothing of it is live yet */
};

/* Why a version is in force although the folder holds another one. */
enum tb_pin { TB_PIN_NONE, TB_PIN_ROLLBACK, TB_PIN_UPLOAD };

/* What the store knows of a plugin; empty texts where there is none. */
struct tb_plugin_state {
    char name[TB_PLUGIN_NAME];
    char active[TB_SHA256_TEXT];
    char folder[TB_SHA256_TEXT]; /* what the folder held when it was pinned */
    char waiting[TB_SHA256_TEXT];
    enum tb_pin pin;
};

struct tb_plugin_slot {
    char name[TB_PLUGIN_NAME];
    enum tb_plugin_status status;
    struct tb_plugin *plugin; /* live; NULL: none */
    struct tb_plugin *folder; /* the last good version that the folder held; NULL: none */
    struct tb_plugin *upload; /* waits to be put in force; NULL: none */
    bool in_folder;           /* there is a folder of this name */
    enum tb_pin pin;
    char holds[TB_SHA256_TEXT]; /* what the folder holds now, good or not; "": unreadable */
    char tried[TB_SHA256_TEXT]; /* the files that failed, so that they are not built again */
    char error[640];
    struct tb_plugin_fault fault;
};

/* Who put a version in force, and how. */
struct tb_version_cause {
    const char *word; /* "folder", "activate", "rollback", "upload" */
    const char *by;   /* name of the token; "" when the folder did */
    bool waits;       /* it is stored, not in force */
};

struct tb_generation {
    atomic_uint refs;
    uint64_t id;
    size_t count;
    struct tb_plugin_slot *slots; /* sorted by name */
};

/* A plugin as the program was released with it. */
struct tb_shipped {
    char name[TB_PLUGIN_NAME];
    char hash[TB_SHA256_TEXT];
};

struct tb_plugins {
    struct tb_plugins_config config;
    char *dir;
    struct tb_script_set sdk;
    struct tb_lease_pool *arenas;
    pthread_mutex_t lock; /* current, drafts */
    pthread_mutex_t reload_lock;
    struct tb_generation *current;
    struct tb_generation *drafts;   /* the same with drafts in their plugins' places */
    struct tb_plugin_state *states; /* of the store; under reload_lock */
    size_t state_count;
    struct tb_shipped *shipped; /* constant once opened */
    size_t shipped_count;
    struct tb_json_doc *without_logs; /* projection of what `status` builds of its input */
    struct tb_watchdog *watchdog;
    struct tb_folder_watch *watch; /* NULL: nobody looks at the folder */
};

/* ---- files and bytecode (script.c) ---- */

/* Compiles text to bytecode; chunk names are "@path". False with file and line in the fault. */
TB_MUST_CHECK
bool tb_script_compile(struct tb_script *script, struct tb_plugin_fault *fault,
                       struct tb_error *err);
const struct tb_script *tb_script_find(const struct tb_script_set *set, const char *name);
void tb_script_set_free(struct tb_script_set *set);
/* The line of a script with its neighbours and a caret where the message points; "" when there is
 * no such line. */
void tb_script_excerpt(const struct tb_script_set *set, const char *path, int line,
                       const char *message, char *out, size_t size);
TB_MUST_CHECK
bool tb_sdk_compile(const struct tb_embedded *files, struct tb_script_set *out,
                    struct tb_error *err);
/* Reads the Lua files below dir/name, sorted by path; nothing is compiled. */
TB_MUST_CHECK
bool tb_script_set_read(const char *dir, const char *name, struct tb_script_set *out,
                        struct tb_error *err);
/* Adds a file "name/lib/x.lua" whose bytes are at hand, under the rules for files of a folder; the
 * set is whole once it was sorted and has a plugin.lua. */
TB_MUST_CHECK
bool tb_script_set_add(struct tb_script_set *set, const char *name, const char *path,
                       const char *bytes, size_t len, struct tb_error *err);
TB_MUST_CHECK
bool tb_script_set_whole(struct tb_script_set *set, const char *name, struct tb_error *err);
/* SHA-256 over paths and bytes of all files. */
void tb_script_set_hash(const struct tb_script_set *set, char out[TB_SHA256_TEXT]);

/* Reads the folder into a new generation; `old` (may be NULL) lends its good versions. */
TB_MUST_CHECK
struct tb_generation *tb_generation_read(struct tb_plugins *host, const struct tb_generation *old,
                                         struct tb_error *err);
/* Of one version only; plugin may be NULL. */
struct tb_generation *tb_generation_of(const char *name, struct tb_plugin *plugin);
/* The same plugins with drafts in the places of those that are live. */
struct tb_generation *tb_generation_drafts(const struct tb_generation *generation);
/* Would a reader of the folder see anything else? */
bool tb_generation_same(const struct tb_generation *now, const struct tb_generation *old);
const struct tb_plugin_slot *tb_generation_find(const struct tb_generation *generation,
                                                const char *name);
void tb_generation_add(struct tb_generation *generation, const char *name);

/* ---- one version of one plugin (version.c) ---- */

/* From its files; NULL with error and place. The set is used up in either case. */
struct tb_plugin *tb_plugin_build(struct tb_plugins *host, const char *name,
                                  struct tb_script_set *set, const char *hash,
                                  struct tb_plugin_fault *fault, struct tb_error *err);
struct tb_plugin *tb_plugin_share(struct tb_plugin *plugin); /* NULL is nothing */
void tb_plugin_release(struct tb_plugin *plugin);
extern const char *const tb_reserved_names[];
bool tb_plugin_is(const struct tb_plugin *plugin, const char *hash);

/* ---- its own tests before it goes live (gate.c) ---- */

/* Runs the tests of the version's files; golden files are the folder's. True: it may be published.
 * False: *err and *fault say which test fails; *again_out: files that no hash covers decide. */
TB_MUST_CHECK
bool tb_gate_pass(struct tb_plugins *host, struct tb_plugin *plugin, bool *again_out,
                  struct tb_plugin_fault *fault, struct tb_error *err);

/* ---- what is in force (resolve.c); all under reload_lock ---- */

/* Fills the slot from the folder and the state; `old` (may be NULL) lends what it has. */
void tb_slot_fill(struct tb_plugins *host, struct tb_plugin_slot *slot,
                  const struct tb_plugin_slot *old, bool in_folder);
/* What a developer would put in force; NULL: none. */
struct tb_plugin *tb_slot_draft(const struct tb_plugin_slot *slot);
bool tb_slot_same(const struct tb_plugin_slot *a, const struct tb_plugin_slot *b);
void tb_slot_free(struct tb_plugin_slot *slot);

/* ---- what the program was released with (shipped.c) ---- */

TB_MUST_CHECK
bool tb_shipped_load(struct tb_plugins *host, struct tb_error *err);
bool tb_shipped_is(const struct tb_plugins *host, const char *name, const char *hash);
/* Is the folder's version this release's, and in force without anybody's order? (reload_lock) */
bool tb_shipped_follows(struct tb_plugins *host, const struct tb_plugin_slot *slot,
                        const struct tb_plugin_state *state);

/* ---- versions in the store (versions.c); all under reload_lock ---- */

const char *tb_pin_word(enum tb_pin pin); /* NULL: none */
TB_MUST_CHECK
bool tb_states_load(struct tb_plugins *host, struct tb_error *err);
struct tb_plugin_state *tb_state_find(struct tb_plugins *host, const char *name);
/* What is known of it, or a new state of this name. */
struct tb_plugin_state tb_state_of(struct tb_plugins *host, const char *name);
/* Stores the state, with the version it puts in force (may be NULL); true when both are on the disk
 * and known here. */
TB_MUST_CHECK
bool tb_state_put(struct tb_plugins *host, const struct tb_plugin_state *state,
                  const struct tb_plugin *version, const struct tb_version_cause *cause,
                  struct tb_error *err);
TB_MUST_CHECK
bool tb_state_delete(struct tb_plugins *host, const char *name, struct tb_error *err);
/* A version as it was stored; its hash is given in full or by its first digits. */
struct tb_plugin *tb_version_read(struct tb_plugins *host, const char *name, const char *hash,
                                  struct tb_error *err);
/* {path: text} of a set, and back; a text that is not UTF-8 is {base64}. */
void tb_version_files(const struct tb_script_set *set, struct tb_buffer *out);
TB_MUST_CHECK
bool tb_version_set(const char *name, const struct tb_json *files, struct tb_script_set *out,
                    struct tb_error *err);
/* Remembers what the folder put in force; a store that fails is only logged: the folder is there.
 */
void tb_versions_note(struct tb_plugins *host, const struct tb_generation *now);

/* ---- orders (orders.c), diff.c ---- */

/* Does `to` want endpoints that `from` (may be NULL) does not? They are added to the text. */
bool tb_needs_grow(const struct tb_plugin *from, const struct tb_plugin *to,
                   struct tb_buffer *added);
/* False, with who must say yes, when `to` wants more than what is live and no admin orders it. */
TB_MUST_CHECK
bool tb_may_grow(const struct tb_plugin_slot *slot, const struct tb_plugin *to,
                 const struct tb_plugin_order *order, struct tb_error *err);
/* Fills the comparison and writes its members; from and to may be NULL. */
void tb_comparison_write(const char *name, struct tb_plugin *from, struct tb_plugin *to,
                         struct tb_plugin_comparison *out, struct tb_json_writer *w);
/* The Lua files of a bundle (bundle.c). */
TB_MUST_CHECK
bool tb_bundle_read(const char *plugin, const struct tb_plugin_bundle *bundle,
                    struct tb_script_set *out, struct tb_error *err);
/* Writes an array of {path, change, added, removed, text}. */
void tb_diff_write(struct tb_json_writer *w, const struct tb_script_set *from,
                   const struct tb_script_set *to);

/* Reads the folder and swaps, under reload_lock; report may be NULL. */
TB_MUST_CHECK
bool tb_plugins_read_again(struct tb_plugins *host, struct tb_buffer *report, struct tb_error *err);

/* ---- what is told of it (report.c) ---- */

/* The answer of a reload: `read` against what was in force before. */
void tb_report_reload(struct tb_buffer *out, const struct tb_generation *read,
                      const struct tb_generation *before);
/* Log lines and events for what a swap changed. */
void tb_report_news(struct tb_plugins *host, const struct tb_generation *now,
                    const struct tb_generation *before);

/* ---- the watch (watch.c) ---- */

/* NULL: inotify or the thread is not to be had; said in the log, and the folder is read by POST and
 * SIGHUP only. */
struct tb_folder_watch *tb_folder_watch_start(struct tb_plugins *host, int64_t poll_ms);
void tb_folder_watch_stop(struct tb_folder_watch *watch);

/* ---- calls (call.c) ---- */

enum tb_breach { TB_BREACH_NONE, TB_BREACH_BUDGET, TB_BREACH_DEADLINE, TB_BREACH_MEMORY };

enum tb_watch { TB_WATCH_RUNNING, TB_WATCH_WAITING, TB_WATCH_LOST };

/* One call in progress; lua_getextraspace of its state and coroutines points here. */
struct tb_vm {
    lua_State *L;
    lua_State *running; /* L, or the coroutine that runs */
    bool due;           /* the clocks must be looked at before long */
    struct tb_arena *arena;
    struct tb_plugins *host;
    struct tb_plugin *plugin; /* NULL while only the SDK runs */
    const char *entry;        /* kernel function */
    const struct tb_json *projection;
    struct tb_buffer *out;
    struct tb_buffer scratch; /* outlives Lua errors; capped */

    char phase[24];
    int64_t budget_end_us; /* of this thread's run time */
    int64_t phase_start_us;
    int budget_ms;
    bool reads;  /* may host.read be called in this phase? */
    bool writes; /* may host.write? */
    /* A change was sent. From here on only its own budget ends the call: cut off, it would not tell
     * what it has changed. */
    bool changed;
    int64_t mono_deadline_ms;
    int64_t now_ms;  /* os.time() of the plugin; 0: none */
    bool collecting; /* the collector was switched on */
    enum tb_breach breach;

    struct tb_error upstream; /* code != TB_OK: the last upstream error raised */
    char message[600];
    bool faulted; /* fault says where */
    bool was_upstream;
    bool was_not_found;
    struct tb_plugin_fault fault;
    struct tb_plugin_fault refused_at; /* who asked when memory first ran out */

    /* Seen by the watchdog, under its lock or atomically. */
    atomic_int watch;
    atomic_llong tick_us; /* run time at the last sign of life */
    clockid_t thread_clock;
    struct tb_vm *next;
};

static inline struct tb_vm *tb_vm_of(lua_State *L)
{
    struct tb_vm *vm;
    __builtin_memcpy(&vm, lua_getextraspace(L), sizeof vm);
    return vm;
}

/* Run time of this thread in microseconds. */
int64_t tb_run_us(void);
/* Raises when a budget is used up or the call is already dead. */
TB_MAY_RAISE void tb_vm_check(lua_State *L);
/* Another state runs from here on: its hook is set to count as the others do. */
void tb_vm_run_in(struct tb_vm *vm, lua_State *L);
/* Around a wait for upstream: the watchdog does not count it. */
void tb_vm_wait(struct tb_vm *vm);
void tb_vm_alive(struct tb_vm *vm);
/* A new phase with a fresh run budget. */
void tb_vm_phase(struct tb_vm *vm, const char *name, int budget_ms, bool reads);
/* What to run: one entry of the kernel with one JSON object. */
struct tb_vm_job {
    struct tb_plugin *plugin; /* NULL: the SDK alone */
    const char *entry;
    const char *input;
    size_t input_len;
    const struct tb_json *projection; /* parts of the input to build; NULL: all */
    int64_t mono_deadline_ms;         /* 0: none of the caller's */
};
TB_MUST_CHECK
bool tb_vm_run(struct tb_plugins *host, const struct tb_vm_job *job, struct tb_buffer *out,
               struct tb_plugin_fault *fault, struct tb_error *err);

/* ---- the sandbox and its libraries; each pushes one value ---- */

/* Builds the environments and leaves nothing on the stack. */
TB_MAY_RAISE void tb_sandbox_open(lua_State *L);
/* Pushes the result of a module of the SDK, trusted. */
TB_MAY_RAISE void tb_sandbox_sdk(lua_State *L, const char *name);
/* Pushes what a file of the plugin returned. */
TB_MAY_RAISE void tb_sandbox_module(lua_State *L, const char *name);
/* Module result table -> its path, for the contract check; pushes path or nil. */
TB_MAY_RAISE void tb_sandbox_file_of(lua_State *L, int index);

/* Compiles a line of a prompt whose globals live in the table at `scope` and else are the plugin's.
 * Pushes function, nil or nil, message. */
TB_MAY_RAISE void tb_sandbox_chunk(lua_State *L, const char *text, size_t len, int scope);

/* Longest text that one library call may make. */
enum { TB_TEXT_MAX = 4 << 20 };

/* Patterns with a step budget (lib_pattern.c). */
TB_MAY_RAISE int tb_string_find(lua_State *L);
TB_MAY_RAISE int tb_string_match(lua_State *L);
TB_MAY_RAISE int tb_string_gmatch(lua_State *L);
TB_MAY_RAISE int tb_string_gsub(lua_State *L);

/* table.sort in bounded time (lib_sort.c). */
TB_MAY_RAISE int tb_table_sort(lua_State *L);
/* Most elements that one library call goes through. */
enum { TB_ELEMENTS_MAX = 1 << 18 };

/* Replacements for functions of the standard libraries (sandbox_lib.c): name, function, pairs. */
extern const luaL_Reg tb_lib_base[], tb_lib_string[], tb_lib_table[], tb_lib_coroutine[],
    tb_lib_os[];
TB_MAY_RAISE int tb_open_decimal(lua_State *L);
TB_MAY_RAISE int tb_open_json(lua_State *L);
TB_MAY_RAISE int tb_open_cjson(lua_State *L);
TB_MAY_RAISE int tb_open_host(lua_State *L);
/* host.read: one closure over the endpoint table (lib_hb.c). */
TB_MAY_RAISE int tb_host_read(lua_State *L);
TB_MAY_RAISE int tb_host_columns(lua_State *L);
TB_MAY_RAISE int tb_host_write(lua_State *L);
TB_MAY_RAISE int tb_host_effect(lua_State *L);

/* ---- breaker.c ---- */

bool tb_breaker_open(const struct tb_plugin *plugin);
void tb_breaker_reset(struct tb_plugin *plugin);
/* What became of a call of the hook (0 status, 1 log). */
void tb_breaker_result(struct tb_plugins *host, struct tb_plugin *plugin, unsigned hook, bool ok,
                       const struct tb_plugin_fault *fault, const struct tb_error *err);
/* The member `untransformed`: null or why. */
void tb_breaker_write(struct tb_json_writer *w, const struct tb_plugin *plugin);
/* The members of a fault in an object begun: file, line, excerpt, hook, pointer, frames. */
void tb_fault_write(struct tb_json_writer *w, const struct tb_plugin_fault *fault);

/* ---- watchdog ---- */

struct tb_watchdog *tb_watchdog_start(struct tb_plugins *host, int64_t stuck_ms);
void tb_watchdog_stop(struct tb_watchdog *dog);
void tb_watchdog_enter(struct tb_watchdog *dog, struct tb_vm *vm);
/* True when the call was counted lost meanwhile: its lease was given up for it. */
bool tb_watchdog_leave(struct tb_watchdog *dog, struct tb_vm *vm);
unsigned tb_watchdog_lost(struct tb_watchdog *dog);

#endif
