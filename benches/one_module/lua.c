/* Calls, tables, texts and patterns, in one script. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>

static const char SCRIPT[] =
    "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end\n"
    "local total = fib(25)\n"
    "for round = 1, 16 do\n"
    "local sieve = {}\n"
    "for i = 2, 60000 do sieve[i] = true end\n"
    "for i = 2, 244 do\n"
    "  if sieve[i] then for k = i * i, 60000, i do sieve[k] = false end end\n"
    "end\n"
    "for i = 2, 60000 do if sieve[i] then total = total + 1 end end\n"
    "local parts = {}\n"
    "for i = 1, 4000 do parts[#parts + 1] = ('%d:%s'):format(i, ('x'):rep(i % 17)) end\n"
    "local text = table.concat(parts, ',')\n"
    "for word in text:gmatch('(%d+):x+') do total = total + #word end\n"
    "table.sort(parts)\n"
    "local object = setmetatable({}, { __index = function(_, key) return #key end })\n"
    "for i = 1, 40000 do total = total + object.field + (i & 3) end\n"
    "end\n"
    "return total";

int main(void)
{
    lua_State *state = luaL_newstate();
    luaL_openlibs(state);
    if (luaL_dostring(state, SCRIPT) != LUA_OK) {
        fprintf(stderr, "%s\n", lua_tostring(state, -1));
        return 1;
    }
    printf("%lld\n", lua_tointeger(state, -1));
    lua_close(state);
    return 0;
}
