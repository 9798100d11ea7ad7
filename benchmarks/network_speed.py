"""Time of a TracNet training step: 3-D convolutions against the same network folded into 2-D ones.

Both forms start from the same weights and take turns, so that a busy machine slows both; the fastest of some steps
of each counts. A step is forward, backward and an SGD update. The table goes to `network_speed.csv`.

    python benchmarks/network_speed.py --fields 4 --rounds 5
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pandas as pd
import torch

from tfmkit.deep.networks import TracNet
from tfmkit.io import writing

FORMS = {"3-D": False, "folded": True}


def make_networks(seed: int) -> dict[str, torch.nn.Module]:
    """Return the paper's network in both forms, with equal weights."""
    torch.manual_seed(seed)
    networks = {form: TracNet(folded=folded) for form, folded in FORMS.items()}
    networks["3-D"].load_state_dict(networks["folded"].state_dict())
    return networks


def time_step(network: torch.nn.Module, displacement: torch.Tensor, traction: torch.Tensor) -> float:
    """Return the seconds that one training step takes."""
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9)
    start = time.perf_counter()
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(network(displacement), traction).backward()
    optimizer.step()
    return time.perf_counter() - start


def measure(threads: int, fields: int, side: int, rounds: int) -> list[dict[str, object]]:
    """Return a row per form, after one step each that does not count."""
    torch.set_num_threads(threads)
    networks = make_networks(seed=0)
    displacement, traction = torch.randn(2, fields, 2, side, side)
    seconds: dict[str, list[float]] = {form: [] for form in FORMS}
    for _ in range(rounds + 1):
        for form, network in networks.items():
            seconds[form].append(time_step(network, displacement, traction))
    fastest = {form: min(values[1:]) for form, values in seconds.items()}
    return [
        {
            "threads": threads,
            "form": form,
            "seconds": round(fastest[form], 4),
            "speed-up": round(fastest["3-D"] / fastest[form], 3),
            "fields": fields,
            "side": side,
            "rounds": rounds,
            "torch": torch.__version__,
        }
        for form in FORMS
    ]


def main() -> None:
    """Measure with one and two threads and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=4, help="fields per step")
    parser.add_argument("--side", type=int, default=104, help="grid points a side")
    parser.add_argument("--rounds", type=int, default=5, help="steps of each form")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads")
    arguments = parser.parse_args()
    rows = [
        row
        for threads in arguments.threads
        for row in measure(threads, arguments.fields, arguments.side, arguments.rounds)
    ]
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    with writing(Path(__file__).with_suffix(".csv")) as temporary:
        table.to_csv(temporary, index=False)


if __name__ == "__main__":
    main()
