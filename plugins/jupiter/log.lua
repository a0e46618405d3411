-- Log lines that only swaps cause; the SDK has the general ones.
return {
  { match = "SIMULATION_FAILED", line = "Swap failed: SIMULATION_FAILED: custom program error: 0x1",
    code = "swap_refused", message = "Solana refused a swap when it was tried out before sending.", hint = "look at the wallet's balances and its SOL" },
  { match = "TRANSACTION_TIMEOUT", line = "Swap failed: TRANSACTION_TIMEOUT",
    code = "swap_unconfirmed", message = "A swap was not confirmed in time; Hummingbot sends a new one, so it may happen twice.",
    hint = "compare the wallet with the fills, and use an own Solana node" },
  { match = "ExactOut not supported", line = "ExactOut not supported for this token pair",
    code = "no_exact_out", message = "Jupiter has no route that buys an exact amount of this coin.", hint = "choose another pair" },
  { match = "is not a valid connector", line = "jupiter/router is not a valid connector.",
    code = "gateway_name", message = "The bot's version does not know Jupiter under the name in its configuration.",
    hint = "create the bot again with the image it should run on" },
  { match = "Gateway service is not available", line = "Gateway service is not available",
    code = "gateway_down", message = "Gateway is not running.", hint = "start Gateway" },
}
