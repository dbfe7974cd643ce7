/* Two megabytes of made-up text, compressed and back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { SIZE = 2000000 };

int main(void)
{
    static const char *const words[] = { "one ", "module ", "of ", "a program ", "and its ", "libraries, ", "linked\n", "ahead " };
    unsigned char *text = malloc(SIZE + 16), *back = malloc(SIZE);
    uLong bound = compressBound(SIZE);
    unsigned char *packed = malloc(bound);
    unsigned state = 1;
    for (size_t at = 0; at < SIZE;) {
        state = state * 1103515245 + 12345;
        const char *word = words[state >> 16 & 7];
        size_t length = strlen(word);
        memcpy(text + at, word, length);
        at += length;
        if (!(state & 0x700000))
            text[at - 1] = (unsigned char)('a' + (state >> 24) % 26);
    }
    uLong size = bound, length = SIZE;
    if (compress2(packed, &size, text, SIZE, 6) != Z_OK)
        return 1;
    for (int round = 0; round < 60; round++)
        if (uncompress(back, &length, packed, size) != Z_OK)
            return 1;
    printf("%lu bytes, %s\n", size, memcmp(back, text, SIZE) ? "other" : "equal");
    return 0;
}
