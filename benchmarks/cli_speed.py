"""Seconds until the command line answers, beside those of `python -c "import numpy"`.

The programs take turns in fresh interpreters, and the fastest of all rounds counts for each. The ratio to numpy hardly
depends on the machine. The table goes to `cli_speed.csv`.

    python -m benchmarks.cli_speed
"""

from __future__ import annotations

import subprocess
import sys
import time

import pandas as pd

from benchmarks.command import study_parser
from benchmarks.saving import write_table
from tfmkit.cli.main import COMMANDS

_NUMPY = "python -c 'import numpy'"


def programs() -> dict[str, list[str]]:
    """Return the arguments of Python for every program, by its name."""
    commands = {f"tfmkit {name} --help": ["-m", "tfmkit.cli", name, "--help"] for name in COMMANDS}
    return {_NUMPY: ["-c", "import numpy"], "tfmkit --help": ["-m", "tfmkit.cli", "--help"], **commands}


def seconds(arguments: list[str]) -> float:
    """Return the duration of one program."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Time every program and write the table."""
    options = study_parser("cli_speed", __doc__, rounds=7).parse_args()
    times = [{name: seconds(arguments) for name, arguments in programs().items()} for _ in range(options.rounds)]
    fastest = pd.DataFrame(times).min()
    table = pd.DataFrame({"program": fastest.index, "seconds": fastest.round(3).to_numpy()})
    table["ratio_to_numpy"] = (table["seconds"] / fastest[_NUMPY]).round(2)
    write_table(table, "cli_speed", options)


if __name__ == "__main__":
    main()
