#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

const char *name(void) { return TEXT(NAME); }
