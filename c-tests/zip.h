/*
 * A zip archive of one file that is stored.
 */
#ifndef ZIP_H
#define ZIP_H

#include <stdint.h>
#include <string.h>

struct zip {
    uint8_t bytes[4096];
    size_t size;
};

static inline void zip_number(struct zip *to, uint64_t number, int bytes)
{
    for (; bytes > 0; bytes--, number >>= 8)
        to->bytes[to->size++] = (uint8_t)number;
}

static inline void zip_put(struct zip *to, const void *bytes, size_t size)
{
    memcpy(to->bytes + to->size, bytes, size);
    to->size += size;
}

static inline uint32_t zip_crc(const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

/* What the header in front of the file and the directory both say of it. */
static inline void zip_header(struct zip *to, const char *name, const uint8_t *bytes, size_t size)
{
    zip_number(to, 20, 2);             /* the version that it takes to read it */
    zip_number(to, 0, 8);              /* flags, stored, no time */
    zip_number(to, zip_crc(bytes, size), 4);
    zip_number(to, size, 4);
    zip_number(to, size, 4);
    zip_number(to, strlen(name), 2);
    zip_number(to, 0, 2);
}

static inline struct zip zip_of(const char *name, const uint8_t *bytes, size_t size)
{
    struct zip to;
    to.size = 0;
    if (size + 2 * strlen(name) + 128 > sizeof to.bytes)
        return to;
    zip_put(&to, "PK\3\4", 4);
    zip_header(&to, name, bytes, size);
    zip_put(&to, name, strlen(name));
    zip_put(&to, bytes, size);
    size_t directory = to.size;
    zip_put(&to, "PK\1\2\24\3", 6);
    zip_header(&to, name, bytes, size);
    zip_number(&to, 0, 6);             /* no comment, one volume */
    zip_number(&to, 0100644u << 16, 4);
    zip_number(&to, 0, 4);             /* where the file's header is */
    zip_put(&to, name, strlen(name));
    size_t end = to.size;
    zip_put(&to, "PK\5\6\0\0\0\0\1\0\1\0", 12);
    zip_number(&to, end - directory, 4);
    zip_number(&to, directory, 4);
    zip_number(&to, 0, 2);
    return to;
}

#endif
