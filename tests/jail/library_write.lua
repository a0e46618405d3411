-- Library write.
-- expect: refused
-- says: read-only
return {
  status = function(bot, raw, figures)
    string.rep = nil
  end,
}
