/* `trading-bridge check`: looks at everything that went wrong in real deployments, says each by
 * name and what to do. Changes nothing, here or there. Exit 0 when all is good or only warned of.
 * Main thread. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "commands/check_private.h"
#include "store/store.h"

/* ---- lines ---- */

static void print_clean(const char *text)
{
    struct tb_buffer red = TB_BUFFER_INIT, clean = TB_BUFFER_INIT;
    tb_redact(&red, text);
    tb_escape_control(&clean, tb_buffer_text(&red));
    fputs(tb_buffer_text(&clean), stdout);
    tb_buffer_free(&red);
    tb_buffer_free(&clean);
}

void check_line(struct check *check, enum verdict verdict, const char *remedy, const char *format,
                ...)
{
    static const char *const words[] = {"ok    ", "warn  ", "fail  "};
    struct tb_buffer what = TB_BUFFER_INIT;
    va_list args;
    va_start(args, format);
    tb_buffer_vprintf(&what, format, args);
    va_end(args);
    check->failed += verdict == CHECK_FAIL;
    check->warned += verdict == CHECK_WARN;
    fputs(words[verdict], stdout);
    print_clean(tb_buffer_text(&what));
    if (remedy && *remedy) {
        fputs("  - ", stdout);
        print_clean(remedy);
    }
    putchar('\n');
    fflush(stdout);
    tb_buffer_free(&what);
}

/* The client's sentences end in what to do, after one of these. */
static const char *const BEFORE_REMEDY[] = {"not by the Hummingbot API: ", "; ", "): ", ": "};

void check_error(struct check *check, const char *subject, const struct tb_error *err)
{
    char what[sizeof err->detail];
    const char *remedy = "see what stands at HUMMINGBOT_API_URL";
    tb_copy(what, sizeof what, err->detail);
    for (size_t i = 0; i < sizeof BEFORE_REMEDY / sizeof BEFORE_REMEDY[0]; i++) {
        char *at = strstr(what, BEFORE_REMEDY[i]);
        if (!at)
            continue;
        size_t len = strlen(BEFORE_REMEDY[i]);
        remedy = err->detail + (at - what) + len;
        at[len - 2] = '\0';
        break;
    }
    check_line(check, CHECK_FAIL, remedy, "%s: %s", subject, what);
}

/* ---- this machine ---- */

static void check_settings(struct check *check)
{
    const struct settings *s = check->settings;
    for (size_t i = 0; i < s->problems; i++)
        check_line(check, s->problem[i].severity == SETTING_WARNING ? CHECK_WARN : CHECK_FAIL,
                   s->problem[i].remedy, "setting: %s", s->problem[i].what);
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        struct tb_buffer shown = TB_BUFFER_INIT;
        if (setting_row((enum setting)i)->flags & SETTING_LATER)
            continue;
        settings_show(s, (enum setting)i, &shown);
        check_line(check, CHECK_OK, NULL, "setting: %s", tb_buffer_text(&shown));
        tb_buffer_free(&shown);
    }
}

static void check_volume(struct check *check, const char *folder)
{
    static const char remedy[] = "mount a volume and put BRIDGE_STORE on it";
    bool forced = settings_number(check->settings, SET_ALLOW_EPHEMERAL) == 1;
    switch (place_store_lasting(check->settings)) {
    case PLACE_GOES_WITH_CONTAINER:
        check_line(check, CHECK_WARN, remedy,
                   "store: %s is in the container's own layer or in memory, so a redeploy forgets "
                   "every bot; creates are %s",
                   folder, forced ? "allowed by BRIDGE_ALLOW_EPHEMERAL" : "refused");
        break;
    case PLACE_IN_MEMORY:
        check_line(check, CHECK_WARN, "put BRIDGE_STORE on a disk",
                   "store: %s is in memory, so a reboot forgets every bot", folder);
        break;
    case PLACE_LASTS:
        break;
    }
}

/* What access() says is not what a full disk, a quota or a mount does: a file of one page is
 * written there, reaches the disk, and is removed. 0 or errno. */
static int try_folder(const char *folder)
{
    static const char page[4096] = {0};
    struct tb_buffer path = TB_BUFFER_INIT;
    tb_buffer_printf(&path, "%s/.trading-bridge-check-XXXXXX", folder);
    int fd = mkostemp(path.data, O_CLOEXEC), error = fd < 0 ? errno : 0;
    if (fd >= 0) {
        errno = ENOSPC; /* of a short write */
        if (write(fd, page, sizeof page) != (ssize_t)sizeof page || fsync(fd) != 0)
            error = errno;
        if (unlink(path.data) != 0 && !error)
            error = errno;
        close(fd);
    }
    tb_buffer_free(&path);
    return error;
}

/* One commit there and one back. */
static bool try_store(struct tb_store *store, struct tb_error *err)
{
    return tb_store_meta_put(store, "check", "writable?", err) &&
           tb_store_meta_put(store, "check", NULL, err);
}

static void check_store(struct check *check)
{
    const char *path = settings_text(check->settings, SET_STORE);
    char folder[4096];
    struct tb_error err = {0};
    place_existing_folder(path, folder, sizeof folder);
    check_volume(check, folder);
    int error = try_folder(folder);
    if (error) {
        check_line(check, CHECK_FAIL,
                   "let the user that runs the bridge write there, see that the disk has room, or "
                   "change BRIDGE_STORE",
                   "store: %s: %s is not writable (%s)", path, folder, strerror(error));
        return;
    }
    if (access(path, F_OK) != 0) {
        check_line(check, CHECK_OK, NULL, "store: %s can be made", path);
        return;
    }
    struct tb_store *store = tb_store_open(path, &err);
    bool writable = store && try_store(store, &err);
    if (store)
        tb_store_close(store);
    if (writable) {
        check_line(check, CHECK_OK, NULL, "store: %s is writable", path);
    } else if (err.code == TB_BUSY) {
        check_line(check, CHECK_OK, NULL, "store: %s is in use by a running bridge", path);
    } else {
        check_line(check, CHECK_FAIL, "see BRIDGE_STORE, its permissions and the disk", "store: %s",
                   err.detail);
    }
}

static void check_bind(struct check *check)
{
    const char *bind = settings_text(check->settings, SET_BIND);
    if (strncmp(bind, "127.", 4) != 0)
        check_line(check, CHECK_WARN,
                   "put a proxy that ends TLS in front, or bind to 127.0.0.1 (examples/proxy)",
                   "bind: %s is reachable from other machines, without encryption", bind);
}

int tb_command_check(int argc, char **argv)
{
    struct settings settings;
    struct check check = {.settings = &settings};
    struct tb_error err = {0};
    (void)argv;
    if (argc > 1) {
        fputs("usage: trading-bridge check (settings come from the environment)\n", stderr);
        return 2;
    }
    bool usable = settings_load(&settings);
    /* The rooms' own warnings would only repeat the lines. */
    if (!tb_log_configure("text,error", &err))
        return 1;
    check_settings(&check);
    if (usable) {
        check_bind(&check);
        check_store(&check);
        check_plugins(&check);
        if (check_network(&check))
            check_api(&check);
        check_backtests(&check);
    }
    printf("%u failed, %u warned of\n", check.failed, check.warned);
    settings_free(&settings);
    return check.failed ? 1 : 0;
}
