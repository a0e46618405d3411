-- bridge.classes: the config classes of Hummingbot's controllers, version 2.16.0, as rows. A class takes these
-- fields and no other: one unknown key keeps a bot from starting. Read from the classes themselves; a test
-- compares the rows with the recorded facts.
--
--   classes.get("generic/grid_strike") -> { type, name, purpose, executors, fields = { { name, type, default, unit } } }
--   or nil; type is Python's, default is upstream's raw one.
--   classes.names() -> every class, sorted; classes.purpose(class) -> what it is for
--   classes.usual(field) -> { type, default, unit } of most classes that have such a field
--   classes.enums, classes.models -> the types of fields that are neither numbers nor texts
--   classes.complete_models(config) -> completes them as upstream does; see there
--
-- FIELDS holds what most classes have of a field: type, default, unit. CLASSES lists a class's fields in the
-- order of its config; DIFFERS holds where a class departs from FIELDS: default, type, unit (nil: as there).
local json = require("bridge.json")
local text = require("bridge.text")

local null = json.null

local FIELDS = {
  id = { "str", null, "string; unique; must equal the controller-config file name (without .yml); [A-Za-z0-9_-]+ for hummingbot-api" },
  controller_name = { "str", "ai_livestream", "python module name under controllers/<type>/ (dotted for examples.*)" },
  controller_type = { "str", "generic", "folder: directional_trading | market_making | generic" },
  total_amount_quote = { "Decimal", "100", "quote currency (all levels / both sides together)" },
  manual_kill_switch = { "bool", false, "bool; true = controller stopped and all its executors stopped on next tick; false again = restarted" },
  initial_positions = { "List[InitialPositionConfig]", json.array({}), "list of {connector_name, trading_pair, amount(base), side(BUY/SELL)} the controller should count as already held" },
  connector_name = { "str", "binance_perpetual", "hummingbot connector id" },
  trading_pair = { "str", "WLD-USDT", "BASE-QUOTE, upper case, one hyphen" },
  max_executors_per_side = { "int", 2, "count; total_amount_quote is divided by it" },
  cooldown_time = { "int", 300, "seconds" },
  leverage = { "int", 20, "integer multiple; ignored on spot" },
  position_mode = { "PositionMode", "HEDGE", "HEDGE | ONEWAY; ignored on spot" },
  stop_loss = { "Optional[Decimal]", "0.03", "fraction of entry price (0.03 = 3%); null disables; 0 rejected" },
  take_profit = { "Optional[Decimal]", "0.02", "fraction of entry price; null disables; 0 rejected" },
  time_limit = { "Optional[int]", 2700, "seconds from executor creation; null disables; 0 rejected" },
  take_profit_order_type = { "OrderType", "LIMIT", "OrderType name or int (1 MARKET, 2 LIMIT, 3 LIMIT_MAKER)" },
  trailing_stop = { "Optional[TrailingStop]", null, 'object {activation_price, trailing_delta} (fractions of PnL) or the string "activation,delta" or ""/null' },
  long_threshold = { "float", 0.5, "" },
  short_threshold = { "float", 0.5, "" },
  topic = { "str", "hbot/predictions", "" },
  candles_connector = { "str", null, 'candles feed id; null or "" => connector_name (key must be PRESENT)' },
  candles_trading_pair = { "str", null, 'null or "" => trading_pair (key must be PRESENT)' },
  interval = { "str", "3m", "candle interval, must be in the feed's interval list" },
  bb_length = { "int", 100, "candles" },
  bb_std = { "float", 2.0, "standard deviations" },
  bb_long_threshold = { "float", 0.0, "%B value (0 = lower band, 1 = upper band)" },
  bb_short_threshold = { "float", 1.0, "%B value" },
  grid_start_price_coefficient = { "float", 0.25, "" },
  grid_end_price_coefficient = { "float", 0.75, "" },
  grid_limit_price_coefficient = { "float", 0.35, "" },
  min_spread_between_orders = { "Optional[Decimal]", "0.001", "fraction between grid levels" },
  order_frequency = { "int", 3, "seconds between batches" },
  max_orders_per_batch = { "int", 1, "count per order_frequency" },
  min_order_amount_quote = { "Optional[Decimal]", "5", "quote per grid order" },
  max_open_orders = { "int", 2, "count of simultaneous open (entry) orders" },
  dca_spreads = { "List[Decimal]", "0.001,0.018,0.15,0.25", "fraction from entry per DCA level (or fraction of BB width when dynamic_order_spread)" },
  dca_amounts_pct = { "List[Decimal]", null, "relative weights per DCA level" },
  dynamic_order_spread = { "bool", null, "bool" },
  dynamic_target = { "bool", null, "bool" },
  activation_bounds = { "Optional[Decimal]", null, "fraction distance from mid at which an order is actually placed; list for DCA ([open] or [open,close]), scalar for grid" },
  macd_fast = { "int", 21, "candles" },
  macd_slow = { "int", 42, "candles" },
  macd_signal = { "int", 9, "candles" },
  length = { "int", 20, "candles" },
  multiplier = { "float", 4.0, "ATR multiples" },
  percentage_threshold = { "float", 0.01, "fraction distance close/supertrend" },
  buy_spreads = { "List[float]", "0.01,0.02", "fraction of reference price per level (0.01 = 1%); pmm_dynamic: multiples of NATR; pmm_mister tick_mode: number of ticks" },
  sell_spreads = { "List[float]", "0.01,0.02", "same as buy_spreads" },
  buy_amounts_pct = { "Optional[List[Decimal]]", null, "relative weights (normalised over buys+sells), one per buy spread" },
  sell_amounts_pct = { "Optional[List[Decimal]]", null, "relative weights, one per sell spread" },
  executor_refresh_time = { "int", 300, "seconds an unfilled executor lives before being replaced" },
  position_rebalance_threshold_pct = { "Decimal", "0.05", "fraction of required base" },
  skip_rebalance = { "bool", false, "bool; spot only: true stops the controller from market-buying/selling base inventory" },
  dca_amounts = { "List[Decimal]", "0.1,0.2,0.4,0.8", "relative weights per DCA level" },
  top_executor_refresh_time = { "Optional[float]", null, "seconds, level 0 only" },
  executor_activation_bounds = { "Optional[List[Decimal]]", null, "list of fractions" },
  natr_length = { "int", 14, "candles" },
  exchange_pair_1 = { "ConnectorPair", { connector_name = "binance", trading_pair = "SOL-USDT" }, "{connector_name, trading_pair}" },
  exchange_pair_2 = { "ConnectorPair", { connector_name = "jupiter/router", trading_pair = "SOL-USDC" }, "{connector_name, trading_pair}" },
  min_profitability = { "Decimal", "0.01", "fraction after fees and gas" },
  delay_between_executors = { "int", 10, "seconds" },
  max_executors_imbalance = { "int", 1, "count of one-directional trades before pausing" },
  rate_connector = { "str", "binance", "CEX used to price gas/quote conversion" },
  quote_conversion_asset = { "str", "USDT", "asset symbol" },
  side = { "TradeType", "BUY", "TradeType int (1 BUY/long, 2 SELL/short; lp_rebalancer also names and 3 RANGE)" },
  start_price = { "Decimal", "0.38", "price, lower edge of grid" },
  end_price = { "Decimal", "0.75", "price, upper edge of grid" },
  limit_price = { "Decimal", "0.35", "price; below start for BUY, above end for SELL: grid closed when crossed" },
  keep_position = { "bool", false, "bool; true keeps inventory on stop" },
  triple_barrier_config = { "TripleBarrierConfig", { stop_loss = null, take_profit = "0.001", time_limit = null, trailing_stop = null, open_order_type = "LIMIT_MAKER", take_profit_order_type = "LIMIT_MAKER", stop_loss_order_type = "MARKET", time_limit_order_type = "MARKET" }, "object {stop_loss,take_profit,time_limit,trailing_stop,open_order_type,take_profit_order_type,stop_loss_order_type,time_limit_order_type}; order types as ints" },
  spot_connector_name = { "str", "binance", "connector whose wallet balance is hedged" },
  asset_to_hedge = { "str", "SOL", "asset symbol (market ASSET-USDC is registered on the spot connector)" },
  hedge_connector_name = { "str", "binance_perpetual", "perpetual connector" },
  hedge_trading_pair = { "str", "SOL-USDT", "perpetual pair" },
  hedge_ratio = { "Decimal", "0", "fraction 0..1 of spot balance to short" },
  min_notional_size = { "float", 10, "quote" },
  grids = { "List[GridConfig]", json.array({}), "list of GridConfig" },
  portfolio_allocation = { "Decimal", "0.05", "fraction of total (pmm*) / dict asset->fraction <1 (quantum_grid_allocator)" },
  target_base_pct = { "Decimal", "0.5", "fraction of total in base" },
  min_base_pct = { "Decimal", "0.1", "fraction" },
  max_base_pct = { "Decimal", "0.4", "fraction" },
  buy_cooldown_time = { "int", 60, "seconds" },
  sell_cooldown_time = { "int", 60, "seconds" },
  buy_position_effectivization_time = { "int", 120, "seconds before a filled buy becomes held inventory" },
  sell_position_effectivization_time = { "int", 120, "seconds" },
  price_distance_tolerance = { "Decimal", "0.0005", "fraction" },
  refresh_tolerance = { "Decimal", "0.0005", "fraction" },
  tolerance_scaling = { "Decimal", "1.2", "multiplier per level, > 0" },
  position_side = { "TradeType", "BUY", "BUY/LONG or SELL/SHORT (or 1/2)" },
  open_order_type = { "Optional[OrderType]", "LIMIT_MAKER", "OrderType name (or int in TripleBarrier)" },
  max_active_executors_by_level = { "Optional[int]", 4, "" },
  tick_mode = { "bool", false, "bool; spreads become ticks" },
  position_profit_protection = { "bool", false, "" },
  min_skew = { "Decimal", "1.0", "multiplier" },
  global_take_profit = { "Decimal", "0.02", "fraction" },
  global_stop_loss = { "Decimal", "0.05", "fraction" },
  global_tp_enabled = { "bool", false, "" },
  global_sl_enabled = { "bool", false, "" },
  global_tp_activation_from = { "str", "min_base", "" },
  global_sl_activation_from = { "str", "target_base", "" },
  global_pnl_reference = { "str", "position", "" },
  order_amount = { "Decimal", "1", "base asset amount" },
  order_refresh_time = { "int", 30, "seconds" },
  order_refresh_tolerance_pct = { "Decimal", "-1", "fraction; -1 disables" },
  filled_order_delay = { "int", 60, "seconds" },
  inventory_skew_enabled = { "bool", false, "" },
  inventory_range_multiplier = { "Decimal", "1.0", "multiple of order size" },
  price_ceiling = { "Decimal", "-1", "price; -1 disables" },
  price_floor = { "Decimal", "-1", "price; -1 disables" },
  long_only_threshold = { "Decimal", "0.2", "" },
  short_only_threshold = { "Decimal", "0.2", "" },
  base_grid_value_pct = { "Decimal", "0.08", "" },
  max_grid_value_pct = { "Decimal", "0.15", "" },
  safe_extra_spread = { "Decimal", "0.0001", "" },
  favorable_order_frequency = { "int", 2, "" },
  unfavorable_order_frequency = { "int", 5, "" },
  grid_range = { "Decimal", "0.002", "" },
  tp_sl_ratio = { "Decimal", "0.8", "" },
  min_order_amount = { "Decimal", "5", "" },
  max_deviation = { "Decimal", "0.05", "" },
  quote_asset = { "str", "USDT", "" },
  fee_asset = { "str", "BNB", "" },
  grid_tp_multiplier = { "Decimal", "0.0001", "" },
  limit_price_spread = { "Decimal", "0.001", "" },
  bb_std_dev = { "float", 2.0, "" },
  dynamic_grid_range = { "bool", false, "" },
  show_terminated_details = { "bool", false, "" },
  connector_pair_dominant = { "ConnectorPair", { connector_name = "binance_perpetual", trading_pair = "SOL-USDT" }, "{connector_name, trading_pair}" },
  connector_pair_hedge = { "ConnectorPair", { connector_name = "binance_perpetual", trading_pair = "POPCAT-USDT" }, "{connector_name, trading_pair}" },
  lookback_period = { "int", 300, "candles" },
  entry_threshold = { "Decimal", "2.0", "z-score" },
  tp_global = { "Decimal", "0.01", "fraction" },
  sl_global = { "Decimal", "0.05", "fraction" },
  min_amount_quote = { "Decimal", "10", "quote" },
  quoter_spread = { "Decimal", "0.0001", "fraction" },
  quoter_cooldown = { "int", 30, "seconds" },
  quoter_refresh = { "int", 10, "seconds" },
  max_orders_placed_per_side = { "int", 2, "" },
  max_orders_filled_per_side = { "int", 2, "" },
  max_position_deviation = { "Decimal", "0.1", "fraction" },
  pos_hedge_ratio = { "Decimal", "1.0", "ratio" },
  maker_connector = { "str", "mexc", "order-book connector" },
  maker_trading_pair = { "str", "PEPE-USDT", "" },
  taker_connector = { "str", "binance", "CEX or Gateway network connector" },
  taker_trading_pair = { "str", "PEPE-USDT", "" },
  buy_levels_targets_amount = { "List[List[Decimal]]", "0.003,10-0.006,20-0.009,30", 'list of [target_profitability fraction, weight] or "p,a-p,a"' },
  sell_levels_targets_amount = { "List[List[Decimal]]", "0.003,10-0.006,20-0.009,30", 'list of [target_profitability fraction, weight] or "p,a-p,a"' },
  max_profitability = { "Decimal", 0.01, "fraction" },
  candles_config = { "List[CandlesConfig]", json.array({}), "" },
  lp_provider = { "str", "orca/clmm", '"dex/clmm" (orca, raydium, meteora, pancakeswap-sol)' },
  pool_address = { "str", null, "pool account address" },
  position_width_pct = { "Decimal", "0.5", "PERCENT (0.5 = 0.5%)" },
  position_offset_pct = { "Decimal", "0.01", "PERCENT (0.01 = 0.01%); negative = in range" },
  rebalance_threshold_pct = { "Decimal", "1", "PERCENT beyond bounds" },
  sell_price_max = { "Optional[Decimal]", null, "price" },
  sell_price_min = { "Optional[Decimal]", null, "price" },
  buy_price_max = { "Optional[Decimal]", null, "price" },
  buy_price_min = { "Optional[Decimal]", null, "price" },
  strategy_type = { "Optional[int]", null, "connector-specific int (Meteora strategyType)" },
  autoswap = { "bool", false, "bool; swaps through the network swapProvider (jupiter/router)" },
  swap_buffer_pct = { "Decimal", "0.01", "PERCENT" },
  max_skew = { "Decimal", "1.0", "" },
  candles_connector_name = { "str", "binance", "" },
  candles_interval = { "str", "1s", "" },
}

local CLASSES = {
  ["directional_trading/ai_livestream"] = { "Trades ML probabilities received on an MQTT topic.", "position",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions connector_name
      trading_pair max_executors_per_side cooldown_time leverage position_mode stop_loss take_profit time_limit
      take_profit_order_type trailing_stop long_threshold short_threshold topic]] },
  ["directional_trading/bollinger_v1"] = { "Bollinger %B mean reversion: long below the lower threshold, short above the upper one.", "position",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions connector_name
      trading_pair max_executors_per_side cooldown_time leverage position_mode stop_loss take_profit time_limit
      take_profit_order_type trailing_stop candles_connector candles_trading_pair interval bb_length bb_std
      bb_long_threshold bb_short_threshold]] },
  ["directional_trading/bollinger_v2"] = { "Same signal as bollinger_v1 computed with TA-Lib (needs 5x the candles; logs each update).", "position",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions connector_name
      trading_pair max_executors_per_side cooldown_time leverage position_mode stop_loss take_profit time_limit
      take_profit_order_type trailing_stop candles_connector candles_trading_pair interval bb_length bb_std
      bb_long_threshold bb_short_threshold]] },
  ["directional_trading/bollingrid"] = { "Bollinger signal that opens a grid sized from the band width.", "grid",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions connector_name
      trading_pair max_executors_per_side cooldown_time leverage position_mode stop_loss take_profit time_limit
      take_profit_order_type trailing_stop candles_connector candles_trading_pair interval bb_length bb_std
      bb_long_threshold bb_short_threshold grid_start_price_coefficient grid_end_price_coefficient
      grid_limit_price_coefficient min_spread_between_orders order_frequency max_orders_per_batch
      min_order_amount_quote max_open_orders]] },
  ["directional_trading/dman_v3"] = { "Bollinger mean-reversion entry executed as a DCA ladder.", "dca",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions connector_name
      trading_pair max_executors_per_side cooldown_time leverage position_mode stop_loss take_profit time_limit
      take_profit_order_type trailing_stop candles_connector candles_trading_pair interval bb_length bb_std
      bb_long_threshold bb_short_threshold dca_spreads dca_amounts_pct dynamic_order_spread dynamic_target
      activation_bounds]] },
  ["directional_trading/macd_bb_v1"] = { "Bollinger %B filtered by MACD histogram/sign.", "position",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions connector_name
      trading_pair max_executors_per_side cooldown_time leverage position_mode stop_loss take_profit time_limit
      take_profit_order_type trailing_stop candles_connector candles_trading_pair interval bb_length bb_std
      bb_long_threshold bb_short_threshold macd_fast macd_slow macd_signal]] },
  ["directional_trading/supertrend_v1"] = { "Trend following on SuperTrend direction when price is near the line.", "position",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions connector_name
      trading_pair max_executors_per_side cooldown_time leverage position_mode stop_loss take_profit time_limit
      take_profit_order_type trailing_stop candles_connector candles_trading_pair interval length multiplier
      percentage_threshold]] },
  ["generic/arbitrage_controller"] = { "Two-venue taker arbitrage (CEX/CEX or CEX/Gateway) with both-side inventory.", "arbitrage",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions exchange_pair_1
      exchange_pair_2 min_profitability delay_between_executors max_executors_imbalance rate_connector
      quote_conversion_asset]] },
  ["generic/grid_strike"] = { "One-direction price grid between start and end with a limit (stop) price.", "grid",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions leverage
      position_mode connector_name trading_pair side start_price end_price limit_price min_spread_between_orders
      min_order_amount_quote max_open_orders max_orders_per_batch order_frequency activation_bounds keep_position
      triple_barrier_config]] },
  ["generic/hedge_asset"] = { "Keeps a perpetual short equal to hedge_ratio x the spot balance.", "order",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions spot_connector_name
      asset_to_hedge hedge_connector_name hedge_trading_pair leverage position_mode hedge_ratio min_notional_size
      cooldown_time]] },
  ["generic/lp_rebalancer"] = { "Keeps one concentrated-liquidity (CLMM) position and re-opens it when price leaves the range.", "lp order",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions candles_config
      connector_name lp_provider trading_pair pool_address side position_width_pct position_offset_pct
      rebalance_threshold_pct sell_price_max sell_price_min buy_price_max buy_price_min strategy_type autoswap
      swap_buffer_pct]] },
  ["generic/multi_grid_strike"] = { "Several grid_strike grids on one pair, each with its share of capital.", "grid",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions leverage
      position_mode connector_name trading_pair grids min_spread_between_orders min_order_amount_quote max_open_orders
      max_orders_per_batch order_frequency activation_bounds keep_position triple_barrier_config]] },
  ["generic/pmm"] = { "Predecessor of pmm_mister (only shipped by hummingbot-api; removed from the client in v2.13).", "position order",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions candles_config
      connector_name trading_pair portfolio_allocation target_base_pct min_base_pct max_base_pct buy_spreads
      sell_spreads buy_amounts_pct sell_amounts_pct executor_refresh_time cooldown_time leverage position_mode
      take_profit take_profit_order_type max_skew global_take_profit global_stop_loss]] },
  ["generic/pmm_adjusted"] = { "pmm with candle-adjusted price (only shipped by hummingbot-api; removed from the client in v2.13).", "position order",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions candles_config
      connector_name trading_pair candles_connector_name candles_trading_pair candles_interval portfolio_allocation
      target_base_pct min_base_pct max_base_pct buy_spreads sell_spreads buy_amounts_pct sell_amounts_pct
      executor_refresh_time cooldown_time leverage position_mode take_profit take_profit_order_type max_skew
      global_take_profit global_stop_loss]] },
  ["generic/pmm_mister"] = { "Inventory-targeting market making with held positions, cooldowns, tolerances and global TP/SL.", "position order",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions connector_name
      trading_pair portfolio_allocation target_base_pct min_base_pct max_base_pct buy_spreads sell_spreads
      buy_amounts_pct sell_amounts_pct executor_refresh_time buy_cooldown_time sell_cooldown_time
      buy_position_effectivization_time sell_position_effectivization_time price_distance_tolerance refresh_tolerance
      tolerance_scaling leverage position_mode position_side take_profit take_profit_order_type open_order_type
      max_active_executors_by_level tick_mode position_profit_protection min_skew global_take_profit global_stop_loss
      global_tp_enabled global_sl_enabled global_tp_activation_from global_sl_activation_from global_pnl_reference]] },
  ["generic/pmm_v1"] = { "Legacy-style pure market making (plain limit orders, inventory skew, price bands).", "order",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions connector_name
      trading_pair order_amount buy_spreads sell_spreads order_refresh_time order_refresh_tolerance_pct
      filled_order_delay inventory_skew_enabled target_base_pct inventory_range_multiplier price_ceiling price_floor]] },
  ["generic/quantum_grid_allocator"] = { "Portfolio rebalancer that works a grid per asset towards target allocations.", "grid",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions long_only_threshold
      short_only_threshold hedge_ratio base_grid_value_pct max_grid_value_pct safe_extra_spread
      favorable_order_frequency unfavorable_order_frequency max_orders_per_batch portfolio_allocation grid_range
      tp_sl_ratio min_order_amount max_deviation max_open_orders connector_name leverage position_mode quote_asset
      fee_asset min_spread_between_orders grid_tp_multiplier limit_price_spread activation_bounds bb_length bb_std_dev
      interval dynamic_grid_range show_terminated_details]] },
  ["generic/stat_arb"] = { "Pairs trading of two cointegrated perpetuals by z-score.", "position order",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions
      connector_pair_dominant connector_pair_hedge interval lookback_period entry_threshold take_profit tp_global
      sl_global min_amount_quote quoter_spread quoter_cooldown quoter_refresh max_orders_placed_per_side
      max_orders_filled_per_side max_position_deviation pos_hedge_ratio leverage position_mode]] },
  ["generic/xemm_multiple_levels"] = { "Cross-exchange market making: limit orders on the maker, market hedge on the taker.", "xemm",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions maker_connector
      maker_trading_pair taker_connector taker_trading_pair buy_levels_targets_amount sell_levels_targets_amount
      min_profitability max_profitability max_executors_imbalance]] },
  ["market_making/dman_maker_v2"] = { "Market making where every level is a DCA ladder.", "dca",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions connector_name
      trading_pair buy_spreads sell_spreads buy_amounts_pct sell_amounts_pct executor_refresh_time cooldown_time
      leverage position_mode stop_loss take_profit time_limit take_profit_order_type trailing_stop
      position_rebalance_threshold_pct skip_rebalance dca_spreads dca_amounts top_executor_refresh_time
      executor_activation_bounds]] },
  ["market_making/pmm_dynamic"] = { "Market making whose mid is shifted by MACD and whose spreads are multiples of NATR; needs candles.", "position",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions connector_name
      trading_pair buy_spreads sell_spreads buy_amounts_pct sell_amounts_pct executor_refresh_time cooldown_time
      leverage position_mode stop_loss take_profit time_limit take_profit_order_type trailing_stop
      position_rebalance_threshold_pct skip_rebalance candles_connector candles_trading_pair interval macd_fast
      macd_slow macd_signal natr_length]] },
  ["market_making/pmm_simple"] = { "Symmetric multi-level market making around the order-book mid; each level is a PositionExecutor with triple barrier.", "position",
    [[id controller_name controller_type total_amount_quote manual_kill_switch initial_positions connector_name
      trading_pair buy_spreads sell_spreads buy_amounts_pct sell_amounts_pct executor_refresh_time cooldown_time
      leverage position_mode stop_loss take_profit time_limit take_profit_order_type trailing_stop
      position_rebalance_threshold_pct skip_rebalance]] },
}

local DIFFERS = {
  ["directional_trading/bollingrid"] = {
    min_spread_between_orders = { default = "0.005", type = "Decimal" },
    order_frequency = { default = 2 },
    min_order_amount_quote = { default = "6", type = "Decimal" },
    max_open_orders = { default = 5 },
  },
  ["directional_trading/dman_v3"] = {
    trailing_stop = { default = "0.015,0.005" },
    activation_bounds = { type = "Optional[List[Decimal]]" },
  },
  ["generic/grid_strike"] = {
    total_amount_quote = { default = "1000" },
    connector_name = { default = "okx" },
    max_orders_per_batch = { type = "Optional[int]" },
  },
  ["generic/hedge_asset"] = {
    total_amount_quote = { default = "0" },
    cooldown_time = { default = 10.0, type = "float" },
  },
  ["generic/lp_rebalancer"] = {
    total_amount_quote = { default = "50" },
    connector_name = { default = "solana-mainnet-beta" },
    trading_pair = { default = null },
  },
  ["generic/multi_grid_strike"] = {
    total_amount_quote = { default = "1000" },
    max_orders_per_batch = { type = "Optional[int]" },
  },
  ["generic/pmm"] = {
    connector_name = { default = "binance" },
    trading_pair = { default = "BTC-FDUSD" },
    target_base_pct = { default = "0.2" },
    cooldown_time = { default = 15 },
    take_profit_order_type = { default = "LIMIT_MAKER", type = "Optional[OrderType]" },
  },
  ["generic/pmm_adjusted"] = {
    connector_name = { default = "binance" },
    trading_pair = { default = "BTC-FDUSD" },
    candles_trading_pair = { default = "BTC-USDT" },
    target_base_pct = { default = "0.2" },
    cooldown_time = { default = 15 },
    take_profit_order_type = { default = "LIMIT_MAKER", type = "Optional[OrderType]" },
  },
  ["generic/pmm_mister"] = {
    connector_name = { default = "binance" },
    trading_pair = { default = "BTC-USDT" },
    portfolio_allocation = { default = "0.1" },
    min_base_pct = { default = "0.3" },
    max_base_pct = { default = "0.7" },
    buy_spreads = { default = "0.0005" },
    sell_spreads = { default = "0.0005" },
    buy_amounts_pct = { default = "1" },
    sell_amounts_pct = { default = "1" },
    executor_refresh_time = { default = 30 },
    position_mode = { default = "ONEWAY" },
    take_profit = { default = "0.0001" },
    take_profit_order_type = { default = "LIMIT_MAKER", type = "Optional[OrderType]" },
    global_take_profit = { default = "0.03" },
  },
  ["generic/pmm_v1"] = {
    total_amount_quote = { default = "0" },
    connector_name = { default = "binance" },
    trading_pair = { default = "BTC-USDT" },
    buy_spreads = { default = "0.01" },
    sell_spreads = { default = "0.01" },
  },
  ["generic/quantum_grid_allocator"] = {
    hedge_ratio = { default = "2" },
    portfolio_allocation = { default = { SOL = "0.50" }, type = "Dict[str, Decimal]" },
    connector_name = { default = "binance" },
    leverage = { default = 1 },
    min_spread_between_orders = { default = "0.0001", type = "Decimal" },
    activation_bounds = { default = "0.0002", type = "Decimal" },
    interval = { default = "1s" },
  },
  ["generic/stat_arb"] = {
    interval = { default = "1m" },
    take_profit = { default = "0.0008", type = "Decimal" },
  },
  ["generic/xemm_multiple_levels"] = {
    min_profitability = { default = 0.003 },
  },
  ["market_making/dman_maker_v2"] = {
    cooldown_time = { default = 15 },
    dca_spreads = { default = "0.01,0.02,0.04,0.08" },
  },
  ["market_making/pmm_dynamic"] = {
    buy_spreads = { default = "1,2,4" },
    sell_spreads = { default = "1,2,4" },
    cooldown_time = { default = 15 },
  },
  ["market_making/pmm_simple"] = {
    cooldown_time = { default = 15 },
  },
}

local classes = {}

-- Words of enumerations and what files hold for them; LONG and SHORT are taken for a side, too.
classes.enums = {
  OrderType = { MARKET = 1, LIMIT = 2, LIMIT_MAKER = 3, AMM_SWAP = 4, AMM_ADD = 5, AMM_REMOVE = 6 },
  TradeType = { BUY = 1, SELL = 2, LONG = 1, SHORT = 2, RANGE = 3 },
  PositionMode = { HEDGE = "HEDGE", ONEWAY = "ONEWAY" },
}

-- Members of nested models: name, type, default (nil: needed). Upstream drops unknown ones silently, and gives
-- those that are left out of a config these defaults, which are not those of a class that has the model.
classes.models = {
  InitialPositionConfig = { { "connector_name", "str" }, { "trading_pair", "str" }, { "amount", "Decimal" }, { "side", "TradeType" } },
  TrailingStop = { { "activation_price", "Decimal" }, { "trailing_delta", "Decimal" } },
  ConnectorPair = { { "connector_name", "str" }, { "trading_pair", "str" } },
  TripleBarrierConfig = { { "stop_loss", "Optional[Decimal]", null }, { "take_profit", "Decimal" }, { "time_limit", "Optional[int]", null },
    { "trailing_stop", "Optional[TrailingStop]", null }, { "open_order_type", "OrderType", "LIMIT" },
    { "take_profit_order_type", "OrderType", "MARKET" }, { "stop_loss_order_type", "OrderType", "MARKET" },
    { "time_limit_order_type", "OrderType", "MARKET" } },
  GridConfig = { { "grid_id", "str" }, { "start_price", "Decimal" }, { "end_price", "Decimal" }, { "limit_price", "Decimal" },
    { "side", "TradeType" }, { "amount_quote_pct", "Decimal" }, { "enabled", "bool", true } },
  CandlesConfig = { { "connector", "str" }, { "trading_pair", "str" }, { "interval", "str", "1m" }, { "max_records", "int", 500 } },
}

local function first(...)
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    if value ~= nil then return value end
  end
end

local function words(list)
  local out = {}
  for word in list:gmatch("%S+") do out[#out + 1] = word end
  return out
end

function classes.get(class)
  local row = CLASSES[class]
  if not row then return nil end
  local differs, type_name, name = DIFFERS[class] or {}, class:match("^([^/]+)/(.+)$")
  local own = { controller_type = type_name, controller_name = name }
  local found = { type = type_name, name = name, purpose = row[1], executors = words(row[2]), fields = {} }
  for i, field in ipairs(words(row[3])) do
    local usual, other = FIELDS[field], differs[field] or {}
    found.fields[i] = { name = field, type = other.type or usual[1], unit = other.unit or usual[3],
      default = first(own[field], other.default, usual[2]) }
  end
  return found
end

function classes.names()
  return text.keys(CLASSES)
end

-- What most classes have of a field: { type, default, unit }; nil for a name that none has.
function classes.usual(field)
  local row = FIELDS[field]
  return row and { type = row[1], default = row[2], unit = row[3] }
end

-- What a class is for, without reading its fields.
function classes.purpose(class)
  return CLASSES[class][1]
end

-- Writes into one object what upstream takes for members that it lacks.
local function complete_model(kind, value, path, added)
  for _, member in ipairs(classes.models[kind]) do
    local default = member[3]
    if value[member[1]] == nil and default ~= nil then
      value[member[1]] = (classes.enums[member[2]] or {})[default] or default
      added[#added + 1] = path .. "." .. member[1]
    end
  end
end

-- Completes the nested models of a config as upstream does when it reads it. Returns what was added:
-- "triple_barrier_config.stop_loss_order_type". A config of no known class stays as it is.
function classes.complete_models(config)
  local class, added = classes.get(tostring(config.controller_type) .. "/" .. tostring(config.controller_name)), {}
  for _, field in ipairs(class and class.fields or {}) do
    local value, kind = config[field.name], field.type:match("^%w+%[(%w+)%]$") or field.type
    if classes.models[kind] and type(value) == "table" then
      if not json.is_array(value) then value = { value } end
      for i, item in ipairs(value) do
        local path = #value > 1 and (field.name .. "." .. (i - 1)) or field.name
        if type(item) == "table" then complete_model(kind, item, path, added) end
      end
    end
  end
  return added
end

return classes
