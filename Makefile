# Everything one does with Weir, on Debian 12, from git, make and a shell. `make help` lists it.
#
# YES=1      install missing packages without asking
# JOBS=n     compilers and tests at once (default: the cores, as far as memory carries)
# DEPS=...   the lists of `make deps`
# SKIP=...   packages you have from elsewhere
SHELL := /bin/bash
.DEFAULT_GOAL := help
JOBS ?= $(shell tools/jobs)
YES ?=
SKIP ?=
DEPS ?= build test demo
FUZZ_SECONDS ?= 60
SEEDS ?= 10000
SOAK_MINUTES ?= 60
KILLS ?= 500
export YES SKIP
ifdef BOOST_ROOT
export BOOST_ROOT
endif

.PHONY: help deps build demo test soak bench check fuzz format clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

demo: ## count 20,000 real flights through a local stream: the first thing to try
	@tools/deps build demo
	@$(MAKE) --no-print-directory build
	@examples/demo.sh

test: ## install what is missing, build, run every test, and 10,000 seeds of the simulation
	@tools/deps build test
	@tools/peers
	@tools/configure dev
	@cmake --build --preset dev -j $(JOBS)
	@ctest --preset dev -j $(JOBS)
	@tools/configure release -DWEIR_BUILD_SIMULATION=ON
	@cmake --build --preset release -j $(JOBS) --target simulate
	@build/release/tests/simulation/simulate --seeds $(SEEDS) --threads $(JOBS)

soak: ## KILLS (500) of a real worker, then the simulation on new seeds for SOAK_MINUTES (60)
	@tools/deps build test
	@tools/configure dev
	@cmake --build --preset dev -j $(JOBS) --target kill_scenario_test
	@WEIR_KILLS=$(KILLS) build/dev/tests/scenario/kill_scenario_test --gtest_brief=1
	@tools/configure release -DWEIR_BUILD_SIMULATION=ON
	@cmake --build --preset release -j $(JOBS) --target simulate
	@build/release/tests/simulation/simulate --minutes $(SOAK_MINUTES) --threads $(JOBS)

build: ## the command, optimised: build/weir
	@tools/deps build
	@tools/configure release
	@cmake --build --preset release -j $(JOBS)
	@ln -sfn release/weir build/weir && test -x build/weir

bench: ## measure speed and memory against bare libcurl and simdjson
	@tools/deps build bench
	@tools/configure release -DWEIR_BUILD_BENCH=ON
	@cmake --build --preset release -j $(JOBS)
	@bench/run.sh

check: ## layout, layers, headers alone, clang-tidy, discarded results
	@tools/deps build test bench check
	@JOBS=$(JOBS) tools/check

fuzz: ## every fuzz target for FUZZ_SECONDS (60) over its saved inputs
	@tools/deps build fuzz
	@tools/configure fuzz
	@cmake --build --preset fuzz -j $(JOBS)
	@tools/fuzz $(FUZZ_SECONDS)

deps: ## the packages that DEPS needs (build test demo; also bench check fuzz), each with its reason
	@tools/deps $(DEPS) && echo "Nothing else is needed for: $(DEPS)."

format: ## lay out every source
	@tools/deps check
	@git ls-files --cached --others --exclude-standard '*.hpp' '*.cpp' | xargs clang-format-16 -i

clean: ## remove what was built; packages stay
	@rm -rf build
