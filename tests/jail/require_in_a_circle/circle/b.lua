-- The other half of the circle.
return require("a")
