/* A JSON value as "path = value" lines, so that a change of one field is a change of one line. Main
 * thread. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "commands/plugin_private.h"

void lines_free(struct plugin_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        free(lines->line[i].path);
        free(lines->line[i].value);
    }
    free(lines->line);
    *lines = (struct plugin_lines){0};
}

void lines_add(struct plugin_lines *lines, const char *path, const char *value)
{
    if (lines->count == lines->room) {
        lines->room = lines->room ? 2 * lines->room : 64;
        lines->line = tb_xrealloc(lines->line, lines->room * sizeof *lines->line);
    }
    lines->line[lines->count++] =
        (struct plugin_line){.path = tb_xstrdup(path), .value = tb_xstrdup(value)};
}

void lines_add_json(struct plugin_lines *lines, const char *path, const struct tb_json *node)
{
    bool object = tb_json_is(node, TB_JSON_OBJECT);
    struct tb_buffer below = TB_BUFFER_INIT;
    size_t index = 0;
    if (!tb_json_first(node)) {
        struct tb_buffer value = TB_BUFFER_INIT;
        tb_json_canonical(node, &value);
        lines_add(lines, path, tb_buffer_text(&value));
        tb_buffer_free(&value);
        return;
    }
    for (const struct tb_json *c = node->child; c; c = c->next) {
        tb_buffer_clear(&below);
        if (object)
            tb_buffer_printf(&below, "%s%s%s", path, *path ? "." : "", c->key);
        else
            tb_buffer_printf(&below, "%s[%zu]", path, index++);
        lines_add_json(lines, tb_buffer_text(&below), c);
    }
    tb_buffer_free(&below);
}

/* Texts come from plugins; nothing of them may command the terminal. */
static void print_line(FILE *out, const char *mark, const struct plugin_line *line, const char *was)
{
    struct tb_buffer clean = TB_BUFFER_INIT;
    tb_escape_control(&clean, line->path);
    tb_buffer_puts(&clean, " = ");
    if (was) {
        tb_escape_control(&clean, was);
        tb_buffer_puts(&clean, " -> ");
    }
    tb_escape_control(&clean, line->value);
    fprintf(out, "%s%s\n", mark, tb_buffer_text(&clean));
    tb_buffer_free(&clean);
}

void lines_print(FILE *out, const struct plugin_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        print_line(out, "", &lines->line[i], NULL);
}

static const struct plugin_line *find(const struct plugin_lines *lines, const char *path)
{
    for (size_t i = 0; i < lines->count; i++) {
        if (strcmp(lines->line[i].path, path) == 0)
            return &lines->line[i];
    }
    return NULL;
}

size_t lines_print_changes(FILE *out, const struct plugin_lines *before,
                           const struct plugin_lines *now)
{
    size_t changes = 0;
    for (size_t i = 0; i < before->count; i++) {
        if (find(now, before->line[i].path))
            continue;
        print_line(out, "- ", &before->line[i], NULL);
        changes++;
    }
    for (size_t i = 0; i < now->count; i++) {
        const struct plugin_line *was = find(before, now->line[i].path);
        if (was && strcmp(was->value, now->line[i].value) == 0)
            continue;
        print_line(out, was ? "~ " : "+ ", &now->line[i], was ? was->value : NULL);
        changes++;
    }
    return changes;
}
