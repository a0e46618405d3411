-- Replacements that refer to empty captures thousands of times add nothing to the text's length.
-- expect: stopped
return {
  status = function(bot, raw, figures)
    while true do pcall(string.gsub, ("x"):rep(60000), "(x-)", ("%1"):rep(60000)) end
  end,
}
