#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

const char *which(void) { return TEXT(NAME); }
