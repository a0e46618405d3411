-- A set of many characters is gone through for each character of the text.
-- expect: refused
-- says: too many steps
return {
  status = function(bot, raw, figures)
    return ('a'):rep(60000):find('[' .. ('b'):rep(60000) .. ']')
  end,
}
