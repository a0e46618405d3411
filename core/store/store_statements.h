/* Every SQL statement of the store, one row each, prepared when a connection is opened, so that a
 * typing error fails at start. Where a statement carries a record, its columns or parameters are
 * the record's fields in their order (checked at open, too). */
#ifndef TB_STORE_STATEMENTS_H
#define TB_STORE_STATEMENTS_H

enum tb_store_record_kind {
    TB_RECORD_NONE,
    TB_RECORD_BOT,
    TB_RECORD_PLAN,
    TB_RECORD_OPERATION,
    TB_RECORD_STEP,
    TB_RECORD_ATTEMPT,
    TB_RECORD_TOKEN,
    TB_RECORD_IDEMPOTENCY,
    TB_RECORD_AUDIT,
    TB_RECORD_META,
    TB_RECORD_PLUGIN_VERSION,
    TB_RECORD_PLUGIN_STATE,
    TB_RECORD_BACKTEST,
    TB_RECORD_SAMPLE,
    TB_RECORD_LOG_LINE,
    TB_RECORD_EVENT,
    TB_RECORD_COUNT
};

#define TB_BOT_COLUMNS                                                                             \
    "id, server, owner, epoch, name, slug, exchange, strategy, account, state, intent, plan_id, "  \
    "holds_name, version, created_at, updated_at, deleted_at, doc"
#define TB_PLAN_COLUMNS      "id, hash, created_at, expires_at, doc, used_by_operation"
#define TB_OPERATION_COLUMNS "id, kind, bot_id, state, created_at, ended_at, doc"
#define TB_STEP_COLUMNS      "operation_id, seq, name, state, at, detail"
#define TB_ATTEMPT_COLUMNS                                                                         \
    "nonce, base, bot_id, operation_id, state, instance, files, window_from, window_to, "          \
    "created_at, updated_at, doc"
#define TB_TOKEN_COLUMNS "id, name, role, bots, sha256, created_at, expires_at, revoked_at"
#define TB_IDEMPOTENCY_COLUMNS                                                                     \
    "token_id, method, route, key, body_sha256, operation_id, status, body, created_at"
#define TB_AUDIT_COLUMNS                                                                           \
    "id, at, request_id, token_id, token_name, role, method, route, target, status, code, doc"
#define TB_PLUGIN_VERSION_COLUMNS                                                                  \
    "plugin, hash, version, origin, created_at, activated_at, files, doc"
#define TB_PLUGIN_STATE_COLUMNS "plugin, active, pin, folder, waiting, updated_at"
#define TB_BACKTEST_COLUMNS     "id, plan_id, state, created_at, ended_at, doc"
#define TB_SAMPLE_COLUMNS       "bot_id, at, quote, doc"
#define TB_LOG_LINE_COLUMNS     "bot_id, at, level, text, count"
#define TB_EVENT_COLUMNS        "id, at, type, doc"

/* name, file, access, record, SQL */
#define TB_STORE_STATEMENTS(X)                                                                     \
    TB_BRIDGE_WRITES(X) TB_BRIDGE_READS(X) TB_SERIES_WRITES(X) TB_SERIES_READS(X)

#define TB_BRIDGE_WRITES(X)                                                                        \
    X(TB_SQL_BRIDGE_JSON, BRIDGE, WRITER, NONE, "SELECT json_valid(?1)")                           \
    X(TB_SQL_BOT_INSERT, BRIDGE, WRITER, BOT,                                                      \
      "INSERT INTO bots (" TB_BOT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "    \
      "?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)")                                                   \
    X(TB_SQL_BOT_UPDATE, BRIDGE, WRITER, BOT,                                                      \
      "UPDATE bots SET server = ?2, owner = ?3, epoch = ?4, name = ?5, slug = ?6, "                \
      "exchange = ?7, strategy = ?8, account = ?9, state = ?10, intent = ?11, plan_id = ?12, "     \
      "holds_name = ?13, version = ?14, updated_at = ?16, deleted_at = ?17, doc = ?18 "            \
      "WHERE id = ?1 AND version = ?14 - 1")                                                       \
    X(TB_SQL_BOT_VERSION, BRIDGE, WRITER, BOT,                                                     \
      "SELECT " TB_BOT_COLUMNS " FROM bots WHERE id = ?1")                                         \
    X(TB_SQL_PLAN_INSERT, BRIDGE, WRITER, PLAN,                                                    \
      "INSERT INTO plans (" TB_PLAN_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6)")                   \
    X(TB_SQL_PLAN_USE, BRIDGE, WRITER, NONE,                                                       \
      "UPDATE plans SET used_by_operation = ?2 "                                                   \
      "WHERE id = ?1 AND used_by_operation IS NULL AND expires_at > ?3")                           \
    X(TB_SQL_PLAN_STATE, BRIDGE, WRITER, PLAN,                                                     \
      "SELECT " TB_PLAN_COLUMNS " FROM plans WHERE id = ?1")                                       \
    X(TB_SQL_PLAN_PRUNE, BRIDGE, WRITER, NONE,                                                     \
      "DELETE FROM plans WHERE used_by_operation IS NULL AND expires_at <= ?1")                    \
    X(TB_SQL_OPERATION_PUT, BRIDGE, WRITER, OPERATION,                                             \
      "INSERT INTO operations (" TB_OPERATION_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "     \
      "ON CONFLICT (id) DO UPDATE SET state = excluded.state, ended_at = excluded.ended_at, "      \
      "doc = excluded.doc")                                                                        \
    X(TB_SQL_STEP_PUT, BRIDGE, WRITER, STEP,                                                       \
      "INSERT INTO steps (" TB_STEP_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6) "                   \
      "ON CONFLICT (operation_id, seq) DO UPDATE SET name = excluded.name, "                       \
      "state = excluded.state, at = excluded.at, detail = excluded.detail")                        \
    X(TB_SQL_ATTEMPT_INSERT, BRIDGE, WRITER, ATTEMPT,                                              \
      "INSERT INTO attempts (" TB_ATTEMPT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "     \
      "?9, ?10, ?11, ?12)")                                                                        \
    X(TB_SQL_ATTEMPT_UPDATE, BRIDGE, WRITER, ATTEMPT,                                              \
      "UPDATE attempts SET state = ?5, instance = ?6, window_from = ?8, window_to = ?9, "          \
      "updated_at = ?11, doc = ?12 WHERE nonce = ?1")                                              \
    X(TB_SQL_TOKEN_INSERT, BRIDGE, WRITER, TOKEN,                                                  \
      "INSERT INTO tokens (" TB_TOKEN_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")         \
    X(TB_SQL_TOKEN_REVOKE, BRIDGE, WRITER, NONE,                                                   \
      "UPDATE tokens SET revoked_at = CASE revoked_at WHEN 0 THEN ?2 ELSE revoked_at END "         \
      "WHERE id = ?1")                                                                             \
    X(TB_SQL_IDEMPOTENCY_EXPIRE, BRIDGE, WRITER, NONE,                                             \
      "DELETE FROM idempotency WHERE token_id = ?1 AND method = ?2 AND route = ?3 "                \
      "AND key = ?4 AND created_at <= ?5")                                                         \
    X(TB_SQL_IDEMPOTENCY_INSERT, BRIDGE, WRITER, IDEMPOTENCY,                                      \
      "INSERT INTO idempotency (" TB_IDEMPOTENCY_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, "      \
      "?7, ?8, ?9) ON CONFLICT (token_id, method, route, key) DO NOTHING")                         \
    X(TB_SQL_IDEMPOTENCY_MET, BRIDGE, WRITER, IDEMPOTENCY,                                         \
      "SELECT " TB_IDEMPOTENCY_COLUMNS " FROM idempotency WHERE token_id = ?1 AND method = ?2 "    \
      "AND route = ?3 AND key = ?4")                                                               \
    X(TB_SQL_IDEMPOTENCY_ANSWER, BRIDGE, WRITER, IDEMPOTENCY,                                      \
      "UPDATE idempotency SET status = ?7, body = ?8 WHERE token_id = ?1 AND method = ?2 "         \
      "AND route = ?3 AND key = ?4")                                                               \
    X(TB_SQL_IDEMPOTENCY_PRUNE, BRIDGE, WRITER, NONE,                                              \
      "DELETE FROM idempotency WHERE created_at <= ?1")                                            \
    X(TB_SQL_AUDIT_INSERT, BRIDGE, WRITER, AUDIT,                                                  \
      "INSERT INTO audit (" TB_AUDIT_COLUMNS ") VALUES (NULL, ?2, ?3, ?4, ?5, ?6, "                \
      "?7, ?8, ?9, ?10, ?11, ?12)")                                                                \
    X(TB_SQL_META_PUT, BRIDGE, WRITER, NONE,                                                       \
      "INSERT INTO meta (key, value) VALUES (?1, ?2) "                                             \
      "ON CONFLICT (key) DO UPDATE SET value = excluded.value")                                    \
    X(TB_SQL_META_DELETE, BRIDGE, WRITER, NONE, "DELETE FROM meta WHERE key = ?1")                 \
    X(TB_SQL_PLUGIN_VERSION_PUT, BRIDGE, WRITER, PLUGIN_VERSION,                                   \
      "INSERT INTO plugin_versions (" TB_PLUGIN_VERSION_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, "   \
      "?6, ?7, ?8) ON CONFLICT (plugin, hash) DO UPDATE SET "                                      \
      "activated_at = max(activated_at, excluded.activated_at), doc = excluded.doc")               \
    /* Of each plugin the newest ?1 stay, and what its state or a bot, living or ended, names. */  \
    X(TB_SQL_PLUGIN_VERSION_PRUNE, BRIDGE, WRITER, NONE,                                           \
      "DELETE FROM plugin_versions WHERE (plugin, hash) IN (SELECT plugin, hash FROM "             \
      "(SELECT plugin, hash, row_number() OVER (PARTITION BY plugin "                              \
      "ORDER BY activated_at DESC, created_at DESC, hash) AS age FROM plugin_versions) "           \
      "WHERE age > ?1) "                                                                           \
      "AND NOT EXISTS (SELECT 1 FROM plugin_states AS s WHERE s.plugin = plugin_versions.plugin "  \
      "AND plugin_versions.hash IN (s.active, s.folder, s.waiting)) "                              \
      "AND substr(hash, 1, 8) NOT IN ("                                                            \
      "SELECT coalesce(json_extract(doc, '$.facts.plugin.generation'), '') FROM bots "             \
      "WHERE deleted_at = 0 UNION "                                                                \
      "SELECT coalesce(json_extract(doc, '$.wanted.facts.plugin.generation'), '') FROM bots "      \
      "WHERE deleted_at = 0 UNION "                                                                \
      "SELECT coalesce(json_extract(plans.doc, '$.bot_facts.plugin.generation'), '') FROM bots, "  \
      "json_each(bots.doc, '$.past') AS past, plans WHERE bots.deleted_at = 0 "                    \
      "AND plans.id = json_extract(past.value, '$.plan_id'))")                                     \
    X(TB_SQL_PLUGIN_STATE_PUT, BRIDGE, WRITER, PLUGIN_STATE,                                       \
      "INSERT INTO plugin_states (" TB_PLUGIN_STATE_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6) "   \
      "ON CONFLICT (plugin) DO UPDATE SET active = excluded.active, pin = excluded.pin, "          \
      "folder = excluded.folder, waiting = excluded.waiting, updated_at = excluded.updated_at")    \
    X(TB_SQL_PLUGIN_STATE_DELETE, BRIDGE, WRITER, NONE,                                            \
      "DELETE FROM plugin_states WHERE plugin = ?1")                                               \
    X(TB_SQL_BACKTEST_PUT, BRIDGE, WRITER, BACKTEST,                                               \
      "INSERT INTO backtests (" TB_BACKTEST_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6) "           \
      "ON CONFLICT (id) DO UPDATE SET state = excluded.state, ended_at = excluded.ended_at, "      \
      "doc = excluded.doc")                                                                        \
    X(TB_SQL_BACKTEST_PRUNE, BRIDGE, WRITER, NONE,                                                 \
      "DELETE FROM backtests WHERE created_at <= ?1 AND plan_id NOT IN (SELECT id FROM plans)")

#define TB_BRIDGE_READS(X)                                                                         \
    X(TB_SQL_BOT_GET, BRIDGE, READER, BOT, "SELECT " TB_BOT_COLUMNS " FROM bots WHERE id = ?1")    \
    X(TB_SQL_BOT_BY_NAME, BRIDGE, READER, BOT,                                                     \
      "SELECT " TB_BOT_COLUMNS " FROM bots "                                                       \
      "WHERE name = ?1 AND holds_name = 1 AND deleted_at = 0")                                     \
    X(TB_SQL_BOT_BY_INSTANCE, BRIDGE, READER, BOT,                                                 \
      "SELECT " TB_BOT_COLUMNS " FROM bots WHERE id = (SELECT bot_id FROM attempts "               \
      "WHERE instance = ?1 ORDER BY created_at DESC LIMIT 1)")                                     \
    X(TB_SQL_BOTS, BRIDGE, READER, BOT,                                                            \
      "SELECT " TB_BOT_COLUMNS " FROM bots WHERE deleted_at = 0 ORDER BY id")                      \
    X(TB_SQL_PLAN_GET, BRIDGE, READER, PLAN,                                                       \
      "SELECT " TB_PLAN_COLUMNS " FROM plans WHERE id = ?1")                                       \
    X(TB_SQL_OPERATION_GET, BRIDGE, READER, OPERATION,                                             \
      "SELECT " TB_OPERATION_COLUMNS " FROM operations WHERE id = ?1")                             \
    X(TB_SQL_OPERATIONS, BRIDGE, READER, OPERATION,                                                \
      "SELECT " TB_OPERATION_COLUMNS " FROM operations WHERE (?2 IS NULL OR id < ?2) "             \
      "AND (?3 = 0 OR ended_at = 0) ORDER BY id DESC LIMIT ?4")                                    \
    X(TB_SQL_OPERATIONS_OF_BOT, BRIDGE, READER, OPERATION,                                         \
      "SELECT " TB_OPERATION_COLUMNS " FROM operations WHERE bot_id = ?1 "                         \
      "AND (?2 IS NULL OR id < ?2) AND (?3 = 0 OR ended_at = 0) ORDER BY id DESC LIMIT ?4")        \
    X(TB_SQL_STEPS, BRIDGE, READER, STEP,                                                          \
      "SELECT " TB_STEP_COLUMNS " FROM steps WHERE operation_id = ?1 ORDER BY seq")                \
    X(TB_SQL_ATTEMPT_GET, BRIDGE, READER, ATTEMPT,                                                 \
      "SELECT " TB_ATTEMPT_COLUMNS " FROM attempts WHERE nonce = ?1")                              \
    X(TB_SQL_ATTEMPT_BY_BASE, BRIDGE, READER, ATTEMPT,                                             \
      "SELECT " TB_ATTEMPT_COLUMNS " FROM attempts WHERE base = ?1")                               \
    X(TB_SQL_ATTEMPTS, BRIDGE, READER, ATTEMPT,                                                    \
      "SELECT " TB_ATTEMPT_COLUMNS " FROM attempts ORDER BY created_at, rowid")                    \
    X(TB_SQL_ATTEMPTS_OF_BOT, BRIDGE, READER, ATTEMPT,                                             \
      "SELECT " TB_ATTEMPT_COLUMNS " FROM attempts WHERE bot_id = ?1 "                             \
      "ORDER BY created_at, rowid")                                                                \
    X(TB_SQL_TOKEN_BY_SHA256, BRIDGE, READER, TOKEN,                                               \
      "SELECT " TB_TOKEN_COLUMNS " FROM tokens WHERE sha256 = ?1 AND revoked_at = 0 "              \
      "AND (expires_at = 0 OR expires_at > ?2)")                                                   \
    X(TB_SQL_TOKENS, BRIDGE, READER, TOKEN, "SELECT " TB_TOKEN_COLUMNS " FROM tokens ORDER BY id") \
    X(TB_SQL_IDEMPOTENCY_GET, BRIDGE, READER, IDEMPOTENCY,                                         \
      "SELECT " TB_IDEMPOTENCY_COLUMNS " FROM idempotency WHERE token_id = ?1 AND method = ?2 "    \
      "AND route = ?3 AND key = ?4 AND created_at > ?5")                                           \
    X(TB_SQL_AUDIT, BRIDGE, READER, AUDIT,                                                         \
      "SELECT " TB_AUDIT_COLUMNS " FROM audit WHERE ?1 = 0 OR id < ?1 "                            \
      "ORDER BY id DESC LIMIT ?2")                                                                 \
    X(TB_SQL_META_GET, BRIDGE, READER, META, "SELECT value FROM meta WHERE key = ?1")              \
    X(TB_SQL_PLUGIN_VERSION_GET, BRIDGE, READER, PLUGIN_VERSION,                                   \
      "SELECT " TB_PLUGIN_VERSION_COLUMNS " FROM plugin_versions WHERE plugin = ?1 "               \
      "AND substr(hash, 1, length(?2)) = ?2 ORDER BY activated_at DESC LIMIT 1")                   \
    X(TB_SQL_PLUGIN_VERSIONS, BRIDGE, READER, PLUGIN_VERSION,                                      \
      "SELECT plugin, hash, version, origin, created_at, activated_at, '{}' AS files, doc "        \
      "FROM plugin_versions WHERE plugin = ?1 "                                                    \
      "ORDER BY activated_at DESC, created_at DESC, hash LIMIT ?2")                                \
    X(TB_SQL_PLUGIN_STATES, BRIDGE, READER, PLUGIN_STATE,                                          \
      "SELECT " TB_PLUGIN_STATE_COLUMNS " FROM plugin_states ORDER BY plugin")                     \
    X(TB_SQL_BACKTESTS_OF_PLAN, BRIDGE, READER, BACKTEST,                                          \
      "SELECT " TB_BACKTEST_COLUMNS " FROM backtests WHERE plan_id = ?1 ORDER BY id DESC")         \
    X(TB_SQL_BACKTESTS_OPEN, BRIDGE, READER, BACKTEST,                                             \
      "SELECT " TB_BACKTEST_COLUMNS " FROM backtests WHERE ended_at = 0 ORDER BY id")

#define TB_SERIES_WRITES(X)                                                                        \
    X(TB_SQL_SERIES_JSON, SERIES, WRITER, NONE, "SELECT json_valid(?1)")                           \
    X(TB_SQL_SAMPLE_INSERT, SERIES, WRITER, SAMPLE,                                                \
      "INSERT INTO samples (" TB_SAMPLE_COLUMNS ") VALUES (?1, ?2, ?3, ?4) "                       \
      "ON CONFLICT (bot_id, at, quote) DO UPDATE SET doc = excluded.doc")                          \
    X(TB_SQL_LOG_LINE_INSERT, SERIES, WRITER, LOG_LINE,                                            \
      "INSERT INTO log_lines (" TB_LOG_LINE_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5)")               \
    X(TB_SQL_EVENT_INSERT, SERIES, WRITER, EVENT,                                                  \
      "INSERT INTO events (" TB_EVENT_COLUMNS ") VALUES (?1, ?2, ?3, ?4) "                         \
      "ON CONFLICT (id) DO NOTHING")                                                               \
    X(TB_SQL_SAMPLE_PRUNE, SERIES, WRITER, NONE, "DELETE FROM samples WHERE at < ?1")              \
    X(TB_SQL_LOG_LINE_PRUNE, SERIES, WRITER, NONE, "DELETE FROM log_lines WHERE at < ?1")          \
    X(TB_SQL_EVENT_PRUNE, SERIES, WRITER, NONE,                                                    \
      "DELETE FROM events WHERE at < ?1 AND id < (SELECT max(id) FROM events)")

#define TB_SERIES_READS(X)                                                                         \
    X(TB_SQL_SAMPLES, SERIES, READER, SAMPLE,                                                      \
      "SELECT " TB_SAMPLE_COLUMNS " FROM samples WHERE bot_id = ?1 AND at >= ?3 AND at < ?4 "      \
      "AND (?2 IS NULL OR quote = ?2) ORDER BY at, quote")                                         \
    X(TB_SQL_LOG_LINES, SERIES, READER, LOG_LINE,                                                  \
      "SELECT " TB_LOG_LINE_COLUMNS " FROM log_lines WHERE bot_id = ?1 "                           \
      "ORDER BY at DESC, id DESC LIMIT ?2")                                                        \
    X(TB_SQL_EVENTS, SERIES, READER, EVENT,                                                        \
      "SELECT " TB_EVENT_COLUMNS " FROM events WHERE id > ?1 ORDER BY id LIMIT ?2")                \
    X(TB_SQL_EVENT_LAST, SERIES, READER, EVENT,                                                    \
      "SELECT " TB_EVENT_COLUMNS " FROM events ORDER BY id DESC LIMIT 1")

enum tb_store_statement {
#define X(name, file, access, record, sql) name,
    TB_STORE_STATEMENTS(X)
#undef X
        TB_STATEMENT_COUNT
};

#endif
