/* State in a module; the functions of Lua are left undefined, as is usual for modules: the program has them. */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>

static int count;

static int counter_next(lua_State *L)
{
    lua_pushinteger(L, ++count);
    return 1;
}

/* For package.loadlib: a bare function. */
int double_it(lua_State *L)
{
    lua_pushinteger(L, 2 * luaL_checkinteger(L, 1));
    return 1;
}

int luaopen_counter(lua_State *L)
{
    static const luaL_Reg functions[] = {{"next", counter_next}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

__attribute__((destructor)) static void destroy(void) { printf("counter: closing, %d\n", count); }
