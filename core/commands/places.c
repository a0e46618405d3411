/* Where things are: plugin folder, store's neighbours, the administrator's token, the Hummingbot
 * API. Main thread. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "base/log.h"
#include "base/memory.h"
#include "commands/commands_private.h"

#define INSTALLED  "/../share/trading-bridge/plugins" /* from the folder of the program */
#define TOKEN_FILE "admin-token"
#define TOKEN_MIN  32

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
    };
}
