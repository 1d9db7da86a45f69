# Thin names for what hack/ does; `make` alone lists them.
export PATH := $(CURDIR)/.cache/bin:$(PATH)

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-8s %s\n", $$1, $$2}'

.PHONY: up
up: ## bring everything up on a kind cluster, and show it at work; with DRY_RUN=1 say what that would change
	@hack/up $(if $(DRY_RUN),--dry-run)

.PHONY: down
down: ## remove the cluster; hack/down --all also removes images, binaries and the environment
	@hack/down

.PHONY: check
check: ## every check that needs no cluster: format, lint, types, unit, component and chart tests
	@hack/check

.PHONY: test
test: check ## every check there is: check, then end to end on the kind cluster
	@hack/up --no-demo
	.venv/bin/pytest tests/e2e

.PHONY: format
format: ## format the code, and mend what ruff can mend
	@hack/tools
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

.PHONY: crds
crds: ## render the custom resource definitions and the chart's values from their models
	@hack/tools
	.venv/bin/python -m raworc_crds.render
	.venv/bin/python -m helm.raworc_chart.render

.PHONY: bench
bench: ## measure on the running cluster, into bench/results.md; with QUICK=1 a look of two minutes
	@hack/tools
	.venv/bin/python -m bench $(if $(QUICK),--quick)
