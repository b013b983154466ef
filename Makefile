# Needs make and python3 (3.11 or newer) with venv; everything else goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Of `make deb`: amd64 or arm64. Of that, `make test-systemd`, `test-installer` and `test-arm64`: bookworm or trixie.
ARCH ?= arm64
RELEASE ?= trixie
# Of `make soak`.
HOURS ?= 24
SPEED ?= 1
CLOCK ?= 1
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test test-bluez campaign benchmark soak check format docs wheel sbom deb test-systemd test-installer test-arm64 clean

demo: $(VENV)/demo
	$(BIN)/falld demo

# Most tests wait for something most of their time, so three files at once go well on two processors.
test: $(VENV)/dev check
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile

test-bluez: $(VENV)/bin/python
	$(BIN)/python tests/bluez/machine.py

# Boots Debian: as root, with systemd-nspawn.
test-systemd: $(VENV)/dev
	$(BIN)/python tests/nspawn/booted.py --release $(RELEASE)

test-installer: $(VENV)/dev
	$(BIN)/python tests/nspawn/booted.py --installer --release $(RELEASE)

# Debian for arm64, emulated: as root, with qemu-user-static; beside real recordings where FALLD_DATA says that some are.
test-arm64: $(VENV)/dev
	$(BIN)/python tests/arm64/emulated.py --release $(RELEASE)

campaign: $(VENV)/dev
	$(BIN)/python tests/campaign/whole.py

# Each alone: .venv/bin/python benchmarks/replay.py [--quick] [--json]
benchmark: $(VENV)/benchmark
	for each in live daemon latency replay workers memory hub_throughput; do $(BIN)/python benchmarks/$$each.py && echo || exit; done
	$(BIN)/python -m pytest benchmarks

# Four wearables, broker and hub, for a day by the clock; SPEED=16 plays 16 h of streams in one, CLOCK=16 has everybody's clock
# go sixteen times as fast (Debian's package faketime).
soak: $(VENV)/benchmark
	$(if $(filter-out 1,$(CLOCK)),faketime -f '+0 x$(CLOCK)') $(BIN)/python benchmarks/soak.py --hours $(HOURS) --speed $(SPEED)

check: $(VENV)/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/dev
	$(BIN)/falld config schema --markdown > docs/configuration.md
	$(BIN)/python -m falld.alert.table docs/alerts.md

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[demo]'
	touch $@

$(VENV)/dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[dev]'
	touch $@ $(VENV)/demo

$(VENV)/benchmark: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[benchmark]'
	touch $@ $(VENV)/dev $(VENV)/demo

wheel: $(VENV)/dev
	$(BIN)/python -m build --wheel

# What a home runs, in an environment that holds nothing else.
sbom:
	$(PYTHON) -m venv --clear --without-pip build/home
	$(PYTHON) -m venv --clear build/sbom
	build/sbom/bin/python -m pip install --quiet --disable-pip-version-check cyclonedx-bom
	build/sbom/bin/python -m pip --python build/home/bin/python install --quiet --disable-pip-version-check \
	    --constraint constraints.txt .
	mkdir -p dist
	build/sbom/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	    --output-file dist/falld.cdx.json build/home/bin/python

deb: $(VENV)/dev
	$(BIN)/python deploy/debian/build.py --arch $(ARCH) --release $(RELEASE)

clean:
	rm -rf $(VENV) .arm64 .bluez-vm .campaign-vm .nspawn build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
