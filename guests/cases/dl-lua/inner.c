#include <lauxlib.h>
#include <lua.h>

int luaopen_deep_inner(lua_State *L)
{
    lua_pushliteral(L, "found");
    return 1;
}
