-- What one call leaves behind, the next one does not find.
-- expect: bounded
-- calls: 3
local count, seen = 0, {}
return {
  status = function(bot, raw, figures)
    count, seen[#seen + 1] = count + 1, bot
    assert(count == 1 and #seen == 1)
  end,
}
