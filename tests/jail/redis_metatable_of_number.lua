-- CVE-2025-46818: the metatable of a basic type.
-- expect: refused
-- says: table expected
return {
  status = function(bot, raw, figures)
    getmetatable(0).__index = {}
  end,
}
