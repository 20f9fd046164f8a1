# make run, make test; `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
STAGE ?= dev
ARGS ?=
# First on the path: the environment's Python, and the Node that osls runs on.
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)
# Caches that would otherwise be in the home folder and in /tmp: matplotlib's fonts, osls' compiled schema, compiled code
# (with which osls starts faster), Chromium's crash reports, settings of the desktop. If the project's folder belongs to
# another user, as when root runs make, they stay in the home folder, as the owner could not remove them.
ifeq ($(shell [ -O . ] && echo own),own)
CACHE := $(CURDIR)/.cache
else
CACHE := $(shell eval echo ~$$(id -un))/.cache/batida-ponto-serverless
export PYTHONPYCACHEPREFIX := $(CACHE)/python
endif
export MPLCONFIGDIR := $(CACHE)/matplotlib
export SLS_SCHEMA_CACHE_BASE_DIR := $(CACHE)
export NODE_COMPILE_CACHE := $(CACHE)/node
export CHROME_CONFIG_HOME := $(CACHE)
export GSETTINGS_BACKEND := memory
export UV_CACHE_DIR ?= $(CACHE)/uv

.PHONY: help setup setup-run setup-dev check-port check-paths check-stack run rows test pytest check check-code check-template check-advisories loadtest format docs lock package preview deploy remove certificates clean

help: ## list the targets
	@echo "All but clean and help need Python 3.11 or newer and, at first, the network."
	@echo "A target installs the packages that it needs; their locks are in locks/."
	@echo "Options go in ARGS: make run ARGS=--help lists those of make run."
	@echo
	@awk -F ':.*## |; needs ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2; if ($$3) printf "%20s needs %s\n", "", $$3}' $(MAKEFILE_LIST)

# Three sets of packages (groups of pyproject.toml), each containing those before it; each target below installs the set that it needs. A missing slice is reported here, once.
setup: .venv/.installed-tools ## for operators: commands, osls, Node
setup-run: .venv/.installed-run ## and make run: emulator, PostgreSQL
setup-dev: .venv/.installed-dev .venv-audit/.installed ## and make check and test
setup setup-run setup-dev:
	@.venv/bin/python -m tools.kit.slice_manifests

.venv/.installed-%: locks/%.txt pyproject.toml package.json package-lock.json $(if $(wildcard node_modules/.installed),,node_modules)
	@command -v $(PYTHON) >/dev/null || \
	  { echo "$(PYTHON) is not installed. Name a Python of 3.11 or newer: make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is $$($(PYTHON) --version 2>&1); 3.11 or newer is needed. Try: make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot create virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -I tools/kit/install.py $*

node_modules: ; @: # installed with each set, and again where it was removed

.venv-%/.installed: locks/%.txt | .venv/.installed-dev
	@.venv/bin/python -I tools/kit/install.py $*

# What needs no packages is checked before they are installed.
check-port:
	@! command -v $(PYTHON) >/dev/null || $(PYTHON) -c 'import socket; socket.create_server(("127.0.0.1", 4566))' 2>/dev/null || \
	  { echo "Port 4566 is in use. Name another one: make run ARGS=\"--port 4567\"" >&2; exit 2; }

check-paths:
	@$(foreach path,$(filter tests/% slices/% tools/% loadtest/%,$(ARGS)),\
	  $(if $(wildcard $(firstword $(subst ::, ,$(path)))),,$(error ARGS: there is no $(path). Correct the path)))

check-stack:
	@[ -e .local/stack.json ] || { echo "No local stack runs. Start it with make run, or name STAGE=dev" >&2; exit 2; }

run: $(if $(ARGS)$(wildcard .venv/.installed-run .venv/.installed-dev),,check-port) setup-run ## the whole system on this machine, until Ctrl-C
	@python -m tools.local $(ARGS)

rows: setup-run ## the newest rows of the local stack; needs make run, in another terminal
	@python -m tools.local.rows $(ARGS)

# For these options of pytest, checks are not necessary.
QUESTIONS := -h --help --version -V --collect-only --co --fixtures --markers
test: check-paths setup-dev ## make check, and all tests but the slow ones of CI; needs Chromium, Java and Maven, or skips some tests
	@$(MAKE) -f $(firstword $(MAKEFILE_LIST)) --no-print-directory --keep-going -j 3 pytest $(if $(filter $(QUESTIONS),$(ARGS)),,$(CHECKS))

# Beside the checks, as tests often wait for a deployed system.
pytest:
	@python -m pytest $(ARGS)

CHECKS := check-code check-template check-advisories

# No network access, and no settings from the home folder. A template that checkov cannot read is an error; cfn-lint runs first and reports it.
CHECKOV := env -u BC_API_KEY HOME="$(CURDIR)/.cache" TMPDIR="$(CURDIR)/.cache" CKV_SKIP_PACKAGE_UPDATE_CHECK=true CKV_PARSE_ERROR_FAIL=true .venv-audit/bin/checkov

check: setup-dev ## format, lint, types, the compiled template, advisories
	@$(MAKE) -f $(firstword $(MAKEFILE_LIST)) --no-print-directory --keep-going -j 2 $(CHECKS)

# In parallel, as mypy takes as long as the rest.
check-code:
	@ruff format --check .
	@ruff check .
	@mypy
	@lint-imports --no-cache --no-logo
	@python -m pytest --quiet -n0 --durations-min=60 tests/postgres/test_slices.py tests/postgres/test_generated.py

check-template:
	@python -m tools.develop.templates
	@TMPDIR="$(CURDIR)/.cache" cfn-lint
	@$(CHECKOV)
	@.venv-audit/bin/python tools/develop/validate.py .cache/templates/*.json .github/deploy-role.yml tools/operate/deploy/tunnel.yml
	@.venv-audit/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@.venv-audit/bin/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@.venv-audit/bin/zizmor --offline --quiet --no-progress --persona pedantic .github

check-advisories:
# Known vulnerabilities of the locked packages; --ignore-vuln is for those that do not apply. If a registry does not answer,
# the job fails on GitHub; elsewhere a message says so.
	@.venv-audit/bin/pip-audit --strict --requirement locks/dev.txt --require-hashes --disable-pip --timeout 5 \
	  --progress-spinner off --cache-dir .cache/pip-audit; python=$$?; \
	npm audit --package-lock-only --fetch-retries=0; node=$$?; \
	if [ $$python -ne 0 ] || [ $$node -ne 0 ]; then \
	  echo "check: advisories: see above what was found, or could not be checked (pip-audit ended with $$python, npm audit with $$node)" >&2; \
	  [ -z "$$GITHUB_ACTIONS" ]; \
	fi

# Only STAGE on the command line counts; a variable in the environment may be meant for another command.
loadtest: override ARGS += $(if $(filter command%,$(origin STAGE)),$(if $(STAGE),--stage $(STAGE)))
loadtest: $(if $(ARGS),,check-stack) setup-run ## JMeter's load, and its proof, on the local stack or STAGE; needs make run or STAGE, Java 17, JMeter 5.6 or Maven
	@python -m loadtest $(ARGS)

format: setup-dev ## format, and fix what ruff can
	@ruff format .
	@ruff check --fix .

docs: setup-dev ## generate parts of documents and files from the code
	@python -m tools.develop.docs

lock: setup ## write locks/ from pyproject.toml and requirements.txt; needs the network
	@python -m tools.develop.lock

package: setup ## compile and zip STAGE (dev) into dist/STAGE, offline
	@sls package --stage $(STAGE) --package dist/$(STAGE)
	@for zip in dist/$(STAGE)/*.zip; do echo "$$zip: $$(wc -c < $$zip) bytes"; done

preview: setup ## what a deploy of STAGE (dev) would change and cost; needs AWS credentials
	@ponto deploy --preview --stage $(STAGE) $(ARGS)

deploy: setup ## deploy STAGE (dev), migrate it, and prove it; needs AWS credentials
	@ponto deploy --stage $(STAGE) $(ARGS)

remove: setup ## remove STAGE (dev), with the contents of its buckets; needs AWS credentials
	@ponto remove --stage $(STAGE) $(ARGS)

certificates: setup ## renew the certificates that verify AWS's databases
	@node tools/operate/deploy/certificates.js

clean: ## remove all that setup, run and tests created; needs the local stack to be stopped
	@if [ -e .venv/.installed-run ]; then .venv/bin/python -m tools.local.clean; fi
	rm -rf .venv .venv-* .cache node_modules .serverless .local dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Further targets, such as your own.
include $(wildcard $(dir $(lastword $(MAKEFILE_LIST)))*/*.mk)
