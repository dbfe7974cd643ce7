/* A module in C: vectors of two numbers, with metamethods and a callback. */
#include <lauxlib.h>
#include <lua.h>
#include <math.h>

static const char type_name[] = "vector";
static int collected;

struct vector {
    double x, y;
};

static struct vector *check(lua_State *L, int index)
{
    struct vector *vector = luaL_testudata(L, index, type_name);
    if (!vector)
        luaL_error(L, "vector expected, got %s", luaL_typename(L, index));
    return vector;
}

static int push(lua_State *L, double x, double y)
{
    struct vector *vector = lua_newuserdatauv(L, sizeof *vector, 0);
    vector->x = x;
    vector->y = y;
    luaL_setmetatable(L, type_name);
    return 1;
}

static int vector_new(lua_State *L) { return push(L, luaL_checknumber(L, 1), luaL_checknumber(L, 2)); }

static int vector_add(lua_State *L)
{
    struct vector *a = check(L, 1), *b = check(L, 2);
    return push(L, a->x + b->x, a->y + b->y);
}

static int vector_length(lua_State *L)
{
    struct vector *vector = check(L, 1);
    lua_pushnumber(L, sqrt(vector->x * vector->x + vector->y * vector->y));
    return 1;
}

static int vector_text(lua_State *L)
{
    struct vector *vector = check(L, 1);
    lua_pushfstring(L, "(%d, %d)", (int)vector->x, (int)vector->y);
    return 1;
}

static int vector_collect(lua_State *L)
{
    (void)L;
    collected++;
    return 0;
}

static int vector_collected(lua_State *L)
{
    lua_pushinteger(L, collected);
    return 1;
}

/* each(count, function): calls function(1) to function(count) and adds what they return. */
static int vector_each(lua_State *L)
{
    lua_Integer count = luaL_checkinteger(L, 1), sum = 0;
    for (lua_Integer i = 1; i <= count; i++) {
        lua_pushvalue(L, 2);
        lua_pushinteger(L, i);
        lua_call(L, 1, 1);
        sum += lua_tointeger(L, -1);
        lua_pop(L, 1);
    }
    lua_pushinteger(L, sum);
    return 1;
}

int luaopen_vector(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"new", vector_new}, {"length", vector_length}, {"each", vector_each}, {"collected", vector_collected}, {NULL, NULL},
    };
    static const luaL_Reg methods[] = {
        {"__add", vector_add}, {"__tostring", vector_text}, {"__gc", vector_collect}, {NULL, NULL},
    };
    luaL_newmetatable(L, type_name);
    luaL_setfuncs(L, methods, 0);
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    return 1;
}
