/* One entry of a problem list (problem.h). Any thread; owns nothing. */
#include "base/problem.h"

#include "base/json.h"

enum { LIST_MAX = 65536 }; /* nobody reads on; a small body must not make a huge answer */

void tb_problem_add(struct tb_buffer *list, const char *pointer, const char *code,
                    const char *message, const char *hint)
{
    struct tb_json_writer w;
    if (list->len > LIST_MAX)
        return;
    if (list->len > 0)
        list->data[--list->len] = '\0'; /* reopens the array: drops its "]" */
    tb_buffer_puts(list, list->len > 0 ? "," : "[");
    tb_jw_init(&w, list);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "pointer", pointer);
    tb_jw_kv_string(&w, "code", code);
    tb_jw_kv_string(&w, "message", message);
    tb_jw_kv_string(&w, "hint", hint);
    tb_jw_end_object(&w);
    tb_buffer_putc(list, ']');
}
