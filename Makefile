# make demo | test | docs | bench | results | readme: each sets up .venv first, once
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14; do $$p -c '' 2>/dev/null && echo $$p && exit; done; echo python3)
VENV ?= .venv
BIN := $(VENV)/bin
EXTRAS ?= dev
TEST_EXTRAS ?= $(EXTRAS),tf,lightning,tune,pose,export,hub
CHECKS ?=
DATA ?=
RESULTS ?=

.PHONY: demo test docs bench results readme clean
.DEFAULT_GOAL := demo

$(VENV)/.installed-%: settings.ini setup.py constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3,11)<=v<(3,15) else "Python 3.11 to 3.14 is needed, found %d.%d: make PYTHON=..." % v)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[$*]'
	test ! -e .git || $(BIN)/nbdev_install_hooks
	touch $@

demo: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/asl demo --out out/demo

test: $(VENV)/.installed-$(TEST_EXTRAS)
	$(BIN)/python .ci/test.py $(CHECKS)

bench: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/python -W ignore benchmarks/data.py $(if $(DATA),--data $(DATA))
	$(BIN)/python -W ignore benchmarks/models.py
	$(BIN)/python -W ignore benchmarks/fullsize.py
	$(BIN)/python -W ignore benchmarks/inference.py
	$(if $(DATA),$(BIN)/python -W ignore benchmarks/accuracy.py --data $(DATA))

readme: $(VENV)/.installed-$(EXTRAS)
	$(BIN)/python .ci/readme.py

docs: $(VENV)/.installed-$(EXTRAS),export
	$(BIN)/python .ci/site.py
	$(BIN)/asl web --out _docs/try
	@echo 'To look at it: $(BIN)/python -m http.server --directory _docs'

results: $(VENV)/.installed-$(TEST_EXTRAS)
	$(BIN)/python -W ignore benchmarks/results.py $(if $(DATA),--data $(DATA)) $(RESULTS)

clean:
	rm -rf out/demo _proc _docs build dist *.egg-info
