// What has other numbers and structures in emscripten's libc than in wasi-libc.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

void emscripten_console_log(const char *text);

int text(char *into, int number) { return sprintf(into, "%d-%s", number, "x"); }

int print(int number)
{
    printf("%05d of emscripten\n", number);
    fprintf(stdout, "%x\n", 0xbeef);
    emscripten_console_log("a line");
    return fflush(stdout);
}

/* Makes a file, is refused to make it once more, appends to it, and cuts it. */
int files(const char *path)
{
    int file = open(path, O_CREAT | O_EXCL | O_WRONLY, 0644);
    if (file < 0)
        return -1;
    if (write(file, "hello", 5) != 5 || close(file))
        return -2;
    if (open(path, O_CREAT | O_EXCL | O_WRONLY, 0644) >= 0 || errno != EEXIST)
        return -3;
    file = open(path, O_RDWR | O_APPEND);
    if (file < 0 || write(file, " again", 6) != 6)
        return -4;
    int flags = fcntl(file, F_GETFL);
    if ((flags & O_ACCMODE) != O_RDWR || !(flags & O_APPEND) || flags & O_NONBLOCK)
        return -5;
    if (fcntl(file, F_SETFL, 0) || fcntl(file, F_GETFL) & O_APPEND || close(file))
        return -6;
    if (open(path, O_RDONLY | O_DIRECTORY) >= 0)
        return -7;
    char all[32] = "";
    file = openat(AT_FDCWD, path, O_RDONLY);
    if (file < 0 || read(file, all, sizeof all) != 11 || strcmp(all, "hello again") || close(file))
        return -8;
    file = open(path, O_WRONLY | O_TRUNC);
    if (file < 0 || write(file, "cut", 3) != 3 || close(file))
        return -9;
    return 0;
}

/* Nothing behind a structure of 8 bytes is written. */
int clocks(void)
{
    struct {
        struct timespec time;
        int behind;
    } one = {{0, 0}, 77}, two = {{0, 0}, 77};
    struct timeval day = {0, 0};
    if (clock_gettime(CLOCK_MONOTONIC, &one.time) || clock_gettime(CLOCK_MONOTONIC, &two.time))
        return -1;
    if (one.behind != 77 || two.behind != 77 || one.time.tv_nsec < 0 || one.time.tv_nsec > 999999999)
        return -2;
    if (two.time.tv_sec < one.time.tv_sec || (two.time.tv_sec == one.time.tv_sec && two.time.tv_nsec < one.time.tv_nsec))
        return -3;
    if (clock_gettime(99, &one.time) == 0 || errno != EINVAL)
        return -4;
    if (clock_getres(CLOCK_REALTIME, &one.time) || one.time.tv_sec != 0 || one.time.tv_nsec <= 0)
        return -5;
    struct timespec short_time = {0, 1000};
    if (gettimeofday(&day, NULL) || nanosleep(&short_time, NULL))
        return -6;
    /* It is after 2025 and before 2038. */
    time_t now = time(NULL);
    if (now < 1735689600 || day.tv_sec < now - 5 || day.tv_sec > now)
        return -7;
    return 0;
}
