#include <lauxlib.h>
#include <lua.h>

double mean(const double *numbers, int count);

/* mean(table [, function]): of what function makes of each. */
static int stats_mean(lua_State *L)
{
    double numbers[100];
    lua_settop(L, 2);
    int count = (int)luaL_len(L, 1);
    luaL_argcheck(L, count <= 100, 1, "too long");
    for (int i = 0; i < count; i++) {
        if (!lua_isnil(L, 2))
            lua_pushvalue(L, 2);
        lua_geti(L, 1, i + 1);
        if (!lua_isnil(L, 2))
            lua_call(L, 1, 1);
        if (!lua_isnumber(L, -1))
            return luaL_error(L, "stats: a number expected, got %s", luaL_typename(L, -1));
        numbers[i] = lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    lua_pushnumber(L, mean(numbers, count));
    return 1;
}

static int finish(lua_State *L, int status, lua_KContext context)
{
    (void)status, (void)context;
    return lua_gettop(L);
}

/* Yields its arguments, and gives what it is resumed with. */
static int stats_pause(lua_State *L) { return lua_yieldk(L, lua_gettop(L), 0, finish); }

int luaopen_stats(lua_State *L)
{
    static const luaL_Reg functions[] = {{"mean", stats_mean}, {"pause", stats_pause}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
