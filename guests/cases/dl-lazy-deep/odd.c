int is_even(int n);

int is_odd(int n)
{
    if (n == 0)
        return 0;
    __attribute__((musttail)) return is_even(n - 1);
}
