-- Hummingbot: any controller that the connected API has, on any exchange, with its config as an expert
-- writes it. Its connectors are "*": it is used only by its own name, never instead of a plugin that
-- knows an exchange.
return {
  api = 1,
  name = "hummingbot",
  title = "Any controller (expert)",
  version = "1.0.0",
  connectors = { "*" },
  strategies = { require("controller") },
  messages = require("messages"),
}
