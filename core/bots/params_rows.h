/* Differences between the config files a bot runs with and those that are wanted, one row a field.
 * Pure; any thread. */
#ifndef TB_BOTS_PARAMS_ROWS_H
#define TB_BOTS_PARAMS_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

/* Why a difference is not in force: code, sentence. */
#define PARAM_REASONS(X)                                                                           \
    X(PARAM_LIVE, "", "")                                                                          \
    X(PARAM_SCRIPT, "script", "The script's config is read at the start only.")                    \
    X(PARAM_FIXED, "read_at_start", "The controller reads this field at its start only.")          \
    X(PARAM_UNKNOWN_FIELD, "unknown_field",                                                        \
      "The field is not known of this controller; sent to a running bot, it could break it.")      \
    X(PARAM_NEW_FIELD, "new_field",                                                                \
      "The running bot's file does not have this field; one that its version does not know would " \
      "break it.")                                                                                 \
    X(PARAM_REMOVED, "removed_field", "A field cannot be taken out of a running bot's file.")      \
    X(PARAM_KIND, "kind_changes",                                                                  \
      "The value is of another kind than the one the bot runs with; a wrong one would break it.")  \
    X(PARAM_CONTROLLERS, "controllers_change", "The bot's controllers change.")                    \
    X(PARAM_IMAGE, "image_not_known",                                                              \
      "Which fields a running bot of this image takes over is not known.")                         \
    X(PARAM_NOT_RUNNING, "not_running", "The bot is not running.")                                 \
    X(PARAM_DAMAGED, "config_damaged",                                                             \
      "The running bot's file holds what the bot refuses, so it takes over nothing any more, its " \
      "kill switch included: stop it and redeploy it.")                                            \
    X(PARAM_UNREADABLE, "config_unreadable",                                                       \
      "The running bot's file could not be read, so nothing was sent.")                            \
    X(PARAM_REFUSED, "refused", "The Hummingbot API refused the change.")                          \
    X(PARAM_UNSENT, "not_sent", "The Hummingbot API could not be reached, so nothing was sent.")   \
    X(PARAM_NOT_TAKEN, "not_taken",                                                                \
      "The change was sent and the bot's file does not have it; ask for it again, or redeploy.")   \
    X(PARAM_NEW_INSTANCE, "new_instance",                                                          \
      "The bot took this over while it ran; the instance it has now was made from the old files.")

enum param_reason {
#define X(name, word, sentence) name,
    PARAM_REASONS(X)
#undef X
        PARAM_REASON_COUNT
};

struct param_row {
    int64_t controller;              /* 1 is the first; 0: the script */
    const char *name;                /* of the controller's class */
    const char *field;               /* NULL: the whole file */
    const struct tb_json *from, *to; /* NULL: absent */
    enum param_reason reason;
    int64_t at; /* wall ms when `to` was read back, 0 else */
};

/* The values point into documents that the caller keeps, or gives to `doc`. */
struct param_rows {
    struct param_row *row;
    size_t n, capacity;
    struct tb_json_doc **doc;
    size_t docs;
};

struct param_row *rows_add(struct param_rows *rows, const struct param_row *row);
void rows_keep(struct param_rows *rows, struct tb_json_doc *doc); /* freed with the rows */
void rows_free(struct param_rows *rows);
/* The row of the same controller and field. */
struct param_row *rows_find(const struct param_rows *rows, const struct param_row *like);
/* Adds what a stored list holds; the list must outlive the rows. */
void rows_read(struct param_rows *rows, const struct tb_json *list);
/* as people see them (with the reason's sentence), or as they are stored */
void rows_write(const struct param_rows *rows, bool shown, struct tb_json_writer *w);

/* As an operation shows what it changes: a JSON array that the caller frees. */
char *rows_changes(const struct param_rows *rows);

/* Adds a row for each field in which the files of one controller (0: of the script) differ.
 * PARAM_LIVE when a running bot takes it over: its class says so, its file has the field already,
 * and the value is of the same kind. expected, wanted: NULL when there is no such file.
 * image_known: the table of classes holds for the bot's image. */
void rows_compare(struct param_rows *rows, int64_t controller, const struct tb_json *expected,
                  const struct tb_json *wanted, bool image_known);
/* Does the file hold anything that its class forbids, or something of another kind than expected?
 * Then the bot takes over nothing from it. */
bool rows_damaged(const struct tb_json *found, const struct tb_json *expected);

#endif
