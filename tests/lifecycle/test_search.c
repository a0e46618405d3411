/* Breadth-first search through everything that can happen to one bot: tb_life_step against the
 * model (model.h), where every call may be refused, lost, executed late, executed twice or answered
 * with a lie, the bridge may be killed at every step and taken over, bots may crash, the API may
 * restart or die for good, and a person may command at any moment.
 *
 * What bounds it: BUDGET bad events and commands on one path. Time is abstract: while nothing
 * changes, an operation is woken at its next deadline or at the next event of the world, instead of
 * at each of its polls; what nobody waits for executes at any of these instants. A call takes no
 * time, or SLOW. Equal states meet, so the space is finite, and a violation comes with the shortest
 * path to it.
 *
 * Left out: answers to reads are never old (a fresh read takes neither the cache nor another's
 * flight), and clocks do not jump. A deploy may execute at any later time, what else is late within
 * 120 s, the longest ever seen.
 *
 * The second test removes one guard of the life cycle (LIFE_GUARDS) after the other and demands
 * that the search then finds what the guard was for.
 *
 * TB_SEARCH_BUDGET sets the bound. Single thread; owns its table of states. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "search_moves.h"

/* There is but one thread, and ThreadSanitizer takes ten times as much of everything. */
#ifdef __SANITIZE_THREAD__
enum { BUDGET = 2 };
#else
enum { BUDGET = 3 };
#endif
enum { STATES_MAX = 6000000, TABLE_BITS = 24 };

/* ---- the table ---- */

struct entry {
    struct packed state;
    uint32_t parent, usual; /* the state after the usual, faultless way */
    uint8_t way[PICKS];
};

static struct {
    struct entry *entry;
    uint32_t *slot; /* index + 1 */
    uint32_t count, room;
    uint64_t transitions;
    unsigned depth;
} table;

static uint64_t hash(const struct packed *p)
{
    const unsigned char *at = (const unsigned char *)p;
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < sizeof *p; i += 8) {
        uint64_t part = 0;
        memcpy(&part, at + i, sizeof *p - i < 8 ? sizeof *p - i : 8);
        h = (h ^ part) * 0x9E3779B97F4A7C15u;
        h ^= h >> 29;
    }
    return h;
}

/* The index of a state, which is added when it is new. */
static uint32_t put(const struct packed *p, uint32_t parent)
{
    uint64_t at = hash(p) & ((1u << TABLE_BITS) - 1);
    for (; table.slot[at]; at = (at + 1) & ((1u << TABLE_BITS) - 1))
        if (memcmp(&table.entry[table.slot[at] - 1].state, p, sizeof *p) == 0)
            return table.slot[at] - 1;
    if (table.count == table.room) {
        table.room = table.room ? table.room * 2 : 1024;
        table.entry = realloc(table.entry, table.room * sizeof *table.entry);
        assert_non_null(table.entry);
    }
    table.entry[table.count] = (struct entry){*p, parent, UINT32_MAX, {0}};
    memcpy(table.entry[table.count].way, now.picked, PICKS);
    table.slot[at] = ++table.count;
    return table.count - 1;
}

static void print_state(const struct node *n)
{
    print_message("      %s %s, %s%s%s, attempt %s%s%s%s; %d can trade, %d late\n",
                  tb_op_kind_word(n->life.kind), tb_op_state_word(n->life.state),
                  tb_phase_word(n->life.phase), n->life.inflight ? " calling " : "",
                  n->life.inflight ? tb_act_word(n->intent.act) : "", n->life.nonce,
                  n->life.sent ? " sent" : "", n->life.burnt ? " burnt" : "",
                  n->life.instance[0] ? " seen" : "", model_traders(&n->model), n->model.laters);
}

/* Runs one way again, to tell it. */
static void retell(uint32_t from, const uint8_t way[PICKS])
{
    struct node n;
    unpack(&table.entry[from].state, &n);
    memcpy(now.picked, way, PICKS);
    transition(&n);
    print_message("  %s\n", now.story);
    print_state(&n);
}

static void print_path(uint32_t to)
{
    if (table.entry[to].parent == UINT32_MAX)
        return;
    print_path(table.entry[to].parent);
    retell(table.entry[to].parent, table.entry[to].way);
}

/* All ways on from one state. False: a violation, by the way that now.picked names. */
static bool expand(uint32_t index)
{
    struct node from, n;
    struct packed p;
    bool first = true;
    unpack(&table.entry[index].state, &from);
    if (tb_op_state_final(from.life.state) && model_next(&from.model) == INT64_MAX &&
        from.model.laters == 0 && commands(&from, (enum command[COMMAND_KINDS]){0}) == 0)
        return true;
    memset(now.picked, 0, PICKS);
    do {
        n = from;
        /* An ended operation and a world without news: only commands and late calls lead on. */
        bool still = tb_op_state_final(from.life.state) && model_next(&from.model) == INT64_MAX;
        if (still && now.picked[0] == 0) {
            now.n = 1;
            now.of[0] =
                (uint8_t)(1 + from.model.laters + commands(&n, (enum command[COMMAND_KINDS]){0}));
            first = false;
            continue;
        }
        transition(&n);
        table.transitions++;
        if (now.violation)
            return false;
        if (n.model.now == 0)
            continue;
        pack(&n, &p);
        uint32_t to = put(&p, index);
        if (first)
            table.entry[index].usual = to;
        first = false;
    } while (next_way());
    return true;
}

static void clear(void)
{
    free(table.entry);
    free(table.slot);
    memset(&table, 0, sizeof table);
}

/* Every operation ends, once nothing bad happens any more: following the usual ways from any state
 * leads to an end. Returns a state from which it does not, or UINT32_MAX. */
static uint32_t endless(void)
{
    enum { NEW, ON_PATH, ENDS };
    unsigned char *mark = calloc(table.count, 1);
    uint32_t found = UINT32_MAX;
    assert_non_null(mark);
    for (uint32_t i = 0; i < table.count && found == UINT32_MAX; i++) {
        uint32_t at = i;
        while (mark[at] == NEW &&
               !tb_op_state_final((enum tb_op_state)table.entry[at].state.life.state)) {
            mark[at] = ON_PATH;
            at = table.entry[at].usual;
            assert_true(at != UINT32_MAX);
        }
        if (mark[at] == ON_PATH)
            found = at;
        else
            mark[at] = ENDS;
        for (at = i; mark[at] == ON_PATH && found == UINT32_MAX; at = table.entry[at].usual)
            mark[at] = ENDS;
    }
    free(mark);
    return found;
}

/* The search. NULL when nothing is wrong, else what is; *path says how. */
static const char *search(int budget, bool print)
{
    struct node root = {.model = {.now = NOW, .pulled = true}};
    struct packed p;
    uint32_t level_end = 1, index;

    table.slot = calloc(1u << TABLE_BITS, sizeof *table.slot);
    assert_non_null(table.slot);
    now.budget = budget;
    now.violation = NULL;
    root.life = (struct tb_life){.controllers = MODEL_CONTROLLERS, .reports = true};
    tb_copy(root.life.stem, sizeof root.life.stem, "hummingbot-search-");
    begin(&root, TB_OP_CREATE, false);
    root.commands = 0;
    pack(&root, &p);
    (void)put(&p, UINT32_MAX);
    for (index = 0; index < table.count; index++) {
        if (index == level_end) {
            table.depth++;
            level_end = table.count;
        }
        if (!expand(index))
            break;
        assert_true(table.count < STATES_MAX);
    }
    if (!now.violation && (index = endless()) != UINT32_MAX) {
        now.violation = "an operation has no end";
        memset(now.picked, 0, PICKS);
    }
    if (now.violation && print) {
        uint8_t way[PICKS];
        const char *what = now.violation;
        memcpy(way, now.picked, PICKS);
        print_path(index);
        retell(index, way);
        now.violation = what;
    }
    if (print)
        print_message("search: %u states, %llu transitions, depth %u, %d faults and commands\n",
                      table.count, (unsigned long long)table.transitions, table.depth, budget);
    return now.violation;
}

static void test_nothing_goes_wrong(void **state)
{
    const char *budget = getenv("TB_SEARCH_BUDGET");
    (void)state;
    const char *wrong = search(budget ? atoi(budget) : BUDGET, true);
    clear();
    if (wrong)
        fail_msg("%s; the path to it is above", wrong);
}

static void test_each_guard_is_needed(void **state)
{
    (void)state;
#if TB_TEST_BUILD && !defined __SANITIZE_THREAD__
    static const char *const names[] = {
#define X(name, meaning) #name ": " meaning,
        LIFE_GUARDS(X)
#undef X
    };
    for (int g = 0; g < LIFE_GUARD_COUNT; g++) {
        life_guards_off = 1u << g;
        const char *wrong = search(BUDGET, getenv("TB_SEARCH_TELL") != NULL);
        life_guards_off = 0;
        print_message("without %s -> %s (after %u states)\n", names[g],
                      wrong ? wrong : "nothing wrong was found", table.count);
        clear();
        assert_non_null(wrong);
    }
#else
    print_message("guards can be switched off in test builds only, and not with TSan\n");
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_goes_wrong),
        cmocka_unit_test(test_each_guard_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
