extern _Thread_local int counter;
extern _Thread_local char zeroed[100];

int counter_in_library(void);
int *address_of_counter(void);
int count_calls(void);
