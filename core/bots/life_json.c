/* The words of the life cycle's enums and its state as JSON, by one field table. Any thread; owns
 * nothing. */
#include <stddef.h>
#include <string.h>

#include "base/memory.h"
#include "bots/life.h"

static const struct {
    const char *word;
    bool stops, runs;
} kinds[] = {
#define X(name, word, stops, runs) [name] = {word, stops, runs},
    TB_OP_KINDS(X)
#undef X
};
static const char *const state_words[] = {
#define X(name, word) [name] = (word),
    TB_OP_STATES(X)
#undef X
};
static const struct {
    const char *word, *step;
} phases[] = {
#define X(name, word, step) [name] = {word, step},
    TB_PHASES(X)
#undef X
};
static const struct {
    const char *word;
    bool writes;
} acts[] = {
#define X(name, word, writes) [name] = {word, writes},
    TB_ACTS(X)
#undef X
};

const char *tb_op_kind_word(enum tb_op_kind kind)
{
    return kinds[kind].word;
}

bool tb_op_kind_stops(enum tb_op_kind kind)
{
    return kinds[kind].stops;
}

bool tb_op_kind_runs(enum tb_op_kind kind)
{
    return kinds[kind].runs;
}

const char *tb_op_state_word(enum tb_op_state state)
{
    return state_words[state];
}

const char *tb_phase_word(enum tb_phase phase)
{
    return phases[phase].word;
}

const char *tb_phase_step(enum tb_phase phase)
{
    return phases[phase].step;
}

const char *tb_act_word(enum tb_act act)
{
    return acts[act].word;
}

bool tb_act_writes(enum tb_act act)
{
    return acts[act].writes;
}

bool tb_op_state_final(enum tb_op_state state)
{
    return state != TB_OPS_PENDING && state != TB_OPS_RUNNING && state != TB_OPS_SETTLING;
}

enum field_type { F_TEXT, F_INT, F_BOOL, F_KIND, F_STATE, F_PHASE };

struct field {
    const char *name;
    enum field_type type;
    size_t offset, size;
    bool later; /* what earlier versions stored lacks it: then it is nothing */
};

#define AT(name) offsetof(struct tb_life, name), sizeof(((struct tb_life *)0)->name)
#define FIELD(name, type)                                                                          \
    {                                                                                              \
#name, type, AT(name), false                                                               \
    }
#define LATER(name, type)                                                                          \
    {                                                                                              \
#name, type, AT(name), true                                                                \
    }

static const struct field fields[] = {
    FIELD(kind, F_KIND),           FIELD(state, F_STATE),
    FIELD(phase, F_PHASE),         FIELD(inflight, F_BOOL),
    FIELD(nonce, F_TEXT),          FIELD(base, F_TEXT),
    FIELD(instance, F_TEXT),       FIELD(stem, F_TEXT),
    FIELD(attempts, F_INT),        FIELD(controllers, F_INT),
    FIELD(index, F_INT),           FIELD(tries, F_INT),
    FIELD(sent, F_BOOL),           FIELD(burnt, F_BOOL),
    FIELD(keep_container, F_BOOL), FIELD(reports, F_BOOL),
    FIELD(may_pull, F_BOOL),       FIELD(phase_at, F_INT),
    FIELD(next_at, F_INT),         FIELD(sent_at, F_INT),
    FIELD(window_from, F_INT),     FIELD(window_to, F_INT),
    FIELD(settle_at, F_INT),       FIELD(clean_at, F_INT),
    FIELD(doubt_until, F_INT),     FIELD(resends, F_INT),
    FIELD(began_at, F_INT),        FIELD(rounds, F_INT),
    FIELD(old_reports, F_BOOL),    FIELD(reason, F_TEXT),
    FIELD(detail, F_TEXT),         LATER(stopped, F_BOOL),
    LATER(rests, F_BOOL),          LATER(next_controllers, F_INT),
    LATER(next_reports, F_BOOL),   LATER(taken_until, F_INT),
    LATER(renews, F_BOOL),
};

static int word_index(const char *word, const char *(*name)(int), int count)
{
    for (int i = 0; i < count; i++)
        if (word && strcmp(word, name(i)) == 0)
            return i;
    return -1;
}

static const char *kind_name(int i)
{
    return kinds[i].word;
}

static const char *state_name(int i)
{
    return state_words[i];
}

static const char *phase_name(int i)
{
    return phases[i].word;
}

/* The enums are stored by word, so that their order may change between versions. */
static const struct {
    const char *(*name)(int);
    int count;
} enums[] = {
    [F_KIND] = {kind_name, TB_OP_KIND_COUNT},
    [F_STATE] = {state_name, TB_OP_STATE_COUNT},
    [F_PHASE] = {phase_name, TB_PHASE_COUNT},
};

void tb_life_write(const struct tb_life *life, struct tb_json_writer *w)
{
    tb_jw_object(w);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct field *f = &fields[i];
        const char *at = (const char *)life + f->offset;
        int which = 0;
        switch (f->type) {
        case F_TEXT:
            tb_jw_kv_string(w, f->name, at);
            break;
        case F_INT:
            tb_jw_kv_int(w, f->name, *(const int64_t *)(const void *)at);
            break;
        case F_BOOL:
            tb_jw_kv_bool(w, f->name, *(const bool *)(const void *)at);
            break;
        case F_KIND:
        case F_STATE:
        case F_PHASE:
            memcpy(&which, at, sizeof which);
            tb_jw_kv_string(w, f->name, enums[f->type].name(which));
            break;
        }
    }
    tb_jw_end_object(w);
}

static bool read_field(const struct field *f, const struct tb_json *value, char *at)
{
    const char *text = tb_json_string(value);
    int which = 0;
    switch (f->type) {
    case F_TEXT:
        return text && tb_copy(at, f->size, text);
    case F_INT:
        return tb_json_int64(value, (int64_t *)(void *)at);
    case F_BOOL:
        *(bool *)(void *)at = tb_json_true(value);
        return tb_json_is(value, TB_JSON_BOOL);
    case F_KIND:
    case F_STATE:
    case F_PHASE:
        which = word_index(text, enums[f->type].name, enums[f->type].count);
        memcpy(at, &which, sizeof which);
        return which >= 0;
    }
    return false;
}

bool tb_life_read(const struct tb_json *node, struct tb_life *out, struct tb_error *err)
{
    *out = (struct tb_life){0};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct tb_json *value = tb_json_get(node, fields[i].name);
        if (!value && fields[i].later)
            continue;
        if (!read_field(&fields[i], value, (char *)out + fields[i].offset))
            return tb_fail(err, TB_STORE_FAILED, "A stored operation has no usable \"%s\".",
                           fields[i].name);
    }
    return true;
}
