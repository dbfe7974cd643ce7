int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
