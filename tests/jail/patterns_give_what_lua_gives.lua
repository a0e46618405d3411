-- Ordinary use of patterns works.
-- expect: bounded
return {
  status = function(bot, raw, figures)
    assert(('key = value'):match('^(%w+)%s*=%s*(%w+)$') == 'key')
    assert(select(2, ('a b c'):gsub('%s', '-')) == 2)
    assert(('THE (quick) fox'):find('%f[%a]%a+%f[%A]') == 1)
    assert(('f(a(b)c)d'):match('%b()') == '(a(b)c)')
  end,
}
