# Targets that a copy of `make new` does not have.
.PHONY: new check-new test-versions chaos simulate crashes interleavings mutants bench pictures check-forms

# Only variables on the command line count, as for STAGE.
on-command-line = $(if $(filter command%,$(origin $(1))),$(2) '$($(1))')
new: override ARGS += $(call on-command-line,EVENT,--event) $(call on-command-line,SLICES,--slices) $(call on-command-line,DIR,--)
new: check-new setup-dev ## generate DIR, an intake of the event that EVENT declares
	@python -m tools.new $(ARGS)

check-new:
	@[ -n "$(strip $(DIR)$(ARGS))" ] || { echo "DIR: name the folder of the copy: make new DIR=../scans EVENT=scan.py" >&2; exit 2; }
	@git -C "$$([ -e '$(DIR)/.git' ] && echo '$(DIR)' || dirname '$(DIR)')" -c user.useConfigOnly=true var GIT_AUTHOR_IDENT >/dev/null 2>&1 || \
	  { echo "git has no author. Run git config --global user.name NAME and git config --global user.email ADDRESS" >&2; exit 2; }

test-versions: setup-dev ## the database's tests on PostgreSQL 16 and 17; needs PostgreSQL 17, or Linux on x86-64 and the network
	@python -m lab.versions $(ARGS)

chaos: setup-run ## break the local stack under load: nothing may be lost; needs make run, in another terminal
	@python -m lab.chaos $(ARGS)

simulate: setup-run ## a year of punches, with simulated queue and faults
	@python -m lab.simulate $(ARGS)

crashes: setup-run ## how long good punches wait beside crashing messages
	@python -m lab.crashes $(ARGS)

interleavings: setup-run ## every order in which two programs meet in the database
	@python -m lab.interleavings $(ARGS)

# In a copy of the last commit, not in the working tree.
FILE ?= ponto/parser.py
TESTS ?= tests/event/unit/test_punch.py
mutants: setup-dev .venv-mutants/.installed ## change FILE place by place, and check that TESTS fail
	@git worktree remove --force .local/mutants 2>/dev/null || true
	@git worktree add --quiet --force --detach .local/mutants && ln -s ../../.venv ../../node_modules .local/mutants
	@sed 's,FILE",$(FILE)",; s,TESTS",$(TESTS)",' lab/cosmic-ray.toml > .local/mutants/mutants.toml
	@cd .local/mutants && PATH="$(CURDIR)/.venv-mutants/bin:$$PATH" && cosmic-ray init mutants.toml mutants.sqlite && \
	  cr-filter-operators mutants.sqlite mutants.toml && cosmic-ray exec mutants.toml mutants.sqlite && \
	  cr-report --surviving-only --show-diff mutants.sqlite

bench: setup-dev ## measure the handler, and compare it with alternatives
	@python -m lab.bench $(ARGS)

pictures: setup-dev ## take the documents' pictures, of pages and a stack; needs Chromium
	@PONTO_PICTURES=yes python -m pytest -n0 -m "nightly or not nightly" \
	  $(wildcard tests/page/test_pictures.py slices/*/tests/page/test_pictures.py slices/*/tests/e2e/test_moving_picture.py)

check-template: check-forms
check-forms:
	@.venv-audit/bin/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*.yml
