int nothing_for_sqlite(void) { return 0; }
