-- Hummingbot: any controller that the connected API has, on any exchange: a form for each class that the
-- bridge knows, and for every other one, or for somebody who has a config already, the config as text. Its
-- connectors are "*": it is used only by its own name, never instead of a plugin that knows an exchange.
local classes = require("bridge.classes")
local of_class = require("of_class")

-- The forms go first: a bot that is taken over is what a form can say, if one can.
local strategies = {}
for i, class in ipairs(classes.names()) do strategies[i] = of_class(class, classes.purpose(class)) end
strategies[#strategies + 1] = require("controller")
strategies[#strategies + 1] = require("several")

return {
  api = 1,
  name = "hummingbot",
  title = "Any controller",
  version = "1.1.0",
  connectors = { "*" },
  strategies = strategies,
  messages = require("messages"),
}
