# make demo: see it at work.  make test: run everything.  Both install what they need into .venv.
VENV := .venv
BIN := $(VENV)/bin
# A real window without a screen; nothing where there is none to be had (macOS).
XVFB := $(if $(filter Linux,$(shell uname)),xvfb-run -a -s "-screen 0 1600x1000x24")

.PHONY: demo test check lint types screenshots clean

demo: $(VENV)/.demo
	$(BIN)/segadv demo

test: $(VENV)/.dev
	sh scripts/display.sh
	$(XVFB) $(BIN)/python -m pytest $(ARGS)

check: lint types test

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

screenshots: $(VENV)/.dev
	sh scripts/display.sh
	$(XVFB) $(BIN)/python docs/screenshots.py

$(VENV)/.demo: pyproject.toml constraints.txt
	sh scripts/venv.sh $(VENV) qt
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt
	sh scripts/venv.sh $(VENV) dev
	touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) demo-output .mypy_cache .pytest_cache .ruff_cache
