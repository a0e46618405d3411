-- A pattern in the table of log lines that takes too long.
-- expect: refused
-- says: too many steps
-- hook: log
return {
  log = { { match = '.-.-.-.-.-.-.-b', pattern = true, code = 'x', message = 'X' } },
}
