"""
Conditions against each other
=============================

Cells of one dish share its gel and its day, so they are not independent. A test over cells takes the difference between
two dishes for an effect of the drug. The test of tfmkit counts dishes. The simulated drug takes 30 % of the force away,
and every dish differs by about 15 % from the others.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from tfmkit import FTTC, mechanics, plotting
from tfmkit.compare import average_frames, compare_conditions, describe_effect
from tfmkit.simulate import CellSimulator, add_noise
from tfmkit.units import Unit

folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)
SPACING = 1.925e-6  # metres
EFFECTS = {"control": 1.0, "drug": 0.7}
N_DISHES, N_CELLS = 3, 8
FORCE = "total_force_N"
rng = np.random.default_rng(3)

rows = []
for condition, factor in EFFECTS.items():
    for dish in range(1, N_DISHES + 1):
        # The same simulated cells in every dish, so that nothing but dish and drug differ.
        cells = CellSimulator("adhesion", shape=48, random_state=0).sample(N_CELLS)
        pull = factor * np.exp(rng.normal(scale=0.15))
        measured = add_noise(pull * cells.displacement, 0.02, unit="rms", random_state=rng)
        traction = FTTC(0.05).fit(measured).predict(measured)
        forces = mechanics.total_force(traction, spacing=SPACING, mask=cells.mask)
        rows += [{"condition": condition, "replicate": f"{condition} {dish}", FORCE: force} for force in forces]
table = pd.DataFrame(rows)

result = compare_conditions(table, quantities=[FORCE]).iloc[0]
print(describe_effect(result, Unit(1e9, "nN")))
control, drug = (np.log(group[FORCE]) for _, group in table.groupby("condition", sort=False))
wrong = stats.ttest_ind(drug, control, equal_var=False).pvalue
print(f"A test that takes the {len(drug)} cells of each condition for replicates says p = {wrong:.2g}.")

cells = average_frames(table, [FORCE])
figure = plotting.plot_superplot(cells, FORCE, ylabel="total force (nN)", factor=1e9)
plotting.save_figure(figure, folder / "compare_conditions.png")
