local vector = require "vector"

print("arguments: " .. table.concat({...}, " "))

local sum = vector.new(1, 2) + vector.new(3, 4)
print(("vector: %s, length of (3, 4) is %.1f"):format(sum, vector.length(vector.new(3, 4))))
print("sum by callback from C: " .. vector.each(10, function(n) return n end))

-- Each error is a longjmp: from Lua, from the module, and from Lua called by the module.
local fine, message = pcall(error, "caught", 0)
print("error in Lua: " .. message)
fine, message = pcall(vector.length, 5)
print("error in C: " .. message)
fine, message = pcall(vector.each, 3, function() error("inner", 0) end)
print("error through C and back: " .. message)

local fibonacci = coroutine.wrap(function()
  local a, b = 1, 1
  while true do
    coroutine.yield(a)
    a, b = b, a + b
  end
end)
local numbers = {}
for i = 1, 8 do numbers[i] = fibonacci() end
print("coroutines: " .. table.concat(numbers, " "))

local fruit = {"cherry", "apple", "banana"}
table.sort(fruit, function(a, b) return a < b end)
print("sorted: " .. table.concat(fruit, " "))
print("pattern: " .. ("date 21.11.2026"):gsub(".-(%d+)%.(%d+)%.(%d+)", "%3-%2-%1"))
print("strings: " .. #(("x"):rep(65536) .. "y") .. " bytes")

collectgarbage()
local before = vector.collected()
for i = 1, 1000 do vector.new(i, i) end
collectgarbage()
print("garbage: collected " .. vector.collected() - before .. " vectors")
