"""Notebooks: the example with what it shows, and the kernel's interrupt."""

import importlib.util
import os
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from support import ROOT, absent, wat

EXAMPLE = ROOT / "examples" / "notebook.ipynb"
TOOLS = ROOT / "guests" / "tools"


def execute(cells: Any, folder: Path, **options: Any) -> None:
    """Runs a notebook in a kernel of this very environment."""
    for module in ("nbclient", "ipykernel"):
        if importlib.util.find_spec(module) is None:
            absent(module, f"pip install {module}")
    from nbclient import NotebookClient

    # What Jupyter keeps, and what it finds on this machine, is not ours.
    home = {name: str(folder / "jupyter") for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    environment = {**os.environ, **home, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    client = NotebookClient(cells, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}, **options)
    client.execute(env=environment)


def shown(cell: Any) -> List[Tuple[str, str]]:
    """What a cell shows, apart from where it was run: of errors their kind and first line."""
    outputs: List[Tuple[str, str]] = []
    for output in cell.get("outputs", []):
        kind = output["output_type"]
        if kind == "error":
            outputs.append((output["ename"], output["evalue"].partition("\n")[0]))
        elif kind == "stream":
            outputs.append((output["name"], output["text"]))
        else:
            outputs.append((kind, output["data"]["text/plain"]))
    return outputs


@pytest.fixture
def folder(guests: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{TOOLS}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("WASMDYLD_TOOLCHAIN", str(guests))
    return tmp_path


@pytest.mark.filterwarnings("ignore")
def test_the_example_shows_what_it_says(folder: Path) -> None:
    if importlib.util.find_spec("nbformat") is None:
        absent("nbformat", "pip install nbclient")
    import nbformat

    written = nbformat.read(EXAMPLE, as_version=4)
    nbformat.validate(written)
    ran = nbformat.read(EXAMPLE, as_version=4)
    execute(ran, folder)
    for before, after in zip(written.cells, ran.cells):
        assert shown(after) == shown(before), before["source"]
    told: Dict[str, str] = dict(entry for cell in ran.cells for entry in shown(cell))
    assert "out of bounds" in told["Trap"] and "TimedOut" in told
    # A person looks for the own line, and not for ours.
    (trap,) = (output for cell in ran.cells for output in cell.get("outputs", []) if output.get("ename") == "Trap")
    assert "skipping hidden" in "".join(trap["traceback"])


@pytest.mark.filterwarnings("ignore")
def test_the_kernel_completes_names_and_its_interrupt_stops_a_guest(folder: Path) -> None:
    if importlib.util.find_spec("nbformat") is None:
        absent("nbformat", "pip install nbclient")
    from nbformat.v4 import new_code_cell, new_notebook

    (folder / "loop.so").write_bytes(wat('(func (export "spin") (loop (br 0))) (func (export "one") (result i32) (i32.const 1))'))
    cells = new_notebook(
        cells=[
            new_code_cell('import wasmdyld\nlibrary = wasmdyld.Namespace(library_paths=["."]).load("loop.so")\nprint("loaded")'),
            # What a front end gets when somebody presses Tab.
            new_code_cell('print(*get_ipython().kernel.do_complete("library.sp", 10)["matches"])'),
            new_code_cell("library.spin()"),
            new_code_cell("library.one()"),
        ]
    )

    def impatient(cell: Any) -> int:
        return 1 if "spin()" in cell["source"] else 120

    execute(cells, folder, timeout_func=impatient, interrupt_on_timeout=True, allow_errors=True)
    assert [shown(cell) for cell in cells.cells] == [[("stdout", "loaded\n")], [("stdout", "spin\n")], [("KeyboardInterrupt", "")], [("execute_result", "1")]]
