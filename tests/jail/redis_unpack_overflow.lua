-- CVE-2025-46817: unpack over the range of an integer.
-- expect: refused
-- says: table.unpack
return {
  status = function(bot, raw, figures)
    table.unpack({}, math.mininteger, math.maxinteger)
  end,
}
