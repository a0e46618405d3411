-- What a stop or a start does, in sentences people read before they press the button. One row per kind
-- of executor; measured on real bots: stopping closes positions of all V2 executors at market whatever
-- flags are sent, and a grid's keep_position is not honoured.
local effects = {}

local STOP = {
  position = "Open orders are cancelled and open positions are closed with market orders.",
  grid = "All orders of the grid are cancelled and the coins it bought are sold with a market order, also when it is set to keep them.",
  dca = "Open orders are cancelled and the averaged position is closed with market orders.",
  twap = "Remaining slices are cancelled; what was traded is closed with market orders.",
  arbitrage = "No new arbitrage starts; a trade in progress is ended, and if only one leg was filled that leg stays open: compare both balances.",
  xemm = "Maker orders are cancelled; a hedge in progress is ended, so compare both balances.",
  order = "Open orders are cancelled; what was bought or sold is kept.",
  lp = "The liquidity position stays open in the pool: withdraw it yourself.",
}

local START = {
  position = "New orders are placed at present prices; nothing of the last run is taken over.",
  grid = "A new grid starts with the stored prices; if the price has left the range it waits or ends at once.",
  arbitrage = "Trading starts again as soon as the profit condition is met.",
}

-- What a stop leaves in the market: "something" by its nature, "perhaps" when it hits a trade of two legs
-- in between; the others close what they hold.
local KEEPS = { order = "something", lp = "something", arbitrage = "perhaps", xemm = "perhaps" }

-- "nothing", "perhaps" or "something", over all of a strategy's executors.
function effects.keeps(executors)
  local keeps = "nothing"
  for _, kind in ipairs(executors or {}) do
    local this = KEEPS[kind]
    if this == "something" then return this end
    keeps = this or keeps
  end
  return keeps
end

-- executors: array of kinds (contract: position grid dca twap arbitrage xemm order lp); verb: "stop" or
-- "start". Returns an array of sentences.
function effects.sentences(executors, verb)
  local rows = verb == "start" and START or STOP
  local out = {}
  for _, kind in ipairs(executors or {}) do out[#out + 1] = rows[kind] or START.position end
  return out
end

effects.kinds = { "position", "grid", "dca", "twap", "arbitrage", "xemm", "order", "lp" }

return effects
