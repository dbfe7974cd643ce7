#define HIDDEN __attribute__((visibility("hidden")))

HIDDEN const char *internal(void);
extern HIDDEN const char *hidden_name;
