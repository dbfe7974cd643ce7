"""`python -m wasmdyld`, and the script `wasmdyld`: the command of the same name, which takes the place of this process."""

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

COMMAND = Path(__file__).with_name("bin") / "wasmdyld"


def main() -> NoReturn:
    if not COMMAND.exists():
        sys.exit(f"wasmdyld: the package was installed without the command ({COMMAND}): build its wheel without WASMDYLD_LIBRARY, or with WASMDYLD_COMMAND")
    # Python ignores these, and what it starts would.
    for name in ("SIGPIPE", "SIGXFSZ"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    sys.stdout.flush()
    os.execv(COMMAND, ["wasmdyld", *sys.argv[1:]])


if __name__ == "__main__":
    main()
