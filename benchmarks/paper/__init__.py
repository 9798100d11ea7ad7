"""The paper, figure by figure: Wang & Lin, "Traction force microscopy by deep learning" (2021), remade with tfmkit.

    python -m benchmarks.paper             # what is missing in benchmarks/results/paper
    python -m benchmarks.paper --force     # everything

One module per figure; `claims` puts every statement of the paper beside the number that was found.
"""
