/* The levels are copies of one file: different objects, which main tells what to do. */
extern int level, wanted, failed_at;
extern int open_levels;

enum { MOST = 200 };
extern void *opened[MOST + 1];
