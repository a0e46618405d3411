/* The engine of batches (batch.h): one thread a batch opens the items' operations, follows them and
 * stores what became of them. Owns the batches. */
#include "bots/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/command.h"

enum {
    LOOK_MS = 1000,
    RETRY_MS = 2000,
    /* Nobody expects a start or a redeploy hours after it was asked for; stops have their own
     * patience. */
    TRY_FOR_MS = 300000,
};

static const struct batch_kind *const kinds[] = {&start_many_kind, &emergency_kind,
                                                 &redeploy_many_kind};

#define KINDS (sizeof kinds / sizeof kinds[0])

struct batch *batch_new(struct tb_bots *b, const struct batch_kind *kind,
                        const struct tb_json *request)
{
    struct batch *p = tb_xcalloc(1, sizeof *p);
    struct tb_buffer text = TB_BUFFER_INIT;

    tb_ulid(p->id);
    p->b = b;
    p->kind = kind;
    p->state = TB_OPS_PENDING;
    p->created_at = tb_wall_ms();
    p->halts = command_halts(b);
    if (request) {
        tb_json_canonical(request, &text);
        p->request = tb_buffer_steal(&text, NULL);
    }
    return p;
}

struct batch_item *batch_add(struct batch *p, const struct bot *bot)
{
    struct batch_item *item;
    p->item = tb_xrealloc(p->item, (p->items + 1) * sizeof *p->item);
    item = &p->item[p->items++];
    *item = (struct batch_item){.managed = bot->managed};
    tb_copy(item->bot_id, sizeof item->bot_id, bot->id);
    tb_copy(item->name, sizeof item->name, bot->name);
    tb_copy(item->instance, sizeof item->instance, bot->life.instance);
    return item;
}

void batch_free(struct batch *p)
{
    for (size_t i = 0; i < p->items; i++)
        free(p->item[i].effects);
    free(p->item);
    free(p->request);
    free(p);
}

/* ---- the store ---- */

static void write_doc(const struct batch *p, struct tb_buffer *out)
{
    struct tb_json_writer w;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_key(&w, "wire");
    batch_write(p, false, &w);
    tb_jw_end_object(&w);
}

/* key: of the person's request, when this is the first time. */
static bool store(const struct batch *p, const struct tb_store_idempotency *key,
                  struct tb_store_idempotency_result *met, struct tb_error *err)
{
    struct tb_buffer doc = TB_BUFFER_INIT;
    struct tb_store_change change[2];
    struct tb_store_operation row;
    size_t n = 0;
    bool ok;

    write_doc(p, &doc);
    row = (struct tb_store_operation){.id = p->id,
                                      .kind = p->kind->word,
                                      .state = tb_op_state_word(p->state),
                                      .created_at = p->created_at,
                                      .ended_at = p->ended_at,
                                      .doc = doc.data};
    if (key)
        change[n++] = (struct tb_store_change){
            .kind = TB_STORE_IDEMPOTENCY_BEGIN, .idempotency = key, .idempotency_result = met};
    change[n++] = (struct tb_store_change){.kind = TB_STORE_OPERATION_PUT, .operation = &row};
    ok = tb_store_commit(p->b->store, change, n, err);
    tb_buffer_free(&doc);
    return ok;
}

static void publish(const struct batch *p)
{
    struct tb_buffer json = TB_BUFFER_INIT;
    struct tb_json_writer w;

    tb_jw_init(&w, &json);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "id", p->id);
    tb_jw_kv_string(&w, "bot", NULL);
    tb_jw_kv_string(&w, "kind", p->kind->word);
    tb_jw_kv_string(&w, "state", tb_op_state_word(p->state));
    tb_jw_kv_string(&w, "step", NULL);
    tb_jw_end_object(&w);
    tb_events_publish(p->b->events, "operation.changed", json.data, json.len);
    tb_buffer_free(&json);
}

/* ---- items ---- */

static size_t count(const struct batch *p, enum item_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < p->items; i++)
        n += p->item[i].state == state;
    return n;
}

static void item_ended(struct batch *p, struct batch_item *item, const struct tb_life *life)
{
    tb_copy(item->code, sizeof item->code, life->reason);
    tb_copy(item->detail, sizeof item->detail, life->detail);
    item->state = life->state == TB_OPS_SUCCEEDED ? ITEM_SUCCEEDED : ITEM_FAILED;
    if (item->state == ITEM_FAILED && !item->code[0])
        tb_copy(item->code, sizeof item->code, tb_op_state_word(life->state));
    if (p->kind->ended)
        p->kind->ended(p, item, life);
    if (item->state != ITEM_PENDING)
        p->next_at = tb_mono_ms() + p->pause_ms;
    p->changed = true;
}

/* The life of an operation: as it is in memory while it is open, else as it was stored last. */
static bool life_of(struct tb_bots *b, const char *operation_id, struct tb_life *life,
                    struct tb_error *err)
{
    struct tb_store_operation *row;
    struct tb_json_doc *doc;
    bool open = false, ok;

    pthread_mutex_lock(&b->lock);
    for (const struct operation *op = b->open; op && !open; op = op->next) {
        open = strcmp(op->id, operation_id) == 0 && !tb_op_state_final(op->life.state);
        if (open)
            *life = op->life;
    }
    pthread_mutex_unlock(&b->lock);
    if (open)
        return true;
    row = tb_store_operation_get(b->store, operation_id, err);
    if (!row)
        return false;
    doc = tb_json_parse(row->doc, strlen(row->doc), TB_JSON_UPSTREAM, err);
    ok = doc && tb_life_read(tb_json_get(tb_json_root(doc), "life"), life, err);
    tb_json_free(doc);
    free(row);
    return ok;
}

static void follow(struct batch *p, struct batch_item *item)
{
    struct tb_error err = {0};
    struct tb_life life;

    if (!life_of(p->b, item->operation_id, &life, &err))
        return; /* the store: asked again */
    if (tb_op_state_final(life.state))
        item_ended(p, item, &life);
    else if (p->kind->watch)
        p->kind->watch(p, item, &life);
    p->changed |= item->state != ITEM_RUNNING;
}

/* The key of an item's try: whoever repeats it after a crash meets the operation that it made. */
static bool open_with_key(struct batch *p, struct batch_item *item,
                          struct tb_command_result *result, struct tb_error *err)
{
    char text[TB_ULID_TEXT + 24];
    const struct tb_caller caller = {.token_id = p->id, .role = "operator", .may_plan_any = true};
    struct tb_idempotency key = {.method = "BATCH", .route = "item", .key = text};

    snprintf(text, sizeof text, "%s-%d", item->bot_id, (int)item->tries);
    tb_copy(key.body_sha256, sizeof key.body_sha256, p->kind->word);
    return p->kind->open(p, item, &caller, &key, result, err);
}

static void open_item(struct batch *p, struct batch_item *item)
{
    struct tb_command_result result = {0};
    struct tb_error err = {0};
    bool ok;

    pthread_mutex_lock(&p->b->lock);
    p->opening = !p->cancelled;
    ok = p->opening;
    pthread_mutex_unlock(&p->b->lock);
    if (!ok)
        return;
    ok = open_with_key(p, item, &result, &err);
    pthread_mutex_lock(&p->b->lock);
    p->opening = false;
    pthread_cond_broadcast(&p->b->claims);
    pthread_mutex_unlock(&p->b->lock);
    if (ok) {
        item->state = ITEM_RUNNING;
        item->tries++;
        tb_copy(item->operation_id, sizeof item->operation_id, result.operation_id);
        item->code[0] = item->detail[0] = '\0';
        item->until = 0;
    } else if (item->state == ITEM_PENDING && err.code != TB_OK) {
        bool again = tb_code_retryable(err.code) && err.code != TB_OPERATION_IN_PROGRESS;
        tb_copy(item->code, sizeof item->code, tb_code_word(err.code));
        tb_copy(item->detail, sizeof item->detail, err.detail);
        item->next_at = tb_mono_ms() + RETRY_MS;
        item->until = item->until ? item->until : item->next_at + TRY_FOR_MS;
        if (!again || (!p->kind->stops && item->next_at > item->until))
            item->state = ITEM_FAILED;
    }
    tb_command_result_free(&result);
    p->changed = true;
}

static bool may_open(const struct batch *p, const struct batch_item *item)
{
    int64_t now = tb_mono_ms();
    if (item->state != ITEM_PENDING || now < item->next_at)
        return false;
    return !p->one_at_a_time || (count(p, ITEM_RUNNING) == 0 && now >= p->next_at);
}

static void skip_the_rest(struct batch *p, const char *why)
{
    for (size_t i = 0; i < p->items; i++) {
        if (p->item[i].state != ITEM_PENDING)
            continue;
        p->item[i].state = ITEM_SKIPPED;
        tb_copy(p->item[i].detail, sizeof p->item[i].detail, why);
        p->changed = true;
    }
}

static bool leaving(struct tb_bots *b)
{
    bool yes;
    pthread_mutex_lock(&b->lock);
    yes = b->draining || b->stop;
    pthread_mutex_unlock(&b->lock);
    return yes;
}

static bool is_cancelled(struct batch *p)
{
    bool yes;
    pthread_mutex_lock(&p->b->lock);
    yes = p->cancelled;
    pthread_mutex_unlock(&p->b->lock);
    return yes;
}

static void advance(struct batch *p)
{
    for (size_t i = 0; i < p->items; i++)
        if (p->item[i].state == ITEM_RUNNING)
            follow(p, &p->item[i]);
    if (p->stop_at_first_failure && count(p, ITEM_FAILED) > 0)
        skip_the_rest(p, "An earlier one failed, so this one was not touched.");
    if (is_cancelled(p))
        skip_the_rest(p, "An emergency stop came before its turn.");
    if (p->kind->ready && !p->kind->ready(p))
        return;
    p->state = TB_OPS_RUNNING;
    for (size_t i = 0; i < p->items; i++) {
        if (p->one_at_a_time && p->item[i].state == ITEM_PENDING && !may_open(p, &p->item[i]))
            break; /* in their order */
        if (may_open(p, &p->item[i]) && !leaving(p->b))
            open_item(p, &p->item[i]);
    }
}

/* ---- a batch's way ---- */

static void end(struct batch *p, enum tb_op_state state, const char *code, const char *detail)
{
    p->state = state;
    p->ended_at = tb_wall_ms();
    p->changed = true;
    tb_copy(p->code, sizeof p->code, code);
    tb_copy(p->detail, sizeof p->detail, detail);
}

static void end_if_done(struct batch *p)
{
    size_t failed = count(p, ITEM_FAILED);
    char detail[320];

    if (count(p, ITEM_PENDING) + count(p, ITEM_RUNNING) > 0)
        return;
    if (failed == 0) {
        end(p, TB_OPS_SUCCEEDED, "", "");
        return;
    }
    snprintf(detail, sizeof detail, "%zu of %zu did not end as asked; each says why.", failed,
             p->items);
    end(p, TB_OPS_FAILED, "items_failed", detail);
}

/* The same rules as for operations: what an earlier process began waits for the first look at the
 * containers, and is not continued when that look says that the store may be old. What does not
 * stop waits until the bots' states are from this process, since the stored ones are older. */
static bool holds(const struct batch *p)
{
    const struct observing *o = &p->b->observing;
    bool yes;
    pthread_mutex_lock(&p->b->lock);
    yes = !o->on && (p->kind->stops ? p->taken_over && !o->looked : !p->b->judged);
    pthread_mutex_unlock(&p->b->lock);
    return yes;
}

static bool forbidden(const struct batch *p)
{
    bool yes;
    pthread_mutex_lock(&p->b->lock);
    yes = p->b->observing.on && (p->taken_over || !p->kind->stops);
    pthread_mutex_unlock(&p->b->lock);
    return yes;
}

static void move(struct batch *p)
{
    if (holds(p))
        return;
    if (forbidden(p)) {
        end(p, TB_OPS_UNKNOWN, "observe_mode",
            "The bridge only observes, so this is not continued. Look at the bots; stop those that "
            "should not run.");
        return;
    }
    advance(p);
    end_if_done(p);
}

static void rest(struct tb_bots *b, int64_t ms)
{
    pthread_mutex_lock(&b->lock);
    if (!b->draining && !b->stop)
        tb_cond_wait_until(&b->claims, &b->lock, tb_mono_ms() + ms);
    pthread_mutex_unlock(&b->lock);
}

static void *run(void *arg)
{
    struct batch *p = arg;
    struct tb_bots *b = p->b;
    bool final = false;

    while (!final && !leaving(b)) {
        struct tb_error err = {0};
        if (!tb_op_state_final(p->state))
            move(p);
        if (p->changed && !store(p, NULL, NULL, &err)) {
            tb_log(TB_ERROR, "store.failed", "batch %s waits for the store: %s", p->id, err.detail);
            rest(b, RETRY_MS);
            continue;
        }
        if (p->changed)
            publish(p);
        p->changed = false;
        final = tb_op_state_final(p->state);
        if (!final)
            rest(b, LOOK_MS);
    }
    if (final)
        tb_log(TB_INFO, "operation.ended", "%s %s: %s%s%s", p->kind->word, p->id,
               tb_op_state_word(p->state), p->detail[0] ? ": " : "", p->detail);
    pthread_mutex_lock(&b->lock);
    p->over = true;
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

void batches_cancel(struct tb_bots *b, int64_t mono_deadline_ms)
{
    bool opening = true;

    pthread_mutex_lock(&b->lock);
    b->halts++;
    while (opening) {
        opening = b->committing > 0;
        for (struct batch *p = b->batches; p; p = p->next) {
            p->cancelled |= !p->kind->stops;
            opening |= p->cancelled && p->opening;
        }
        opening = opening && tb_cond_wait_until(&b->claims, &b->lock, mono_deadline_ms);
    }
    pthread_cond_broadcast(&b->claims);
    pthread_mutex_unlock(&b->lock);
}

bool batch_find(struct tb_bots *b, const struct batch *like, char id_out[TB_ULID_TEXT])
{
    bool found = false;

    pthread_mutex_lock(&b->lock);
    for (const struct batch *p = b->batches; p && !found; p = p->next) {
        found = !p->over && p->kind == like->kind && strcmp(p->request, like->request) == 0;
        if (found)
            memcpy(id_out, p->id, TB_ULID_TEXT);
    }
    pthread_mutex_unlock(&b->lock);
    return found;
}

bool batch_is_kind(const char *word)
{
    bool yes = false;
    for (size_t i = 0; i < KINDS; i++)
        yes |= strcmp(kinds[i]->word, word) == 0;
    return yes;
}

/* Frees those that have ended. */
static void reap(struct tb_bots *b, bool all)
{
    struct batch *gone = NULL;

    pthread_mutex_lock(&b->lock);
    for (struct batch **at = &b->batches; *at;) {
        struct batch *p = *at;
        if (!all && !p->over) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        p->next = gone;
        gone = p;
    }
    pthread_mutex_unlock(&b->lock);
    while (gone) {
        struct batch *p = gone;
        gone = p->next;
        pthread_join(p->thread, NULL);
        batch_free(p);
    }
}

void batches_join(struct tb_bots *b)
{
    reap(b, true);
}

static bool begin(struct batch *p, struct tb_error *err)
{
    struct tb_bots *b = p->b;
    bool ok;

    reap(b, false);
    pthread_mutex_lock(&b->lock);
    p->cancelled = !p->kind->stops && p->halts != b->halts;
    /* Continued after a crash, with an emergency stop that is newer. */
    for (const struct batch *other = b->batches; other; other = other->next)
        p->cancelled |= other->kind->stops && !p->kind->stops && strcmp(other->id, p->id) > 0;
    ok = !b->stop && pthread_create(&p->thread, NULL, run, p) == 0;
    if (ok) {
        p->next = b->batches;
        b->batches = p;
    }
    pthread_mutex_unlock(&b->lock);
    return ok || tb_fail(err, TB_INTERNAL,
                         "No thread could be started; what was asked is stored and "
                         "goes on after a restart.");
}

/* ---- doors ---- */

static bool answer(struct tb_bots *b, const char *id, struct tb_command_result *result,
                   struct tb_error *err)
{
    tb_copy(result->operation_id, sizeof result->operation_id, id);
    return tb_bots_operation(b, id, &result->body, err);
}

bool batch_replayed(struct tb_bots *b, const struct tb_caller *caller,
                    const struct tb_idempotency *key, struct tb_command_result *result,
                    bool *done_out, struct tb_error *err)
{
    struct tb_store_idempotency *row;
    bool ok;

    *result = (struct tb_command_result){0};
    *done_out = false;
    if (!key)
        return true;
    row = tb_store_idempotency_get(b->store, caller->token_id, key->method, key->route, key->key,
                                   tb_wall_ms(), err);
    if (!row)
        return true; /* unknown, or the store is down: the commit decides */
    *done_out = true;
    result->replayed = true;
    if (strcmp(row->body_sha256, key->body_sha256) != 0 || !row->operation_id)
        ok = tb_fail(err, TB_IDEMPOTENCY_MISMATCH,
                     "This Idempotency-Key was already used with another request.");
    else
        ok = answer(b, row->operation_id, result, err);
    free(row);
    return ok;
}

bool batch_open(struct batch *p, const struct tb_caller *caller, const struct tb_idempotency *key,
                struct tb_command_result *result, struct tb_error *err)
{
    struct tb_bots *b = p->b;
    struct tb_store_idempotency_result met = {0};
    struct tb_store_idempotency row;
    char id[TB_ULID_TEXT];
    bool ok;

    if (key)
        row = (struct tb_store_idempotency){.token_id = caller->token_id,
                                            .method = key->method,
                                            .route = key->route,
                                            .key = key->key,
                                            .body_sha256 = key->body_sha256,
                                            .operation_id = p->id,
                                            .created_at = p->created_at};
    memcpy(id, p->id, sizeof id);
    end_if_done(p); /* one without items */
    ok = store(p, key ? &row : NULL, &met, err);
    /* Two first requests with one key raced, and the other won. */
    if (!ok && met.outcome == TB_STORE_SAME_BODY && met.found && met.found->operation_id) {
        result->replayed = true;
        ok = answer(b, met.found->operation_id, result, err);
        batch_free(p);
    } else if (!ok) {
        batch_free(p);
    } else {
        tb_log(TB_INFO, "operation.opened", "%s %s of %zu bots", p->kind->word, p->id, p->items);
        ok = answer(b, id, result, err);
        if (tb_op_state_final(p->state) || !begin(p, err)) {
            ok = ok && tb_op_state_final(p->state);
            batch_free(p);
        }
    }
    free(met.found);
    return ok;
}

/* ---- after a crash ---- */

bool batch_resume(struct tb_bots *b, const struct tb_store_operation *row, struct tb_error *err)
{
    struct tb_json_doc *doc = tb_json_parse(row->doc, strlen(row->doc), TB_JSON_UPSTREAM, err);
    const struct batch_kind *kind = NULL;
    bool ok = doc != NULL;

    for (size_t i = 0; i < KINDS; i++)
        if (strcmp(kinds[i]->word, row->kind) == 0)
            kind = kinds[i];
    if (ok && kind) {
        struct batch *p = batch_read(b, kind, row, tb_json_get(tb_json_root(doc), "wire"));
        tb_log(TB_INFO, "operation.taken_over", "%s %s continues with %zu bots", row->kind, row->id,
               p->items);
        ok = begin(p, err);
        if (!ok)
            batch_free(p);
    }
    tb_json_free(doc);
    return ok;
}
