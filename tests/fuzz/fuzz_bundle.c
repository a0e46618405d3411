/* Tars as people upload them: whatever comes, the bundle is refused or holds Lua files of the
 * plugin only. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/plugins_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct tb_plugin_bundle bundle = {.tar = (const char *)data, .tar_len = size};
    struct tb_script_set set;
    struct tb_error err;
    if (!tb_bundle_read("good", &bundle, &set, &err))
        return 0;
    for (size_t i = 0; i < set.count; i++) {
        const char *path = set.scripts[i].path;
        if (strncmp(path, "good/", 5) != 0 || strstr(path, "..") || strchr(path, '\\'))
            abort();
    }
    tb_script_set_free(&set);
    return 0;
}
