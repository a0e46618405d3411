-- Two files that require each other.
-- expect: refused
-- says: required in a circle
-- hook: load
local form = require("bridge.form")
require("a")
return {
  api = 1, name = "circle", title = "circle", version = "1", connectors = { "circle" },
  transforms = { status = function(bot, raw, figures)
    return figures
  end },
  strategies = { { name = "s", revision = 1, title = "S", summary = "S", risk = "low", executors = { "position" },
    form = form.of {}, risk_defaults = { max_loss_quote = "20", max_controller_loss_quote = "20" },
    build = function() return { controllers = { { type = "generic", name = "x", config = {} } } } end } },
}
