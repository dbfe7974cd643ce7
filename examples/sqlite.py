"""SQLite as a WebAssembly library in Python: a sandbox, and not a line of C.

    pip install wasmdyld
    python sqlite.py LIBRARIES

LIBRARIES is the folder with libsqlite3.so and the libc.so that it needs. The parts between `# %%` are the cells of a notebook.
"""

# %% A namespace is like a process of its own: SQLite sees one folder of this machine, and nothing else.
import sys
import tempfile

import wasmdyld
from wasmdyld import CFUNCTYPE, c_int, c_void_p

libraries = sys.argv[1] if len(sys.argv) > 1 else "libs"
folder = tempfile.TemporaryDirectory()
ns = wasmdyld.Namespace(library_paths=[libraries], wasi=wasmdyld.Wasi(dirs={"/data": folder.name}))
sqlite = ns.load("libsqlite3.so")

# %% Functions are there by name, with the types that the module tells. What a pointer leads to is C's to know, so we say it.
sqlite.sqlite3_libversion.restype = str
sqlite.sqlite3_errmsg.restype = str
ROW = CFUNCTYPE(c_int, c_void_p, c_int, c_void_p, c_void_p)
sqlite.sqlite3_exec.argtypes = [c_void_p, str, ROW, c_void_p, c_void_p]
print("SQLite", sqlite.sqlite3_libversion())

# %% An out parameter is a piece of the guest's heap; strings are copied there for the call.
with ns.alloc(4) as out:
    assert sqlite.sqlite3_open("/data/rivers.db", out) == 0
    (database,) = out.unpack("I")


# %% A Python function where C wants a pointer to one. It gets addresses, and reads there what SQLite means.
def execute(sql, row=None):
    if sqlite.sqlite3_exec(database, sql, row, None, None) != 0:
        raise RuntimeError(sqlite.sqlite3_errmsg(database))


def show(_, count, values, names):
    texts = [ns.memory.string(address) if address else "NULL" for address in ns.memory.unpack(f"{count}I", values)]
    print("".join(f"{text:16}" if n == 0 else f"{text:15}" for n, text in enumerate(texts)).rstrip())
    return 0


execute(
    """CREATE TABLE river (name TEXT PRIMARY KEY, continent TEXT, km INTEGER);
    INSERT INTO river VALUES ('Nile', 'Africa', 6650), ('Amazon', 'South America', 6400), ('Yangtze', 'Asia', 6300),
        ('Danube', 'Europe', 2850), ('Mackenzie', 'North America', NULL)"""
)
execute("SELECT * FROM river ORDER BY km DESC", show)

# %% Errors of SQLite are SQLite's; an exception in a callback comes back through the guest as what it is.
try:
    execute("SELECT * FROM lake")
except RuntimeError as error:
    print("SQL error:", error)


def fail(_, count, values, names):
    return 1 // 0


try:
    execute("SELECT 1", fail)
except ZeroDivisionError as error:
    print(f"Python's own error: {type(error).__name__}: {error}")

# %% A bad pointer, which would end a process, ends a call. So does a name that does not exist.
try:
    sqlite.sqlite3_exec(0xFFFFFFF0, "SELECT 1", None, None, None)
except wasmdyld.Trap as error:
    print("trap:", error)
try:
    sqlite.sqlite4_open
except AttributeError as error:
    print("no symbol:", error)

# %% The file that SQLite made is in the folder that it was given.
sqlite.sqlite3_close(database)
with open(f"{folder.name}/rivers.db", "rb") as file:
    print("on disk:", file.read(15).decode())
ns.close()
folder.cleanup()
