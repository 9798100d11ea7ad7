# Every target sets itself up: a virtual environment with the versions of constraints.txt, made once.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.stamp

# Two test processes with one thread each are faster than one with two, and they do not fight over the cores.
test check docs test-napari: export OMP_NUM_THREADS := 1

.PHONY: benchmark check clean demo docs paper test test-lowest test-napari

demo: $(STAMP)
	$(BIN)/python -m benchmarks.demo

paper: $(STAMP)
	$(BIN)/python -m benchmarks.paper

benchmark: $(STAMP)
	$(BIN)/python -m benchmarks.robustness

# Warnings are errors; links between pages are checked without a network.
docs: $(STAMP)
	$(BIN)/python -m sphinx -W --keep-going -q -b html -d docs/_build/doctrees docs docs/_build/html

test: check
	$(BIN)/python -m pytest -n 2 -q

# The tests with the lowest version of every dependency but torch. Old packages warn of their own future.
test-lowest: export OMP_NUM_THREADS := 1
test-lowest: .venv-lowest/.stamp
	.venv-lowest/bin/python -m pytest -n 2 -q -W default::DeprecationWarning -W default::FutureWarning \
		--ignore tests/test_docs.py

.venv-lowest/.stamp: pyproject.toml constraints-lowest.txt
	test -x .venv-lowest/bin/python || $(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install torch==2.13.0
	.venv-lowest/bin/python -m pip install -c constraints-lowest.txt -e ".[dask,movie]" pytest pytest-xdist hypothesis
	touch $@

# The window of napari, with one binding of Qt, in an X server without a screen (its packages are in .ci/run).
# Warnings of napari and of Qt are not ours.
test-napari: .venv-napari/.stamp
	xvfb-run -a -s "-screen 0 1600x1000x24" .venv-napari/bin/python -m pytest -q -W ignore tests/test_napari_*.py

# It sees the packages of .venv, so that torch is not installed twice. No binding of Qt comes into .venv.
.venv-napari/.stamp: $(STAMP)
	test -x .venv-napari/bin/python || $(PYTHON) -m venv .venv-napari
	echo "import site; site.addsitedir(\"$$($(BIN)/python -c 'import site; print(site.getsitepackages()[0])')\")" \
		> "$$(.venv-napari/bin/python -c 'import site; print(site.getsitepackages()[0])')/venv.pth"
	.venv-napari/bin/python -m pip install -c constraints.txt -e ".[napari]" PyQt6 pytest-qt
	touch $@

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/numpydoc lint $$(find tfmkit -name '*.py')
	$(BIN)/python -m pytest -q --doctest-modules --ignore tfmkit/napari tfmkit

# torch comes first and by itself: it is the one package whose build (CPU or GPU) depends on where it is taken from.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install torch==2.13.0
	$(BIN)/python -m pip install -c constraints.txt -e ".[dev,docs]"
	touch $@

clean:
	rm -rf .venv .venv-lowest .venv-napari .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build out tfmkit.egg-info \
		examples/out docs/_build docs/generated docs/auto_examples
