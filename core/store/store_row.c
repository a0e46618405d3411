/* Records as tables of fields: binding a struct to a statement, copying a row or a struct into one
 * block of memory. No state; any thread that holds the connection. */
#include <string.h>

#include "base/memory.h"
#include "store/store_private.h"

struct meta_row {
    const char *value;
};

#define TEXT(type, field)                                                                          \
    {                                                                                              \
#field, offsetof(struct type, field), TB_FIELD_TEXT, NULL                                  \
    }
#define TEXT_OR(type, field, text)                                                                 \
    {                                                                                              \
#field, offsetof(struct type, field), TB_FIELD_TEXT, text                                  \
    }
#define JSON(type, field, text)                                                                    \
    {                                                                                              \
#field, offsetof(struct type, field), TB_FIELD_JSON, text                                  \
    }
#define INT(type, field)                                                                           \
    {                                                                                              \
#field, offsetof(struct type, field), TB_FIELD_INT, NULL                                   \
    }
#define BOOL(type, field)                                                                          \
    {                                                                                              \
#field, offsetof(struct type, field), TB_FIELD_BOOL, NULL                                  \
    }

static const struct tb_store_field bot_fields[] = {
    TEXT(tb_store_bot, id),           TEXT_OR(tb_store_bot, server, "default"),
    TEXT_OR(tb_store_bot, owner, ""), INT(tb_store_bot, epoch),
    TEXT(tb_store_bot, name),         TEXT(tb_store_bot, slug),
    TEXT(tb_store_bot, exchange),     TEXT(tb_store_bot, strategy),
    TEXT(tb_store_bot, account),      TEXT(tb_store_bot, state),
    TEXT(tb_store_bot, intent),       TEXT(tb_store_bot, plan_id),
    BOOL(tb_store_bot, holds_name),   INT(tb_store_bot, version),
    INT(tb_store_bot, created_at),    INT(tb_store_bot, updated_at),
    INT(tb_store_bot, deleted_at),    JSON(tb_store_bot, doc, "{}"),
};

static const struct tb_store_field plan_fields[] = {
    TEXT(tb_store_plan, id),        TEXT(tb_store_plan, hash),
    INT(tb_store_plan, created_at), INT(tb_store_plan, expires_at),
    JSON(tb_store_plan, doc, "{}"), TEXT(tb_store_plan, used_by_operation),
};

static const struct tb_store_field operation_fields[] = {
    TEXT(tb_store_operation, id),        TEXT(tb_store_operation, kind),
    TEXT(tb_store_operation, bot_id),    TEXT(tb_store_operation, state),
    INT(tb_store_operation, created_at), INT(tb_store_operation, ended_at),
    JSON(tb_store_operation, doc, "{}"),
};

static const struct tb_store_field step_fields[] = {
    TEXT(tb_store_step, operation_id), INT(tb_store_step, seq), TEXT(tb_store_step, name),
    TEXT(tb_store_step, state),        INT(tb_store_step, at),  TEXT(tb_store_step, detail),
};

static const struct tb_store_field attempt_fields[] = {
    TEXT(tb_store_attempt, nonce),       TEXT(tb_store_attempt, base),
    TEXT(tb_store_attempt, bot_id),      TEXT(tb_store_attempt, operation_id),
    TEXT(tb_store_attempt, state),       TEXT(tb_store_attempt, instance),
    JSON(tb_store_attempt, files, "[]"), INT(tb_store_attempt, window_from),
    INT(tb_store_attempt, window_to),    INT(tb_store_attempt, created_at),
    INT(tb_store_attempt, updated_at),   JSON(tb_store_attempt, doc, "{}"),
};

static const struct tb_store_field token_fields[] = {
    TEXT(tb_store_token, id),        TEXT(tb_store_token, name),
    TEXT(tb_store_token, role),      JSON(tb_store_token, bots, NULL),
    TEXT(tb_store_token, sha256),    INT(tb_store_token, created_at),
    INT(tb_store_token, expires_at), INT(tb_store_token, revoked_at),
};

static const struct tb_store_field idempotency_fields[] = {
    TEXT(tb_store_idempotency, token_id),    TEXT(tb_store_idempotency, method),
    TEXT(tb_store_idempotency, route),       TEXT(tb_store_idempotency, key),
    TEXT(tb_store_idempotency, body_sha256), TEXT(tb_store_idempotency, operation_id),
    INT(tb_store_idempotency, status),       TEXT(tb_store_idempotency, body),
    INT(tb_store_idempotency, created_at),
};

static const struct tb_store_field audit_fields[] = {
    INT(tb_store_audit, id),
    INT(tb_store_audit, at),
    TEXT_OR(tb_store_audit, request_id, ""),
    TEXT(tb_store_audit, token_id),
    TEXT_OR(tb_store_audit, token_name, ""),
    TEXT_OR(tb_store_audit, role, ""),
    TEXT(tb_store_audit, method),
    TEXT(tb_store_audit, route),
    TEXT(tb_store_audit, target),
    INT(tb_store_audit, status),
    TEXT(tb_store_audit, code),
    JSON(tb_store_audit, doc, "{}"),
};

static const struct tb_store_field meta_fields[] = {TEXT(meta_row, value)};

static const struct tb_store_field plugin_version_fields[] = {
    TEXT(tb_store_plugin_version, plugin),         TEXT(tb_store_plugin_version, hash),
    TEXT_OR(tb_store_plugin_version, version, ""), TEXT(tb_store_plugin_version, origin),
    INT(tb_store_plugin_version, created_at),      INT(tb_store_plugin_version, activated_at),
    JSON(tb_store_plugin_version, files, "{}"),    JSON(tb_store_plugin_version, doc, "{}"),
};

static const struct tb_store_field plugin_state_fields[] = {
    TEXT(tb_store_plugin_state, plugin),  TEXT(tb_store_plugin_state, active),
    TEXT(tb_store_plugin_state, pin),     TEXT(tb_store_plugin_state, folder),
    TEXT(tb_store_plugin_state, waiting), INT(tb_store_plugin_state, updated_at),
};

static const struct tb_store_field backtest_fields[] = {
    TEXT(tb_store_backtest, id),      TEXT(tb_store_backtest, plan_id),
    TEXT(tb_store_backtest, state),   INT(tb_store_backtest, created_at),
    INT(tb_store_backtest, ended_at), JSON(tb_store_backtest, doc, "{}"),
};

static const struct tb_store_field sample_fields[] = {
    TEXT(tb_store_sample, bot_id),
    INT(tb_store_sample, at),
    TEXT(tb_store_sample, quote),
    JSON(tb_store_sample, doc, "{}"),
};

static const struct tb_store_field log_line_fields[] = {
    TEXT(tb_store_log_line, bot_id), INT(tb_store_log_line, at),    TEXT(tb_store_log_line, level),
    TEXT(tb_store_log_line, text),   INT(tb_store_log_line, count),
};

static const struct tb_store_field event_fields[] = {
    INT(tb_store_event, id),
    INT(tb_store_event, at),
    TEXT(tb_store_event, type),
    JSON(tb_store_event, doc, "{}"),
};

#define RECORD(type, fields)                                                                       \
    {                                                                                              \
        sizeof(struct type), fields, sizeof(fields) / sizeof((fields)[0])                          \
    }

const struct tb_store_record tb_store_records[TB_RECORD_COUNT] = {
    [TB_RECORD_BOT] = RECORD(tb_store_bot, bot_fields),
    [TB_RECORD_PLAN] = RECORD(tb_store_plan, plan_fields),
    [TB_RECORD_OPERATION] = RECORD(tb_store_operation, operation_fields),
    [TB_RECORD_STEP] = RECORD(tb_store_step, step_fields),
    [TB_RECORD_ATTEMPT] = RECORD(tb_store_attempt, attempt_fields),
    [TB_RECORD_TOKEN] = RECORD(tb_store_token, token_fields),
    [TB_RECORD_IDEMPOTENCY] = RECORD(tb_store_idempotency, idempotency_fields),
    [TB_RECORD_AUDIT] = RECORD(tb_store_audit, audit_fields),
    [TB_RECORD_META] = RECORD(meta_row, meta_fields),
    [TB_RECORD_PLUGIN_VERSION] = RECORD(tb_store_plugin_version, plugin_version_fields),
    [TB_RECORD_PLUGIN_STATE] = RECORD(tb_store_plugin_state, plugin_state_fields),
    [TB_RECORD_BACKTEST] = RECORD(tb_store_backtest, backtest_fields),
    [TB_RECORD_SAMPLE] = RECORD(tb_store_sample, sample_fields),
    [TB_RECORD_LOG_LINE] = RECORD(tb_store_log_line, log_line_fields),
    [TB_RECORD_EVENT] = RECORD(tb_store_event, event_fields),
};

static int bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    return text ? sqlite3_bind_text64(statement, at, text, strlen(text), SQLITE_STATIC, SQLITE_UTF8)
                : sqlite3_bind_null(statement, at);
}

static const char *text_of(const void *record, const struct tb_store_field *field)
{
    return *(const char *const *)((const char *)record + field->offset);
}

bool tb_store_is_text(const struct tb_store_field *field)
{
    return field->type == TB_FIELD_TEXT || field->type == TB_FIELD_JSON;
}

const char *tb_store_text_of(const void *record, const struct tb_store_field *field)
{
    const char *text = text_of(record, field);
    return text ? text : field->fallback;
}

static int64_t int_of(const void *record, const struct tb_store_field *field)
{
    const char *at = (const char *)record + field->offset;
    return field->type == TB_FIELD_BOOL ? *(const bool *)at : *(const int64_t *)at;
}

int tb_store_bind_record(sqlite3_stmt *statement, enum tb_store_record_kind kind,
                         const void *record)
{
    const struct tb_store_record *shape = &tb_store_records[kind];
    int parameters = sqlite3_bind_parameter_count(statement);
    int rc = SQLITE_OK;
    for (int i = 0; i < (int)shape->n && i < parameters && rc == SQLITE_OK; i++) {
        const struct tb_store_field *field = &shape->fields[i];
        if (tb_store_is_text(field)) {
            rc = bind_text(statement, i + 1, tb_store_text_of(record, field));
        } else {
            rc = sqlite3_bind_int64(statement, i + 1, int_of(record, field));
        }
    }
    return rc;
}

int tb_store_bind(sqlite3_stmt *statement, const char *format, va_list args)
{
    int rc = SQLITE_OK;
    for (int i = 1; *format && rc == SQLITE_OK; format++, i++) {
        rc = *format == 't' ? bind_text(statement, i, va_arg(args, const char *))
                            : sqlite3_bind_int64(statement, i, va_arg(args, int64_t));
    }
    return rc;
}

/* Where a text of the block goes; the block holds the struct, then the strings. */
static char *place_text(char *block, const struct tb_store_field *field, char *end,
                        const char *text, size_t len)
{
    memcpy(end, text, len);
    end[len] = '\0';
    *(const char **)(block + field->offset) = end;
    return end + len + 1;
}

static void place_int(char *block, const struct tb_store_field *field, int64_t value)
{
    if (field->type == TB_FIELD_BOOL) {
        *(bool *)(block + field->offset) = value != 0;
    } else {
        *(int64_t *)(block + field->offset) = value;
    }
}

void *tb_store_copy_row(sqlite3_stmt *statement, enum tb_store_record_kind kind)
{
    const struct tb_store_record *shape = &tb_store_records[kind];
    size_t size = shape->size;
    for (int i = 0; i < (int)shape->n; i++) {
        if (tb_store_is_text(&shape->fields[i]) && sqlite3_column_text(statement, i)) {
            size += (size_t)sqlite3_column_bytes(statement, i) + 1;
        }
    }
    char *block = tb_xcalloc(1, size);
    char *end = block + shape->size;
    for (int i = 0; i < (int)shape->n; i++) {
        const struct tb_store_field *field = &shape->fields[i];
        if (!tb_store_is_text(field)) {
            place_int(block, field, sqlite3_column_int64(statement, i));
            continue;
        }
        const char *text = (const char *)sqlite3_column_text(statement, i);
        if (text) {
            end = place_text(block, field, end, text, (size_t)sqlite3_column_bytes(statement, i));
        }
    }
    return block;
}

void *tb_store_copy_record(enum tb_store_record_kind kind, const void *record, size_t *size_out)
{
    const struct tb_store_record *shape = &tb_store_records[kind];
    size_t size = shape->size;
    for (size_t i = 0; i < shape->n; i++) {
        if (tb_store_is_text(&shape->fields[i]) && text_of(record, &shape->fields[i])) {
            size += strlen(text_of(record, &shape->fields[i])) + 1;
        }
    }
    char *block = tb_xcalloc(1, size);
    char *end = block + shape->size;
    for (size_t i = 0; i < shape->n; i++) {
        const struct tb_store_field *field = &shape->fields[i];
        if (!tb_store_is_text(field)) {
            place_int(block, field, int_of(record, field));
        } else if (text_of(record, field)) {
            const char *text = text_of(record, field);
            end = place_text(block, field, end, text, strlen(text));
        }
    }
    *size_out = size;
    return block;
}
