int is_odd(int n);

int is_even(int n)
{
    if (n == 0)
        return 1;
    __attribute__((musttail)) return is_odd(n - 1);
}
