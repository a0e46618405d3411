-- CVE-2024-31449: there is no bit library to overflow.
-- expect: refused
-- says: 'bit'
return {
  status = function(bot, raw, figures)
    return bit.tohex(65535, -2147483648)
  end,
}
