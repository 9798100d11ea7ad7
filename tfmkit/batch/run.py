"""All items of a configuration, on all cores or on a cluster."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm

from tfmkit._validation import check_count
from tfmkit.batch.config import Config, read_config
from tfmkit.batch.folder import remove_gone, running
from tfmkit.batch.items import Failure, Item, list_items
from tfmkit.batch.process import Outcome, Plan, process
from tfmkit.batch.results import Results, read_results
from tfmkit.batch.sheets import sheet_tables
from tfmkit.batch.store import ItemFiles, describe_file, digest
from tfmkit.batch.table import RUN, failure_table, make_table, remark_table, write_table
from tfmkit.io import write_settings
from tfmkit.methods import TRACTION
from tfmkit.processes import deaf_children, follow

_Task = Callable[[Item], Outcome]


def run(
    config: str | PathLike[str] | Mapping[str, Any] | Config,
    *,
    results: str | PathLike[str] | None = None,
    jobs: int | None = None,
    dask: str | None = None,
) -> Results:
    """Make the results of all positions and frames, and a table of them.

    Parameters
    ----------
    config : path-like, mapping or Config
        The settings, see `read_config`.
    results : path-like, optional
        Folder of the results, instead of the configuration's.
    jobs : int, optional
        Number of processes, 0 for one per core, instead of the configuration's.
    dask : str, optional
        Address of a dask scheduler whose workers do the work; they must see the same folders.

    Returns
    -------
    Results
        The results, as `read_results` returns them.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or no file follows a pattern.
    OSError
        If the scheduler does not answer.
    ValueError
        If the configuration is refused, or another run writes into the folder; nothing is written then.

    Notes
    -----
    Every item is read, computed and written by one process, with one thread; only its rows of the table come back.
    Results of an earlier run with the same files and settings are kept, however that run ended. Those of positions that
    are gone are removed. Until the run has ended, ``unfinished.txt`` in the folder keeps others from reading it.

    Examples
    --------
    >>> from tfmkit.batch import run
    >>> results = run("experiment.toml")  # doctest: +SKIP
    >>> results.table.groupby("position")["total_force_N"].mean()  # doctest: +SKIP
    """
    settings = config if isinstance(config, Config) else read_config(config)
    folder = settings.results if results is None else Path(results).resolve()
    n_jobs = check_count(settings.run.jobs if jobs is None else jobs, "jobs", low=0) or cpu_count()
    items, failures = list_items(settings)
    task = partial(process, plan=Plan(settings, folder, _weights(settings)))
    outcomes: dict[str, Outcome] = {}
    cluster = None if dask is None else _connect(dask)
    with running(folder):
        # A run that is cut off ends its workers before it tidies the folder.
        with closing(_on_cores(task, items, n_jobs) if cluster is None else _on_cluster(task, items, cluster)) as each:
            # There is no progress bar on a pipe or in a log file.
            for outcome in tqdm(each, total=len(items), desc="batch", unit="item", disable=None):
                outcomes[outcome.key] = outcome
        remove_gone(folder, [key for key, outcome in outcomes.items() if outcome.failure is None])
        _finish(settings, folder, items, [outcomes[item.key] for item in items], failures)
    return read_results(folder)


def _on_cores(task: _Task, items: list[Item], n_jobs: int) -> Generator[Outcome]:
    n_workers = min(n_jobs, max(len(items), 1))
    if n_workers == 1:
        yield from map(task, items)
        return
    workers = {"initializer": follow, "initargs": (os.getpid(),)}
    with parallel_config(backend="loky", inner_max_num_threads=1, **workers):
        done = set()
        try:
            with deaf_children():
                outcomes = Parallel(n_jobs=n_workers, return_as="generator_unordered")(map(delayed(task), items))
            with _closing_quietly(outcomes):
                for outcome in outcomes:
                    done.add(outcome.key)
                    yield outcome
        except TerminatedWorkerError:
            # Nobody knows whose process it was: the rest is done one by one.
            yield from (_alone(task, item) for item in items if item.key not in done)


@contextmanager
def _closing_quietly(outcomes: Generator[Outcome]) -> Iterator[None]:
    """End the workers of a run that is cut off; joblib would warn of it."""
    try:
        yield
    except GeneratorExit:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcomes.close()
        raise


def _alone(task: _Task, item: Item) -> Outcome:
    """Do one item in a process of its own, which may end."""
    try:
        with deaf_children():
            outcomes = Parallel(n_jobs=2, return_as="generator")([delayed(task)(item)])
        with _closing_quietly(outcomes):
            return next(outcomes)
    except TerminatedWorkerError:
        reason = "Its process was ended from outside. Perhaps the memory ran out: use fewer processes (jobs)."
        return _lost(item, reason)


def _lost(item: Item, reason: str) -> Outcome:
    return Outcome(item.key, [], Failure(item.key, str(item.source), reason))


def _connect(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise ValueError("Expected dask for a cluster: install tfmkit[dask].") from error
    return Client(address)


def _on_cluster(task: _Task, items: list[Item], cluster: Any) -> Generator[Outcome]:
    from distributed import as_completed

    with cluster as client:
        # Results are files: a task that ran before runs again to find out whether they still hold.
        futures = dict(zip(client.map(task, items, pure=False), items, strict=True))
        for future in as_completed(futures):
            try:
                yield future.result()
            except Exception as error:  # noqa: BLE001 - tasks raise nothing themselves
                yield _lost(futures[future], f"Its worker was lost: {error}")


def _weights(config: Config) -> str:
    """Return a fingerprint of the network's weights, which can change under the same name."""
    params = TRACTION[config.traction.name].parameters() | config.traction.params
    if "weights" not in params:
        return ""
    from tfmkit.deep.files import find_weights

    return hashlib.sha256(find_weights(params["weights"]).read_bytes()).hexdigest()


def _finish(config: Config, folder: Path, items: list[Item], outcomes: list[Outcome], failures: list[Failure]) -> None:
    failed = [*failures, *(outcome.failure for outcome in outcomes if outcome.failure is not None)]
    rows = [row for outcome in outcomes for row in outcome.rows]
    table = make_table(rows, {item.key: item.labels for item in items})
    keys = [outcome.key for outcome in outcomes if outcome.failure is None]
    records = {key: describe_file(ItemFiles(folder, key).record) for key in keys}
    table.attrs[RUN] = digest(records)
    write_table(folder / "table.csv", table)
    write_table(folder / "table.parquet", table)
    write_table(folder / "failures.csv", failure_table(failed, config.images))
    write_table(folder / "remarks.csv", remark_table({outcome.key: outcome.remarks for outcome in outcomes}))
    if config.monolayer is not None:
        for name, rows_of_sheets in sheet_tables(outcome.sheet for outcome in outcomes).items():
            write_table(folder / f"sheet_{name}.csv", rows_of_sheets)
    sections = config.model_dump()
    settings = {
        "name": config.name,
        "config": sections,
        "fingerprint": digest(sections),
        "images": str(config.images),
        "items": [item.key for item in items],
        "records": records,
        RUN: table.attrs[RUN],
    }
    write_settings(folder / "settings.json", settings)
