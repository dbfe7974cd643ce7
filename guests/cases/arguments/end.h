/* Ends the program in the way that the word names, or comes back. */
void end(const char *how, int value);
