/* Where things are: plugin folder, store's neighbours, the administrator's token, the Hummingbot
 * API. Main thread. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/id.h"
#include "base/log.h"
#include "base/memory.h"
#include "commands/commands_private.h"

#define INSTALLED  "/../share/trading-bridge/plugins" /* from the folder of the program */
#define TOKEN_FILE "admin-token"
#define TOKEN_MIN  32

/* f_type of statfs */
#define OVERLAY 0x794c7630UL /* a container's own layer */
#define TMPFS   0x01021994UL
#define RAMFS   0x858458f6UL

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

const char *place_plugins(const struct settings *s)
{
    static char installed[PATH_MAX + sizeof INSTALLED];
    const char *chosen = settings_text(s, SET_PLUGINS);
    if (chosen || is_folder("./plugins"))
        return chosen ? chosen : "./plugins";
    ssize_t len = readlink("/proc/self/exe", installed, PATH_MAX);
    installed[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(installed, '/');
    memcpy(slash ? slash : installed, INSTALLED, sizeof INSTALLED);
    return installed;
}

bool place_saves_drafts(const struct settings *s)
{
    const char *lane = settings_text(s, SET_PLUGINS_LANE);
    return lane ? strcmp(lane, "draft") == 0 : strncmp(settings_text(s, SET_BIND), "127.", 4) != 0;
}

char *place_beside_store(const struct settings *s, const char *name)
{
    struct tb_buffer path = TB_BUFFER_INIT;
    const char *store = settings_text(s, SET_STORE);
    const char *slash = strrchr(store, '/');
    if (slash)
        tb_buffer_append(&path, store, (size_t)(slash - store) + 1);
    tb_buffer_puts(&path, name);
    return tb_buffer_steal(&path, NULL);
}

void place_existing_folder(const char *path, char *out, size_t size)
{
    tb_copy(out, size, path);
    do {
        char *slash = strrchr(out, '/');
        if (!slash)
            tb_copy(out, size, ".");
        else
            slash[slash == out ? 1 : 0] = '\0';
    } while (access(out, F_OK) != 0 && strcmp(out, ".") != 0 && strcmp(out, "/") != 0);
}

static bool in_container(void)
{
    return access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0 ||
           getenv("RAILWAY_ENVIRONMENT") || getenv("KUBERNETES_SERVICE_HOST");
}

enum place_lasting place_store_lasting(const struct settings *s)
{
    char folder[PATH_MAX];
    struct statfs fs;
    bool memory, layer;
    place_existing_folder(settings_text(s, SET_STORE), folder, sizeof folder);
    if (statfs(folder, &fs) != 0)
        return PLACE_LASTS; /* opening the store will say what is wrong */
    memory = (unsigned long)fs.f_type == TMPFS || (unsigned long)fs.f_type == RAMFS;
    layer = (unsigned long)fs.f_type == OVERLAY;
    if (in_container())
        return memory || layer ? PLACE_GOES_WITH_CONTAINER : PLACE_LASTS;
    return memory ? PLACE_IN_MEMORY : PLACE_LASTS;
}

static char *read_token(const char *path)
{
    char text[256];
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    text[strcspn(text, " \t\r\n")] = '\0';
    return strlen(text) >= TOKEN_MIN ? tb_xstrdup(text) : NULL;
}

/* Written under another name first: a reader never sees half a token. */
static char *make_token(const char *path, struct tb_error *err)
{
    char token[TB_TOKEN_TEXT];
    struct tb_buffer draft = TB_BUFFER_INIT;
    tb_token(token);
    tb_buffer_printf(&draft, "%s.new", path);
    (void)unlink(draft.data);
    int fd = open(draft.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && dprintf(fd, "%s\n", token) > 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    ok = ok && rename(draft.data, path) == 0;
    tb_buffer_free(&draft);
    if (ok)
        return tb_xstrdup(token);
    (void)tb_fail(err, TB_STORE_FAILED,
                  "The administrator's token cannot be written to %.300s: %s.", path,
                  strerror(errno));
    return NULL;
}

char *place_admin_token(const struct settings *s, bool make, bool *generated_out,
                        struct tb_error *err)
{
    const char *given = settings_text(s, SET_ADMIN_TOKEN);
    if (generated_out)
        *generated_out = !given;
    if (given)
        return tb_xstrdup(given);
    char *path = place_beside_store(s, TOKEN_FILE);
    char *token = read_token(path);
    if (!token && make)
        token = make_token(path, err);
    else if (!token)
        (void)tb_fail(err, TB_NOT_FOUND,
                      "There is no administrator's token: BRIDGE_ADMIN_TOKEN is unset and %.300s "
                      "cannot be read.",
                      path);
    if (token)
        tb_log_secret(token);
    free(path);
    return token;
}

struct tb_hb_config place_hummingbot(const struct settings *s)
{
    return (struct tb_hb_config){
        .url = settings_text(s, SET_API_URL),
        .username = settings_text(s, SET_API_USERNAME),
        .password = settings_text(s, SET_API_PASSWORD),
        .api_key = settings_text(s, SET_API_KEY),
        .headers = settings_text(s, SET_API_HEADERS),
        .proxy = settings_text(s, SET_PROXY),
        .ca = settings_text(s, SET_API_CA),
    };
}

struct tb_hb_config place_backtests(const struct settings *s)
{
    return (struct tb_hb_config){
        .url = settings_text(s, SET_BACKTEST_URL),
        .username = settings_text(s, SET_BACKTEST_USERNAME),
        .password = settings_text(s, SET_BACKTEST_PASSWORD),
        .proxy = settings_text(s, SET_PROXY),
        .ca = settings_text(s, SET_API_CA),
    };
}
