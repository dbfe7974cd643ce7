package.cpath = "/modules/?.so"
print("counter: " .. require("counter").next())
require "nothing"
