"""Time pyTFM's stress solver on one sheet; run by an interpreter that has pyTFM, from `monolayer.py`.

PYTHON benchmarks/monolayer_pytfm.py SHEET.npz
"""

import sys
import time

import numpy as np
from pyTFM.grid_setup_solids_py import FEM_simulation, grid_setup, prepare_forces

sheet = np.load(sys.argv[1])
mask, (tx, ty) = sheet["mask"], sheet["traction"]
start = time.perf_counter(), time.process_time()
force_x, force_y = prepare_forces(tx, ty, 1.0, mask)
nodes, elements, loads, materials = grid_setup(mask, -force_x, -force_y, sigma=0.5)
FEM_simulation(nodes, elements, loads, materials, mask, system_type="colony")
print(time.perf_counter() - start[0], time.process_time() - start[1])
