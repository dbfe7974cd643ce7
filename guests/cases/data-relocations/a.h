extern int a_array[8];
extern int *a_into_main;
extern int (*const a_function)(void);
extern const char *const a_texts[];

extern int b_array[4];
extern int *b_into_a;

extern int main_array[4];

struct mixed {
    int *first;
    char padding[12];
    int *second;
    int *third;
};
