#include <string.h>

unsigned char guard[65536];

int descend(int depth)
{
    volatile char frame[4096];
    memset((char *)frame, depth, sizeof frame);
    if (depth > 1 && descend(depth - 1) != depth - 1)
        return -1;
    /* Used after the call, so that this is no tail call and the frame has to live. */
    return frame[100] == (char)depth ? depth : -1;
}
