#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static int calls;

/* Packs and unpacks; gives how often it has been called, or 0. */
int pack(const unsigned char *data, unsigned long size)
{
    uLongf packed_size = compressBound(size), unpacked_size = size;
    Bytef *packed = malloc(packed_size), *unpacked = malloc(size);
    int good = packed && unpacked && compress(packed, &packed_size, data, size) == Z_OK && packed_size < size / 2 &&
               uncompress(unpacked, &unpacked_size, packed, packed_size) == Z_OK && memcmp(data, unpacked, size) == 0;
    free(packed);
    free(unpacked);
    return good ? ++calls : 0;
}
