"""Time of DeepTFM on one field, against the bare convolutions of its network, side by side.

Every convolution of the network is recorded with the shape of its input and run again by itself, with nothing in
between: no network on this library can be faster. Both take turns and the fastest of some rounds counts, so that a
busy machine slows both. The table goes to `deep_speed.csv`.

    python -m benchmarks.deep_speed
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from benchmarks.command import study_parser
from benchmarks.saving import write_table
from tfmkit.deep import DeepTFM

NETWORKS = ("default", "small")


def record_convolutions(model: DeepTFM, field: Any) -> list[Callable[[], Any]]:
    """Return the convolutions of one prediction, each ready to run on an input of its own."""
    calls: list[Callable[[], Any]] = []

    def record(module: nn.Module, inputs: tuple[torch.Tensor, ...], _: Any) -> None:
        calls.append(partial(module.forward, torch.randn_like(inputs[0])))

    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    hooks = [m.register_forward_hook(record) for m in model.module_.modules() if isinstance(m, kinds)]
    model.predict(field)
    for hook in hooks:
        hook.remove()
    return calls


def run_all(calls: list[Callable[[], Any]]) -> None:
    """Run the recorded convolutions."""
    with torch.inference_mode():
        for call in calls:
            call()


def seconds(call: Callable[[], Any]) -> float:
    """Return the time that a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(name: str, n_fields: int, rounds: int) -> dict[str, Any]:
    """Return a row of the table."""
    model = DeepTFM.from_pretrained(name, device="cpu")
    field = np.random.default_rng(0).normal(size=(n_fields, 2, 104, 104)).astype(np.float32)
    convolutions = record_convolutions(model, field)
    contenders = {"predict": partial(model.predict, field), "convolutions": partial(run_all, convolutions)}
    times: dict[str, list[float]] = {key: [] for key in contenders}
    for _ in range(rounds + 1):
        for key, call in contenders.items():
            times[key].append(seconds(call))
    fastest = {key: 1e3 * min(values[1:]) / n_fields for key, values in times.items()}
    parameters = sum(p.numel() for p in model.module_.parameters())
    return {
        "weights": name,
        "parameters": parameters,
        "fields": n_fields,
        "predict_ms": fastest["predict"],
        "convolutions_ms": fastest["convolutions"],
        "ratio": fastest["predict"] / fastest["convolutions"],
    }


def main() -> None:
    """Measure every set of weights and write the table."""
    options = study_parser("deep_speed", __doc__, rounds=15, threads=2).parse_args()
    torch.set_num_threads(options.threads)
    table = pd.DataFrame([measure(name, n, options.rounds) for name in NETWORKS for n in (1, 8)])
    write_table(table, "deep_speed", options, side=104)


if __name__ == "__main__":
    main()
