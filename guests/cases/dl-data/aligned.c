_Alignas(16) char by_16[3] = {1};
char between = 2;
_Alignas(4096) char by_4096[5] = {3};
_Alignas(65536) char by_65536[7] = {4};
_Alignas(4096) char zero_by_4096[9];
