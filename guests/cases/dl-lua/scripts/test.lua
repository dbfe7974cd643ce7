package.path = ""
package.cpath = "/nowhere/?.so;/modules/?.so"

local counter = require "counter"
print("counter: " .. counter.next() .. ", " .. counter.next() .. ", " .. counter.next())
print("required twice: " .. (require "counter" == counter and "the same table" or "another one"))

local stats = require "stats"
print("stats: mean of 1 2 3 4 is " .. stats.mean {1, 2, 3, 4})
print("stats, with a callback: " .. stats.mean({1, 2, 3, 4}, function(x) return 2 * x end))
print("deep.inner: " .. require "deep.inner")

local double_it = package.loadlib("/modules/counter.so", "double_it")
print("loadlib: a " .. type(double_it) .. ", called: " .. double_it(2))
local _, message, where = package.loadlib("/modules/counter.so", "no_such_function")
assert(message:find("no_such_function", 1, true), message)
print("loadlib of a missing function: " .. where)
_, message, where = package.loadlib("/modules/missing.so", "luaopen_missing")
assert(message:find("missing.so", 1, true), message)
print("loadlib of a missing library: " .. where)
print("loadlib with *: " .. tostring(package.loadlib("/modules/libmean.so", "*")))

local ok
ok, message = pcall(require, "missing")
assert(not ok and message:find("/nowhere/missing.so", 1, true) and message:find("/modules/missing.so", 1, true), message)
print("require of a missing module: it says where it looked")
ok, message = pcall(stats.mean, {1, 2}, function() end)
print("an error thrown by a module: " .. message)
ok, message = pcall(stats.mean, {1, 2}, function() error("from Lua", 0) end)
print("an error thrown through a module: " .. message)

local seen = {}
local thread = coroutine.wrap(function()
    local value = stats.pause(1)
    value = stats.pause(value + 1)
    stats.pause(value + 1)
end)
local value = thread()
while value do
    seen[#seen + 1] = value
    value = thread(value)
end
print("a coroutine yields across a module: " .. table.concat(seen, " "))
