# The menu: `make` alone prints it. A target's line below is what it says about itself.

CARGO ?= cargo

.PHONY: help setup test docker-test cluster chaos demo bench-codec bench-epmd bench bench-quick bench-large fuzz loom miri matrix lint check

help:
	@echo "flitch: a node of Rust in a cluster of BEAMs"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: ## install what the tests and the demo talk to: Erlang and Elixir (Debian)
	@.ci/setup

test: setup ## run every test, those against a live BEAM included
	$(CARGO) test --workspace --all-features --locked

docker-test: ## both images, built on a root of debootstrap, in docker/compose.yaml (an engine, or root)
	@docker/test

demo: setup ## watch a Rust worker join an Elixir node and be called by it
	@echo "Building (a minute or two the first time) ..."
	@$(CARGO) build --locked --quiet -p flitch-cli --bin flitch
	@$(CARGO) build --locked --quiet -p flitch --example stock
	@$(CARGO) build --locked --quiet -p integration --bin demo
	@$(CARGO) run --locked --quiet -p integration --bin demo

cluster: setup ## a whole Kubernetes cluster in network namespaces, and what is proved in it (root; first time: minutes)
	@.ci/kube >/dev/null
	@$(CARGO) build --locked --quiet -p flitch-cli --bin flitch
	@$(CARGO) run --locked --quiet -p integration --bin cluster -- $(CLUSTER)

chaos: setup ## a node under load beside BEAMs that are killed, frozen and cut off, for minutes (root)
	@$(CARGO) build --locked --quiet -p integration --bin chaos
	@$(CARGO) run --locked --quiet -p integration --bin chaos -- $(CHAOS)

bench-codec: setup ## the codec beside eetf, erltf and a BEAM: times, ratios, allocations
	$(CARGO) bench --locked -p flitch-etf

bench-epmd: setup ## our epmd beside the stock one: lookups and registrations a second, memory
	$(CARGO) bench --locked -p flitch-epmd

bench: setup ## all of it beside a BEAM, libei and the Rust peers: bench/RESULTS.md with charts
	$(CARGO) build --locked --release -p bench
	$(CARGO) run --locked --release -p bench

bench-quick: setup ## the same in a minute or two, with fewer rounds
	$(CARGO) build --locked --release -p bench
	$(CARGO) run --locked --release -p bench -- --quick

bench-large: ## small calls beside large messages on the same link
	$(CARGO) bench --locked -p flitch --bench large

loom: ## every order in which threads can meet in a mailbox
	RUSTFLAGS="--cfg flitch_loom" $(CARGO) test --locked -p flitch --no-default-features --lib mailbox::model --target-dir $(or $(CARGO_TARGET_DIR),target)/loom

miri: ## the mailbox and the names under an interpreter that sees undefined behaviour (nightly, Miri)
	MIRIFLAGS=-Zmiri-disable-isolation $(CARGO) +nightly miri test --locked -p flitch --no-default-features --lib mailbox:: --target-dir $(or $(CARGO_TARGET_DIR),target)/miri
	MIRIFLAGS=-Zmiri-disable-isolation PROPTEST_CASES=8 $(CARGO) +nightly miri test --locked -p flitch-name --lib --target-dir $(or $(CARGO_TARGET_DIR),target)/miri

matrix: ## the tests against OTP 25, 27 and 29, each from its Debian release (root)
	@.ci/matrix

fuzz: ## hostile bytes of all kinds at codec, handshake and link, a minute for each target (nightly)
	@.ci/fuzz

lint: ## format, clippy, docs, who may depend on whom, shape of the files
	@.ci/lint

check: lint test demo ## all of it
