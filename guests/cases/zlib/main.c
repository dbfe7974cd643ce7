#include "../check.h"
#include <string.h>
#include <zlib.h>

enum { SIZE = 1000000 };

/* Text that repeats itself, though never quite. */
static void fill(char *text)
{
    unsigned state = 1;
    size_t at = 0;
    while (at < SIZE) {
        state = state * 1103515245u + 12345u;
        static const char *const words[] = {"link ", "load ", "bind ", "relocate ", "symbol ", "table ", "memory ", "\n"};
        for (const char *word = words[state >> 29]; *word && at < SIZE; word++)
            text[at++] = *word;
        if ((state >> 16) % 64 == 0)
            at += at + 4096 < SIZE ? (memcpy(text + at, text, 4096), 4096) : 0;
    }
}

static void round_trip(void)
{
    char *text = malloc(SIZE), *back = malloc(SIZE);
    uLongf packed_size = compressBound(SIZE), back_size = SIZE;
    Bytef *packed = malloc(packed_size);
    CHECK(text && back && packed);
    fill(text);
    CHECK(compress2(packed, &packed_size, (Bytef *)text, SIZE, 9) == Z_OK);
    CHECK(uncompress((Bytef *)back, &back_size, packed, packed_size) == Z_OK);
    CHECK(back_size == SIZE && memcmp(text, back, SIZE) == 0);
    CHECK(packed_size < 50000);
    printf("%d bytes in less than 50000, and back: equal\n", SIZE);

    /* The last four bytes are the checksum. */
    packed[packed_size - 1] ^= 1;
    z_stream stream = {.next_in = packed, .avail_in = packed_size, .next_out = (Bytef *)back, .avail_out = SIZE};
    CHECK(inflateInit(&stream) == Z_OK);
    CHECK(inflate(&stream, Z_FINISH) == Z_DATA_ERROR);
    printf("damaged data: %s\n", stream.msg);
    inflateEnd(&stream);
    free(text);
    free(back);
    free(packed);
}

static void file(void)
{
    gzFile out = gzopen("/out/lines.gz", "wb");
    CHECK(out != NULL);
    int written = 0, read = 0;
    for (; written < 10000; written++)
        CHECK(gzprintf(out, "line %d of the file\n", written) > 0);
    CHECK(gzclose(out) == Z_OK);

    gzFile in = gzopen("/out/lines.gz", "rb");
    CHECK(in != NULL);
    char line[100], expected[100];
    while (gzgets(in, line, sizeof line)) {
        snprintf(expected, sizeof expected, "line %d of the file\n", read++);
        CHECK(strcmp(line, expected) == 0);
    }
    gzclose(in);
    printf("gzip file: %d lines written, %d read\n", written, read);
}

int main(void)
{
    CHECK(strcmp(zlibVersion(), ZLIB_VERSION) == 0);
    puts("zlib: header and library agree");
    const Bytef digits[] = "123456789";
    printf("crc32 of 123456789: %08lx\n", crc32(0, digits, 9));
    printf("adler32 of 123456789: %08lx\n", adler32(1, digits, 9));
    round_trip();
    file();
    return 0;
}
