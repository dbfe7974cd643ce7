/**
 * @file
 * For programs that `wasmdyld link --snapshot=ready` makes a snapshot of: the place up to which they are run.
 *
 * The stack of calls is no part of a snapshot. The module that is made begins main anew, with the arguments and the environment of its own run, and with
 * static data and the heap as they were. A program therefore remembers what it has done:
 *
 *     static struct table *table;
 *
 *     int main(int argc, char **argv) {
 *         if (!table) {
 *             table = read_table();
 *             wasmdyld_snapshot();
 *         }
 *         return look_up(table, argc, argv);
 *     }
 *
 * What lay on main's stack is gone, and so is what pointed there. Nothing but this header is needed, and nothing of wasmdyld's where the program runs.
 */
#ifndef WASMDYLD_SNAPSHOT_H
#define WASMDYLD_SNAPSHOT_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The snapshot is made here. Then the call does not return: the module goes on with main, from its beginning. It is called once at most, and from main or
 * what main calls, not from a constructor or an exit handler. (A handler that runs because main calls exit() is called by main, too: a call there
 * makes a snapshot, of a program that is half at its end.)
 *
 * Everywhere else it does nothing: in a program that is run or linked without `--snapshot=ready`, and in the module that was made.
 *
 * @return 0
 */
__attribute__((weak, noinline, used, visibility("default"), export_name("wasmdyld_snapshot"))) int wasmdyld_snapshot(void) {
    /* Otherwise callers would be compiled with the 0 in place of the call. */
    __asm__ volatile("" ::: "memory");
    return 0;
}

#ifdef __cplusplus
}
#endif

#endif
