"""Fixtures: the built guests, and namespaces that find them."""

import os
from pathlib import Path
from typing import Any, Iterator, List

import pytest

import wasmdyld
from support import GUESTS, Make, absent
from wasmdyld import Namespace
from wasmdyld import ctypes as C


@pytest.fixture(scope="session")
def guests() -> Path:
    if not (GUESTS / "lib").is_dir():
        absent(f"the built guests in {GUESTS}", "`cargo xtask guests` builds them")
    return GUESTS


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[wasmdyld.Engine]:
    """An engine that compiles what is large once. WASMDYLD_TEST_CACHE is a folder to keep it in."""
    folder = Path(os.environ.get("WASMDYLD_TEST_CACHE") or tmp_path_factory.mktemp("cache"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with wasmdyld.Engine(cache=folder) as engine:
        yield engine


@pytest.fixture
def make(guests: Path, engine: wasmdyld.Engine) -> Iterator[Make]:
    """Makes namespaces that find the guests' libraries, and closes them."""
    made: List[Namespace] = []

    def new(*cases: str, **options: Any) -> Namespace:
        paths = [guests / "lib", *(guests / "cases" / case for case in cases), *options.pop("library_paths", ())]
        made.append(Namespace(library_paths=paths, **{"engine": engine, **options}))
        return made[-1]

    yield new
    for namespace in made:
        namespace.close()


@pytest.fixture
def ns(make: Make) -> Namespace:
    return make("library-only", "types")


@pytest.fixture
def calc(ns: Namespace) -> wasmdyld.Library:
    return ns.load("libcalc.so")


@pytest.fixture
def sqlite(ns: Namespace) -> wasmdyld.Library:
    return ns.load("libsqlite3.so")


@pytest.fixture
def space(make: Make) -> Iterator[Namespace]:
    """The namespace that wasmdyld.ctypes uses."""
    ns = make("library-only", "types")
    before = C.use(ns)
    yield ns
    C.use(before)


@pytest.fixture
def libc(space: Namespace) -> Any:
    return C.CDLL("libc.so")
