/* Objects in C: a table of functions for each kind. */
struct shape;

struct shape_functions {
    const char *name;
    double (*area)(const struct shape *);
    void (*print)(const struct shape *);
};

struct shape {
    const struct shape_functions *functions;
    double size;
};

extern const struct shape_functions circle, square;

void count_areas(int *counter);

/* A function that triples. */
int (*tripler(void))(int);
