-- What the checks of this plugin say.
return {
  unknown_controller = { "The connected Hummingbot API does not have the controller {controller}.", hint = "it is written as type/name; the API lists them under GET /controllers" },
  unknown_controller_near = { "The connected Hummingbot API does not have the controller {controller}.", hint = "did you mean {near}?" },
  class_unverified = { "The bridge does not know the class of {controller}: its fields are those of the API's template, which does not say which must be given or what values they may have.",
    hint = "look at the bot's log after the start" },
  template_differs = { "By the API's template: {why}.", hint = "{fix}" },
  class_of_other_version = { "The fields of {controller} are those of Hummingbot 2.16; the bot runs {version}.", hint = "look at the bot's log after the start, or choose an image of 2.16" },
  unknown_market = { "{connector} does not list the pair {pair}.", hint = "pairs are written BASE-QUOTE as {connector} lists them" },
  market_not_checked = { "{connector} is reached through Gateway, whose markets are not looked at here.", hint = "look at the pool and the wallet yourself" },
  budget_above_balance = { "The account {account} has {have} {token} free on {connector}, the budget is {need}.", hint = "add {token}, or make sure that the bot needs less than its budget" },
  budget_of_several_quotes = { "The controllers are paid in {quotes}, whose budgets cannot be added up, and without a budget there would be no loss limit.",
    hint = "give budget_quote, the money that the limits' percents are taken of: Hummingbot adds the results up as if the coins were one" },
  pair_twice = { "Controller {other} trades {pair} on {connector}, too: the two would trade against each other and share their coins.", hint = "use another pair, or one controller" },
  leverage_on_spot = { "Leverage of {leverage} has no meaning on {connector}, which is no perpetual exchange.", hint = "write 1, or choose a perpetual connector" },
  balance = "{have} {token} are free on {connector}, the budget is {need}.",
}
