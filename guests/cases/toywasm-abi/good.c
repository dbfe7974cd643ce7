int below(void);

int good_number = 7;
int good(void) { return below() + 37; }
