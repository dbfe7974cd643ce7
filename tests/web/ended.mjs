// How a program ends, for any host with JavaScript.

/** The code with which command-line engines end after a trap. */
const TRAPPED = 134;

/**
 * Compiles a program, instantiates it and starts it. `exit` of the result is its exit code, or the one of a trap, which `trap` tells then; `refused`
 * is why the host does not take the module.
 */
export async function ended(bytes, imports, start) {
  let instance;
  try {
    ({ instance } = await WebAssembly.instantiate(bytes, imports));
  } catch (error) {
    return { exit: null, refused: String(error) };
  }
  try {
    return { exit: start(instance) };
  } catch (error) {
    // A stack that is full is a RangeError, and an exception that nobody caught is itself what is thrown.
    const traps = [WebAssembly.RuntimeError, WebAssembly.Exception, RangeError];
    if (traps.some((trap) => error instanceof trap)) {
      return { exit: TRAPPED, trap: String(error) };
    }
    return { exit: null, trap: error?.stack ?? String(error) };
  }
}
