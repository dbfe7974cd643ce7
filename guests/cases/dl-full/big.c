char big[5 << 20] = {1};
