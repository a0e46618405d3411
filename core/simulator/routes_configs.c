/* Scripts, controllers and their configs: files that nothing validates on the way in. One request
 * with the event loop held. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulator/bot.h"
#include "simulator/routes.h"

static char *canonical(const struct tb_json *node)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    tb_json_canonical(node, &text);
    return tb_buffer_steal(&text, NULL);
}

/* ---- scripts ---- */

void sim_get_scripts(struct sim_call *call)
{
    tb_jw_array(&call->out);
    for (size_t i = 0; i < call->w->scripts.count; i++)
        tb_jw_string(&call->out, call->w->scripts.files[i].name);
    tb_jw_end_array(&call->out);
}

void sim_get_script(struct sim_call *call)
{
    const char *text = sim_shelf_get(&call->w->scripts, call->arg[0]);
    if (text == NULL) {
        sim_detail(call, 404, "Script '%s' not found", call->arg[0]);
        return;
    }
    tb_jw_object(&call->out);
    tb_jw_kv_string(&call->out, "name", call->arg[0]);
    tb_jw_kv_string(&call->out, "content", text);
    tb_jw_end_object(&call->out);
}

void sim_post_script(struct sim_call *call)
{
    sim_shelf_put(&call->w->scripts, call->arg[0], tb_json_get_string(call->body, "content"));
    sim_message(call, 201, "Script '%s' saved successfully", call->arg[0]);
}

void sim_delete_script(struct sim_call *call)
{
    if (sim_shelf_remove(&call->w->scripts, call->arg[0]))
        sim_message(call, 200, "Script '%s' deleted successfully", call->arg[0]);
    else
        sim_detail(call, 404, "Script '%s' not found", call->arg[0]);
}

void sim_get_script_template(struct sim_call *call)
{
    if (strcmp(call->arg[0], "v2_with_controllers") != 0) {
        sim_detail(call, 404, "Script configuration class for '%s' not found", call->arg[0]);
        return;
    }
    tb_jw_object(&call->out);
    tb_jw_kv_string(&call->out, "script_file_name", "");
    tb_jw_kv_raw(&call->out, "controllers_config", "[]", 2);
    tb_jw_end_object(&call->out);
}

/* ---- configs of either kind ---- */

static void config_get(struct sim_call *call, const struct sim_shelf *shelf)
{
    const char *text = sim_shelf_get(shelf, call->arg[0]);
    if (text == NULL)
        sim_detail(call, 404, "Configuration '%s' not found", call->arg[0]);
    else
        tb_jw_raw(&call->out, text, strlen(text));
}

static void config_post(struct sim_call *call, struct sim_shelf *shelf)
{
    char *text = canonical(call->body);
    sim_shelf_put(shelf, call->arg[0], text);
    free(text);
    sim_message(call, 201, "Configuration '%s' saved successfully", call->arg[0]);
}

static void config_delete(struct sim_call *call, struct sim_shelf *shelf)
{
    if (sim_shelf_remove(shelf, call->arg[0]))
        sim_message(call, 200, "Configuration '%s' deleted successfully", call->arg[0]);
    else
        sim_detail(call, 404, "Configuration '%s' not found", call->arg[0]);
}

/* The list strips one ".yml": a file saved as x.yml.yml shows as another x. */
static void shown_name(const char *name, char *out, size_t size)
{
    size_t len = strlen(name);
    if (len > 4 && strcmp(name + len - 4, ".yml") == 0)
        len -= 4;
    snprintf(out, size, "%.*s", (int)len, name);
}

static void kv_node_or(struct tb_json_writer *out, const struct tb_json *root, const char *key,
                       const char *fallback)
{
    const struct tb_json *node = tb_json_get(root, key);
    if (node != NULL)
        tb_jw_kv_node(out, key, node);
    else
        tb_jw_kv_raw(out, key, fallback, strlen(fallback));
}

void sim_get_script_configs(struct sim_call *call)
{
    struct tb_json_writer *out = &call->out;
    const struct sim_shelf *shelf = &call->w->script_configs;
    tb_jw_array(out);
    for (size_t i = 0; i < shelf->count; i++) {
        char name[SIM_NAME];
        const char *text = shelf->files[i].text;
        struct tb_json_doc *doc = tb_json_parse(text, strlen(text), TB_JSON_UPSTREAM, NULL);
        const struct tb_json *root = tb_json_root(doc);
        shown_name(shelf->files[i].name, name, sizeof name);
        tb_jw_object(out);
        tb_jw_kv_string(out, "config_name", name);
        kv_node_or(out, root, "script_file_name", "\"unknown\"");
        kv_node_or(out, root, "controllers_config", "[]");
        kv_node_or(out, root, "candles_config", "[]");
        kv_node_or(out, root, "markets", "{}");
        tb_jw_end_object(out);
        tb_json_free(doc);
    }
    tb_jw_end_array(out);
}

void sim_get_script_config(struct sim_call *call)
{
    config_get(call, &call->w->script_configs);
}

void sim_post_script_config(struct sim_call *call)
{
    config_post(call, &call->w->script_configs);
}

void sim_delete_script_config(struct sim_call *call)
{
    config_delete(call, &call->w->script_configs);
}

void sim_get_controller_config(struct sim_call *call)
{
    config_get(call, &call->w->controller_configs);
}

void sim_post_controller_config(struct sim_call *call)
{
    config_post(call, &call->w->controller_configs);
}

void sim_delete_controller_config(struct sim_call *call)
{
    config_delete(call, &call->w->controller_configs);
}

/* The whole file with one member forced to the file's name (or added). */
static void write_with(struct tb_json_writer *out, const char *text, const char *key,
                       const char *value)
{
    struct tb_json_doc *doc = tb_json_parse(text, strlen(text), TB_JSON_UPSTREAM, NULL);
    const struct tb_json *root = tb_json_root(doc);
    bool written = false;
    tb_jw_object(out);
    for (const struct tb_json *m = root == NULL ? NULL : root->child; m != NULL; m = m->next) {
        bool forced = strcmp(m->key, key) == 0;
        written = written || forced;
        if (forced)
            tb_jw_kv_string(out, key, value);
        else
            tb_jw_kv_node(out, m->key, m);
    }
    if (!written)
        tb_jw_kv_string(out, key, value);
    tb_jw_end_object(out);
    tb_json_free(doc);
}

void sim_get_controller_configs(struct sim_call *call)
{
    const struct sim_shelf *shelf = &call->w->controller_configs;
    tb_jw_array(&call->out);
    for (size_t i = 0; i < shelf->count; i++) {
        char name[SIM_NAME];
        shown_name(shelf->files[i].name, name, sizeof name);
        write_with(&call->out, shelf->files[i].text, "id", name);
    }
    tb_jw_end_array(&call->out);
}

/* ---- controllers ---- */

static const char *const controller_types[] = {"directional_trading", "market_making", "generic"};

static bool type_ok(struct sim_call *call)
{
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(controller_types[i], call->arg[0]) == 0)
            return true;
    }
    struct tb_json_writer *out = &call->out;
    static const char words[] = "'directional_trading', 'market_making' or 'generic'";
    char text[128];
    call->status = 422;
    snprintf(text, sizeof text, "Input should be %s", words);
    tb_jw_object(out);
    tb_jw_key(out, "detail");
    tb_jw_array(out);
    tb_jw_object(out);
    tb_jw_kv_string(out, "type", "enum");
    tb_jw_kv_raw(out, "loc", "[\"path\",\"controller_type\"]", 26);
    tb_jw_kv_string(out, "msg", text);
    tb_jw_kv_string(out, "input", call->arg[0]);
    tb_jw_key(out, "ctx");
    tb_jw_object(out);
    tb_jw_kv_string(out, "expected", words);
    tb_jw_end_object(out);
    tb_jw_end_object(out);
    tb_jw_end_array(out);
    tb_jw_end_object(out);
    return false;
}

static void controller_path(const struct sim_call *call, char *out, size_t size)
{
    snprintf(out, size, "%s/%s", call->arg[0], call->arg[1]);
}

void sim_get_controllers(struct sim_call *call)
{
    tb_jw_object(&call->out);
    for (size_t t = 0; t < 3; t++) {
        size_t len = strlen(controller_types[t]);
        tb_jw_key(&call->out, controller_types[t]);
        tb_jw_array(&call->out);
        for (size_t i = 0; i < call->w->controllers.count; i++) {
            const char *name = call->w->controllers.files[i].name;
            if (strncmp(name, controller_types[t], len) == 0 && name[len] == '/')
                tb_jw_string(&call->out, name + len + 1);
        }
        tb_jw_end_array(&call->out);
    }
    tb_jw_end_object(&call->out);
}

void sim_get_controller(struct sim_call *call)
{
    char path[2 * SIM_NAME];
    if (!type_ok(call))
        return;
    controller_path(call, path, sizeof path);
    const char *text = sim_shelf_get(&call->w->controllers, path);
    if (text == NULL) {
        sim_detail(call, 404, "Controller '%s' not found in '%s'", call->arg[1], call->arg[0]);
        return;
    }
    tb_jw_object(&call->out);
    tb_jw_kv_string(&call->out, "name", call->arg[1]);
    tb_jw_kv_string(&call->out, "type", call->arg[0]);
    tb_jw_kv_string(&call->out, "content", text);
    tb_jw_end_object(&call->out);
}

void sim_post_controller(struct sim_call *call)
{
    char path[2 * SIM_NAME];
    if (!type_ok(call))
        return;
    controller_path(call, path, sizeof path);
    sim_shelf_put(&call->w->controllers, path, tb_json_get_string(call->body, "content"));
    sim_message(call, 201, "Controller '%s' saved successfully in '%s'", call->arg[1],
                call->arg[0]);
}

void sim_delete_controller(struct sim_call *call)
{
    char path[2 * SIM_NAME];
    if (!type_ok(call))
        return;
    controller_path(call, path, sizeof path);
    if (sim_shelf_remove(&call->w->controllers, path))
        sim_message(call, 200, "Controller '%s' deleted successfully from '%s'", call->arg[1],
                    call->arg[0]);
    else
        sim_detail(call, 404, "Controller '%s' not found in '%s'", call->arg[1], call->arg[0]);
}

static const struct sim_class *class_of(struct sim_call *call)
{
    char path[2 * SIM_NAME];
    controller_path(call, path, sizeof path);
    const struct sim_class *class = sim_class_find(call->arg[0], call->arg[1]);
    if (class == NULL || sim_shelf_get(&call->w->controllers, path) == NULL) {
        sim_detail(call, 404, "Controller configuration class for '%s' not found", call->arg[1]);
        return NULL;
    }
    return class;
}

static bool class_knows(const struct sim_class *class, const struct sim_field *field)
{
    return field != NULL && (!class->validator_is_base || (field->flags & SIM_IN_BASE) != 0);
}

void sim_get_controller_template(struct sim_call *call)
{
    struct tb_json_writer *out = &call->out;
    const struct sim_class *class = type_ok(call) ? class_of(call) : NULL;
    if (class == NULL)
        return;
    tb_jw_object(out);
    for (const struct sim_field *f = class->fields; f->name != NULL; f++) {
        if (!class_knows(class, f))
            continue;
        tb_jw_key(out, f->name);
        tb_jw_object(out);
        tb_jw_kv_raw(out, "default", f->shown, strlen(f->shown));
        tb_jw_kv_string(out, "type", sim_type_repr(f->type));
        tb_jw_kv_bool(out, "required", false);
        tb_jw_end_object(out);
    }
    tb_jw_end_object(out);
}

/* ---- the validate route ---- */

static void python_value(struct tb_buffer *out, const struct tb_json *v)
{
    switch (v->type) {
    case TB_JSON_NULL:
        tb_buffer_puts(out, "None");
        break;
    case TB_JSON_BOOL:
        tb_buffer_puts(out, v->boolean ? "True" : "False");
        break;
    case TB_JSON_NUMBER:
        tb_buffer_puts(out, v->text);
        break;
    case TB_JSON_STRING:
        tb_buffer_printf(out, "'%s'", v->text);
        break;
    case TB_JSON_ARRAY:
    case TB_JSON_OBJECT: {
        bool object = v->type == TB_JSON_OBJECT;
        tb_buffer_putc(out, object ? '{' : '[');
        for (const struct tb_json *m = v->child; m != NULL; m = m->next) {
            if (m != v->child)
                tb_buffer_puts(out, ", ");
            if (object)
                tb_buffer_printf(out, "'%s': ", m->key);
            python_value(out, m);
        }
        tb_buffer_putc(out, object ? '}' : ']');
        break;
    }
    }
}

static const char *python_type(const struct tb_json *v)
{
    static const char *const names[] = {"NoneType", "bool", "int", "str", "list", "dict"};
    if (v->type == TB_JSON_NUMBER && strpbrk(v->text, ".eE") != NULL)
        return "float";
    return names[v->type];
}

static void validation_error(struct tb_buffer *out, const char *key, const char *msg,
                             const char *type, const struct tb_json *input)
{
    tb_buffer_printf(out, "\n%s\n  %s [type=%s, input_value=", key, msg, type);
    python_value(out, input);
    tb_buffer_printf(out,
                     ", input_type=%s]\n    For further information visit "
                     "https://errors.pydantic.dev/2.10/v/%s",
                     python_type(input), type);
}

static void wrong_value(struct tb_buffer *out, const struct sim_field *f, const struct tb_json *v)
{
    bool text = v->type == TB_JSON_STRING;
    switch (sim_type_kind(f->type)) {
    case 'i':
        validation_error(
            out, f->name,
            text ? "Input should be a valid integer, unable to parse string as an integer"
                 : "Input should be a valid integer",
            text ? "int_parsing" : "int_type", v);
        break;
    case 's':
        validation_error(out, f->name, "Input should be a valid string", "string_type", v);
        break;
    case 'b':
        validation_error(out, f->name, "Input should be a valid boolean", "bool_type", v);
        break;
    case 'd':
        validation_error(out, f->name, "Input should be a valid decimal", "decimal_parsing", v);
        break;
    default:
        validation_error(out, f->name, "Value error", "value_error", v);
    }
}

void sim_post_validate(struct sim_call *call)
{
    const struct sim_class *class = type_ok(call) ? class_of(call) : NULL;
    if (class == NULL)
        return;
    struct tb_buffer text = TB_BUFFER_INIT;
    unsigned errors = 0;
    if (tb_json_get(call->body, "id") == NULL) {
        validation_error(&text, "id", "Field required", "missing", call->body);
        errors++;
    }
    for (const struct sim_field *f = class->fields; f->name != NULL; f++) {
        const struct tb_json *v = tb_json_get(call->body, f->name);
        if (v != NULL && class_knows(class, f) && !sim_field_accepts(f, v)) {
            wrong_value(&text, f, v);
            errors++;
        }
    }
    for (const struct tb_json *m = call->body->child; m != NULL; m = m->next) {
        if (!class_knows(class, sim_field_find(class->fields, m->key))) {
            validation_error(&text, m->key, "Extra inputs are not permitted", "extra_forbidden", m);
            errors++;
        }
    }
    if (errors == 0)
        sim_message(call, 200, "Configuration is valid");
    else
        sim_detail(call, 400, "%u validation error%s for %s%s", errors, errors == 1 ? "" : "s",
                   class->validator, tb_buffer_text(&text));
    tb_buffer_free(&text);
}

/* ---- configs of a deployed bot ---- */

void sim_get_bot_configs(struct sim_call *call)
{
    const struct sim_instance *instance = sim_instance_find(call->w, call->arg[0]);
    if (instance == NULL || !instance->has_controllers) {
        sim_detail(call, 404, "Bot '%s' not found", call->arg[0]);
        return;
    }
    tb_jw_array(&call->out);
    for (size_t i = 0; i < instance->controllers.count; i++)
        write_with(&call->out, instance->controllers.files[i].text, "_config_name",
                   instance->controllers.files[i].name);
    tb_jw_end_array(&call->out);
}

/* Shallow merge into the instance's file; nothing is checked and no key can be removed. */
void sim_post_bot_config(struct sim_call *call)
{
    struct sim_instance *instance = sim_instance_find(call->w, call->arg[0]);
    const char *old = instance == NULL ? NULL : sim_shelf_get(&instance->controllers, call->arg[1]);
    if (instance == NULL || !instance->has_controllers) {
        sim_detail(call, 404, "Bot '%s' not found", call->arg[0]);
        return;
    }
    if (old == NULL) {
        sim_detail(call, 404, "Controller configuration '%s' not found for bot '%s'", call->arg[1],
                   call->arg[0]);
        return;
    }
    struct tb_json_doc *doc = tb_json_parse(old, strlen(old), TB_JSON_UPSTREAM, NULL);
    struct tb_buffer merged = TB_BUFFER_INIT;
    struct tb_json_writer out;
    tb_jw_init(&out, &merged);
    tb_jw_object(&out);
    for (const struct tb_json *m = tb_json_root(doc)->child; m != NULL; m = m->next) {
        if (tb_json_get(call->body, m->key) == NULL)
            tb_jw_kv_node(&out, m->key, m);
    }
    for (const struct tb_json *m = call->body->child; m != NULL; m = m->next)
        tb_jw_kv_node(&out, m->key, m);
    tb_jw_end_object(&out);
    tb_json_free(doc);
    doc = tb_json_parse(tb_buffer_text(&merged), merged.len, TB_JSON_UPSTREAM, NULL);
    char *text = canonical(tb_json_root(doc));
    sim_shelf_put(&instance->controllers, call->arg[1], text);
    free(text);
    tb_json_free(doc);
    tb_buffer_free(&merged);
    sim_message(call, 200, "Controller configuration for bot '%s' updated successfully",
                call->arg[0]);
}
