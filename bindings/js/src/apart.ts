// What the host is told by functions of its own.

/**
 * Runs such a function. What it throws is reported as what no one caught, after the work that is under way: it must neither unwind the linker, which
 * leaves it in a state of which nothing is known, nor fail a load that has gone well.
 */
export function apart(run: () => void): void {
  try {
    run();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
