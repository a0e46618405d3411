-- An error that names a file and line of another plugin.
-- expect: refused
-- says: jailed/case.lua
return {
  status = function(bot, raw, figures)
    error('bitmart/spot_grid.lua:1: not me', 0)
  end,
}
