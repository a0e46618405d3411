/* What is known of the bots' MQTT broker. The bridge does not speak to it (yet); it has only what
 * upstream's answers show, and of these only some prove anything: a bot that the API heard within
 * its last 30 s proves a working broker, while `mqtt_connected: true` is said also when the broker
 * is gone (recorded). So "connected" is true by a heard bot, false by upstream's own word, and
 * otherwise null. The feed thread looks; any thread reads under the lock. */
#include <string.h>

#include "bots/bots_private.h"

enum { LOOK_EVERY_MS = 30000, READ_MS = 15000 };

void broker_look(struct tb_bots *b)
{
    struct broker now = {.known = false};
    struct tb_error err;
    struct tb_json_doc *doc;
    const struct tb_json *data;
    int64_t mono = tb_mono_ms();

    if (b->broker.looked_mono && mono - b->broker.looked_mono < LOOK_EVERY_MS)
        return;
    now.looked_mono = mono;
    doc = upstream_read(b, TB_HB_BOTS_MQTT, NULL, NULL, mono + READ_MS, &err);
    data = doc ? tb_json_get(tb_json_root(doc), "data") : NULL;
    if (tb_json_is(data, TB_JSON_OBJECT)) {
        const struct tb_json *connected = tb_json_get(data, "mqtt_connected");
        const char *host = tb_json_get_string(data, "broker_host");
        now.known = true;
        now.denied = tb_json_is(connected, TB_JSON_BOOL) && !tb_json_true(connected);
        if (host && strlen(host) < sizeof now.host)
            tb_copy(now.host, sizeof now.host, host);
        (void)tb_json_int64(tb_json_get(data, "broker_port"), &now.port);
    }
    tb_json_free(doc);
    pthread_mutex_lock(&b->lock);
    b->broker = now;
    pthread_mutex_unlock(&b->lock);
}

void broker_write(const struct tb_bots *b, struct tb_json_writer *w)
{
    const struct broker *k = &b->broker;
    bool fresh = b->looked && !b->look_error[0];
    int64_t running = 0, heard = 0;

    for (size_t i = 0; i < b->bots; i++) {
        const struct bot *bot = b->bot[i];
        bool runs = !bot->deleted && bot->sight.container == TB_CT_RUNNING;
        running += runs;
        heard += runs && bot->sight.active;
    }
    tb_jw_key(w, "broker");
    tb_jw_object(w);
    tb_jw_key(w, "connected");
    if (fresh && heard > 0)
        tb_jw_bool(w, true);
    else if (fresh && k->known && k->denied)
        tb_jw_bool(w, false);
    else
        tb_jw_null(w);
    tb_jw_kv_string(w, "host", k->host[0] ? k->host : NULL);
    tb_jw_key(w, "port");
    if (k->port > 0)
        tb_jw_int(w, k->port);
    else
        tb_jw_null(w);
    tb_jw_key(w, "bots_heard");
    if (fresh)
        tb_jw_int(w, heard);
    else
        tb_jw_null(w);
    tb_jw_key(w, "bots_running");
    if (fresh)
        tb_jw_int(w, running);
    else
        tb_jw_null(w);
    tb_jw_end_object(w);
}
