/* The controllers' config classes as rows (config_fields.h), from Hummingbot 2.16.0. Read-only. */
#include "hummingbot/config_fields.h"

#include <string.h>

struct tb_hb_class {
    const char *type, *name;
    enum tb_hb_takes_effect takes_effect;
    const char *live;  /* space-separated: marked is_updatable */
    const char *fixed; /* the other fields */
};

/* clang-format off */
static const struct tb_hb_class CLASSES[] = {
    {"directional_trading", "ai_livestream", TB_HB_NEW_EXECUTORS,
     "total_amount_quote manual_kill_switch max_executors_per_side cooldown_time stop_loss "
     "take_profit time_limit take_profit_order_type trailing_stop long_threshold "
     "short_threshold",
     "id controller_name controller_type initial_positions connector_name trading_pair "
     "leverage position_mode topic"},
    {"directional_trading", "bollinger_v1", TB_HB_NEW_EXECUTORS,
     "total_amount_quote manual_kill_switch max_executors_per_side cooldown_time stop_loss "
     "take_profit time_limit take_profit_order_type trailing_stop",
     "id controller_name controller_type initial_positions connector_name trading_pair "
     "leverage position_mode candles_connector candles_trading_pair interval bb_length bb_std "
     "bb_long_threshold bb_short_threshold"},
    {"directional_trading", "bollinger_v2", TB_HB_NEW_EXECUTORS,
     "total_amount_quote manual_kill_switch max_executors_per_side cooldown_time stop_loss "
     "take_profit time_limit take_profit_order_type trailing_stop",
     "id controller_name controller_type initial_positions connector_name trading_pair "
     "leverage position_mode candles_connector candles_trading_pair interval bb_length bb_std "
     "bb_long_threshold bb_short_threshold"},
    {"directional_trading", "bollingrid", TB_HB_NEW_EXECUTORS,
     "total_amount_quote manual_kill_switch max_executors_per_side cooldown_time stop_loss "
     "take_profit time_limit take_profit_order_type trailing_stop",
     "id controller_name controller_type initial_positions connector_name trading_pair "
     "leverage position_mode candles_connector candles_trading_pair interval bb_length bb_std "
     "bb_long_threshold bb_short_threshold grid_start_price_coefficient "
     "grid_end_price_coefficient grid_limit_price_coefficient min_spread_between_orders "
     "order_frequency max_orders_per_batch min_order_amount_quote max_open_orders"},
    {"directional_trading", "dman_v3", TB_HB_NEW_EXECUTORS,
     "total_amount_quote manual_kill_switch max_executors_per_side cooldown_time stop_loss "
     "take_profit time_limit take_profit_order_type",
     "id controller_name controller_type initial_positions connector_name trading_pair "
     "leverage position_mode trailing_stop candles_connector candles_trading_pair interval "
     "bb_length bb_std bb_long_threshold bb_short_threshold dca_spreads dca_amounts_pct "
     "dynamic_order_spread dynamic_target activation_bounds"},
    {"directional_trading", "macd_bb_v1", TB_HB_NEW_EXECUTORS,
     "total_amount_quote manual_kill_switch max_executors_per_side cooldown_time stop_loss "
     "take_profit time_limit take_profit_order_type trailing_stop",
     "id controller_name controller_type initial_positions connector_name trading_pair "
     "leverage position_mode candles_connector candles_trading_pair interval bb_length bb_std "
     "bb_long_threshold bb_short_threshold macd_fast macd_slow macd_signal"},
    {"directional_trading", "supertrend_v1", TB_HB_NEW_EXECUTORS,
     "total_amount_quote manual_kill_switch max_executors_per_side cooldown_time stop_loss "
     "take_profit time_limit take_profit_order_type trailing_stop",
     "id controller_name controller_type initial_positions connector_name trading_pair "
     "leverage position_mode candles_connector candles_trading_pair interval length multiplier "
     "percentage_threshold"},
    {"market_making", "dman_maker_v2", TB_HB_NEW_EXECUTORS,
     "total_amount_quote manual_kill_switch buy_spreads sell_spreads buy_amounts_pct "
     "sell_amounts_pct executor_refresh_time cooldown_time stop_loss take_profit time_limit "
     "take_profit_order_type trailing_stop position_rebalance_threshold_pct "
     "top_executor_refresh_time executor_activation_bounds",
     "id controller_name controller_type initial_positions connector_name trading_pair "
     "leverage position_mode skip_rebalance dca_spreads dca_amounts"},
    {"market_making", "pmm_dynamic", TB_HB_NEW_EXECUTORS,
     "total_amount_quote manual_kill_switch buy_spreads sell_spreads buy_amounts_pct "
     "sell_amounts_pct executor_refresh_time cooldown_time stop_loss take_profit time_limit "
     "take_profit_order_type trailing_stop position_rebalance_threshold_pct",
     "id controller_name controller_type initial_positions connector_name trading_pair "
     "leverage position_mode skip_rebalance candles_connector candles_trading_pair interval "
     "macd_fast macd_slow macd_signal natr_length"},
    {"market_making", "pmm_simple", TB_HB_NEW_EXECUTORS,
     "total_amount_quote manual_kill_switch buy_spreads sell_spreads buy_amounts_pct "
     "sell_amounts_pct executor_refresh_time cooldown_time stop_loss take_profit time_limit "
     "take_profit_order_type trailing_stop position_rebalance_threshold_pct",
     "id controller_name controller_type initial_positions connector_name trading_pair "
     "leverage position_mode skip_rebalance"},
    {"generic", "arbitrage_controller", TB_HB_NEW_EXECUTORS,
     "total_amount_quote manual_kill_switch",
     "id controller_name controller_type initial_positions exchange_pair_1 exchange_pair_2 "
     "min_profitability delay_between_executors max_executors_imbalance rate_connector "
     "quote_conversion_asset"},
    {"generic", "grid_strike", TB_HB_NEXT_GRID,
     "total_amount_quote manual_kill_switch start_price end_price limit_price "
     "min_spread_between_orders min_order_amount_quote max_open_orders max_orders_per_batch "
     "order_frequency activation_bounds keep_position",
     "id controller_name controller_type initial_positions leverage position_mode "
     "connector_name trading_pair side triple_barrier_config"},
    {"generic", "hedge_asset", TB_HB_NEW_EXECUTORS,
     "manual_kill_switch hedge_ratio",
     "id controller_name controller_type total_amount_quote initial_positions "
     "spot_connector_name asset_to_hedge hedge_connector_name hedge_trading_pair leverage "
     "position_mode min_notional_size cooldown_time"},
    {"generic", "multi_grid_strike", TB_HB_NEXT_GRID,
     "total_amount_quote manual_kill_switch grids min_spread_between_orders "
     "min_order_amount_quote max_open_orders max_orders_per_batch order_frequency "
     "activation_bounds keep_position",
     "id controller_name controller_type initial_positions leverage position_mode "
     "connector_name trading_pair triple_barrier_config"},
    {"generic", "pmm_mister", TB_HB_NEW_EXECUTORS,
     "total_amount_quote manual_kill_switch portfolio_allocation target_base_pct min_base_pct "
     "max_base_pct buy_spreads sell_spreads buy_amounts_pct sell_amounts_pct "
     "executor_refresh_time buy_cooldown_time sell_cooldown_time "
     "buy_position_effectivization_time sell_position_effectivization_time "
     "price_distance_tolerance refresh_tolerance tolerance_scaling leverage take_profit "
     "take_profit_order_type open_order_type max_active_executors_by_level tick_mode "
     "position_profit_protection min_skew global_take_profit global_stop_loss "
     "global_tp_enabled global_sl_enabled global_tp_activation_from global_sl_activation_from "
     "global_pnl_reference",
     "id controller_name controller_type initial_positions connector_name trading_pair "
     "position_mode position_side"},
    {"generic", "pmm_v1", TB_HB_NEW_EXECUTORS,
     "manual_kill_switch order_amount buy_spreads sell_spreads order_refresh_time "
     "order_refresh_tolerance_pct filled_order_delay inventory_skew_enabled target_base_pct "
     "inventory_range_multiplier price_ceiling price_floor",
     "id controller_name controller_type total_amount_quote initial_positions connector_name "
     "trading_pair"},
    {"generic", "quantum_grid_allocator", TB_HB_NEW_EXECUTORS,
     "total_amount_quote manual_kill_switch long_only_threshold short_only_threshold "
     "hedge_ratio base_grid_value_pct max_grid_value_pct safe_extra_spread "
     "favorable_order_frequency unfavorable_order_frequency max_orders_per_batch "
     "portfolio_allocation grid_range tp_sl_ratio min_order_amount max_deviation "
     "max_open_orders min_spread_between_orders grid_tp_multiplier limit_price_spread "
     "activation_bounds dynamic_grid_range",
     "id controller_name controller_type initial_positions connector_name leverage "
     "position_mode quote_asset fee_asset bb_length bb_std_dev interval "
     "show_terminated_details"},
    {"generic", "stat_arb", TB_HB_NEW_EXECUTORS,
     "total_amount_quote manual_kill_switch",
     "id controller_name controller_type initial_positions connector_pair_dominant "
     "connector_pair_hedge interval lookback_period entry_threshold take_profit tp_global "
     "sl_global min_amount_quote quoter_spread quoter_cooldown quoter_refresh "
     "max_orders_placed_per_side max_orders_filled_per_side max_position_deviation "
     "pos_hedge_ratio leverage position_mode"},
    {"generic", "xemm_multiple_levels", TB_HB_NEW_EXECUTORS,
     "total_amount_quote manual_kill_switch",
     "id controller_name controller_type initial_positions maker_connector maker_trading_pair "
     "taker_connector taker_trading_pair buy_levels_targets_amount sell_levels_targets_amount "
     "min_profitability max_profitability max_executors_imbalance"},
    {"generic", "lp_rebalancer", TB_HB_NEW_EXECUTORS,
     "total_amount_quote manual_kill_switch side position_width_pct position_offset_pct "
     "rebalance_threshold_pct sell_price_max sell_price_min buy_price_max buy_price_min "
     "strategy_type autoswap swap_buffer_pct",
     "id controller_name controller_type initial_positions candles_config connector_name "
     "lp_provider trading_pair pool_address"},
    {"generic", "pmm", TB_HB_NEW_EXECUTORS,
     "total_amount_quote manual_kill_switch buy_spreads sell_spreads buy_amounts_pct "
     "sell_amounts_pct executor_refresh_time cooldown_time leverage take_profit "
     "take_profit_order_type max_skew",
     "id controller_name controller_type initial_positions candles_config connector_name "
     "trading_pair portfolio_allocation target_base_pct min_base_pct max_base_pct "
     "position_mode global_take_profit global_stop_loss"},
    {"generic", "pmm_adjusted", TB_HB_NEW_EXECUTORS,
     "total_amount_quote manual_kill_switch buy_spreads sell_spreads buy_amounts_pct "
     "sell_amounts_pct executor_refresh_time cooldown_time leverage take_profit "
     "take_profit_order_type max_skew",
     "id controller_name controller_type initial_positions candles_config connector_name "
     "trading_pair candles_connector_name candles_trading_pair candles_interval "
     "portfolio_allocation target_base_pct min_base_pct max_base_pct position_mode "
     "global_take_profit global_stop_loss"},
};
/* clang-format on */

static bool has_word(const char *words, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = words; len > 0 && *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        if (n == len && strncmp(p, word, n) == 0)
            return true;
        p += n;
    }
    return false;
}

const struct tb_hb_class *tb_hb_class_find(const char *type, const char *name)
{
    for (size_t i = 0; i < sizeof CLASSES / sizeof *CLASSES; i++)
        if (strcmp(CLASSES[i].type, type) == 0 && strcmp(CLASSES[i].name, name) == 0)
            return &CLASSES[i];
    return NULL;
}

enum tb_hb_field tb_hb_class_field(const struct tb_hb_class *c, const char *field)
{
    return !c                          ? TB_HB_FIELD_UNKNOWN
           : has_word(c->live, field)  ? TB_HB_FIELD_LIVE
           : has_word(c->fixed, field) ? TB_HB_FIELD_FIXED
                                       : TB_HB_FIELD_UNKNOWN;
}

enum tb_hb_takes_effect tb_hb_class_takes_effect(const struct tb_hb_class *c)
{
    return c->takes_effect;
}

bool tb_hb_fields_known(const char *image)
{
    static const char *const KNOWN[] = {":version-2.16.", ":2.16."};
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (strstr(image, KNOWN[i]))
            return true;
    return false;
}
