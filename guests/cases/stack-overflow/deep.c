unsigned char guard[65536];

int descend(int depth)
{
    /* Volatile and filled in a loop: the frame has to have its full size. */
    volatile char frame[4096];
    for (unsigned i = 0; i < sizeof frame; i++)
        frame[i] = (char)depth;
    if (depth > 1 && descend(depth - 1) != depth - 1)
        return -1;
    return frame[depth % (int)sizeof frame] == (char)depth ? depth : -1;
}
