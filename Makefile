# Two commands to know: `make demo` and `make test`. Each sets up what it needs in .venv.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# One torch thread a worker: two workers on two cores beat one worker with two threads.
ONE := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: setup demo test test-slow lint bench docs figures clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

demo: setup  ## run every study on data that need no file
	$(BIN)/lightwell demo

test: setup  ## fast tests and every example of the documentation
	$(ONE) $(BIN)/pytest --numprocesses 2

test-slow: setup  ## what takes minutes
	$(ONE) $(BIN)/pytest -m slow

lint: setup  ## style, security rules and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: setup  ## how fast, each number beside its bare rival in one run
	$(BIN)/python -m benchmarks

docs: setup  ## tables made from the code, then the reference as HTML in build/docs
	$(BIN)/python docs/tables.py
	$(BIN)/pdoc --docformat numpy --output-directory build/docs lightwell

figures: setup  ## the figures of the docs, by the commands their pages name; some take minutes
	$(BIN)/python docs/figures.py open-set fleets concepts discovery leakage

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache
