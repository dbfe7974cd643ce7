#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

/* Runs `code`; gives its result or its error as text. */
int run_script(const char *code, char *text, size_t size)
{
    lua_State *L = luaL_newstate();
    if (!L)
        return -1;
    luaL_openlibs(L);
    int status = luaL_dostring(L, code);
    const char *result = lua_tostring(L, -1);
    snprintf(text, size, "%s", result ? result : "nothing");
    lua_close(L);
    return status;
}
