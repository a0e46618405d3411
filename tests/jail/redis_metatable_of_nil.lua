-- CVE-2025-46818: the metatable of nil.
-- expect: refused
-- says: table expected
return {
  status = function(bot, raw, figures)
    getmetatable(nil).__index = {}
  end,
}
