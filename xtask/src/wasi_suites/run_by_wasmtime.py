"""Runs a module of WASI preview1 as wasmtime does: run_by_wasmtime.py COMPILED MODULE OPTIONS [ARGUMENTS], where OPTIONS is a JSON object of `env` (pairs) and
`folders` (pairs of the host's name and the guest's). COMPILED is where the compiled module is kept. Ends as the module does, by 134 where it traps."""

import json
import os
import sys
import threading

from wasmtime import Config, Engine, ExitTrap, Linker, Module, Store, Trap, WasiConfig

TRAPPED = 134
# The most that an engine grants that may also be run asynchronously, and room for the host.
GUESTS_STACK, STACK = 2 << 20, 64 << 20


def compiled(engine: Engine, kept: str, file: str) -> Module:
    if os.path.exists(kept) and os.path.getmtime(kept) >= os.path.getmtime(file):
        return Module.deserialize_file(engine, kept)
    module = Module.from_file(engine, file)
    with open(kept + ".tmp", "wb") as out:
        out.write(module.serialize())
    os.replace(kept + ".tmp", kept)
    return module


def run(kept: str, file: str, options: str, arguments: list) -> int:
    config = Config()
    config.max_wasm_stack = GUESTS_STACK
    engine = Engine(config)
    module = compiled(engine, kept, file)
    given = json.loads(options)
    wasi = WasiConfig()
    wasi.argv = [os.path.basename(file), *arguments]
    wasi.env = given["env"]
    wasi.inherit_stdin()
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    for host, guest in given["folders"]:
        wasi.preopen_dir(host, guest)
    store, linker = Store(engine), Linker(engine)
    store.set_wasi(wasi)
    linker.define_wasi()
    try:
        linker.instantiate(store, module).exports(store)["_start"](store)
    except ExitTrap as end:
        return end.code
    except Trap as trap:
        print(f"trap: {trap}", file=sys.stderr)
        return TRAPPED
    except Exception as error:
        print(f"wasmtime: {error}", file=sys.stderr)
        return TRAPPED
    return 0


def main() -> None:
    codes = []
    threading.stack_size(STACK)
    guest = threading.Thread(target=lambda: codes.append(run(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])))
    guest.start()
    guest.join()
    sys.stdout.flush()
    os._exit(codes[0] & 0xFF if codes else TRAPPED)


main()
