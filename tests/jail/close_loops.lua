-- Close loops.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    local function f() local x <close> = setmetatable({}, { __close = function() while true do end end }) while true do end end f()
  end,
}
