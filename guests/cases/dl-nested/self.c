#include "../dl.h"

void *self_handle;
int self_constructed;

__attribute__((constructor)) static void construct(void)
{
    puts("self: constructor opens it again");
    self_constructed++;
    self_handle = OPEN("libself.so", RTLD_NOW);
    void *again = OPEN("libself.so", RTLD_NOW | RTLD_NOLOAD);
    CHECK(again == self_handle);
    CHECK(FIND(self_handle, "self_constructed") == &self_constructed && self_constructed == 1);
    puts("self: same handle, symbol found, constructed once");
    CLOSE(again);
    CLOSE(self_handle);
}

__attribute__((destructor)) static void destroy(void) { puts("self: destructor"); }
