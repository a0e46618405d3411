-- Log lines that only BitMart's answers cause; the SDK has the general ones. The codes are those of
-- BitMart's own API; Hummingbot logs the answers as the last line of a traceback, at level NETWORK.
return {
  { match = "code[\"']?:%s*3000[78]", pattern = true, plain = "3000", code = "clock_skew", message = "BitMart refuses requests because the clock of the machine is wrong.",
    line = 'HTTP status is 400. Error: {"message":"Header X-BM-TIMESTAMP range. Within a minute","code":30007,"trace":"x","data":{}}',
    hint = "set the clock of the machine that runs the bots" },
  { match = "code[\"']?:%s*3000[1-6]", pattern = true, plain = "3000", code = "bad_keys", message = "BitMart does not accept the account's keys.",
    line = 'HTTP status is 401. Error: {"message":"Header X-BM-SIGN is wrong","code":30005,"trace":"x","data":{}}',
    hint = "enter all three parts again: key, secret and memo" },
  { match = "code[\"']?:%s*30010", pattern = true, plain = "30010", code = "ip_forbidden", message = "BitMart does not allow the keys from this address.",
    line = 'HTTP status is 403. Error: {"message":"IP is forbidden","code":30010,"trace":"x","data":{}}',
    hint = "add the machine's address to the key's list at BitMart" },
  { match = "code[\"']?:%s*30013", pattern = true, plain = "30013", code = "rate_limit", message = "BitMart limits the number of requests.",
    line = 'Error: {"message":"too many requests","code":30013,"trace":"x","data":{}}', hint = "use fewer levels or bots, or refresh less often" },
  { match = "code[\"']?:%s*50020", pattern = true, plain = "50020", code = "no_budget", message = "The account has not enough free balance on BitMart for an order.",
    line = 'Error: {"message":"Balance not enough","code":50020,"trace":"x","data":{}}', hint = "add funds or lower the budget" },
  { match = "KeyError: 'order_id'", code = "order_refused", message = "BitMart refused an order and Hummingbot hid its reason.",
    line = "KeyError: 'order_id'", hint = "check the order size in contracts, the leverage and the position mode of the account" },
}
