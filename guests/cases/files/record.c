#include "record.h"
#include <string.h>
#include <unistd.h>

void read_line(FILE *file, char *line, int size)
{
    if (!fgets(line, size, file))
        line[0] = 0;
    line[strcspn(line, "\n")] = 0;
}

FILE *open_data(const char *name)
{
    char path[100];
    snprintf(path, sizeof path, "/data/%s", name);
    return fopen(path, "r");
}

int append_record(int descriptor, int number, const char *text)
{
    char line[100];
    int size = snprintf(line, sizeof line, "%d %s\n", number, text);
    return write(descriptor, line, (size_t)size) == size;
}
