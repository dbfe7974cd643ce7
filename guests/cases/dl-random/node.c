#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

/* main's: +1 when the library of this letter is constructed, -1 when it is destroyed. */
extern void change(char letter, int by);

__attribute__((constructor)) static void construct(void) { change(TEXT(NAME)[0], 1); }
__attribute__((destructor)) static void destroy(void) { change(TEXT(NAME)[0], -1); }

static char big[20000];
static int calls;

/* How often this was called since the library was loaded. */
int visit(void)
{
    if (big[0] != (char)calls || big[sizeof big - 1] != (char)calls)
        return -1;
    calls++;
    big[0] = big[sizeof big - 1] = (char)calls;
    return calls;
}
