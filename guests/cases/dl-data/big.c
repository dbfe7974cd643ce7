char big[30 << 20];
