-- Markup in a text stays text: the page shows texts, never markup.
-- expect: bounded
-- says: <script>
return {
  status = function(bot, raw, figures)
    return { note = '<script>alert(1)</script>' }
  end,
}
