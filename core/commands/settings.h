/* The settings: environment variables, one row each. Every NAME may also be given as NAME_FILE, the
 * path of a file that holds the value. Loaded once by the main thread; read-only afterwards, until
 * SIGHUP loads them anew. */
#ifndef TB_COMMANDS_SETTINGS_H
#define TB_COMMANDS_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

enum setting_flag {
    SETTING_SECRET = 1, /* never shown; white space is part of it */
    SETTING_EXACT = 2,  /* shown; white space is part of it */
    SETTING_NUMBER = 4,
    SETTING_LATER = 8, /* of a coming version: accepted and said to be without effect */
    SETTING_LIVE = 16, /* SIGHUP takes a new value over; the others need a new start */
    SETTING_LONG = 32, /* shown as its length */
};

enum setting {
    SET_API_URL,
    SET_API_USERNAME,
    SET_API_PASSWORD,
    SET_API_KEY,
    SET_API_HEADERS,
    SET_PROXY,
    SET_API_CA,
    SET_BROKER_URL,
    SET_BACKTEST_URL,
    SET_BACKTEST_USERNAME,
    SET_BACKTEST_PASSWORD,
    SET_PORT,
    SET_BIND,
    SET_ADMIN_TOKEN,
    SET_CORS_ORIGINS,
    SET_STORE,
    SET_ALLOW_EPHEMERAL,
    SET_PLUGINS,
    SET_PLUGINS_LANE,
    SET_PLUGIN_GATE,
    SET_PLUGIN_UPLOAD,
    SET_PLUGIN_VERSIONS,
    SET_BOT_IMAGES,
    SET_THREADS,
    SET_STREAMS,
    SET_ARENA,
    SET_LOG,
    SETTING_COUNT
};

struct setting_row {
    const char *name;
    unsigned flags;
    const char *fallback; /* NULL: unset */
    long min, max;        /* of numbers */
    const char *help;
};
const struct setting_row *setting_row(enum setting id);

enum setting_source { SETTING_DEFAULT, SETTING_ENVIRONMENT, SETTING_FILE };

enum setting_severity {
    SETTING_WARNING,
    SETTING_WRONG, /* `check` fails; the bridge says it and goes on without the value */
    SETTING_FATAL, /* the program cannot run with it */
};

struct setting_problem {
    enum setting_severity severity;
    char what[256];
    char remedy[256];
};

#define SETTING_PROBLEMS 32

struct settings {
    char *value[SETTING_COUNT]; /* NULL: unset */
    enum setting_source source[SETTING_COUNT];
    struct setting_problem problem[SETTING_PROBLEMS];
    size_t problems;
};

/* Reads the environment; what is wrong is listed, not printed. Values of secrets are registered
 * with the log. False when a problem is fatal. */
TB_MUST_CHECK
bool settings_load(struct settings *s);
void settings_free(struct settings *s);
const char *settings_text(const struct settings *s, enum setting id); /* NULL: unset */
long settings_number(const struct settings *s, enum setting id);
/* "name = value", secrets only as their length. */
void settings_show(const struct settings *s, enum setting id, struct tb_buffer *out);

#endif
