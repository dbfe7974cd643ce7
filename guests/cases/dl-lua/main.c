#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>

/* As in the case `lua`, but that no module is built in. */
int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s SCRIPT\n", argv[0]);
        return 2;
    }
    lua_State *L = luaL_newstate();
    if (!L)
        return 2;
    luaL_openlibs(L);
    int status = luaL_dofile(L, argv[1]);
    if (status != LUA_OK)
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
    /* Closes the modules as well. */
    lua_close(L);
    return status == LUA_OK ? 0 : 1;
}
