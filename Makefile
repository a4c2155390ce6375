# make demo | test | docs | bench | readme: each sets up .venv first, once
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || echo python3)
BIN := .venv/bin
EXTRAS ?= dev
TEST_EXTRAS ?= $(EXTRAS),tf,lightning,tune,pose
DATA ?=

.PHONY: demo test docs bench readme clean
.DEFAULT_GOAL := demo

.venv/.installed-%: settings.ini setup.py constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3,11)<=v<(3,13) else "Python 3.11 or 3.12 is needed (mediapipe 0.10.21 has no later wheel), found %d.%d: make PYTHON=..." % v)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[$*]'
	test ! -e .git || $(BIN)/nbdev_install_hooks
	touch $@

demo: .venv/.installed-$(EXTRAS)
	$(BIN)/asl demo --out out/demo

test: .venv/.installed-$(TEST_EXTRAS)
	$(BIN)/python .ci/test.py

bench: .venv/.installed-$(EXTRAS)
	$(BIN)/python -W ignore benchmarks/data.py $(if $(DATA),--data $(DATA))
	$(BIN)/python -W ignore benchmarks/models.py
	$(BIN)/python -W ignore benchmarks/inference.py
	$(if $(DATA),$(BIN)/python -W ignore benchmarks/accuracy.py --data $(DATA))

readme: .venv/.installed-$(EXTRAS)
	$(BIN)/python .ci/readme.py

docs: .venv/.installed-$(EXTRAS)
	@if command -v quarto >/dev/null; then PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/nbdev_docs; else \
	  $(BIN)/python -c 'from nbdev.serve import proc_nbs; print(proc_nbs())' && \
	  echo 'The pages are ready for Quarto in _proc; to render them to _docs install it (https://quarto.org) and run make docs again.'; fi

clean:
	rm -rf out/demo _proc _docs build dist *.egg-info
