-- Log lines that only BitMart's answers cause; the SDK has the general ones. The codes are those of
-- BitMart's own API.
return {
  { match = "code[\"']?:%s*3000[78]", pattern = true, code = "clock_skew", message = "BitMart refuses requests because the clock of the machine is wrong.",
    hint = "set the clock of the machine that runs the bots" },
  { match = "code[\"']?:%s*3000[1-6]", pattern = true, code = "bad_keys", message = "BitMart does not accept the account's keys.",
    hint = "enter all three parts again: key, secret and memo" },
  { match = "code[\"']?:%s*30010", pattern = true, code = "ip_forbidden", message = "BitMart does not allow the keys from this address.",
    hint = "add the machine's address to the key's list at BitMart" },
  { match = "code[\"']?:%s*30013", pattern = true, code = "rate_limit", message = "BitMart limits the number of requests.", hint = "use fewer levels or bots, or refresh less often" },
  { match = "code[\"']?:%s*50020", pattern = true, code = "no_budget", message = "The account has not enough free balance on BitMart for an order.",
    hint = "add funds or lower the budget" },
  { match = "PaperTradeExchange", code = "paper_trade", message = "Paper trading does not work with Hummingbot's controllers.", hint = "use a small real budget, or the simulator" },
}
