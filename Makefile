# make demo: see it at work.  make test: run all tests.  Both install what they need into .venv.
VENV := .venv
BIN := $(VENV)/bin
# On Linux, runs a command with a virtual screen for its window; empty elsewhere.
XVFB := $(if $(filter Linux,$(shell uname)),xvfb-run -a -s "-screen 0 1600x1000x24")

# Tests in up to 4 processes, each with its own screen (pytest-xvfb); a file's tests stay together.
# A process that ends is not replaced: with loadfile, xdist would give the new one the same test.
# Files begin in the order of tests/conftest.py, the longest first; xdist's would end with them.
AT_ONCE := --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder \
	--max-worker-restart 0

.PHONY: demo test check lint types docs screenshots peers nnunet adapters clean

demo: $(VENV)/.demo
	$(BIN)/segadv demo

test: $(VENV)/.dev
	sh scripts/display.sh
	$(BIN)/python -m pytest $(or $(ARGS),$(AT_ONCE))

check: lint types test

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

# Builds the users' docs as a site in build/site, without the theme's advertisement.
docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "open build/site/index.html"

screenshots: $(VENV)/.dev
	sh scripts/display.sh
	$(XVFB) $(BIN)/python docs/screenshots.py $(ARGS)

peers: $(VENV)/.peers
	$(BIN)/python benchmarks/peers.py $(ARGS)

$(VENV)/.demo: pyproject.toml constraints.txt
	sh scripts/venv.sh $(VENV) qt
	touch $@

# nnU-Net's own predictor, beside the virtual environment, for the tests that compare with it.
nnunet: .nnunet/.done

.nnunet/.done: scripts/nnunet.sh constraints.txt $(VENV)/.dev
	sh scripts/nnunet.sh $(BIN)/python .nnunet
	touch $@

# The libraries of Hugging Face, torchvision, ONNX and others whose files are opened, likewise.
adapters: .adapters/.done

.adapters/.done: scripts/adapters.sh constraints.txt $(VENV)/.dev
	sh scripts/adapters.sh $(BIN)/python .adapters
	touch $@

# nnU-Net's networks require timm and torchvision, which the ones that we open don't import.
$(VENV)/.dev: pyproject.toml constraints.txt
	sh scripts/venv.sh $(VENV) dev
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps dynamic-network-architectures
	touch $@ $(VENV)/.demo

# adv-lib requires torchvision and a plotting service that does not build; its attacks need neither.
$(VENV)/.peers: pyproject.toml constraints.txt
	sh scripts/venv.sh $(VENV) peers
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps adv-lib
	touch $@

clean:
	rm -rf $(VENV) .nnunet .adapters demo-output .mypy_cache .pytest_cache .ruff_cache
