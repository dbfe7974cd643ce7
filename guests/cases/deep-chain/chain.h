#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

/* A list that goes through all libraries. */
struct link {
    int number;
    struct link *next;
};

/* The numbers of the libraries in the order of construction. */
extern volatile int order[20], constructed;
