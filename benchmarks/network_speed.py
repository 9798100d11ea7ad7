"""Time of a TracNet training step: 3-D convolutions against the same network folded into 2-D ones.

Both forms start from the same weights and take turns, so that a busy machine slows both; the fastest of some steps
of each counts. A step is forward, backward and an SGD update. The table goes to `network_speed.csv`.

    python -m benchmarks.network_speed
"""

from __future__ import annotations

import time

import pandas as pd
import torch

from benchmarks.command import study_parser
from benchmarks.saving import write_table
from tfmkit.deep.networks import TracNet

THREADS = (1, 2)
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
        }
        for form in FORMS
    ]


def main() -> None:
    """Measure with one and two threads and write the table."""
    options = study_parser("network_speed", __doc__, fields=4, side=104, rounds=5).parse_args()
    rows = [row for threads in THREADS for row in measure(threads, options.fields, options.side, options.rounds)]
    write_table(pd.DataFrame(rows), "network_speed", options)


if __name__ == "__main__":
    main()
