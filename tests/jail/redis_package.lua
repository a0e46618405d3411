-- CVE-2022-0543: loading native code through package.
-- expect: refused
-- says: no file of this plugin
return {
  status = function(bot, raw, figures)
    return require('package').loadlib('/lib/x86_64-linux-gnu/liblua5.4.so.0', 'luaopen_io')
  end,
}
