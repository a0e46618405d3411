-- A form of a hundred thousand fields.
-- expect: stopped
-- hook: load
local form = require('bridge.form')
local fields = {}
for i = 1, 100000 do fields[i] = form.integer('f' .. i, { default = '1' }) end
return { form = form.of(fields) }
