print("before")
local function fail()
  error("this script fails")
end
fail()
