"""Runs a component of WASI 0.2 on wasmtime: a command, or a function of its world with numbers."""

import sys

from wasmtime import Engine, ExitTrap, Store, WasiConfig, WasmtimeError, component


def main(file, name, numbers):
    engine = Engine()
    store = Store(engine)
    wasi = WasiConfig()
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    wasi.argv = [file]
    store.set_wasi(wasi)
    linker = component.Linker(engine)
    linker.add_wasip2()
    made = component.Component.from_file(engine, file)
    instance = linker.instantiate(store, made)
    if name != "run":
        print(instance.get_func(store, made.get_export_index(name))(store, *numbers))
        return 0
    [interface] = [export for export in made.type.exports(engine) if export.startswith("wasi:cli/run@0.2")]
    function = made.get_export_index("run", made.get_export_index(interface))
    try:
        return 0 if instance.get_func(store, function)(store).tag == "ok" else 1
    except ExitTrap as exit:
        return exit.code
    except WasmtimeError as error:
        print(error, file=sys.stderr)
        return 134


sys.exit(main(sys.argv[1], sys.argv[2], [int(number) for number in sys.argv[3:]]))
