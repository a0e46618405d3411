-- Gsub callback.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    ('aaa'):gsub('a', function() while true do end end)
  end,
}
