// Runs a program with its libraries in a namespace of the package for JavaScript, in any host, and tells how it ended as `wasmdyld run` does.

/** The codes of `wasmdyld run`. */
const [CANNOT_LOAD, TRAPPED] = [127, 134];

/** `wasmdyld` is the package; `wasi` is what the guest gets of that. */
export async function ended({ Exit, Namespace, Trap }, { program, args, libraryPath, preload, stackSize }, wasi) {
  const streams = { stdout: [], stderr: [] };
  const text = (name) => {
    const decoder = new TextDecoder();
    return streams[name].map((bytes) => decoder.decode(bytes, { stream: true })).join("") + decoder.decode();
  };
  const told = (exit, trap = "") => ({ exit, trap, stdout: text("stdout"), stderr: text("stderr") });
  try {
    const namespace = await Namespace.create({
      libraryPath,
      preload,
      ...(stackSize === null ? {} : { stackSize }),
      wasi,
      stdin: "",
      stdout: (bytes) => streams.stdout.push(bytes),
      stderr: (bytes) => streams.stderr.push(bytes),
    });
    try {
      return told(await namespace.run(program, args));
    } finally {
      namespace.close();
    }
  } catch (error) {
    if (error instanceof Trap) return told(TRAPPED, error.message);
    if (error instanceof Exit) return told(error.exitCode);
    if (error.code) return told(CANNOT_LOAD, `${error.name}: ${error.message}`);
    return told(null, error?.stack ?? String(error));
  }
}
