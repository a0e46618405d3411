-- Deep __index.
-- expect: refused
-- says: loop
return {
  status = function(bot, raw, figures)
    local t = {} for i = 1, 5000 do t = setmetatable({}, { __index = t }) end return t.x
  end,
}
