# What the tests need is installed below, pinned, into .venv and .tools. Asked for are cargo, a C compiler, python3 with venv, npm, bash and make.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export RUST_BACKTRACE := 0
export CARGO_TARGET_DIR := $(CURDIR)/target

PYTHON ?= $(shell command -v python3.11 || echo python3)
CARGO ?= cargo
MODE ?= plan
SECONDS_OF_FUZZING ?= 60
BINARIES := --workspace --bins

.PHONY: help demo test check local bench bench-groups verdict fuzz generate format deploy venvs build build-release clean

help: ## What there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: build venvs ## The main job, seen: a violation of every control in three accounts and two regions, set right or told, one undone; evidence in target/demo
	@target/debug/xtask demo

test: build venvs .venv/infra/.stamp .venv/chromium/.stamp ## Every test
	$(CARGO) test --workspace --quiet
	.venv/browser/bin/python -m pytest -q tests/browser
	.venv/front/bin/python -m pytest -q tests/localaws
	.venv/infra/bin/python -m pytest -q tests/infra

check: build venvs .venv/infra/.stamp .tools/bin/cargo-deny ## Formatting, lints, generated files, templates, licences
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	target/debug/xtask generate --check
	.venv/infra/bin/ruff check --quiet tests
	.venv/infra/bin/python -m pytest -q tests/infra/test_templates.py
	.tools/bin/cargo-deny --config .deny.toml --all-features --log-level error check licenses bans sources

local: build venvs ## The suite on a local AWS that stays up (MODE=plan|auto sets the mode of class A controls)
	@target/debug/xtask local --modes "plan,A=$(MODE)"

bench: build-release venvs .venv/bench/.stamp ## Cold start, latency, memory, size and calls, beside the same job in Python
	@.venv/bench/bin/python tests/bench/bench.py --date $$(date -I)
	@$(MAKE) --no-print-directory bench-groups

bench-groups: venvs .venv/bench/.stamp .venv/c7n/.stamp .venv/prowler/.stamp ## The part of it on security groups, beside Cloud Custodian and Prowler
	$(CARGO) build --release --workspace --bin redress
	@.venv/bench/bin/python tests/bench/security_groups.py --date $$(date -I)

verdict: build venvs .venv/prowler/.stamp .venv/sra/.stamp ## The verdict of independent scanners on the demo accounts, before and after
	@target/debug/xtask demo --prowler .venv/prowler/bin/python

fuzz: .tools/bin/cargo-fuzz ## The parser of findings against arbitrary texts, for a minute (needs a C++ compiler)
	mkdir -p target/fuzz/corpus
	cp -n $$(find events tests/prowler/files -name '*.json') target/fuzz/corpus/ || true
	cd crates/model && CARGO_TARGET_DIR=$(CURDIR)/target/fuzz PATH="$(CURDIR)/.tools/bin:$$PATH" \
		cargo fuzz run --sanitizer none admit $(CURDIR)/target/fuzz/corpus -- -max_total_time=$(SECONDS_OF_FUZZING) -max_len=65536

generate: ## Write every generated file: first the lists of modules, then what is made from the controls that they name
	$(CARGO) build $(BINARIES) && target/debug/xtask generate
	$(CARGO) build $(BINARIES) && target/debug/xtask generate

format: ## Format all code
	$(CARGO) fmt --all
	.venv/infra/bin/ruff format tests

deploy: ## The suite, and the organization's side of it (ADMIN_PROFILE=... MANAGEMENT_PROFILE=..., further variables: infra/deploy.sh)
	@infra/deploy.sh

# Never build one package alone: the features of the SDKs would differ, and all of them would be built again.
build:
	$(CARGO) build $(BINARIES)

build-release:
	$(CARGO) build --release --package finding-router --package cis-remediator --package finding-sweeper --package sg-compliance-scanner \
		--package member-onboarder --package account-baseline --package incident-responder --package compliance-reporter

venvs: .venv/front/.stamp .venv/moto/.stamp

.venv/front/.stamp: tests/localaws/requirements/front.txt
.venv/moto/.stamp: tests/localaws/requirements/moto.txt
.venv/infra/.stamp: tests/infra/requirements.txt
.venv/bench/.stamp: tests/bench/requirements.txt
.venv/c7n/.stamp: tests/bench/c7n.txt
.venv/prowler/.stamp: tests/prowler/requirements.txt
.venv/sra/.stamp: tests/prowler/sra.txt
.venv/browser/.stamp: tests/browser/requirements.txt

.venv/%/.stamp:
	@echo "installing $< into .venv/$*"
	@$(PYTHON) -m venv --clear .venv/$*
	@.venv/$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

# A Chromium that brings its own libraries and font, from the npm registry.
.venv/chromium/.stamp: tests/browser/chromium.py .venv/browser/.stamp
	@echo "installing Chromium into .venv/chromium"
	@.venv/browser/bin/python tests/browser/chromium.py .venv/chromium
	@touch $@

.tools/bin/cargo-deny:
	$(CARGO) install --quiet --locked --root .tools --debug cargo-deny --version 0.20.2

.tools/bin/cargo-fuzz:
	$(CARGO) install --quiet --locked --root .tools --debug cargo-fuzz --version 0.13.1

clean: ## Remove everything that was built or installed here
	rm -rf target .venv .tools
