-- Half of the circle.
return require("b")
