/* Where and how Python's json module would complain about a malformed text. Pure. */
#ifndef TB_SIMULATOR_PYTHON_JSON_H
#define TB_SIMULATOR_PYTHON_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* A static message; the position counts characters as Python does. */
const char *sim_python_json_error(const char *text, size_t len, size_t *position_out);
bool sim_utf8_ok(const char *text, size_t len);

#endif
