#include <stdio.h>

void read_line(FILE *file, char *line, int size);
FILE *open_data(const char *name);
int append_record(int descriptor, int number, const char *text);
