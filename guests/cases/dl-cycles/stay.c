int stay_numbers[1000] = {5};
int stay_sum(int n)
{
    int sum = 0;
    for (int i = 0; i < 1000; i++)
        sum += stay_numbers[i] += n;
    return sum;
}
