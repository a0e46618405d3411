-- Reading upstream while the plugin loads.
-- expect: refused
-- says: during load
-- hook: load
require('bridge.hb').bots.status {}
return {}
