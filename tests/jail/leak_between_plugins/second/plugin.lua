-- What one plugin leaves behind, another does not find.
-- expect: bounded
local form = require("bridge.form")
return {
  api = 1, name = "second", title = "second", version = "1", connectors = { "second" },
  transforms = { status = function(bot, raw, figures)
    assert(require("bridge.text").left == nil)
    assert(string.left == nil)
    assert(("").left == nil)
    assert(not pcall(function() return left end))
    return figures
  end },
  strategies = { { name = "s", revision = 1, title = "S", summary = "S", risk = "low", executors = { "position" },
    form = form.of {}, risk_defaults = { max_loss_quote = "20", max_controller_loss_quote = "20" },
    build = function() return { controllers = { { type = "generic", name = "x", config = {} } } } end } },
}
