/* The archive of a bot: what its database would tell, written down when the folder is moved. Called
 * with the world's mutex held. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "simulator/answer.h"
#include "simulator/world.h"

#define PAGE 100

void sim_archive_clear(struct sim_archive *archive)
{
    free(archive->trades);
    free(archive->orders);
    free(archive->executors);
    free(archive->controllers);
    free(archive->pairs);
    free(archive->exchanges);
    *archive = (struct sim_archive){0};
}

static void common(struct tb_json_writer *out, const struct sim_archive *a,
                   const struct sim_fill *f)
{
    char file[SIM_NAME];
    snprintf(file, sizeof file, "%.*s.yml", (int)(strlen(a->database) - 7), a->database);
    tb_jw_kv_string(out, "config_file_path", file);
    tb_jw_kv_string(out, "strategy", "v2_with_controllers");
    tb_jw_kv_string(out, "connector_name", f->connector);
    tb_jw_kv_string(out, "trading_pair", f->pair);
}

static void write_trade(struct tb_json_writer *out, const struct sim_archive *a,
                        const struct sim_fill *f)
{
    char base[16] = "", quote[16] = "", id[32];
    double fee = f->price * f->amount * 0.001;
    (void)sim_pair_split(f->pair, base, quote);
    snprintf(id, sizeof id, "%llu", (unsigned long long)f->id);
    tb_jw_object(out);
    common(out, a, f);
    tb_jw_kv_string(out, "base_asset", base);
    tb_jw_kv_string(out, "quote_asset", quote);
    tb_jw_kv_int(out, "timestamp", f->at);
    tb_jw_kv_string(out, "order_id", id);
    tb_jw_kv_string(out, "trade_type", f->buy ? "BUY" : "SELL");
    tb_jw_kv_string(out, "order_type", "LIMIT");
    sim_kv_float(out, "price", f->price);
    sim_kv_float(out, "amount", f->amount);
    tb_jw_kv_int(out, "leverage", 1);
    sim_kv_float(out, "trade_fee", 0);
    sim_kv_float(out, "trade_fee_in_quote", fee);
    tb_jw_kv_string(out, "exchange_trade_id", id);
    tb_jw_kv_string(out, "position", "NIL");
    sim_kv_float(out, "cum_fees_in_quote", fee);
    tb_jw_end_object(out);
}

static void write_order(struct tb_json_writer *out, const struct sim_archive *a,
                        const struct sim_fill *f)
{
    char id[32];
    snprintf(id, sizeof id, "%llu", (unsigned long long)f->id);
    tb_jw_object(out);
    tb_jw_kv_string(out, "id", id);
    common(out, a, f);
    tb_jw_kv_int(out, "creation_timestamp", f->at);
    tb_jw_kv_string(out, "order_type", "LIMIT");
    sim_kv_float(out, "amount", f->amount);
    tb_jw_kv_int(out, "leverage", 1);
    sim_kv_float(out, "price", f->price);
    tb_jw_kv_string(out, "last_status", f->buy ? "BuyOrderCompleted" : "SellOrderCompleted");
    tb_jw_kv_int(out, "last_update_timestamp", f->at);
    tb_jw_kv_string(out, "exchange_order_id", id);
    tb_jw_kv_string(out, "position", "NIL");
    tb_jw_end_object(out);
}

static void write_executor(struct tb_json_writer *out, const struct sim_world *w,
                           const struct sim_controller *k, int close_type, unsigned number)
{
    static const int codes[SIM_CLOSE_TYPES] = {1, 2, 3, 5, 7, 8, 9};
    char id[SIM_NAME + 32];
    snprintf(id, sizeof id, "%.200s-%d-%u", k->id, close_type, number);
    tb_jw_object(out);
    tb_jw_kv_string(out, "id", id);
    sim_kv_float(out, "timestamp", (double)w->now / 1000);
    tb_jw_kv_string(out, "type", k->kind == SIM_GRID ? "grid_executor" : "position_executor");
    tb_jw_kv_int(out, "close_type", codes[close_type]);
    tb_jw_kv_int(out, "close_timestamp", w->now / 1000);
    tb_jw_kv_int(out, "status", 4);
    tb_jw_kv_string(out, "config", "{}");
    static const char *const zeros[] = {"net_pnl_pct", "net_pnl_quote", "cum_fees_quote",
                                        "filled_amount_quote"};
    for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++)
        sim_kv_float(out, zeros[i], 0);
    tb_jw_kv_int(out, "is_active", 0);
    tb_jw_kv_int(out, "is_trading", 0);
    tb_jw_kv_string(out, "custom_info", "{}");
    tb_jw_kv_string(out, "controller_id", k->id);
    tb_jw_end_object(out);
}

static void write_controller(struct tb_json_writer *out, const struct sim_world *w,
                             const struct sim_controller *k, int64_t number)
{
    struct tb_json_doc *doc = tb_json_parse(k->loaded, strlen(k->loaded), TB_JSON_UPSTREAM, NULL);
    tb_jw_object(out);
    tb_jw_kv_string(out, "id", k->id);
    tb_jw_kv_int(out, "controller_id", number);
    sim_kv_float(out, "timestamp", (double)w->now / 1000);
    tb_jw_kv_node(out, "type", tb_json_get(tb_json_root(doc), "controller_type"));
    tb_jw_kv_string(out, "config", k->loaded);
    tb_jw_end_object(out);
    tb_json_free(doc);
}

struct text {
    struct tb_buffer buffer;
    struct tb_json_writer out;
};

static void text_begin(struct text *t)
{
    t->buffer = (struct tb_buffer)TB_BUFFER_INIT;
    tb_jw_init(&t->out, &t->buffer);
    tb_jw_array(&t->out);
}

static char *text_end(struct text *t)
{
    tb_jw_end_array(&t->out);
    return tb_buffer_steal(&t->buffer, NULL);
}

static void describe(struct sim_world *w, const struct sim_bot *b, struct sim_archive *a)
{
    struct text t;
    size_t page = b->fill_count < PAGE ? b->fill_count : PAGE;
    text_begin(&t);
    for (size_t i = 0; i < page; i++)
        write_trade(&t.out, a, &b->fills[i]);
    a->trades = text_end(&t);
    text_begin(&t);
    for (size_t i = 0; i < page; i++)
        write_order(&t.out, a, &b->fills[i]);
    a->orders = text_end(&t);
    text_begin(&t);
    for (size_t i = 0; i < b->controller_count; i++) {
        for (int type = 0; type < SIM_CLOSE_TYPES; type++) {
            for (unsigned n = 0; n < b->controllers[i].now.closed[type]; n++, a->executor_count++)
                write_executor(&t.out, w, &b->controllers[i], type, n);
        }
    }
    a->executors = text_end(&t);
    text_begin(&t);
    for (size_t i = 0; i < b->controller_count; i++)
        write_controller(&t.out, w, &b->controllers[i], (int64_t)i + 1);
    a->controllers = text_end(&t);
    a->controller_count = (unsigned)b->controller_count;
    a->trade_count = (unsigned)b->fill_count;
}

static void markets(const struct sim_bot *b, struct sim_archive *a)
{
    struct text pairs, exchanges;
    text_begin(&pairs);
    text_begin(&exchanges);
    for (size_t i = 0; i < b->fill_count; i++) {
        bool pair = true, exchange = true;
        for (size_t j = 0; j < i; j++) {
            pair = pair && strcmp(b->fills[i].pair, b->fills[j].pair) != 0;
            exchange = exchange && strcmp(b->fills[i].connector, b->fills[j].connector) != 0;
        }
        if (pair)
            tb_jw_string(&pairs.out, b->fills[i].pair);
        if (exchange)
            tb_jw_string(&exchanges.out, b->fills[i].connector);
    }
    a->pairs = text_end(&pairs);
    a->exchanges = text_end(&exchanges);
}

void sim_instance_archive(struct sim_world *w, const char *name)
{
    static const struct sim_bot nobody;
    const struct sim_container *c = sim_container_find(w, name);
    w->archives = tb_xrealloc(w->archives, (w->archive_count + 1) * sizeof *w->archives);
    struct sim_archive *a = &w->archives[w->archive_count++];
    *a = (struct sim_archive){0};
    tb_copy(a->name, sizeof a->name, name);
    const char *config = c != NULL && c->script_config[0] != '\0' ? c->script_config : name;
    size_t len = strlen(config);
    if (len > 4 && strcmp(config + len - 4, ".yml") == 0)
        len -= 4;
    snprintf(a->database, sizeof a->database, "%.*s.sqlite", (int)len, config);
    describe(w, c == NULL ? &nobody : &c->bot, a);
    markets(c == NULL ? &nobody : &c->bot, a);
    sim_instance_forget(w, name);
}
