-- A local _ENV reaches nothing that was not there.
-- expect: refused
-- says: nil value
return {
  status = function(bot, raw, figures)
    local _ENV = {}
    return tostring(1)
  end,
}
