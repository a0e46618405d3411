/* `trading-bridge plugin new`: a plugin's first files, made by the SDK from the fields of a
 * controller class (plugins/sdk/scaffold.lua), written where there is nothing yet, and its tests
 * run. Main thread. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "commands/plugin_private.h"

struct new_options {
    const char *name, *connector, *controller;
};

static bool read_options(int argc, char **argv, struct new_options *o)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--connector") == 0 && i + 1 < argc)
            o->connector = argv[++i];
        else if (strcmp(argv[i], "--controller") == 0 && i + 1 < argc)
            o->controller = argv[++i];
        else if (argv[i][0] != '-' && !o->name)
            o->name = argv[i];
        else
            return false;
    }
    return o->name != NULL;
}

static bool name_is_good(const char *name)
{
    bool good = tb_plugin_name_is_good(name);
    if (!good)
        fprintf(stderr,
                "plugin: %s cannot be a plugin's name: " TB_PLUGIN_NAME_RULE
                "; sdk and types are taken\n",
                name);
    return good;
}

static void write_input(const struct new_options *o, struct tb_buffer *out)
{
    struct tb_json_writer w;
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "name", o->name);
    if (o->connector)
        tb_jw_kv_string(&w, "connector", o->connector);
    if (o->controller)
        tb_jw_kv_string(&w, "controller", o->controller);
    tb_jw_end_object(&w);
}

static bool make_folder(const char *path)
{
    if (mkdir(path, 0777) == 0)
        return true;
    fprintf(stderr, "plugin: %s cannot be made: %s\n", path,
            errno == EEXIST ? "it is there already; nothing was changed" : strerror(errno));
    return false;
}

/* "x": a file that is there is not replaced. */
static bool write_new(const char *path, const char *text)
{
    FILE *file = fopen(path, "wxe");
    bool ok = file && fputs(text, file) >= 0;
    ok = (!file || fclose(file) == 0) && ok;
    if (ok)
        printf("wrote %s\n", path);
    else
        fprintf(stderr, "plugin: %s cannot be written: %s\n", path, strerror(errno));
    return ok;
}

static bool write_files(const char *folder, const struct tb_json *files)
{
    struct tb_buffer path = TB_BUFFER_INIT;
    tb_buffer_printf(&path, "%s/tests", folder);
    bool ok = make_folder(folder) && make_folder(path.data);
    for (const struct tb_json *f = tb_json_first(files); f && ok; f = f->next) {
        const char *name = tb_json_get_string(f, "path"), *text = tb_json_get_string(f, "text");
        tb_buffer_clear(&path);
        tb_buffer_printf(&path, "%s/%s", folder, name ? name : "");
        ok = text && write_new(path.data, text);
    }
    tb_buffer_free(&path);
    return ok;
}

/* The golden files of the first run are the ones a person looks at. */
static int test_it(const char *name)
{
    char word[] = "test", bless[] = "--bless";
    char *copy = tb_xstrdup(name);
    char *argv[] = {word, copy, bless, NULL};
    int status = plugin_test(3, argv);
    free(copy);
    return status;
}

int plugin_new(int argc, char **argv)
{
    struct new_options o = {0};
    struct plugin_bench bench;
    struct tb_buffer input = TB_BUFFER_INIT, folder = TB_BUFFER_INIT;
    struct tb_json_doc *answer = NULL;
    bool ok = false;
    if (!read_options(argc, argv, &o))
        return 2;
    if (!name_is_good(o.name))
        return 1;
    if (bench_open(&bench, 0)) {
        write_input(&o, &input);
        tb_buffer_printf(&folder, "%s/%s", bench.dir, o.name);
        answer = bench_call(&bench, NULL, TB_PLUGIN_SCAFFOLD, &input);
    }
    const struct tb_json *root = answer ? tb_json_root(answer) : NULL;
    const char *why = tb_json_get_string(root, "error");
    if (why)
        fprintf(stderr, "plugin: %s\n", why);
    else if (root)
        ok = write_files(folder.data, tb_json_get(root, "files"));
    tb_json_free(answer);
    tb_buffer_free(&input);
    tb_buffer_free(&folder);
    bench_close(&bench);
    return ok ? test_it(o.name) : 1;
}
