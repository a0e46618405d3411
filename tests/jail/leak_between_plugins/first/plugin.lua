-- Marks whatever it can reach of the libraries, for the second plugin to find.
local form = require("bridge.form")
return {
  api = 1, name = "first", title = "first", version = "1", connectors = { "first" },
  transforms = { status = function(bot, raw, figures)
    local text = require("bridge.text")
    pcall(function() text.left = "here" end)
    pcall(function() getmetatable("").__index.left = "here" end)
    pcall(function() left = "here" end)
    pcall(function() string.left = "here" end)
    return figures
  end },
  strategies = { { name = "s", revision = 1, title = "S", summary = "S", risk = "low", executors = { "position" },
    form = form.of {}, risk_defaults = { max_loss_quote = "20", max_controller_loss_quote = "20" },
    build = function() return { controllers = { { type = "generic", name = "x", config = {} } } } end } },
}
