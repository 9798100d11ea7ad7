"""Studies of how exact and how fast the methods are. Every study runs as ``python -m benchmarks.NAME``.

All studies take ``-o FOLDER``. Most take ``--fields N``, the number of test fields of each family, and ``--seed N``.
Tables go to ``benchmarks/results``. Beside each CSV file stands a JSON file with the settings and the versions of the
packages. ``docs/benchmarks.md`` lists all studies with their questions and their tables.
"""
