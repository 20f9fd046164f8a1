# Targets that a copy of `make new` does not have.
.PHONY: new check-new chaos simulate bench pictures check-lab check-forms

# Only variables on the command line count, as for STAGE.
on-command-line = $(if $(filter command%,$(origin $(1))),$(2) '$($(1))')
new: override ARGS += $(call on-command-line,EVENT,--event) $(call on-command-line,SLICES,--slices) \
  $(call on-command-line,TESTS,--tests) $(call on-command-line,DIR,--)
new: check-new setup-dev ## generate DIR, an intake of the event that EVENT declares
	@python -m tools.develop.new $(ARGS)

check-new:
	@[ -n "$(strip $(DIR)$(ARGS))" ] || { echo "DIR: name the folder of the copy: make new DIR=../scans EVENT=scan.py" >&2; exit 2; }
	@git -C "$$([ -e '$(DIR)/.git' ] && echo '$(DIR)' || dirname '$(DIR)')" -c user.useConfigOnly=true var GIT_AUTHOR_IDENT >/dev/null 2>&1 || \
	  { echo "git has no author. Run git config --global user.name NAME and git config --global user.email ADDRESS" >&2; exit 2; }

chaos: setup-run ## break the local stack under load: nothing may be lost; needs make run, in another terminal
	@python -m lab.chaos $(ARGS)

simulate: setup-run ## a year of punches, with simulated queue and faults
	@python -m lab.simulate $(ARGS)

bench: setup-dev ## measure the handler, and compare it with alternatives
	@python -m lab.bench $(ARGS)

pictures: setup-dev ## take the documents' pictures, of pages and a stack; needs Chromium
	@python -m tools.develop.pictures

check-code: check-lab
check-lab:
	@lint-imports lab/imports.toml --no-cache --no-logo
	@python -m lab.budget

check-template: check-forms
check-forms:
	@.venv-audit/bin/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*.yml
