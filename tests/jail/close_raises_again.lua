-- A __close that raises while another error passes.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local function f()
      local x <close> = setmetatable({}, { __close = function() error('again') end })
      while true do end
    end
    while true do pcall(f) end
  end,
}
