#include "record.h"
#include "../check.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    char line[100];
    FILE *file = fopen("/data/lines.txt", "r");
    CHECK(file != NULL);
    read_line(file, line, sizeof line);
    printf("read by the library, opened by main: %s\n", line);
    fclose(file);

    file = open_data("lines.txt");
    CHECK(file != NULL);
    CHECK(fgets(line, sizeof line, file) && fgets(line, sizeof line, file));
    printf("read by main, opened by the library: %s", line);
    fclose(file);

    int descriptor = open("/out/records.txt", O_RDWR | O_CREAT | O_EXCL, 0666);
    CHECK(descriptor >= 0);
    CHECK(append_record(descriptor, 1, "one") && append_record(descriptor, 2, "two") && append_record(descriptor, 3, "three"));
    CHECK(lseek(descriptor, 0, SEEK_SET) == 0);
    file = fdopen(descriptor, "r+");
    CHECK(file != NULL);
    char lines[3][20];
    for (int i = 0; i < 3; i++)
        read_line(file, lines[i], sizeof lines[i]);
    printf("written 3 lines: %s, %s, %s\n", lines[0], lines[1], lines[2]);

    struct stat status;
    CHECK(fstat(descriptor, &status) == 0);
    long size = (long)status.st_size;
    CHECK(ftruncate(descriptor, 6) == 0 && fstat(descriptor, &status) == 0 && status.st_size == 6);
    rewind(file);
    read_line(file, line, sizeof line);
    printf("size %ld, then truncated to 6: %s\n", size, line);
    fclose(file);

    CHECK(rename("/out/records.txt", "/out/kept.txt") == 0);
    DIR *folder = opendir("/out");
    CHECK(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            printf("in the folder: records.txt renamed to %s\n", entry->d_name);
    closedir(folder);
    CHECK(unlink("/out/kept.txt") == 0);

    CHECK(open("/elsewhere/file", O_WRONLY | O_CREAT, 0666) == -1);
    puts("not writable outside");
    return 0;
}
