/* The files under other processes and on a bad disk: who holds the lock, and what survives kill -9
 * and a full disk. Run with "sqlite" only. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "store_fixture.h"

/* ---- Other processes ---------------------------------------------------------------------------
 */

/* A child that reports through a pipe; it must not use cmocka and leaves by _exit or a signal. */
static pid_t start_child(void (*run)(const char *path, int out), const char *path, int *in_out)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        run(path, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    *in_out = ends[0];
    return pid;
}

static void hold_lock(const char *path, int out)
{
    struct tb_store *store = tb_store_open(path, NULL);
    char ready = store ? 'y' : 'n';
    (void)!write(out, &ready, 1);
    for (;;) {
        pause();
    }
}

static void a_held_store_names_its_holder(void **state)
{
    struct fixture *fixture = *state;
    int in = -1;
    pid_t pid = start_child(hold_lock, fixture->path, &in);
    char ready = '?';
    assert_int_equal(read(in, &ready, 1), 1);
    assert_int_equal(ready, 'y');
    struct tb_error why = {0};
    char process[32];
    snprintf(process, sizeof process, "process %ld", (long)pid);
    assert_null(tb_store_open(fixture->path, &why));
    assert_int_equal(why.code, TB_BUSY);
    assert_non_null(strstr(why.detail, process));

    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(in);
    struct tb_store *store = must_open(fixture->path);
    must_refuse(TB_BUSY, tb_store_open(fixture->path, &err) != NULL);
    tb_store_close(store);
    tb_store_close(must_open(fixture->path));
}

struct committer {
    pthread_t thread;
    struct tb_store *store;
    int out;
    int number;
};

/* Every commit is two records; its number is written to the pipe once it is acknowledged. */
static void *commit_for_ever(void *arg)
{
    struct committer *committer = arg;
    for (int i = 0;; i++) {
        char id[32];
        int n = committer->number * 1000000 + i;
        snprintf(id, sizeof id, "%d", n);
        struct tb_store_operation operation = some_operation(id, "bot");
        struct tb_store_step step = {id, 1, "deploy", "intended", 1, NULL};
        struct tb_store_change changes[] = {OPERATION(&operation), STEP(&step)};
        if (!tb_store_commit(committer->store, changes, 2, NULL) ||
            write(committer->out, &n, sizeof n) != sizeof n) {
            _exit(3);
        }
    }
}

static void commit_until_killed(const char *path, int out)
{
    struct tb_store *store = tb_store_open(path, NULL);
    if (!store) {
        _exit(2);
    }
    struct committer committers[4];
    for (int i = 0; i < 4; i++) {
        committers[i] = (struct committer){.store = store, .out = out, .number = i + 1};
        pthread_create(&committers[i].thread, NULL, commit_for_ever, &committers[i]);
    }
    pthread_join(committers[0].thread, NULL);
}

static void count_step(void *arg, const struct tb_store_step *step)
{
    (void)step;
    ++*(int *)arg;
}

static void check_whole(void *arg, const struct tb_store_operation *operation)
{
    int n = 0;
    must(tb_store_steps_each(arg, operation->id, count_step, &n, &err));
    assert_int_equal(n, 1);
}

static void acknowledged_writes_survive_kill_9(void **state)
{
    struct fixture *fixture = *state;
    for (int round = 0; round < 5; round++) {
        char path[160];
        char name[32];
        snprintf(name, sizeof name, "%d/bridge.db", round);
        fixture_path(fixture, name, path);
        int in = -1;
        pid_t pid = start_child(commit_until_killed, path, &in);
        static int acknowledged[100000];
        size_t n = 0;
        int number = 0;
        while (n < 100000 && read(in, &number, sizeof number) == sizeof number) {
            acknowledged[n++] = number;
            if (n == 60 + 37 * (size_t)round) {
                kill(pid, SIGKILL);
            }
        }
        close(in);
        int status = 0;
        waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGKILL);

        struct tb_store *store = must_open(path);
        for (size_t i = 0; i < n; i++) {
            char id[32];
            snprintf(id, sizeof id, "%d", acknowledged[i]);
            struct tb_store_operation *operation = tb_store_operation_get(store, id, NULL);
            assert_non_null(operation);
            free(operation);
        }
        must(tb_store_operations_each(store, &(struct tb_store_operation_filter){0}, check_whole,
                                      store, &err));
        tb_store_close(store);
    }
}

/* ---- A full disk -------------------------------------------------------------------------------
 */

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

/* Writes until the disk refuses; returns how many were acknowledged. */
static int fill(struct tb_store *store, const char *prefix, const char *doc)
{
    for (int i = 0; i < 10000; i++) {
        char id[32];
        snprintf(id, sizeof id, "%s%d", prefix, i);
        struct tb_store_bot bot = some_bot(id, id);
        struct tb_error err = {0};
        bot.doc = doc;
        if (!tb_store_bot_put(store, &bot, 0, &err)) {
            CHECK(err.code == TB_STORE_FAILED);
            CHECK(strstr(err.detail, "disk"));
            return i;
        }
    }
    return -1;
}

static void count_bot(void *arg, const struct tb_store_bot *bot)
{
    (void)bot;
    ++*(int *)arg;
}

/* Full, said so, reads go on; room again, healed without being asked; nothing acknowledged is
 * lost. */
static void fill_and_heal(const char *path, void (*make_room)(const char *path))
{
    static char doc[20001];
    memset(doc, '7', sizeof doc - 1);
    struct tb_store *store = tb_store_open(path, NULL);
    CHECK(store);
    struct tb_store_bot bot = some_bot("first", "first");
    CHECK(tb_store_bot_put(store, &bot, 0, NULL));
    int saved = fill(store, "a", doc);
    CHECK(saved > 0);
    struct tb_store_health health;
    tb_store_health(store, &health);
    CHECK(!health.ok && health.failures > 0 && strstr(health.detail, "disk"));
    struct tb_store_bot *read = tb_store_bot_get(store, "first", NULL);
    CHECK(read);
    free(read);

    make_room(path);
    while (!health.ok) {
        sched_yield();
        tb_store_health(store, &health);
    }
    CHECK(health.detail[0] == '\0');
    bot = some_bot("last", "last");
    CHECK(tb_store_bot_put(store, &bot, 0, NULL));
    tb_store_close(store);
    store = tb_store_open(path, NULL);
    CHECK(store);
    int n = 0;
    CHECK(tb_store_bots_each(store, count_bot, &n, NULL));
    CHECK(n == saved + 2);
    tb_store_close(store);
}

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void lift_limit(const char *path)
{
    (void)path;
    set_file_limit(RLIM_INFINITY);
}

static void run_limited(const char *path, int out)
{
    (void)out;
    signal(SIGXFSZ, SIG_IGN);
    set_file_limit(600000);
    fill_and_heal(path, lift_limit);
}

static void grow_disk(const char *path)
{
    char folder[160];
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    CHECK(mount("tmpfs", folder, "tmpfs", MS_REMOUNT, "size=64m") == 0);
}

/* Needs the right to mount in a name space of its own; says 's' and goes when it has none. */
static void run_on_small_disk(const char *path, int out)
{
    char folder[160];
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", folder, "tmpfs", 0, "size=1m") != 0) {
        (void)!write(out, "s", 1);
        return;
    }
    fill_and_heal(path, grow_disk);
}

static void expect_clean_exit(void (*run)(const char *path, int out), const char *path)
{
    int in = -1;
    pid_t pid = start_child(run, path, &in);
    char said = '-';
    if (read(in, &said, 1) == 1 && said == 's') {
        print_message("skipped: no right to mount\n");
    }
    close(in);
    int status = 0;
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_file_limit_is_survived(void **state)
{
    struct fixture *fixture = *state;
    expect_clean_exit(run_limited, fixture->path);
}

static void a_full_disk_is_survived(void **state)
{
    struct fixture *fixture = *state;
    expect_clean_exit(run_on_small_disk, fixture->path);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_folder, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_held_store_names_its_holder),
        T(acknowledged_writes_survive_kill_9),
        T(a_file_limit_is_survived),
        T(a_full_disk_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
