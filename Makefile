# Every target does its own set-up (scripts/setup) and puts back what it started, unless KEEP=1.
.PHONY: help demo test lint bench cluster stop

help:
	@echo 'make demo            the whole way once on this machine: an old server, moved to Docker, and the proof'
	@echo 'make demo TO=k8s     the same, moved to Kubernetes; KEEP=1 leaves old and new running side by side'
	@echo 'make test            all tests, with the components found; ARGS=... goes to cargo test'
	@echo 'make lint            formatting, clippy, documentation, shell scripts'
	@echo 'make bench           benchmarks'
	@echo 'make cluster         builds what the cluster of the tests needs (tests/cluster), once, about twenty minutes'
	@echo 'make stop            ends the demo, the cluster and the engine that KEEP=1 left running'

demo:
	@scripts/demo --to $(or $(TO),compose)

test:
	@scripts/test $(ARGS)

lint:
	@scripts/lint

bench:
	cargo bench --locked

cluster:
	@tests/cluster/build

stop:
	@scripts/demo --end; KEEP= scripts/cluster down; KEEP= scripts/setup --stop
