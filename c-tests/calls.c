/* Functions that are prepared once and called again and again: one by one, by their slot, and for rows of arguments in memory. */

#include "build.h"
#include "check.h"

enum { I64_ADD = 0x7c, F64_PROMOTE_F32 = 0xbb, F64_ADD = 0xa0, ROOM = 4096 };

/* What the host's function does when the guest calls it. */
static struct {
    wasm_dyld_t *dyld;
    wasm_dyld_func_t *function;
    wasm_dyld_object_t *object;
    wasm_dyld_code_t code;
    int what;
    int32_t before, after; /* the guest's stack pointer */
} inner;

static struct module *library(void);

static wasm_trap_t *called_back(const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    wasm_dyld_cell_t cells[2];
    cells[0].i32 = args->data[0].of.i32;
    cells[1].i32 = 1;
    results->data[0].kind = WASM_I32;
    results->data[0].of.i32 = 0;
    switch (inner.what) {
    case 0: /* calls another */
        inner.code = wasm_dyld_func_call_cells(inner.function, cells, 2, NULL);
        results->data[0].of.i32 = cells[0].i32;
        break;
    case 1: /* gives up the handle that is being called by */
        wasm_dyld_func_delete(inner.function);
        break;
    case 2: /* closes the object whose function is being called */
        inner.code = wasm_dyld_unload(inner.dyld, inner.object, NULL);
        break;
    case 3: /* calls what traps, and keeps that to itself */
        inner.before = CALL0(inner.dyld, find(inner.dyld, inner.object, "stack"));
        inner.code = wasm_dyld_func_call_cells(inner.function, NULL, 0, NULL);
        inner.after = CALL0(inner.dyld, find(inner.dyld, inner.object, "stack"));
        break;
    case 4: /* brings the first object that has the stack pointer */
        inner.code = load_module(inner.dyld, "stack.so", library(), 0, &inner.object, &error);
        /* fall through */
    case 5: /* takes of the stack */
        CALL0(inner.dyld, find(inner.dyld, inner.object, "takes"));
        break;
    }
    return NULL;
}

static struct module *library(void)
{
    struct module *m = module_new();
    m->memory_size = ROOM;
    uint32_t back = module_import(m, "env", "back", "i", "i");
    uint32_t stack = module_import_global(m, "env", "__stack_pointer", true);
    module_function(m, "add", "ii", "i", CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD));
    module_function(m, "div", "ii", "i", CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_DIV_S));
    module_function(m, "all", "iIfF", "FI", CODE(LOCAL_GET, 2, F64_PROMOTE_F32, LOCAL_GET, 3, F64_ADD, LOCAL_GET, 1, LOCAL_GET, 1, I64_ADD));
    module_function(m, "nothing", "", "", CODE(RETURN));
    module_function(m, "many", "iiiiiiiiii", "i", CODE(LOCAL_GET, 0, LOCAL_GET, 9, I32_SUB));
    module_function(m, "through", "i", "i", CODE(LOCAL_GET, 0, CALL, (uint8_t)back));
    module_function(m, "vector", "v", "i", CODE(I32_CONST, 5));
    module_function(m, "reference", "p", "i", CODE(I32_CONST, 5));
    /* Takes of the stack, and traps. */
    module_function(m, "falls", "", "", CODE(GLOBAL_GET, (uint8_t)stack, I32_CONST, 16, I32_SUB, GLOBAL_SET, (uint8_t)stack, UNREACHABLE));
    module_function(m, "stack", "", "i", CODE(GLOBAL_GET, (uint8_t)stack));
    /* Takes of the stack, calls back, and traps. */
    module_function(m, "deeper", "i", "", CODE(GLOBAL_GET, (uint8_t)stack, I32_CONST, 16, I32_SUB, GLOBAL_SET, (uint8_t)stack, LOCAL_GET, 0, CALL, (uint8_t)back, DROP, UNREACHABLE));
    /* Leaves the stack lower than it was. */
    module_function(m, "set_stack", "i", "", CODE(LOCAL_GET, 0, GLOBAL_SET, (uint8_t)stack));
    module_function(m, "takes", "", "", CODE(GLOBAL_GET, (uint8_t)stack, I32_CONST, 16, I32_SUB, GLOBAL_SET, (uint8_t)stack));
    return m;
}

static struct host start(wasm_dyld_object_t **object)
{
    struct host host = host_new();
    define_function(&host, "env", "back", 1, 1, called_back);
    WORKS(load_module(host.dyld, "calls.so", library(), 0, object, &error));
    return host;
}

static wasm_dyld_func_t *prepare(wasm_dyld_t *dyld, const wasm_dyld_object_t *object, const char *name)
{
    wasm_dyld_func_t *function = NULL;
    WORKS(wasm_dyld_func_new(dyld, find(dyld, object, name), &function, &error));
    CHECK(function != NULL);
    return function;
}

static wasm_dyld_code_t add(const wasm_dyld_func_t *function, int32_t a, int32_t b, int32_t *sum)
{
    wasm_dyld_cell_t cells[2];
    memset(cells, 0xa5, sizeof cells);
    cells[0].i32 = a;
    cells[1].i32 = b;
    wasm_dyld_code_t code = wasm_dyld_func_call_cells(function, cells, 2, &error);
    *sum = cells[0].i32;
    return code;
}

static void one_by_one(void)
{
    wasm_dyld_object_t *object = NULL;
    struct host host = start(&object);
    wasm_dyld_func_t *sums = prepare(host.dyld, object, "add"), *all = prepare(host.dyld, object, "all");
    wasm_dyld_func_t *many = prepare(host.dyld, object, "many"), *nothing = prepare(host.dyld, object, "nothing");
    int32_t sum = 0;
    WORKS(add(sums, 40, 2, &sum));
    SAME(sum, 42);
    WORKS(add(sums, INT32_MIN, -1, &sum));
    SAME(sum, INT32_MAX);
    wasm_val_t in[4], out[2];
    wasm_val_vec_t given = {4, in}, got = {2, out};
    memset(in, 0, sizeof in);
    in[0].kind = WASM_I32, in[1].kind = WASM_I64, in[2].kind = WASM_F32, in[3].kind = WASM_F64;
    in[1].of.i64 = INT64_C(0x123456789abc), in[2].of.f32 = 0.5f, in[3].of.f64 = 2.25;
    WORKS(wasm_dyld_func_call(all, &given, &got, &error));
    CHECK(out[0].kind == WASM_F64 && out[0].of.f64 == 2.75);
    SAME(out[1].kind, WASM_I64);
    SAME(out[1].of.i64, INT64_C(0x2468acf13578));
    wasm_dyld_cell_t cells[12];
    cells[1].i64 = -3, cells[2].f32 = 1.5f, cells[3].f64 = -1;
    WORKS(wasm_dyld_func_call_cells(all, cells, 4, &error));
    CHECK(cells[0].f64 == 0.5 && cells[1].i64 == -6);
    for (int i = 0; i < 12; i++)
        cells[i].i32 = 10 * i;
    WORKS(wasm_dyld_func_call_cells(many, cells, 12, &error));
    SAME(cells[0].i32, -90);
    SAME(cells[1].i32, 10);
    WORKS(wasm_dyld_func_call_cells(nothing, NULL, 0, &error));
    WORKS(wasm_dyld_func_call(nothing, NULL, NULL, &error));
    /* What does not fit. */
    FAILS(wasm_dyld_func_call_cells(many, cells, 9, &error), WASM_DYLD_INVALID_ARGUMENT, "10 values", "room for 9", NULL);
    FAILS(wasm_dyld_func_call_cells(sums, NULL, 2, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    FAILS(wasm_dyld_func_call(sums, &given, &got, &error), WASM_DYLD_INVALID_ARGUMENT, "takes 2 arguments", "4 and 2 were given", NULL);
    in[0].kind = WASM_F32;
    FAILS(wasm_dyld_func_call(all, &given, &got, &error), WASM_DYLD_INVALID_ARGUMENT, "argument 0", "i32", NULL);
    /* What is no number. */
    wasm_dyld_func_t *none = many;
    FAILS(wasm_dyld_func_new(host.dyld, find(host.dyld, object, "vector"), &none, &error), WASM_DYLD_UNSUPPORTED, "v128", NULL);
    CHECK(none == NULL);
    wasm_dyld_func_t *reference = prepare(host.dyld, object, "reference");
    FAILS(wasm_dyld_func_call_cells(reference, cells, 2, &error), WASM_DYLD_UNSUPPORTED, "funcref", NULL);
    in[0].kind = WASM_FUNCREF, in[0].of.ref = NULL;
    given.size = got.size = 1;
    WORKS(wasm_dyld_func_call(reference, &given, &got, &error));
    SAME(out[0].of.i32, 5);
    host_delete(&host);
    FAILS(add(sums, 1, 2, &sum), WASM_DYLD_INVALID_ARGUMENT, "namespace", "gone", NULL);
    wasm_dyld_func_delete(sums);
    wasm_dyld_func_delete(all);
    wasm_dyld_func_delete(many);
    wasm_dyld_func_delete(nothing);
    wasm_dyld_func_delete(reference);
    ok("one by one");
}

static void handles(void)
{
    wasm_dyld_object_t *object = NULL;
    struct host host = start(&object), other = host_new();
    wasm_dyld_func_t *function = prepare(host.dyld, object, "add"), *again = prepare(host.dyld, object, "add"), *made = function;
    int32_t sum = 0;
    CHECK(function != again);
    FAILS(add(NULL, 1, 2, &sum), WASM_DYLD_INVALID_ARGUMENT, "prepared function", "NULL", NULL);
    FAILS(add((wasm_dyld_func_t *)&sum, 1, 2, &sum), WASM_DYLD_INVALID_ARGUMENT, "no live handle", NULL);
    FAILS(add((wasm_dyld_func_t *)host.dyld, 1, 2, &sum), WASM_DYLD_INVALID_ARGUMENT, "no live handle", NULL);
    /* A function of another namespace is none of this one's. */
    FAILS(wasm_dyld_func_new(other.dyld, find(host.dyld, object, "add"), &made, &error), WASM_DYLD_INVALID_ARGUMENT, "look-up", NULL);
    CHECK(made == NULL);
    FAILS(wasm_dyld_func_new(host.dyld, NULL, &made, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    FAILS(wasm_dyld_func_new(NULL, find(host.dyld, object, "add"), &made, &error), WASM_DYLD_INVALID_ARGUMENT, "namespace", NULL);
    /* Given up once, and for ever. */
    wasm_dyld_func_delete(function);
    wasm_dyld_func_delete(function);
    wasm_dyld_func_delete(NULL);
    FAILS(add(function, 1, 2, &sum), WASM_DYLD_INVALID_ARGUMENT, "no live handle", NULL);
    wasm_dyld_func_t *next = prepare(host.dyld, object, "add");
    CHECK(next != function);
    FAILS(add(function, 1, 2, &sum), WASM_DYLD_INVALID_ARGUMENT, "no live handle", NULL);
    WORKS(add(next, 1, 2, &sum));
    SAME(sum, 3);
    /* The object goes, and another one comes in its place. */
    WORKS(wasm_dyld_unload(host.dyld, object, &error));
    FAILS(add(next, 1, 2, &sum), WASM_DYLD_INVALID_ARGUMENT, "unloaded", NULL);
    WORKS(load_module(host.dyld, "calls.so", library(), 0, &object, &error));
    FAILS(add(next, 1, 2, &sum), WASM_DYLD_INVALID_ARGUMENT, "unloaded", NULL);
    FAILS(add(again, 1, 2, &sum), WASM_DYLD_INVALID_ARGUMENT, "unloaded", NULL);
    wasm_dyld_func_delete(next);
    wasm_dyld_func_delete(again);
    host_delete(&other);
    host_delete(&host);
    ok("handles");
}

static void traps(void)
{
    wasm_dyld_object_t *object = NULL;
    struct host host = start(&object);
    wasm_dyld_func_t *divide = prepare(host.dyld, object, "div"), *falls = prepare(host.dyld, object, "falls");
    int32_t before = CALL0(host.dyld, find(host.dyld, object, "stack")), quotient = 0;
    KEEPS(add(divide, 1, 0, &quotient), WASM_DYLD_TRAP, NULL);
    size_t frames = wasm_dyld_error_frame_count(error);
    /* Engines that tell of frames tell of them here as well. */
    forget_error();
    KEEPS(try_call(host.dyld, find(host.dyld, object, "div"), NULL, 2, 1, 0), WASM_DYLD_TRAP, NULL);
    SAME(frames, wasm_dyld_error_frame_count(error));
    forget_error();
    FAILS(wasm_dyld_func_call_cells(falls, NULL, 0, &error), WASM_DYLD_TRAP, NULL);
    SAME(CALL0(host.dyld, find(host.dyld, object, "stack")), before);
    WORKS(add(divide, 42, 2, &quotient));
    SAME(quotient, 21);
    wasm_dyld_func_delete(divide);
    wasm_dyld_func_delete(falls);
    host_delete(&host);
    ok("traps");
}

static void slots(void)
{
    static const uint8_t two[] = {WASM_I32, WASM_I32, WASM_I32};
    wasm_dyld_object_t *object = NULL;
    struct host host = start(&object);
    uint32_t slot = slot_of(host.dyld, object, "add");
    wasm_dyld_func_t *function = NULL;
    wasm_table_t *table = NULL;
    int32_t sum = 0;
    WORKS(wasm_dyld_table(host.dyld, &table, &error));
    WORKS(wasm_dyld_func_at(host.dyld, slot, two, 2, 1, &function, &error));
    WORKS(add(function, 5, 6, &sum));
    SAME(sum, 11);
    wasm_val_t in[] = {WASM_I32_VAL(7), WASM_I32_VAL(8)}, out[1];
    wasm_val_vec_t given = {2, in}, got = {1, out};
    WORKS(wasm_dyld_func_call(function, &given, &got, &error));
    SAME(out[0].of.i32, 15);
    wasm_dyld_func_t *none = function;
    FAILS(wasm_dyld_func_at(host.dyld, 0, two, 2, 1, &none, &error), WASM_DYLD_INVALID_ARGUMENT, "slot 0", NULL);
    CHECK(none == NULL);
    FAILS(wasm_dyld_func_at(host.dyld, wasm_table_size(table), two, 2, 1, &none, &error), WASM_DYLD_INVALID_ARGUMENT, "no function", NULL);
    FAILS(wasm_dyld_func_at(host.dyld, UINT64_MAX, two, 2, 1, &none, &error), WASM_DYLD_INVALID_ARGUMENT, "no function", NULL);
    FAILS(wasm_dyld_func_at(host.dyld, slot, two, 1, 1, &none, &error), WASM_DYLD_TYPE_MISMATCH, "add", "(i32, i32) -> i32", NULL);
    FAILS(wasm_dyld_func_at(host.dyld, slot, NULL, 2, 1, &none, &error), WASM_DYLD_INVALID_ARGUMENT, "kinds", NULL);
    FAILS(wasm_dyld_func_at(host.dyld, slot, two, SIZE_MAX, 1, &none, &error), WASM_DYLD_INVALID_ARGUMENT, "the most", NULL);
    FAILS(wasm_dyld_func_at(host.dyld, slot, (const uint8_t *)"\7", 1, 0, &none, &error), WASM_DYLD_INVALID_ARGUMENT, "kind", NULL);
    WORKS(wasm_dyld_unload(host.dyld, object, &error));
    FAILS(add(function, 5, 6, &sum), WASM_DYLD_INVALID_ARGUMENT, "unloaded", NULL);
    wasm_dyld_func_delete(function);
    host_delete(&host);
    ok("slots");
}

static void inside_of_calls(void)
{
    wasm_dyld_object_t *object = NULL;
    struct host host = start(&object);
    wasm_dyld_func_t *through = prepare(host.dyld, object, "through"), *sums = prepare(host.dyld, object, "add");
    wasm_dyld_cell_t cell;
    inner.dyld = host.dyld, inner.object = object, inner.code = WASM_DYLD_INTERNAL;
    inner.function = sums, inner.what = 0;
    cell.i32 = 8;
    WORKS(wasm_dyld_func_call_cells(through, &cell, 1, &error));
    SAME(inner.code, WASM_DYLD_OK);
    SAME(cell.i32, 9);
    inner.function = through, inner.what = 1;
    WORKS(wasm_dyld_func_call_cells(through, &cell, 1, &error));
    FAILS(wasm_dyld_func_call_cells(through, &cell, 1, &error), WASM_DYLD_INVALID_ARGUMENT, "no live handle", NULL);
    through = prepare(host.dyld, object, "through");
    inner.what = 2;
    WORKS(wasm_dyld_func_call_cells(through, &cell, 1, &error));
    SAME(inner.code, WASM_DYLD_OK);
    FAILS(wasm_dyld_func_call_cells(through, &cell, 1, &error), WASM_DYLD_INVALID_ARGUMENT, "unloaded", NULL);
    wasm_dyld_func_delete(through);
    wasm_dyld_func_delete(sums);
    host_delete(&host);
    ok("inside of calls");
}

/* As often as it takes until the linker finds a quicker way for a function, and more. */
enum { OFTEN = 1100 };

static void often(void)
{
    static const uint8_t two[] = {WASM_I32, WASM_I32, WASM_I32};
    wasm_dyld_object_t *object = NULL;
    struct host host = start(&object);
    wasm_dyld_func_t *sums = prepare(host.dyld, object, "add"), *all = prepare(host.dyld, object, "all"), *by_slot = NULL;
    wasm_dyld_func_t *many = prepare(host.dyld, object, "many"), *nothing = prepare(host.dyld, object, "nothing");
    uint64_t instances;
    int32_t sum = 0;
    for (int i = 0; i < OFTEN; i++) {
        WORKS(add(sums, i, 2 * i, &sum));
        SAME(sum, 3 * i);
    }
    /* Whoever prepares it again has the same way. */
    instances = wasm_dyld_instance_count(host.dyld);
    wasm_dyld_func_t *again = prepare(host.dyld, object, "add");
    for (int i = 0; i < OFTEN; i++) {
        wasm_val_t in[] = {WASM_I32_VAL(i), WASM_I32_VAL(-1)}, out[1];
        wasm_val_vec_t given = {2, in}, got = {1, out};
        memset(out, 0xa5, sizeof out);
        WORKS(wasm_dyld_func_call(again, &given, &got, &error));
        SAME(out[0].kind, WASM_I32);
        SAME(out[0].of.i32, i - 1);
    }
    SAME(wasm_dyld_instance_count(host.dyld), instances);
    WORKS(wasm_dyld_func_at(host.dyld, slot_of(host.dyld, object, "add"), two, 2, 1, &by_slot, &error));
    for (int i = 0; i < OFTEN; i++) {
        WORKS(add(by_slot, INT32_MIN, i, &sum));
        SAME(sum, INT32_MIN + i);
    }
    /* Numbers of all types, and more of them than of others' before. */
    for (int i = 0; i < OFTEN; i++) {
        wasm_dyld_cell_t cells[12];
        memset(cells, 0xa5, sizeof cells);
        cells[1].i64 = INT64_C(0x123456789abc) * i, cells[2].f32 = 0.5f, cells[3].f64 = i;
        WORKS(wasm_dyld_func_call_cells(all, cells, 4, &error));
        CHECK(cells[0].f64 == i + 0.5 && cells[1].i64 == INT64_C(0x2468acf13578) * i);
        for (int k = 0; k < 12; k++)
            cells[k].i32 = 10 * k + i;
        WORKS(wasm_dyld_func_call_cells(many, cells, 12, &error));
        CHECK(cells[0].i64 == (int64_t)(uint32_t)-90 && cells[1].i32 == 10 + i);
        WORKS(wasm_dyld_func_call(nothing, NULL, NULL, &error));
        WORKS(add(sums, -i, 1, &sum));
        SAME(sum, 1 - i);
    }
    wasm_dyld_cell_t few[10];
    FAILS(wasm_dyld_func_call_cells(many, few, 9, &error), WASM_DYLD_INVALID_ARGUMENT, "10 values", "room for 9", NULL);
    wasm_val_t wrong[] = {WASM_I32_VAL(1), WASM_I64_VAL(1)}, out[1];
    wasm_val_vec_t given = {2, wrong}, got = {1, out};
    FAILS(wasm_dyld_func_call(sums, &given, &got, &error), WASM_DYLD_INVALID_ARGUMENT, "argument 1", "i64", NULL);
    given.size = 1;
    FAILS(wasm_dyld_func_call(sums, &given, &got, &error), WASM_DYLD_INVALID_ARGUMENT, "takes 2 arguments", NULL);
    given.size = 2, got.size = 0, wrong[1] = wrong[0];
    FAILS(wasm_dyld_func_call(sums, &given, &got, &error), WASM_DYLD_INVALID_ARGUMENT, NULL);
    /* The object goes, and another one comes in its place. */
    WORKS(wasm_dyld_unload(host.dyld, object, &error));
    FAILS(add(sums, 1, 2, &sum), WASM_DYLD_INVALID_ARGUMENT, "unloaded", NULL);
    FAILS(add(by_slot, 1, 2, &sum), WASM_DYLD_INVALID_ARGUMENT, "unloaded", NULL);
    WORKS(load_module(host.dyld, "calls.so", library(), 0, &object, &error));
    FAILS(add(again, 1, 2, &sum), WASM_DYLD_INVALID_ARGUMENT, "unloaded", NULL);
    wasm_dyld_func_delete(again);
    again = prepare(host.dyld, object, "add");
    for (int i = 0; i < OFTEN; i++) {
        WORKS(add(again, i, 1, &sum));
        SAME(sum, i + 1);
    }
    host_delete(&host);
    FAILS(add(again, 1, 2, &sum), WASM_DYLD_INVALID_ARGUMENT, "namespace", "gone", NULL);
    wasm_dyld_func_delete(again);
    wasm_dyld_func_delete(sums);
    wasm_dyld_func_delete(all);
    wasm_dyld_func_delete(many);
    wasm_dyld_func_delete(nothing);
    wasm_dyld_func_delete(by_slot);
    ok("often");
}

/* Traps of functions that are called often: alone, and in calls inside of calls. */
static void traps_often(void)
{
    wasm_dyld_object_t *object = NULL;
    struct host host = start(&object);
    wasm_dyld_func_t *divide = prepare(host.dyld, object, "div"), *falls = prepare(host.dyld, object, "falls");
    wasm_dyld_func_t *deeper = prepare(host.dyld, object, "deeper"), *takes = prepare(host.dyld, object, "takes");
    wasm_func_t *stack = find(host.dyld, object, "stack");
    int32_t first = CALL0(host.dyld, stack), quotient = 0;
    inner.dyld = host.dyld, inner.object = object, inner.function = falls;
    inner.what = 3;
    for (int i = 0; i < OFTEN; i++) {
        wasm_dyld_cell_t cell;
        cell.i32 = i;
        FAILS(wasm_dyld_func_call_cells(falls, NULL, 0, &error), WASM_DYLD_TRAP, NULL);
        SAME(CALL0(host.dyld, stack), first);
        FAILS(wasm_dyld_func_call_cells(deeper, &cell, 1, &error), WASM_DYLD_TRAP, NULL);
        SAME(inner.code, WASM_DYLD_TRAP);
        SAME(inner.before, first - 16);
        SAME(inner.after, first - 16);
        SAME(CALL0(host.dyld, stack), first);
        WORKS(add(divide, 42 * i, 42, &quotient));
        SAME(quotient, i);
    }
    KEEPS(add(divide, 1, 0, &quotient), WASM_DYLD_TRAP, NULL);
    size_t frames = wasm_dyld_error_frame_count(error);
    forget_error();
    KEEPS(try_call(host.dyld, find(host.dyld, object, "div"), NULL, 2, 1, 0), WASM_DYLD_TRAP, NULL);
    SAME(frames, wasm_dyld_error_frame_count(error));
    forget_error();
    /* What a call that works leaves is where the next one begins. */
    for (int i = 0; i < OFTEN; i++)
        WORKS(wasm_dyld_func_call_cells(takes, NULL, 0, &error));
    SAME(CALL0(host.dyld, stack), first - 16 * OFTEN);
    FAILS(wasm_dyld_func_call_cells(falls, NULL, 0, &error), WASM_DYLD_TRAP, NULL);
    SAME(CALL0(host.dyld, stack), first - 16 * OFTEN);
    /* Whatever the guest has there. */
    WORKS(try_call(host.dyld, find(host.dyld, object, "set_stack"), NULL, 1, -1));
    FAILS(wasm_dyld_func_call_cells(falls, NULL, 0, &error), WASM_DYLD_TRAP, NULL);
    SAME(CALL0(host.dyld, stack), -1);
    wasm_dyld_func_delete(divide);
    wasm_dyld_func_delete(falls);
    wasm_dyld_func_delete(deeper);
    wasm_dyld_func_delete(takes);
    host_delete(&host);
    ok("traps often");
}

/* A library without the stack pointer, whose function is called often before another library has it, and since. */
static void stack_later(void)
{
    struct module *m = module_new();
    uint32_t back = module_import(m, "env", "back", "i", "i");
    module_function(m, "add", "ii", "i", CODE(LOCAL_GET, 0, LOCAL_GET, 1, I32_ADD));
    module_function(m, "fails", "i", "i", CODE(LOCAL_GET, 0, CALL, (uint8_t)back, UNREACHABLE));
    wasm_dyld_object_t *object = NULL;
    struct host host = host_new();
    define_function(&host, "env", "back", 1, 1, called_back);
    WORKS(load_module(host.dyld, "bare.so", m, 0, &object, &error));
    wasm_dyld_func_t *sums = prepare(host.dyld, object, "add"), *fails = prepare(host.dyld, object, "fails"), *again = NULL;
    inner.dyld = host.dyld, inner.object = NULL, inner.what = -1;
    int32_t sum = 0, first, quick = 0;
    wasm_dyld_cell_t cell;
    cell.i32 = 1;
    for (int i = 0; i < OFTEN; i++) {
        WORKS(add(sums, i, 1, &sum));
        SAME(sum, i + 1);
        FAILS(wasm_dyld_func_call_cells(fails, &cell, 1, &error), WASM_DYLD_TRAP, NULL);
    }
    /* It comes while such a call runs. */
    inner.what = 4;
    FAILS(wasm_dyld_func_call_cells(fails, &cell, 1, &error), WASM_DYLD_TRAP, NULL);
    WORKS(inner.code);
    first = CALL0(host.dyld, find(host.dyld, inner.object, "stack"));
    CHECK(first > 0 && first % 16 == 0);
    /* From then on each call leaves it as it was before that call. */
    inner.what = 5;
    for (int i = 1; i <= OFTEN; i++) {
        quick = first - 16 * i;
        WORKS(try_call(host.dyld, find(host.dyld, inner.object, "set_stack"), NULL, 1, quick));
        FAILS(wasm_dyld_func_call_cells(fails, &cell, 1, &error), WASM_DYLD_TRAP, NULL);
        SAME(CALL0(host.dyld, find(host.dyld, inner.object, "stack")), quick);
        WORKS(add(sums, i, 2, &sum));
        SAME(sum, i + 2);
    }
    /* Whoever prepares it again has the same way. */
    again = prepare(host.dyld, object, "fails");
    uint64_t instances = wasm_dyld_instance_count(host.dyld);
    for (int i = 0; i < OFTEN; i++)
        FAILS(wasm_dyld_func_call_cells(again, &cell, 1, &error), WASM_DYLD_TRAP, NULL);
    SAME(CALL0(host.dyld, find(host.dyld, inner.object, "stack")), quick);
    SAME(wasm_dyld_instance_count(host.dyld), instances);
    wasm_dyld_func_delete(again);
    wasm_dyld_func_delete(sums);
    wasm_dyld_func_delete(fails);
    host_delete(&host);
    ok("stack later");
}

/* Handles and objects that go while a function that is called often runs. */
static void inside_often(void)
{
    wasm_dyld_object_t *object = NULL;
    struct host host = start(&object);
    wasm_dyld_func_t *through = prepare(host.dyld, object, "through"), *sums = prepare(host.dyld, object, "add");
    wasm_dyld_cell_t cell;
    inner.dyld = host.dyld, inner.object = object;
    inner.function = sums, inner.what = 0;
    for (int i = 0; i < OFTEN; i++) {
        cell.i32 = i;
        inner.code = WASM_DYLD_INTERNAL;
        WORKS(wasm_dyld_func_call_cells(through, &cell, 1, &error));
        SAME(inner.code, WASM_DYLD_OK);
        SAME(cell.i32, i + 1);
    }
    inner.function = through, inner.what = 1;
    WORKS(wasm_dyld_func_call_cells(through, &cell, 1, &error));
    FAILS(wasm_dyld_func_call_cells(through, &cell, 1, &error), WASM_DYLD_INVALID_ARGUMENT, "no live handle", NULL);
    through = prepare(host.dyld, object, "through");
    inner.function = sums, inner.what = 0;
    for (int i = 0; i < OFTEN; i++)
        WORKS(wasm_dyld_func_call_cells(through, &cell, 1, &error));
    inner.what = 2;
    WORKS(wasm_dyld_func_call_cells(through, &cell, 1, &error));
    SAME(inner.code, WASM_DYLD_OK);
    FAILS(wasm_dyld_func_call_cells(through, &cell, 1, &error), WASM_DYLD_INVALID_ARGUMENT, "unloaded", NULL);
    wasm_dyld_func_delete(through);
    wasm_dyld_func_delete(sums);
    host_delete(&host);
    ok("inside often");
}

static wasm_dyld_column_t column(uint64_t address, uint64_t stride)
{
    wasm_dyld_column_t made;
    made.address = address;
    made.stride = stride;
    return made;
}

static void rows(void)
{
    enum { ROWS = 100 };
    wasm_dyld_object_t *object = NULL;
    struct host host = start(&object);
    uint64_t base = memory_base_of(host.dyld, object), done = 77;
    wasm_dyld_func_t *sums = prepare(host.dyld, object, "add"), *all = prepare(host.dyld, object, "all"), *nothing = prepare(host.dyld, object, "nothing");
    wasm_memory_t *memory = NULL;
    WORKS(wasm_dyld_memory(host.dyld, &memory, &error));
    uint64_t end = wasm_memory_data_size(memory);
    /* An array of structures {a, b, sum}, of 12 bytes each; nothing in it is aligned. */
    uint64_t at = base + 1;
    for (int i = 0; i < ROWS; i++) {
        write_int(host.dyld, at + 12 * (uint64_t)i, i);
        write_int(host.dyld, at + 12 * (uint64_t)i + 4, 1000 * i);
    }
    wasm_dyld_column_t columns[6] = {column(at, 12), column(at + 4, 12), column(at + 8, 12)};
    WORKS(wasm_dyld_func_call_rows(sums, columns, 3, ROWS, &done, &error));
    SAME(done, ROWS);
    for (int i = 0; i < ROWS; i++)
        SAME(read_int(host.dyld, at + 12 * (uint64_t)i + 8), 1001 * i);
    /* One value for all rows, and results where arguments were; a result for all rows is the last one's. */
    write_int(host.dyld, base + 2000, 5);
    columns[0] = column(at, 12), columns[1] = column(base + 2000, 0), columns[2] = column(at, 12);
    WORKS(wasm_dyld_func_call_rows(sums, columns, 3, ROWS, NULL, &error));
    SAME(read_int(host.dyld, at + 12 * 7), 12);
    columns[2] = column(base + 2000, 0);
    WORKS(wasm_dyld_func_call_rows(sums, columns, 3, 2, &done, &error));
    SAME(read_int(host.dyld, base + 2000), 6 + (5 + 5));
    /* All types. */
    static const double halves[] = {0.5, 1.5};
    WORKS(wasm_dyld_write(host.dyld, base + 8, (const uint8_t *)halves, sizeof halves, &error));
    write_int(host.dyld, base, 0x3f800000); /* 1.0f */
    write_int(host.dyld, base + 32, -1);
    write_int(host.dyld, base + 36, 0);
    columns[0] = column(base, 0), columns[1] = column(base + 32, 0), columns[2] = column(base, 0), columns[3] = column(base + 8, 8);
    columns[4] = column(base + 64, 16), columns[5] = column(base + 72, 16);
    WORKS(wasm_dyld_func_call_rows(all, columns, 6, 2, &done, &error));
    CHECK(read_double(host.dyld, base + 64) == 1.5 && read_double(host.dyld, base + 80) == 2.5);
    SAME(read_int(host.dyld, base + 88), -2);
    SAME(read_int(host.dyld, base + 92), 1);
    WORKS(wasm_dyld_func_call_rows(nothing, NULL, 0, 1000, &done, &error));
    SAME(done, 1000);
    /* By the slot. */
    static const uint8_t two[] = {WASM_I32, WASM_I32, WASM_I32};
    wasm_dyld_func_t *by_slot = NULL;
    WORKS(wasm_dyld_func_at(host.dyld, slot_of(host.dyld, object, "add"), two, 2, 1, &by_slot, &error));
    columns[0] = columns[1] = column(base + 32, 0), columns[2] = column(base + 64, 4);
    WORKS(wasm_dyld_func_call_rows(by_slot, columns, 3, 1, &done, &error));
    SAME(read_int(host.dyld, base + 64), -2);
    wasm_dyld_func_delete(by_slot);
    /* Nothing runs where a column is not all there. */
    write_int(host.dyld, base + 64, 1234);
    columns[0] = columns[1] = column(base + 32, 0);
    static const struct {
        uint64_t address, stride, rows;
        const char *why;
    } wrong[] = {
        {0, 4, 1, "null"}, {UINT64_MAX, 0, 1, "not within"}, {64, UINT64_MAX, 2, "not within"}, {64, 4, UINT64_MAX, "not within"}, {64, 4, UINT64_C(1) << 62, "not within"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        columns[2] = column(wrong[i].address, wrong[i].stride);
        done = 77;
        FAILS(wasm_dyld_func_call_rows(sums, columns, 3, wrong[i].rows, &done, &error), WASM_DYLD_INVALID_ARGUMENT, "result 0", wrong[i].why, NULL);
        SAME(done, 0);
    }
    columns[2] = column(base + 64, 4), columns[1] = column(end - 7, 4);
    FAILS(wasm_dyld_func_call_rows(sums, columns, 3, 2, &done, &error), WASM_DYLD_INVALID_ARGUMENT, "argument 1", "not within", NULL);
    SAME(read_int(host.dyld, base + 64), 1234);
    columns[1] = column(end - 8, 4);
    WORKS(wasm_dyld_func_call_rows(sums, columns, 3, 2, &done, &error));
    columns[2] = column(0, 4);
    WORKS(wasm_dyld_func_call_rows(sums, columns, 3, 0, &done, &error));
    SAME(done, 0);
    FAILS(wasm_dyld_func_call_rows(sums, columns, 2, 1, &done, &error), WASM_DYLD_INVALID_ARGUMENT, "2 columns", NULL);
    FAILS(wasm_dyld_func_call_rows(sums, NULL, 3, 1, &done, &error), WASM_DYLD_INVALID_ARGUMENT, "columns is NULL", NULL);
    FAILS(wasm_dyld_func_call_rows(sums, columns, SIZE_MAX, 1, &done, &error), WASM_DYLD_INVALID_ARGUMENT, "the most", NULL);
    FAILS(wasm_dyld_func_call_rows(NULL, columns, 3, 1, &done, &error), WASM_DYLD_INVALID_ARGUMENT, "NULL", NULL);
    wasm_dyld_func_t *reference = prepare(host.dyld, object, "reference");
    FAILS(wasm_dyld_func_call_rows(reference, columns, 2, 1, &done, &error), WASM_DYLD_UNSUPPORTED, "funcref", NULL);
    wasm_dyld_func_delete(reference);
    wasm_dyld_func_delete(sums);
    wasm_dyld_func_delete(all);
    wasm_dyld_func_delete(nothing);
    host_delete(&host);
    ok("rows");
}

static void rows_that_trap(void)
{
    wasm_dyld_object_t *object = NULL;
    struct host host = start(&object);
    uint64_t base = memory_base_of(host.dyld, object), done = 77;
    wasm_dyld_func_t *divide = prepare(host.dyld, object, "div");
    uint64_t instances;
    wasm_dyld_column_t columns[3] = {column(base, 4), column(base + 400, 4), column(base + 800, 4)};
    for (uint64_t i = 0; i < 10; i++) {
        write_int(host.dyld, base + 4 * i, 100);
        write_int(host.dyld, base + 400 + 4 * i, 7 - (int32_t)i);
        write_int(host.dyld, base + 800 + 4 * i, -9);
    }
    FAILS(wasm_dyld_func_call_rows(divide, columns, 3, 10, &done, &error), WASM_DYLD_TRAP, NULL);
    SAME(done, 7);
    SAME(read_int(host.dyld, base + 800 + 4 * 6), 100);
    SAME(read_int(host.dyld, base + 800 + 4 * 7), -9);
    /* Nothing is made twice. */
    instances = wasm_dyld_instance_count(host.dyld);
    WORKS(wasm_dyld_func_call_rows(divide, columns, 3, 3, &done, &error));
    SAME(done, 3);
    SAME(wasm_dyld_instance_count(host.dyld), instances);
    wasm_dyld_func_delete(divide);
    host_delete(&host);
    ok("rows that trap");
}

int main(void)
{
    one_by_one();
    handles();
    traps();
    slots();
    inside_of_calls();
    often();
    traps_often();
    stack_later();
    inside_often();
    rows();
    rows_that_trap();
    return 0;
}
