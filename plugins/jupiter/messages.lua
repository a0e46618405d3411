-- What the checks of this plugin say. Every text names the numbers it speaks of; the hint is the way out.
return {
  -- Gateway and wallet
  gateway_down = { "Gateway is not running, so Jupiter cannot be reached.", hint = "start Gateway in the Hummingbot API and try again" },
  gateway_silent = { "Gateway runs but does not answer for {network}: {why}.", hint = "the versions of bot, API and Gateway may not fit together; look at Gateway's log" },
  gateway_up = "Gateway answers for {network}.",
  token_unknown = { "Gateway does not know {token} on {network}.", hint = "add the token to Gateway's list for {network}, by its mint address" },
  token_unknown_near = { "Gateway does not know {token} on {network}.", hint = "did you mean {near}? Otherwise add the token to Gateway's list, by its mint address" },
  token_known = "{token} is {address}.",
  no_wallet = { "Gateway has no Solana wallet.", hint = "add a wallet to Gateway and make it the default" },
  wallet_not_set = { "Gateway's default Solana wallet is still the text {address} of a fresh installation.", hint = "add a wallet to Gateway and make it the default" },
  wallet = "The wallet is {address}.",
  gas_low = { "The wallet has {have} SOL, at least {need} SOL are needed for the fees of swaps.", hint = "send SOL to the wallet" },
  gas = "The wallet has {have} SOL, {need} are needed for fees.",
  no_jupiter_key = { "Gateway has no Jupiter API key: the free service answers fewer requests than this bot makes.", hint = "set the connector's API key in Gateway and restart Gateway" },

  -- version
  version_too_old = { "Hummingbot {version} is too old for Jupiter.", hint = "use an image of version 2.14 or newer" },
  version_not_tried = { "This plugin was not tried with Hummingbot {version}; Jupiter is called {name}, as in 2.16.", hint = "use an image up to version 2.16, or watch the first minutes" },
  connector_name = "Jupiter is called {name} in Hummingbot {version}.",

  -- pairs and sizes
  bases_differ = { "{cex} on BitMart and {dex} on Solana are not the same coin.", hint = "choose pairs with the same coin in front (USOL counts as SOL, WETH as ETH, WBTC as BTC)" },
  quotes_differ = { "{cex} and {dex} are not the same money, so the prices cannot be compared.", hint = "choose pairs that both end in dollars, or in the same coin" },
  no_mid = { "BitMart gives no price for {pair} now, so the sizes could not be checked.", hint = "try again in a moment" },
  minimum_unknown = { "BitMart names no smallest order for {pair}.", hint = "watch the bot's log for refused orders after the start" },
  trade_below_minimum = { "One trade of {trade} is too small: the smallest order BitMart takes is {minimum}, {needed} with 5 % to spare.", hint = "raise trade_quote" },
  trade_size = "One trade of {trade} is above BitMart's minimum of {minimum}.",
  no_balances = { "The account {account} shows nothing on BitMart: it has no BitMart keys, or they cannot read.", hint = "add the account's BitMart keys, all three parts, and look at its balances" },
  inventory_short = { "There are {have} {token} {where}, one trade needs {need}.", hint = "move {token} there or make trade_quote smaller; arbitrage needs coins and money on both sides" },
  inventory_thin = { "There are {have} {token} {where}: enough for one trade, but {trades} may follow in the same direction and need {all}.",
    hint = "move more {token} there, so that a second trade cannot leave one leg open" },
  inventory = "{have} {token} {where}, {all} are needed for {trades} trades.",

  -- profit
  profit_below_fees = { "A profit of {profit} % does not cover BitMart's fee of {fee} % and {move} % for the price moving.", hint = "choose min_profit_pct of {needed} or more" },
  profit_below_slippage = { "A profit of {profit} % covers the fee of {fee} %, but not the slippage of {slippage} % that Gateway allows a swap: in the worst case a trade loses.",
    hint = "choose min_profit_pct of {worst} or more, or a smaller slippage in Gateway's Jupiter connector" },
  profit = "A profit of {profit} % covers fee and slippage, {worst} % together.",

  -- refused
  router_no_book = { "Jupiter is a swap router. It has no order book, so this strategy (limit orders at several price levels) cannot run there.",
    hint = "use arbitrage here, or market making and grids on bitmart" },
  no_volume = { "Trading with oneself to make volume is not offered: it deceives others and only costs fees.", hint = "use arbitrage" },
}
