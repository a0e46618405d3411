/* The one door into Lua: a fresh state on a leased arena, one kernel entry, JSON in and out.
 *
 * Everything that may raise runs inside one protected call with a light userdata as its job; what C
 * owns (buffers, the lease) belongs to the vm struct on this thread's stack and outlives any error.
 * The count hook looks at two clocks; after a breach it fires at every instruction and no pcall can
 * swallow it, and the host looks at the vm's own flag, never only at what Lua returned. */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/json_lua.h"
#include "base/log.h"
#include "base/memory.h"
#include "plugins/plugins_private.h"

enum { OUT_MAX = 8 << 20, SCRATCH_MAX = 4 << 20, REFUSALS_MAX = 64, ARENA_WAIT_MS = 5000 };
/* Frames looked through for those of the plugin. */
enum { STACK_LOOK = 200 };

int64_t tb_run_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- clocks ---- */

void tb_vm_phase(struct tb_vm *vm, const char *name, int budget_ms, bool reads)
{
    (void)tb_copy(vm->phase, sizeof vm->phase, name);
    vm->budget_ms = budget_ms;
    vm->phase_start_us = tb_run_us();
    vm->budget_end_us = vm->phase_start_us + (int64_t)budget_ms * 1000 * TB_BUDGET_FACTOR;
    vm->reads = reads;
}

void tb_vm_wait(struct tb_vm *vm)
{
    int running = TB_WATCH_RUNNING;
    (void)atomic_compare_exchange_strong(&vm->watch, &running, TB_WATCH_WAITING);
}

void tb_vm_alive(struct tb_vm *vm)
{
    int waiting = TB_WATCH_WAITING;
    atomic_store(&vm->tick_us, tb_run_us());
    (void)atomic_compare_exchange_strong(&vm->watch, &waiting, TB_WATCH_RUNNING);
}

/* Finds a breach, if there is one by now. */
static void look_at_clocks(struct tb_vm *vm)
{
    int64_t now = tb_run_us();
    vm->due = false;
    atomic_store(&vm->tick_us, now);
    if (vm->breach != TB_BREACH_NONE)
        return;
    if (now >= vm->budget_end_us)
        vm->breach = TB_BREACH_BUDGET;
    else if (vm->mono_deadline_ms && !vm->changed && tb_mono_ms() >= vm->mono_deadline_ms)
        vm->breach = TB_BREACH_DEADLINE;
    else if (vm->arena->refusals > REFUSALS_MAX)
        vm->breach = TB_BREACH_MEMORY;
}

static const char *breach_words(const struct tb_vm *vm, char *out, size_t size)
{
    switch (vm->breach) {
    case TB_BREACH_BUDGET:
        (void)snprintf(out, size, "%s ran longer than its %d ms", vm->phase, vm->budget_ms);
        break;
    case TB_BREACH_DEADLINE:
        (void)snprintf(out, size, "%s was not done when the request's time was up", vm->phase);
        break;
    default:
        (void)snprintf(out, size, "%s used more than its %zu MiB of memory", vm->phase,
                       vm->arena->size >> 20);
    }
    return out;
}

static void count_hook(lua_State *L, lua_Debug *ar);

static void find_frames(lua_State *L, const char *plugin, struct tb_plugin_fault *fault);

/* The first raise remembers the place: later ones come from whoever caught it. */
static TB_MAY_RAISE void raise_breach(lua_State *L)
{
    struct tb_vm *vm = tb_vm_of(L);
    char words[160];
    if (!vm->fault.file[0] && vm->plugin)
        find_frames(L, vm->plugin->name, &vm->fault);
    lua_sethook(L, count_hook, LUA_MASKCOUNT, 1);
    luaL_error(L, "%s", breach_words(vm, words, sizeof words));
}

static int hook_count(const struct tb_vm *vm)
{
    size_t longest = vm->arena->longest_text;
    size_t count = longest ? TB_HOOK_BYTES / longest : TB_HOOK_COUNT;
    return count > TB_HOOK_COUNT ? TB_HOOK_COUNT : count < 1 ? 1 : (int)count;
}

static void set_hook(const struct tb_vm *vm, lua_State *L)
{
    int count = vm->breach == TB_BREACH_NONE && !vm->due ? hook_count(vm) : 1;
    if (lua_gethookcount(L) != count)
        lua_sethook(L, count_hook, LUA_MASKCOUNT, count);
}

void tb_vm_run_in(struct tb_vm *vm, lua_State *L)
{
    vm->running = L;
    set_hook(vm, L);
}

/* Called by the allocator, where nothing may raise: the hook does at the next instruction. */
static void on_work(void *arg)
{
    struct tb_vm *vm = arg;
    vm->due = true;
    if (vm->running)
        set_hook(vm, vm->running);
}

static void count_hook(lua_State *L, lua_Debug *ar)
{
    struct tb_vm *vm = tb_vm_of(L);
    (void)ar;
    look_at_clocks(vm);
    if (vm->breach != TB_BREACH_NONE)
        raise_breach(L);
    set_hook(vm, L);
    if (!vm->collecting && vm->arena->live > vm->arena->size / 2) {
        vm->collecting = true;
        lua_gc(L, LUA_GCRESTART);
    }
}

void tb_vm_check(lua_State *L)
{
    struct tb_vm *vm = tb_vm_of(L);
    look_at_clocks(vm);
    if (vm->breach != TB_BREACH_NONE)
        raise_breach(L);
}

/* ---- where it failed ---- */

/* "bitmart/grid.lua:12: what" -> path, line, what; false when the text does not begin so. */
static bool split_position(const char *message, const char *plugin, struct tb_plugin_fault *fault,
                           const char **rest)
{
    size_t len = strlen(plugin);
    if (strncmp(message, plugin, len) != 0 || message[len] != '/')
        return false;
    const char *colon = strstr(message, ".lua:");
    if (!colon || colon - message + 5 > (long)sizeof fault->file)
        return false;
    char *end;
    long line = strtol(colon + 5, &end, 10);
    if (end == colon + 5 || *end != ':' || line <= 0 || line > 10000000)
        return false;
    (void)snprintf(fault->file, sizeof fault->file, "%.*s", (int)(colon - message + 4), message);
    fault->line = (int)line;
    *rest = end + 1 + (end[1] == ' ');
    return true;
}

/* The frames of the plugin's own files; the innermost is where it failed unless the message said.
 */
static void find_frames(lua_State *L, const char *plugin, struct tb_plugin_fault *fault)
{
    size_t len = strlen(plugin);
    lua_Debug ar;
    for (int level = 0; level < STACK_LOOK && lua_getstack(L, level, &ar); level++) {
        if (!lua_getinfo(L, "Sln", &ar) || ar.source[0] != '@' || ar.currentline <= 0 ||
            strncmp(ar.source + 1, plugin, len) != 0 || ar.source[1 + len] != '/')
            continue;
        if (!fault->file[0]) {
            (void)tb_copy(fault->file, sizeof fault->file, ar.source + 1);
            fault->line = ar.currentline;
        }
        if (fault->frames == sizeof fault->frame / sizeof *fault->frame)
            return;
        struct tb_plugin_frame *frame = &fault->frame[fault->frames++];
        (void)tb_copy(frame->file, sizeof frame->file, ar.source + 1);
        (void)tb_copy(frame->function, sizeof frame->function, ar.name ? ar.name : "");
        frame->line = ar.currentline;
    }
}

/* The first refusal may only be the moment to collect, so its place counts only if memory is what
 * ends the call. */
static void on_refusal(void *arg)
{
    struct tb_vm *vm = arg;
    if (vm->plugin)
        find_frames(vm->L, vm->plugin->name, &vm->refused_at);
}

static TB_MAY_RAISE const char *field_text(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    return lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
}

/* { fault = true, file, line, message } of the contract check and the kernel. */
static TB_MAY_RAISE void read_fault_table(lua_State *L, struct tb_vm *vm)
{
    const char *file = field_text(L, 1, "file");
    const char *prefix = vm->plugin && !strchr(file, '/') ? vm->plugin->name : NULL;
    (void)snprintf(vm->fault.file, sizeof vm->fault.file, "%s%s%s", prefix ? prefix : "",
                   prefix ? "/" : "", file);
    lua_getfield(L, 1, "line");
    vm->fault.line = (int)lua_tointeger(L, -1);
    (void)tb_copy(vm->message, sizeof vm->message, field_text(L, 1, "message"));
}

static TB_MAY_RAISE void read_error_table(lua_State *L, struct tb_vm *vm)
{
    lua_getfield(L, 1, "upstream");
    vm->was_upstream = lua_toboolean(L, -1) && vm->upstream.code != TB_OK;
    lua_getfield(L, 1, "fault");
    if (lua_toboolean(L, -1)) {
        read_fault_table(L, vm);
        return;
    }
    vm->was_not_found = strcmp(field_text(L, 1, "code"), "not_found") == 0;
    (void)tb_copy(vm->message, sizeof vm->message, field_text(L, 1, "message"));
}

/* Turns any error value into the vm's message and fault while the stack still shows where it was.
 * Handlers run with the count hook off; this one calls no Lua code. */
static int on_error(lua_State *L)
{
    struct tb_vm *vm = tb_vm_of(L);
    const char *plugin = vm->plugin ? vm->plugin->name : "sdk";
    lua_settop(L, 1);
    if (vm->faulted)
        return 1;
    vm->faulted = true;
    if (lua_istable(L, 1) && !lua_getmetatable(L, 1)) {
        read_error_table(L, vm);
    } else if (lua_type(L, 1) == LUA_TSTRING) {
        const char *text = lua_tostring(L, 1), *rest = text;
        (void)split_position(text, plugin, &vm->fault, &rest);
        (void)tb_copy(vm->message, sizeof vm->message, rest);
    } else {
        (void)snprintf(vm->message, sizeof vm->message, "an error of type %s was raised",
                       luaL_typename(L, 1));
    }
    if (vm->fault.frames == 0)
        find_frames(L, plugin, &vm->fault);
    if (!vm->message[0])
        (void)tb_copy(vm->message, sizeof vm->message, "it raised an error without a message");
    return 1;
}

/* ---- inside the protected call ---- */

static int vm_main(lua_State *L)
{
    struct tb_vm *vm = lua_touserdata(L, 1);
    struct tb_json_doc *doc = lua_touserdata(L, 2);
    lua_settop(L, 0);
    tb_sandbox_open(L);
    tb_sandbox_sdk(L, "kernel");
    lua_getfield(L, 1, vm->entry);
    if (!lua_isfunction(L, -1))
        return luaL_error(L, "the SDK has no entry %s", vm->entry);
    if (vm->plugin)
        tb_sandbox_module(L, "plugin");
    else
        lua_pushnil(L);
    tb_lua_push_json(L, tb_json_root(doc), vm->projection, TB_LUA_DECIMALS);
    lua_call(L, 2, 1);
    vm->reads = false;
    tb_lua_to_json_watched(L, -1, vm->out, tb_vm_check);
    return 0;
}

/* A plugin's words end in terminals and logs. */
static void make_plain(char *text, size_t size)
{
    struct tb_buffer plain = TB_BUFFER_INIT;
    tb_escape_control(&plain, text);
    (void)tb_copy(text, size, tb_buffer_text(&plain));
    tb_buffer_free(&plain);
}

static void add_words(struct tb_vm *vm, const char *words)
{
    size_t len = strlen(vm->message);
    (void)tb_copy(vm->message + len, sizeof vm->message - len, words);
}

/* Within its own budget, so it was the machine or what it waited for that took the time. */
static bool report_late(const struct tb_vm *vm, struct tb_error *err)
{
    char words[160], place[160] = "";
    if (vm->fault.file[0])
        (void)snprintf(place, sizeof place, ", at %s:%d", vm->fault.file, vm->fault.line);
    return tb_fail(err, TB_BUSY,
                   "%s%s: the machine is busy or the Hummingbot API slow. Nothing was done; try "
                   "again.",
                   breach_words(vm, words, sizeof words), place);
}

static bool report_failure(struct tb_vm *vm, int status, struct tb_plugin_fault *fault,
                           struct tb_error *err)
{
    const char *name = vm->plugin ? vm->plugin->name : "the SDK";
    make_plain(vm->message, sizeof vm->message);
    if (status == LUA_ERRMEM && vm->breach == TB_BREACH_NONE)
        vm->breach = TB_BREACH_MEMORY;
    if (vm->breach == TB_BREACH_DEADLINE)
        return report_late(vm, err);
    if (vm->breach == TB_BREACH_NONE && vm->was_upstream && !vm->changed) {
        vm->fault.upstream = true;
        *fault = vm->fault;
        *err = vm->upstream;
        return false;
    }
    if (vm->breach == TB_BREACH_NONE && vm->was_not_found)
        return tb_fail(err, TB_NOT_FOUND, "%s", vm->message);
    if (vm->breach != TB_BREACH_NONE) {
        if (vm->breach == TB_BREACH_MEMORY && !vm->fault.file[0])
            vm->fault = vm->refused_at;
        vm->fault.budget = true;
        (void)breach_words(vm, vm->message, sizeof vm->message);
    }
    if (vm->changed)
        add_words(vm, "; before that it had sent a change to the Hummingbot API");
    if (vm->plugin) {
        (void)tb_copy(vm->fault.plugin, sizeof vm->fault.plugin, vm->plugin->name);
        (void)snprintf(vm->fault.generation, sizeof vm->fault.generation, "%.8s", vm->plugin->hash);
        tb_script_excerpt(&vm->plugin->set, vm->fault.file, vm->fault.line, vm->message,
                          vm->fault.excerpt, sizeof vm->fault.excerpt);
    }
    *fault = vm->fault;
    if (vm->fault.file[0])
        return tb_fail(err, TB_PLUGIN_FAILED, "%s:%d: %s", vm->fault.file, vm->fault.line,
                       vm->message);
    return tb_fail(err, TB_PLUGIN_FAILED, "%s, %s: %s", name, vm->entry, vm->message);
}

/* The state exists; run the entry in it. */
static bool run_state(struct tb_vm *vm, struct tb_json_doc *doc, struct tb_plugin_fault *fault,
                      struct tb_error *err)
{
    lua_State *L = vm->L;
    memcpy(lua_getextraspace(L), &vm, sizeof vm);
    vm->arena->on_refusal = on_refusal;
    vm->arena->on_work = on_work;
    vm->arena->arg = vm;
    lua_gc(L, LUA_GCSTOP);
    lua_sethook(L, count_hook, LUA_MASKCOUNT, TB_HOOK_COUNT);
    vm->running = L;
    lua_pushcfunction(L, on_error);
    lua_pushcfunction(L, vm_main);
    lua_pushlightuserdata(L, vm);
    lua_pushlightuserdata(L, doc);
    int status = lua_pcall(L, 2, 0, 1);
    if (lua_gettop(L) != (status == LUA_OK ? 1 : 2))
        return tb_fail(err, TB_INTERNAL, "the Lua stack is out of balance after %s", vm->entry);
    if (status == LUA_OK && vm->breach == TB_BREACH_NONE && vm->out->overflow)
        return tb_fail(err, TB_PLUGIN_FAILED, "%s: the answer of %s is too large",
                       vm->plugin ? vm->plugin->name : "sdk", vm->entry);
    if (status == LUA_OK && vm->breach == TB_BREACH_NONE)
        return true;
    return report_failure(vm, status, fault, err);
}

static bool run_in_arena(struct tb_vm *vm, struct tb_json_doc *doc, struct tb_plugin_fault *fault,
                         struct tb_error *err)
{
    struct tb_watchdog *dog = vm->host->watchdog;
    vm->L = lua_newstate(tb_arena_alloc, vm->arena);
    if (!vm->L) {
        tb_lease_return(vm->host->arenas, vm->arena, true);
        return tb_fail(err, TB_INTERNAL, "the arena is too small for a Lua state");
    }
    atomic_store(&vm->tick_us, tb_run_us());
    (void)pthread_getcpuclockid(pthread_self(), &vm->thread_clock);
    tb_vm_phase(vm, "load", TB_LOAD_BUDGET_MS, false);
    tb_watchdog_enter(dog, vm);
    bool ok = run_state(vm, doc, fault, err);
    /* Still watched: closing calls finalizers of C libraries only, but walks the whole heap. */
    lua_close(vm->L);
    bool lost = tb_watchdog_leave(dog, vm);
    tb_arena_reset(vm->arena);
    if (lost)
        tb_arena_free(vm->arena);
    else
        tb_lease_return(vm->host->arenas, vm->arena, false);
    return ok;
}

static void write_spent(const struct tb_vm *vm, struct tb_plugin_spent *spent)
{
    (void)tb_copy(spent->phase, sizeof spent->phase, vm->phase);
    spent->budget_us = vm->budget_end_us - vm->phase_start_us;
    spent->grace_us = (int64_t)TB_GRACE_MS * 1000 * TB_BUDGET_FACTOR;
    spent->run_us = tb_run_us() - vm->phase_start_us;
}

bool tb_vm_run(struct tb_plugins *host, const struct tb_vm_job *job, struct tb_buffer *out,
               struct tb_plugin_fault *fault, struct tb_error *err)
{
    memset(fault, 0, sizeof *fault);
    if (job->plugin && atomic_load(&job->plugin->broken))
        return tb_fail(err, TB_PLUGIN_FAILED,
                       "%s hung inside a library function and is switched off until its files "
                       "change",
                       job->plugin->name);
    struct tb_json_doc *doc = tb_json_parse(job->input, job->input_len, TB_JSON_UPSTREAM, err);
    if (!doc)
        return false;
    struct tb_vm vm = {.host = host,
                       .plugin = job->plugin,
                       .entry = job->entry,
                       .projection = job->projection,
                       .out = out,
                       .mono_deadline_ms = job->mono_deadline_ms};
    size_t max = out->max, before = out->len;
    tb_buffer_init(&vm.scratch, SCRATCH_MAX);
    out->max = max ? max : before + OUT_MAX;
    vm.arena = tb_lease_take(
        host->arenas,
        job->mono_deadline_ms ? job->mono_deadline_ms : tb_plugins_deadline(ARENA_WAIT_MS), err);
    bool ok = vm.arena && run_in_arena(&vm, doc, fault, err);
    if (vm.phase[0])
        write_spent(&vm, &fault->spent);
    out->max = max;
    if (!ok && out->len > before)
        out->len = before;
    tb_buffer_free(&vm.scratch);
    tb_json_free(doc);
    return ok;
}
