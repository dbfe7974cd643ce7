/* Calls, tables, texts and patterns, in one script. It runs in many states, since each mixes the time and addresses into its hashes, and some mixtures are
   slow: with one state they would decide which program is the faster. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <time.h>

static const char SCRIPT[] =
    "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end\n"
    "local total = fib(20)\n"
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
    "return total";

enum { STATES = 24 };

/* Lua asks for the time when it makes a state: it is told another one each time, and the same in each run. */
time_t time(time_t *at)
{
    static time_t now = 1700000000;
    now += 977;
    if (at)
        *at = now;
    return now;
}

int main(void)
{
    long long total = 0;
    for (int n = 0; n < STATES; n++) {
        lua_State *state = luaL_newstate();
        luaL_openlibs(state);
        if (luaL_dostring(state, SCRIPT) != LUA_OK) {
            fprintf(stderr, "%s\n", lua_tostring(state, -1));
            return 1;
        }
        total += lua_tointeger(state, -1);
        lua_close(state);
    }
    printf("%lld\n", total);
    return 0;
}
