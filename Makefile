# Everything here needs Linux, Python 3.11 or newer, make and git; the rest is installed into .venv, once.
# `make demo PYTHON=/path/to/python` chooses the interpreter; pip's usual settings and PIP_* variables are respected.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
LOG := $(VENV)/install.log
PICTURES := demo
PYTHON ?=

# One thread a worker: pools of threads on the same cores only slow each other down. Every worker loads PyTorch for
# itself, so more than a few cost more than they save.
JOBS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$((n < 4 ? n : 4)))
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal

# The map page, built with npm; nothing else here needs it.
PAGE := src/rs2sam2/serving/static/index.html
PAGE_SOURCES := $(shell find web -type f -not -path '*/node_modules/*')
PACKAGES := web/node_modules/.package-lock.json
# What `make serve` opens, and further options: make serve RASTERS=my_rasters SERVE="--port 8080"
RASTERS ?= $(PICTURES)/scene.png
SERVE ?=

.PHONY: help demo test test-slow test-web check format web serve pictures wheel train-nano clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(STAMP) ## render a scene, segment it by a sentence, write a picture
	@$(BIN)/rs2sam2 demo --output $(PICTURES) --overwrite
	@echo "Look at $(CURDIR)/$(PICTURES)/overlay.png"

test: $(STAMP) ## the fast tests
	$(PYTEST)

test-slow: $(STAMP) ## the slow tests
	$(PYTEST) -m "slow and not gpu and not network" --timeout 3600

check: $(STAMP) ## style, types and import arrows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(STAMP) ## put the files into the style that `check` asks for
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

web: $(PAGE) ## build the map page (needs npm)

test-web: $(PACKAGES) ## types and unit tests of the map page (needs npm)
	cd web && npm test

serve: $(STAMP) $(PAGE) $(if $(filter $(PICTURES)/%,$(RASTERS)),$(RASTERS)) ## build and open the map page; RASTERS=my_folder opens yours
	$(BIN)/rs2sam2 serve $(RASTERS) $(SERVE)

pictures: $(STAMP) ## the pictures of the maps in docs, and the notebook there (needs npm and Chromium)
	RS2SAM2_PICTURES=$(CURDIR)/docs/images OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow \
	    tests/web/test_pictures.py tests/test_notebook.py tests/inference/test_explore_in_a_browser.py::test_picture_for_the_docs

wheel: $(STAMP) $(PAGE) ## a wheel with the map page in it, in dist (needs npm)
	$(BIN)/python -m hatchling build -t wheel

train-nano: $(STAMP) ## train the nano weights from scratch and put them into the package
	$(BIN)/rs2sam2 train fit --config configs/nano.yaml
	$(BIN)/rs2sam2 train export --config configs/nano.yaml --output src/rs2sam2/weights/nano
	$(BIN)/rs2sam2 calibrate src/rs2sam2/weights/nano --root ../shared/data/oam_buildings -o src/rs2sam2/weights/nano

clean: ## remove the environment, caches and everything that was generated
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist $(PICTURES)
	rm -rf web/node_modules $(dir $(PAGE))
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(PICTURES)/scene.png: | $(STAMP)
	@$(BIN)/rs2sam2 demo --output $(PICTURES) --overwrite

$(PACKAGES): web/package-lock.json
	cd web && npm ci
	@touch $@

$(PAGE): $(PACKAGES) $(PAGE_SOURCES)
	cd web && npm run build
	@touch $@

# A candidate is tried by running it: a version manager's shim may be on the path and still not start.
$(BIN)/python:
	@set -e; for candidate in $(PYTHON) python3.11 python3.12 python3.13 python3; do \
	    if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
	    echo "rs2sam2 needs Python 3.11 or newer, and none was found: install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	echo "Making $(VENV) with $$($$found --version)"; \
	if ! $$found -m venv $(VENV); then \
	    rm -rf $(VENV); echo "$$found could not make a virtual environment: install its venv module (Debian: apt install python3-venv)" >&2; exit 1; \
	fi

$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV): some minutes the first time, most of them for PyTorch (its log: $(LOG))"
	@rm -f $(STAMP); if ! $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off \
	    --constraint constraints.txt --editable '.[geo,serve,train,notebook,onnx,openvino,ray,dev]' >$(LOG) 2>&1; then \
	    tail -n 20 $(LOG) >&2; echo "The installation failed, as said above; make starts it again." >&2; exit 1; \
	fi
	@touch $(STAMP)
