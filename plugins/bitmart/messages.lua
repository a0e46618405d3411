-- What the checks of this plugin say. Every text names the numbers it speaks of; the hint is the way out.
return {
  -- prices of the grid
  low_not_below_high = { "The lowest price {low} is not below the highest price {high}.",
    hint = "low must be below high; leave both out to get 5 % around the present price" },
  stop_not_below_low = { "The stop price {stop} is not below the lowest grid price {low}.", hint = "choose a stop below low; left out it is 8 % below the present price" },
  price_above_range = { "The price is {mid}, above the highest grid price {high}: the grid would end at once.", hint = "choose high above the present price" },
  price_below_stop = { "The price is {mid}, not above the stop price {stop}: the grid would close at once.", hint = "choose a stop below the present price" },
  price_below_range = { "The price is {mid}, below the lowest grid price {low}: the grid waits until it comes back.", hint = "choose low below the present price to start now" },
  price_in_range = "The price {mid} is inside the grid, {low} to {high}.",
  no_mid = { "BitMart gives no price for {pair} now, so the range could not be compared with it.", hint = "try again in a moment" },
  budget_below_order = { "The budget of {budget} does not pay one grid order of {needed} (with 5 % to spare).", hint = "raise the budget or make order_quote smaller" },
  range_below_step = { "The gap of {step} % does not fit into the range, which is {range} % wide.", hint = "choose a smaller step_pct or a wider range" },
  step_below_tick = { "The gap between two orders would be {gap}, below the price step {tick} of {pair}.", hint = "choose a larger step_pct" },
  grid_levels = "The grid has {levels} levels of about {each}.",
  loss_limit_before_stop = { "Falling to the stop price {stop} would cost about {loss}, and the loss limit of {limit} acts before that.",
    hint = "raise the stop price, lower the budget or allow a larger loss in risk" },
  keep_only_at_limit = { "The coins are kept only when the grid reaches its own limit; when you stop the bot or the loss limit acts, they are sold at market.",
    hint = "do not count on keep when you stop the bot" },

  -- orders and fees
  take_profit_below_fees = { "A gain of {take_profit} % does not pay the fees of buying and selling, {fees} %.",
    hint = "choose a take profit above the fees, or set fee_pct if the account pays less than {fee} % a trade" },
  order_below_minimum = { "An order would be {order}; the smallest BitMart takes is {minimum}, {needed} with 5 % to spare.", hint = "raise the order size or the budget, or use fewer levels" },
  order_size = "Orders of about {order} are above the minimum of {needed}.",
  minimum_unknown = { "BitMart names no smallest order for {pair}.", hint = "watch the bot's log for refused orders after the start" },
  spread_below_fees = { "Between the nearest buy and the nearest sell order lie {earned} %, which does not pay the two fees of {fees} %: the gain has to come from the take profit.",
    hint = "choose larger spreads, or set fee_pct if the account pays less than {fee} % a trade" },
  spread_below_tick = { "A distance of {spread} % is {gap} at this price, below the price step {tick} of {pair}.", hint = "choose a larger distance" },
  stop_loss_below_fees = { "A stop loss of {stop_loss} % is not above the fees of buying and selling, {fees} %: the first trade would be closed by its own fees.",
    hint = "choose a larger stop loss or none" },
  refresh_limits = { "{orders} orders every {refresh} s is more than BitMart likes from one account.", hint = "use fewer levels or refresh_s of 30 or more" },

  -- money
  no_balances = { "The account {account} shows nothing on BitMart: it has no BitMart keys, or they cannot read.", hint = "add the account's BitMart keys, all three parts, and look at its balances" },
  quote_balance = { "The account {account} has {have} {token} free on BitMart, the bot needs {need}.", hint = "add {token} or lower the budget" },
  budget_above_half = { "The budget of {budget} is more than half of the {have} {token} that are free.", hint = "leave room for other bots and for losses" },
  balance = "{have} {token} are free, {need} are needed.",
  base_missing = { "The account has {have} {token}, the sell orders need {need}: for now only buy orders will be placed.",
    hint = "set buy_inventory to buy the coins at the start, or add {token}" },
  base_balance = "{have} {token} are there for the sell orders, {need} are needed.",

  -- refused
  no_volume = { "Trading with oneself to make volume is not offered: exchanges forbid it and it only costs fees.", hint = "use spot_mm (quotes on both sides) or spot_grid" },
}
