int good_calls;
int good_buffer[20000] = {1};

int good(void)
{
    int fresh = good_calls == 0 && good_buffer[0] == 1 && good_buffer[19999] == 0;
    good_buffer[0] = good_buffer[19999] = 77;
    good_calls++;
    return fresh;
}
