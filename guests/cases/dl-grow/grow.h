#include <stddef.h>

/* Instructions on the table of function pointers, which C has no words for. */
static inline int grow_table(int slots)
{
    int old;
    __asm__(".tabletype __indirect_function_table, funcref\n"
            "ref.null_func\n"
            "local.get %1\n"
            "table.grow __indirect_function_table\n"
            "local.set %0"
            : "=r"(old)
            : "r"(slots));
    return old;
}

static inline int table_size(void)
{
    int size;
    __asm__(".tabletype __indirect_function_table, funcref\n"
            "table.size __indirect_function_table\n"
            "local.set %0"
            : "=r"(size));
    return size;
}

static inline int is_null_slot(int slot)
{
    int is_null;
    __asm__(".tabletype __indirect_function_table, funcref\n"
            "local.get %1\n"
            "table.get __indirect_function_table\n"
            "ref.is_null\n"
            "local.set %0"
            : "=r"(is_null)
            : "r"(slot));
    return is_null;
}
