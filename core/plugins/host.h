/* The Lua host: everything the server knows of plugins goes through tb_plugins_call.
 *
 * A generation is an immutable set of plugins (source bytes, bytecode, contract, errors). Each call
 * runs in a fresh lua_State on a leased arena: SDK and plugin are instantiated from the
 * generation's bytecode, one entry of the SDK's kernel (plugins/sdk/kernel.lua) is called with one
 * JSON document and returns one JSON document, then the state is closed and the arena reset.
 * Nothing leaks between calls, bots or plugins. A plugin cannot open files, sockets or other code;
 * what it may read of upstream it reads through `market` and `hb`, in the entries and phases that
 * allow it.
 *
 * Two clocks (DESIGN section 3): each hook's run budget, with waits for upstream subtracted, and
 * the caller's deadline. A hook stuck inside C for 10 s is marked broken and its thread counted
 * lost. Any thread may call; reload is serialised. With `watch` a thread of its own (watch.c) reads
 * the folder again within a moment of every save. */
#ifndef TB_PLUGINS_HOST_H
#define TB_PLUGINS_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/embed.h"
#include "base/error.h"
#include "base/events.h"
#include "base/json.h"
#include "hummingbot/client.h"
#include "store/store.h"

struct tb_json;
struct tb_plugins;

/* What a developer saved and nobody has put into force yet is seen in the draft lane only; plugins
 * without a draft are the same in both. */
enum tb_plugin_lane { TB_LANE_LIVE, TB_LANE_DRAFT };

struct tb_plugins_config {
    const char *dir;                   /* BRIDGE_PLUGINS: one folder per plugin */
    const struct tb_embedded *sdk;     /* tb_sdk_files */
    const struct tb_embedded *shipped; /* tb_shipped_files; may be NULL: none is known */
    size_t arena_bytes;                /* 0: 16 MiB */
    unsigned arenas;                   /* at most this many calls at once */
    struct tb_hb *hb;                  /* may be NULL (plugin checks without a server) */
    int64_t stuck_ms;                  /* 0: 10 s of run time without a sign of life */
    struct tb_events *events;          /* may be NULL: news of every swap and failed load */
    struct tb_store *store;            /* may be NULL: then versions are not kept */
    bool strict;                       /* golden differences keep a new version from going live */
    bool look_only;                    /* the store is read, never written */
    enum tb_plugin_lane lane;          /* where a save of the folder goes */
    bool watch;                        /* read the folder again when it changes */
    bool prompt;                       /* TB_PLUGIN_REPL may be called: a person's own terminal */
    bool ungated;    /* a save counts whatever its own tests say: for an author's tools */
    int64_t poll_ms; /* 0: 5 s; the watch's safety net */
};

/* How a plugin's folder may be named. */
#define TB_PLUGIN_NAME_RULE                                                                        \
    "a plugin's folder is named with lower-case letters, digits and _, at most 40, beginning "     \
    "with "                                                                                        \
    "a letter"
bool tb_plugin_name_is_good(const char *name);

/* Loads the folder. Plugins that fail are listed with their error; the host itself always opens
 * unless the folder cannot be read or the SDK is broken. */
TB_MUST_CHECK
struct tb_plugins *tb_plugins_open(const struct tb_plugins_config *config, struct tb_error *err);
void tb_plugins_close(struct tb_plugins *host);

/* Reads the folder again; what changed is built and swapped in at once, a plugin that fails keeps
 * its last good version, and when nothing changed the generation stays. Writes the report
 * {generation, plugins:[{name, status: loaded|unchanged|kept|failed|removed, error?{message, file,
 * line, excerpt}}]}. */
TB_MUST_CHECK
bool tb_plugins_reload(struct tb_plugins *host, struct tb_buffer *report_json,
                       struct tb_error *err);

/* ---- versions ----
 *
 * Every version that was in force is kept in the store by its content. A person may put the draft
 * in force, or go back to an earlier version, which then shadows the folder until it is changed (an
 * uploaded one until a person says otherwise). */
enum tb_plugin_verb { TB_PLUGIN_ACTIVATE, TB_PLUGIN_ROLLBACK };

struct tb_plugin_order {
    const char *plugin;
    const char *generation; /* first 8 or more digits; NULL: the draft, or the version before */
    bool admin;             /* may let what actions need of upstream grow */
    const char *by;         /* name of the token */
};

/* What an order would put in the place of what: two generations of this one plugin. */
struct tb_plugin_comparison {
    char to[65];
    struct tb_generation *before, *after;
};

/* Writes the members plugin, from, to, needs_added, diff into the writer's object. */
TB_MUST_CHECK
bool tb_plugins_compare(struct tb_plugins *host, enum tb_plugin_verb verb,
                        const struct tb_plugin_order *order, struct tb_plugin_comparison *out,
                        struct tb_json_writer *w, struct tb_error *err);
void tb_plugin_comparison_free(struct tb_plugin_comparison *comparison);
/* True: it is on the disk and live. */
TB_MUST_CHECK
bool tb_plugins_order(struct tb_plugins *host, enum tb_plugin_verb verb,
                      const struct tb_plugin_order *order, struct tb_error *err);
/* Writes an array, newest first; limit 0: all. */
TB_MUST_CHECK
bool tb_plugins_generations(struct tb_plugins *host, const char *plugin, size_t limit,
                            struct tb_json_writer *w, struct tb_error *err);
/* Writes the members from, to, diff. */
TB_MUST_CHECK
bool tb_plugins_diff(struct tb_plugins *host, const char *plugin, const char *from, const char *to,
                     struct tb_json_writer *w, struct tb_error *err);

/* Entries of the kernel; input and output documents are described in plugins/sdk/kernel.lua. */
enum tb_plugin_entry {
    TB_PLUGIN_DESCRIBE, /* {} -> {name, title, version, connectors, strategies:[…], aliases?, …} */
    TB_PLUGIN_SCHEMA,    /* {strategy} -> {schema, presets, risk, docs, …} */
    TB_PLUGIN_TRANSLATE, /* {request} -> {request, warnings[]} : aliases; foreign words to ours */
    TB_PLUGIN_PLAN, /* {request, ctx} -> {ok, errors[], warnings[], params, facts, controllers, …}
                     */
    TB_PLUGIN_STATUS,  /* {bot, raw} -> the normalised figures (DESIGN section 7) */
    TB_PLUGIN_LOG,     /* {lines:[…]} -> {errors:[{code, message, hint, count}]} */
    TB_PLUGIN_TRADES,  /* {bot, source, rows:[…]} -> {trades:[…], repeated, unknown} */
    TB_PLUGIN_EFFECTS, /* {strategy, params, verb} -> {effects:[sentence], keeps:
                          nothing|perhaps|something} */
    TB_PLUGIN_DOCS,    /* {} -> {text} : the plugin's page in Markdown */
    TB_PLUGIN_REPLAY,  /* {strategy, params, days, ctx} -> {ok, errors[], estimate, candles, …} */
    TB_PLUGIN_REBUILD, /* {strategy, params, risk, facts, ctx} -> {ok, errors[], controllers,
                        * script}
                        */
    TB_PLUGIN_RECOGNISE, /* {configs, script, ctx} -> {strategy, params, unknown:[…], …} or {} */
    TB_PLUGIN_ACTION,    /* {action, params, ctx, dry_run, form_only} -> {ok, errors, role, result,
                            calls:[{endpoint, args, state}], failure?} : may write upstream */
    TB_PLUGIN_SCAFFOLD, /* {name, connector, controller} -> {files:[{path, text}]} or {error}; of no
                           plugin */
    TB_PLUGIN_REPL, /* {lines:["…"], live, valued} -> {text, error, unfinished, value} of the last
                     */
    TB_PLUGIN_TEST, /* {golden:{…}} -> {tests:[…], golden}: tb_plugins_test asks it
                     */
};

struct tb_plugin_call {
    const char *
        plugin; /* status and log need none: the SDK answers for what is unknown or does not load */
    enum tb_plugin_entry entry;
    const char *input; /* one JSON object */
    size_t input_len;
    int64_t mono_deadline_ms;       /* the request's own: tb_plugins_deadline */
    const struct tb_generation *in; /* a held generation; NULL: the live one of this moment */
};

/* What the last phase of a call cost, closing included: run time of the calling thread, which is
 * what budgets count. A call that ends for its budget must do so within budget and grace. */
struct tb_plugin_spent {
    char phase[24];
    int64_t budget_us, grace_us, run_us;
};

/* Where a plugin failed; empty strings when it did not. */
struct tb_plugin_fault {
    char plugin[64];    /* whose version ran */
    char generation[9]; /* of that version */
    char file[128];     /* "bitmart/spot_grid.lua" */
    int line;
    char excerpt[480]; /* the line, its neighbours, a caret */
    bool budget;       /* it ran over its budget or memory */
    bool upstream;     /* an upstream read failed: not the plugin's fault */
    /* The answer is the SDK's own although it names a plugin with a hook for it: that one does not
     * load, was switched off, or failed too often. */
    bool untransformed;
    /* The plugin's own frames, innermost first; never the SDK's or the host's. */
    struct tb_plugin_frame {
        char file[96], function[48];
        int line;
    } frame[6];
    unsigned frames;
    struct tb_plugin_spent spent; /* also when nothing failed; zero when nothing ran */
};

/* A deadline for a call, `ms` from now. Most of a call is computing, so a scaled clock leaves it
 * the machine's own time, and sanitizers give it as much more as they give its budgets. */
int64_t tb_plugins_deadline(int64_t ms);

/* Writes the entry's JSON to `out`. false: TB_NOT_FOUND (no such plugin), TB_PLUGIN_FAILED (with
 * fault filled), an upstream code (TB_UPSTREAM_…), TB_BUSY (the deadline passed before an arena was
 * free or the call was done, which is never the plugin's fault: nothing was done, ask again). */
TB_MUST_CHECK
bool tb_plugins_call(struct tb_plugins *host, const struct tb_plugin_call *call,
                     struct tb_buffer *out, struct tb_plugin_fault *fault, struct tb_error *err);

/* Runs the plugin's own tests (own_tests.c): the files of its tests/ folder, against a market of
 * their own, with the golden files beside them. Of the call, plugin, deadline and generation count.
 * Writes {tests:[{file, name, ok, golden?, message}], golden:{name: value of now}}; golden: it
 * failed only because the value is not that of the golden file. */
TB_MUST_CHECK
bool tb_plugins_test(struct tb_plugins *host, const struct tb_plugin_call *call,
                     struct tb_buffer *out, struct tb_plugin_fault *fault, struct tb_error *err);
/* Writes the values of such an answer as golden files; how many were written. */
TB_MUST_CHECK
bool tb_plugins_bless(struct tb_plugins *host, const char *plugin, const struct tb_json *golden,
                      size_t *written_out, struct tb_error *err);

/* ---- one generation for all of a request ----
 *
 * Held, it stays whatever is reloaded meanwhile; several questions about it have one answer. */
struct tb_generation;
struct tb_generation *tb_generation_hold(struct tb_plugins *host, enum tb_plugin_lane lane);
struct tb_generation *tb_generation_share(const struct tb_generation *generation);
void tb_generation_release(struct tb_generation *generation); /* NULL is nothing */
/* How many digits of a hash name a version at least. */
enum { TB_GENERATION_DIGITS = 8 };
/* The version of one plugin that is named by these first digits, to plan with: the live one, or an
 * earlier one out of the store. NULL with TB_NOT_FOUND (the detail lists those there are; a version
 * that was never in force is none of them), or with why it no longer loads. Released by the caller.
 */
TB_MUST_CHECK
struct tb_generation *tb_generation_kept(struct tb_plugins *host, const char *plugin,
                                         const char *generation, struct tb_error *err);
/* First 8 hex digits of the content hash of one plugin; "" when unknown. */
void tb_generation_hash(const struct tb_generation *generation, const char *plugin, char out[9]);
/* The plugin that has `word` as its name or as one of its connectors; false when none. */
bool tb_generation_match(const struct tb_generation *generation, const char *word,
                         char name_out[64]);
/* Names of loaded plugins, in order, those for any connector ("*") last; returns the count (at most
 * max). */
size_t tb_generation_names(const struct tb_generation *generation, char names[][64], size_t max);

/* ---- uploads ---- */

struct tb_plugin_bundle {
    const struct tb_json *json; /* {files: {path: text}}; NULL: a tar */
    const char *tar;
    size_t tar_len;
};

/* Builds and tests it, then puts it in force, pinned, or lets it wait: in the draft lane for an
 * activation, when its actions want more than before for an admin's. Writes the members of
 * tb_plugins_compare and waits_for. TB_INVALID with the place in *fault when it does not load. */
TB_MUST_CHECK
bool tb_plugins_put(struct tb_plugins *host, const struct tb_plugin_order *order,
                    const struct tb_plugin_bundle *bundle, bool dry_run,
                    struct tb_plugin_comparison *out, struct tb_json_writer *w,
                    struct tb_plugin_fault *fault, struct tb_error *err);
/* Takes an upload away, in force or waiting, or a plugin whose folder is gone; a folder speaks
 * again. Writes the members of tb_plugins_put; `to` is what serves then, null when nothing does. */
TB_MUST_CHECK
bool tb_plugins_delete(struct tb_plugins *host, const struct tb_plugin_order *order, bool dry_run,
                       struct tb_plugin_comparison *out, struct tb_json_writer *w,
                       struct tb_error *err);

/* JSON for GET /plugins: {generation, plugins:[{name, title, version, status: loaded|kept|failed|
 * broken, connectors, strategies, error?, loaded_at, hash}]}; kept: the files fail and the last
 * good version serves; broken: switched off after it hung. */
void tb_plugins_list(struct tb_plugins *host, struct tb_buffer *out);
/* {name, generation, file, line, excerpt, hook, pointer, frames}: the member `plugin` of a problem;
 * nothing when the failure is not a plugin's. */
void tb_plugin_fault_json(const struct tb_plugin_fault *fault, struct tb_buffer *out);
/* Why the SDK answers for the transforms of this plugin, as the member `untransformed` of an object
 * begun; null when they run. */
void tb_plugin_untransformed(const struct tb_generation *generation, const char *plugin,
                             struct tb_json_writer *w);
uint64_t tb_plugins_generation(struct tb_plugins *host);
/* Of the live generation of this moment, for a single look. */
void tb_plugins_hash(struct tb_plugins *host, const char *plugin, char out[9]);
bool tb_plugins_find(struct tb_plugins *host, const char *word, char name_out[64]);
size_t tb_plugins_names(struct tb_plugins *host, char names[][64], size_t max);
unsigned tb_plugins_threads_lost(struct tb_plugins *host);

/* Is bridge.<name> the bridge's own, so that plugins may not require it? */
bool tb_sdk_is_private(const char *name);

#endif
