/* Of an odd size and loaded first, so that what follows is not aligned by chance. */
char odd_data[13] = "twelve bytes";
