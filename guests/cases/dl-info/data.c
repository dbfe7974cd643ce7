#define PASTE_OF(a, b) a##b
#define PASTE(a, b) PASTE_OF(a, b)
#define OF(name) PASTE(PASTE(name, _of_), NAME)

int OF(data) = 1;
int OF(array)[100] = {1, 2, 3};
int OF(behind) = 3;

int OF(function)(void) { return OF(data); }

static int hidden(void) { return 5; }
int (*OF(get_hidden)(void))(void) { return hidden; }
