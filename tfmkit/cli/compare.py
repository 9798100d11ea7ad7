"""``tfmkit compare``: conditions of a table against each other, with replicates as the unit of the test."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_UNSAFE = re.compile(r"[^\w%.()-]+")
_LONGEST_NAME = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.description = (
        "Compare the conditions of an experiment. Frames of a cell are averaged, then cells of a replicate, and the "
        "test and the confidence interval count replicates, not cells: cells of one dish are not independent. With one "
        "replicate there is no test. Writes comparison.csv and a SuperPlot of each quantity."
    )
    parser.add_argument("table", type=Path, help="folder that `tfmkit batch` wrote, or a .csv or .parquet table")
    parser.add_argument("--by", default="condition", metavar="COLUMN", help="column with the condition")
    parser.add_argument(
        "--replicate", default="replicate", metavar="COLUMN", help="column with the replicate: dish, day or animal"
    )
    parser.add_argument(
        "--quantity", nargs="+", metavar="COLUMN", help="columns to compare (default: energy, forces and moment)"
    )
    parser.add_argument(
        "--reference", metavar="CONDITION", help="condition to compare with (default: the first of the table)"
    )
    parser.add_argument(
        "--paired", action="store_true", help="replicates of the same name belong together, such as dishes of one day"
    )
    parser.add_argument("--confidence", type=float, default=0.95, metavar="LEVEL", help="level of the intervals")
    parser.add_argument("--format", choices=("png", "pdf", "svg"), default="png", help="format of the figures")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="folder of the results (default: TABLE_compare)"
    )


def run(options: argparse.Namespace) -> None:
    """Carry out the command.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments.

    Raises
    ------
    ValueError
        If the table or an argument is refused; nothing is written then.
    """
    from tfmkit.cli.summary import print_remarks
    from tfmkit.columns import quantity_of
    from tfmkit.compare import average_frames, compare_conditions, describe_at_rest, describe_effect
    from tfmkit.io import printable, write_csv, writing_folder
    from tfmkit.plotting import plot_superplot, save_figure
    from tfmkit.plotting.style import literal

    table = _read_table(options.table)
    names = {"by": options.by, "replicate": options.replicate}
    result = compare_conditions(
        table, quantities=options.quantity, reference=options.reference, paired=options.paired,
        confidence=options.confidence, **names,
    )  # fmt: skip
    print_remarks(filter(None, [describe_at_rest(table, options.by)]))
    columns, control = list(result["quantity"].unique()), str(result["reference"].iloc[0])
    cells = average_frames(table, columns, **names)
    output = options.output or options.table.with_name(f"{options.table.stem}_compare")
    files = _file_names(columns)
    with writing_folder(output) as folder:
        write_csv(folder / "comparison.csv", {str(name): column.to_numpy() for name, column in result.items()})
        for column in columns:
            quantity = quantity_of(column)
            unit = quantity.unit_for(cells)
            print(printable(f"{quantity.title}:"))
            for row in result[result["quantity"] == column].to_dict("records"):
                print(printable(f"  {describe_effect(row, unit, options.confidence)}"))
            look: dict[str, Any] = {
                "ylabel": literal(quantity.label(unit)),
                "factor": unit.factor,
                "reference": control,
            }
            figure = plot_superplot(cells, column, **look, **names)
            save_figure(figure, folder / f"{files[column]}.{options.format}")
    print(f"results in {output}")


def _file_names(columns: list[str]) -> dict[str, str]:
    """Return a name for the figure of each column that stays in the folder and is unlike the others."""
    safe = [_UNSAFE.sub("-", column)[:_LONGEST_NAME].strip("-.") or "quantity" for column in columns]
    return {
        column: name if safe.count(name) == 1 else f"{name}-{number}"
        for number, (column, name) in enumerate(zip(columns, safe, strict=True), start=1)
    }


def _read_table(path: Path) -> pd.DataFrame:
    """Return the table of a batch, or of a file."""
    import pandas as pd

    file = path / "table.parquet" if path.is_dir() else path
    try:
        return pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file)
    except FileNotFoundError:
        raise
    except Exception as error:
        # Parsers of tables raise many kinds of errors on damaged bytes.
        raise ValueError(f"Expected a table in {file}, got a file that cannot be read as one: {error}.") from error
