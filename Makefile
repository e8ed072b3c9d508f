# polpo: few verbs. `make up` and `make test` are all that a newcomer needs; both install what is missing.

PYTHON ?= python3
MASTERS ?= 1
BIN := .venv/bin
BESIDE := -n auto --dist loadfile   # files side by side
SWITCH := src/polpo/dataplane/switch.bpf.c $(wildcard src/polpo/dataplane/switch/*.h)

.PHONY: up down test check fix conformance conformance-gateway conformance-policy conformance-terraform \
        bench bench-lb bench-dns bench-kube bench-ingress \
        setup packages lock

up: setup          ## the lab: a controller, three hosts, two projects, proven with real packets
	@$(BIN)/polpo lab up --kubernetes --masters $(MASTERS)

down:              ## leave nothing behind
	@if [ -x $(BIN)/polpo ]; then $(BIN)/polpo lab down; fi

test: setup        ## everything: style, types, layers, units, the API with real clients, real packets
	@$(MAKE) --no-print-directory check
	tools/twice tests/contract tests/property tests/dataplane
	-@tools/cni/programs >/dev/null   # from outside, which namespaces do not reach
	tools/twice --apart tests/netns tests/faults

check: setup       ## quick: run it all the time
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -q $(BESIDE) tests/unit tests/architecture

fix: setup         ## what ruff can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

conformance: setup ## upstream's tests of Kubernetes' network, against a lab of its own (10 minutes)
	tools/apart -m tests.conformance

conformance-gateway: setup  ## Gateway API's own suite; writes tests/conformance/gateway-report.yaml
	@if [ -z "$$(tools/kubernetes/programs kube-apiserver kubectl)" ]; then exit 1; fi
	tools/apart tests/conformance/gateway.py

conformance-policy: setup   ## Network Policy API's own suite, against a lab; writes tests/conformance/policy-report.yaml
	tools/apart -m tests.conformance.policy

conformance-terraform: setup  ## a tenant's plan by OpenTofu and the OpenStack provider, against a lab of its own
	tools/apart -m tests.conformance.terraform

bench: setup       ## figures beside the peers' in the same run; writes bench/results/network.json
	$(BIN)/python -m bench

bench-lb: setup    ## load balancers: some twelve minutes, and ten of full load
	$(BIN)/python -m bench balancer balancer_busy

bench-dns: setup   ## DNS beside CoreDNS, which is built once; writes bench/results/network.json too
	$(BIN)/python -m bench dns dns_kubernetes

bench-ingress: setup   ## Ingress, alone and from client to pod, beside hand-written HAProxys
	$(BIN)/python -m bench ingress ingress_path

bench-kube: setup  ## pods, Services, policies, and Services of type LoadBalancer
	$(BIN)/python -m bench pods services policies cloud

setup: packages .venv/installed

packages:
	@tools/packages

.venv/installed: pyproject.toml requirements.lock hatch_build.py $(SWITCH)
	@tools/environment $(PYTHON)
	@touch $@

lock:              ## after changing dependencies in pyproject.toml
	$(BIN)/uv pip compile -q --universal pyproject.toml --group dev --no-header --no-annotate --generate-hashes -o requirements.lock
