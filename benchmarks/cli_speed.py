"""Processor time until the command line answers, beside that of `python -c "import numpy"`.

The programs take turns in fresh interpreters, and the fastest of all rounds counts for each. On a quiet machine a user
waits as long. The ratio to numpy hardly depends on the machine. The table goes to `cli_speed.csv`.

    python -m benchmarks.cli_speed
"""

from __future__ import annotations

import resource
import subprocess
import sys

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
    """Return the processor time of one program."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Time every program and write the table."""
    options = study_parser("cli_speed", __doc__, rounds=7).parse_args()
    times = [{name: seconds(arguments) for name, arguments in programs().items()} for _ in range(options.rounds)]
    fastest = pd.DataFrame(times).min()
    table = pd.DataFrame({"program": fastest.index, "cpu_seconds": fastest.round(3).to_numpy()})
    table["ratio_to_numpy"] = (table["cpu_seconds"] / fastest[_NUMPY]).round(2)
    write_table(table, "cli_speed", options)


if __name__ == "__main__":
    main()
