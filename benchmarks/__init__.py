"""Studies of how exact and how fast the methods are. Every study runs as ``python -m benchmarks.NAME``.

All studies take ``-o FOLDER``; most take ``--fields N`` (how many test fields of each family) and ``--seed N``. Tables
go to ``benchmarks/results``: a CSV file, and a JSON file beside it with the settings and the versions of the packages.

==================  ===================================================================================================
NAME                Question
==================  ===================================================================================================
``batch_speed``     How long does one pair of images take, and how much memory does a long movie need?
``bayes_coverage``  How often do the intervals of `BayesianFTTC` hold the truth?
``beads``           How exact is displacement from bead images, by every method?
``beads_measured``  How far apart are the methods on measured beads?
``beads_traction``  Which part of the traction error comes from the bead images?
``deep``            How exact is `DeepTFM`, on every family, noise, gel and grid?
``deep_calibration``  Which calibration of the intervals of `DeepTFM` holds on other cells?
``deep_speed``      How long does `DeepTFM` take beside the bare convolutions of its network?
``demo``            The tour of ``make demo``.
``fttc_speed``      How long do the Fourier inversions take, and how does the time grow with the grid?
``gel``             Do the thickness of the gel and the depth of the beads matter?
``inversion``       How good is each rule that chooses lambda, beside the best lambda?
``missing``         How much do missing vectors cost?
``network_speed``   How much faster is the paper's network in its folded form?
``paper``           Wang & Lin (2021), figure by figure.
``robustness``      How do errors grow as measurements get worse?
``search``          How long does one search over FTTC and networks take, and does it return the same network?
``simulator_speed``  How many cells per second does the simulator make?
``sparse``          How much does the elastic net gain over the best FTTC?
``start_weights``   Should a training start from random or from packaged weights?
==================  ===================================================================================================
"""
