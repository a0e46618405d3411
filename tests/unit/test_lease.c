/* The lease pool: order, limit, deadline, spoiled and lost things, and many threads at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <stdatomic.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/lease.h"

struct workshop {
    atomic_int made;
    atomic_int destroyed;
    atomic_int alive;
    atomic_int most_alive;
    atomic_bool refuse;
};

struct thing {
    atomic_int users;
    int plain; /* only safe because one thread at a time holds the thing */
};

static void *make_thing(void *user, struct tb_error *err)
{
    struct workshop *shop = user;
    if (atomic_load(&shop->refuse)) {
        (void)tb_fail(err, TB_INTERNAL, "the workshop is closed");
        return NULL;
    }
    int alive = atomic_fetch_add(&shop->alive, 1) + 1;
    int most = atomic_load(&shop->most_alive);
    while (alive > most && !atomic_compare_exchange_weak(&shop->most_alive, &most, alive)) {
    }
    atomic_fetch_add(&shop->made, 1);
    return calloc(1, sizeof(struct thing));
}

static void destroy_thing(void *user, void *thing)
{
    struct workshop *shop = user;
    atomic_fetch_sub(&shop->alive, 1);
    atomic_fetch_add(&shop->destroyed, 1);
    free(thing);
}

static const struct tb_lease_ops ops = {make_thing, destroy_thing};

static void made_lazily_and_the_warmest_first(void **state)
{
    (void)state;
    struct workshop shop = {0};
    struct tb_lease_pool *pool = tb_lease_pool_new("things", 3, &ops, &shop);
    assert_int_equal(shop.made, 0);
    void *a = tb_lease_take(pool, 0, NULL);
    void *b = tb_lease_take(pool, 0, NULL);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(tb_lease_in_use(pool), 2);
    tb_lease_return(pool, a, false);
    tb_lease_return(pool, b, false);
    assert_int_equal(tb_lease_in_use(pool), 0);
    assert_ptr_equal(tb_lease_take(pool, 0, NULL), b);
    assert_ptr_equal(tb_lease_take(pool, 0, NULL), a);
    assert_int_equal(shop.made, 2);
    tb_lease_return(pool, a, false);
    tb_lease_return(pool, b, true);
    assert_int_equal(shop.destroyed, 1);
    tb_lease_pool_free(pool);
    assert_int_equal(shop.destroyed, 2);
    tb_lease_pool_free(NULL);
}

static void deadline_passes_with_busy(void **state)
{
    (void)state;
    struct workshop shop = {0};
    struct tb_lease_pool *pool = tb_lease_pool_new("readers", 1, &ops, &shop);
    void *a = tb_lease_take(pool, 0, NULL);
    struct tb_error err = {0};
    int64_t deadline = tb_mono_ms() + 20;
    assert_null(tb_lease_take(pool, deadline, &err));
    assert_true(tb_mono_ms() >= deadline);
    assert_int_equal(err.code, TB_BUSY);
    assert_non_null(strstr(err.detail, "readers"));
    assert_int_equal(tb_lease_in_use(pool), 1);
    tb_lease_return(pool, a, false);
    tb_lease_pool_free(pool);
}

static void failed_make_keeps_its_error_and_its_place(void **state)
{
    (void)state;
    struct workshop shop = {.refuse = true};
    struct tb_lease_pool *pool = tb_lease_pool_new("things", 1, &ops, &shop);
    struct tb_error err = {0};
    assert_null(tb_lease_take(pool, INT64_MAX, &err));
    assert_int_equal(err.code, TB_INTERNAL);
    assert_int_equal(tb_lease_in_use(pool), 0);
    shop.refuse = false;
    void *a = tb_lease_take(pool, 0, &err);
    assert_non_null(a);
    tb_lease_return(pool, a, false);
    tb_lease_pool_free(pool);
}

static void spoiled_thing_is_replaced(void **state)
{
    (void)state;
    struct workshop shop = {0};
    struct tb_lease_pool *pool = tb_lease_pool_new("things", 1, &ops, &shop);
    tb_lease_return(pool, tb_lease_take(pool, 0, NULL), true);
    assert_int_equal(shop.destroyed, 1);
    void *b = tb_lease_take(pool, 0, NULL);
    assert_non_null(b);
    assert_int_equal(shop.made, 2);
    tb_lease_return(pool, b, false);
    tb_lease_pool_free(pool);
}

static void abandoned_thing_gives_its_place_up(void **state)
{
    (void)state;
    struct workshop shop = {0};
    struct tb_lease_pool *pool = tb_lease_pool_new("things", 1, &ops, &shop);
    void *stuck = tb_lease_take(pool, 0, NULL);
    tb_lease_abandon(pool);
    assert_int_equal(tb_lease_in_use(pool), 0);
    void *b = tb_lease_take(pool, 0, NULL);
    assert_non_null(b);
    assert_ptr_not_equal(b, stuck);
    tb_lease_return(pool, b, false);
    tb_lease_pool_free(pool);
    assert_int_equal(shop.destroyed, 1);
    free(stuck);
}

struct client {
    struct tb_lease_pool *pool;
    unsigned seed;
    int rounds;
    int got;
};

static void *use_things(void *arg)
{
    struct client *client = arg;
    for (int i = 0; i < client->rounds; i++) {
        struct thing *thing = tb_lease_take(client->pool, INT64_MAX, NULL);
        if (thing == NULL || atomic_fetch_add(&thing->users, 1) != 0) {
            return NULL;
        }
        thing->plain++;
        atomic_fetch_sub(&thing->users, 1);
        client->got++;
        client->seed = client->seed * 1103515245u + 12345u;
        tb_lease_return(client->pool, thing, (client->seed >> 16) % 8 == 0);
    }
    return NULL;
}

static void threads_share_without_ever_exceeding_the_limit(void **state)
{
    (void)state;
    struct workshop shop = {0};
    struct tb_lease_pool *pool = tb_lease_pool_new("things", 3, &ops, &shop);
    struct client clients[8];
    pthread_t threads[8];
    for (unsigned i = 0; i < 8; i++) {
        clients[i] = (struct client){.pool = pool, .seed = i + 1, .rounds = 500};
        assert_int_equal(pthread_create(&threads[i], NULL, use_things, &clients[i]), 0);
    }
    for (unsigned i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(clients[i].got, 500);
    }
    assert_int_equal(tb_lease_in_use(pool), 0);
    assert_in_range(shop.most_alive, 1, 3);
    tb_lease_pool_free(pool);
    assert_int_equal(shop.alive, 0);
    assert_int_equal(shop.made, shop.destroyed);
}

enum giving { GIVE_BACK, GIVE_SPOILED, GIVE_UP };

struct giver {
    struct tb_lease_pool *pool;
    void *thing;
    enum giving how;
};

static void *give(void *arg)
{
    struct giver *giver = arg;
    if (giver->how == GIVE_UP) {
        tb_lease_abandon(giver->pool);
    } else {
        tb_lease_return(giver->pool, giver->thing, giver->how == GIVE_SPOILED);
    }
    return NULL;
}

/* With an endless deadline this hangs (and CTest ends it) if a way of giving does not wake. */
static void every_way_of_giving_wakes_a_waiter(void **state)
{
    (void)state;
    for (enum giving how = GIVE_BACK; how <= GIVE_UP; how++) {
        struct workshop shop = {0};
        struct tb_lease_pool *pool = tb_lease_pool_new("things", 1, &ops, &shop);
        struct giver giver = {pool, tb_lease_take(pool, 0, NULL), how};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, give, &giver), 0);
        void *thing = tb_lease_take(pool, INT64_MAX, NULL);
        assert_non_null(thing);
        pthread_join(thread, NULL);
        tb_lease_return(pool, thing, false);
        tb_lease_pool_free(pool);
        if (how == GIVE_UP) {
            free(giver.thing);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_lazily_and_the_warmest_first),
        cmocka_unit_test(deadline_passes_with_busy),
        cmocka_unit_test(failed_make_keeps_its_error_and_its_place),
        cmocka_unit_test(spoiled_thing_is_replaced),
        cmocka_unit_test(abandoned_thing_gives_its_place_up),
        cmocka_unit_test(threads_share_without_ever_exceeding_the_limit),
        cmocka_unit_test(every_way_of_giving_wakes_a_waiter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
