# A friendly front for meson. `make help` lists everything.
# Every target sets up what it needs on Debian 12; root (sudo) is used for packages only.
SHELL := /bin/sh
MESON := /usr/bin/meson
NINJA := ninja
BUILD ?= build
JOBS ?= $(shell nproc)
TESTFLAGS ?= --print-errorlogs --no-rebuild

.PHONY: help setup build demo test check bench fuzz fuzz-build fuzz-campaign sweep cov asan asan-build tsan tsan-build tsan-diameter clang release lint fmt man install clean

help:
	@echo 'muster: brings M2M nodes into service'
	@echo
	@echo '  make demo      briefing nodes, two providers, 200 nodes and 21 SIMs on loopback (FLAGS=--keep leaves them running)'
	@echo '  make test      build and run every test: units, fuzz corpora, contract, scenarios with real daemons'
	@echo '  make check     what CI runs: lint, tests, sanitizers with clang, release, fuzz, demo'
	@echo '  make bench     enrolments per second beside bare handshakes, memory, instructions; FLAGS=--keys: where keys are'
	@echo '  make asan      the tests under AddressSanitizer and UndefinedBehaviorSanitizer'
	@echo '  make tsan      the tests under ThreadSanitizer; make tsan-diameter: the process of Diameter'
	@echo '  make fuzz      libFuzzer on every target, SECONDS=30 each'
	@echo '  make fuzz-campaign   until every target has had MINUTES=30 of processor; goes on where it was broken off'
	@echo '  make sweep     each call and each allocation fails in turn while a node enrols; hours; EVERY=10: each tenth allocation'
	@echo '  make cov       coverage report in build-cov/coverage.html'
	@echo '  make lint      house rules, purity, layers, cppcheck, clang-tidy, shellcheck, codespell'
	@echo '  make fmt       clang-format on the lines that a change touches'
	@echo '  make man       build the manual pages'
	@echo '  make release   hardened build, with the hardening checked'
	@echo '  make install   install under PREFIX (default: where the build was set up for, /usr/local); DESTDIR is honoured'
	@echo '  make setup     install missing Debian packages (part of every target above)'
	@echo '  make clean     remove the build directories'

setup:
	@tools/setup

$(BUILD)/build.ninja: | setup
	$(MESON) setup $(BUILD) -Dwerror=true

build: setup $(BUILD)/build.ninja
	$(NINJA) -j$(JOBS) -C $(BUILD)

# Only what is shown, in a build of its own when there is none yet: neither the tests nor what they need.
DEMO_BUILD = $(if $(wildcard $(BUILD)/build.ninja),$(BUILD),build-demo)
DEMO_PROGRAMS = src/muster/muster src/musterd/musterd src/agent/muster-agent src/naf/muster-naf
PROGRAMS = $(DEMO_PROGRAMS) src/musterd/musterd-diameter
demo:
	@tools/setup build
	[ -f $(DEMO_BUILD)/build.ninja ] || $(MESON) setup $(DEMO_BUILD) -Dwerror=true -Dtests=false
	$(NINJA) -j$(JOBS) -C $(DEMO_BUILD) $(DEMO_PROGRAMS)
	tools/demo $(DEMO_BUILD) $(FLAGS)

test: build
	tools/check-purity $(BUILD)
	tools/test-run $(BUILD) $(TESTFLAGS)

check:
	.ci/run

clang: setup
	[ -f build-clang/build.ninja ] || CC=clang $(MESON) setup build-clang -Dwerror=true
	$(NINJA) -j$(JOBS) -C build-clang

# What is built apart from what runs it: .ci/run builds behind the tests before.
asan-build: setup
	[ -f build-asan/build.ninja ] || CC=clang $(MESON) setup build-asan -Db_sanitize=address,undefined -Db_lundef=false -Dwerror=true
	$(NINJA) -j$(JOBS) -C build-asan

asan: asan-build
	tools/test-run build-asan $(TESTFLAGS) --timeout-multiplier 3

# ThreadSanitizer does not follow OpenSSL's fibres, which the daemons need for a handshake that waits for a key:
# tests with daemons are left to the other builds. Threads are in name resolution (transport, agent) and in
# test-link. `long` is the store's fault sweep: one thread, minutes of it.
TSAN_WITHOUT = --no-suite daemon --no-suite scenario --no-suite docs --no-suite long
tsan-build: setup
	[ -f build-tsan/build.ninja ] || CC=clang $(MESON) setup build-tsan -Db_sanitize=thread -Db_lundef=false -Dwerror=true
	$(NINJA) -j$(JOBS) -C build-tsan

tsan: tsan-build
	tools/test-run build-tsan $(TESTFLAGS) --timeout-multiplier 4 $(TSAN_WITHOUT)

# The one program with threads of its own; about a minute, and not in CI.
tsan-diameter: setup
	[ -f build-tsan/build.ninja ] || CC=clang $(MESON) setup build-tsan -Db_sanitize=thread -Db_lundef=false -Dwerror=true
	$(NINJA) -j$(JOBS) -C build-tsan src/musterd/musterd-diameter tests/diameter/diameter-peer tests/diameter/diameter-engine
	TSAN_OPTIONS="halt_on_error=0 suppressions=$(CURDIR)/tests/diameter/tsan.supp" MST_BUILD=$(CURDIR)/build-tsan MST_SOURCE=$(CURDIR) \
		/usr/bin/python3 -m pytest -q -p no:cacheprovider tests/diameter --ignore tests/diameter/test_musterd.py

fuzz-build: setup
	[ -f build-fuzz/build.ninja ] || CC=clang $(MESON) setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
	$(NINJA) -j$(JOBS) -C build-fuzz fuzz-targets

fuzz: fuzz-build
	tools/fuzz-all build-fuzz $(or $(SECONDS),30)

# Goes on where it was broken off: fuzz/campaign.json. Long: half an hour of processor for each target.
fuzz-campaign: fuzz-build
	tools/fuzz-campaign build-fuzz --minutes $(or $(MINUTES),30)
	tools/fuzz-campaign --write

# Every point of tests/scenario/test_sweeps.py, of which CI takes some; the figures go to doc/failure-sweeps.md. In parts: WHAT="sim and calls", and
# without those for ever: ONCE=1.
sweep: build
	MST_BUILD=$(CURDIR)/$(BUILD) MST_SOURCE=$(CURDIR) MST_SWEEP=$(or $(EVERY),1) MST_SWEEP_FIGURES=$(CURDIR)/doc/failure-sweeps.md $(if $(ONCE),MST_SWEEP_ONCE=1) \
		/usr/bin/python3 -m pytest -q -s -p no:cacheprovider tests/scenario/test_sweeps.py $(if $(WHAT),-k "$(WHAT)")

cov: setup
	[ -f build-cov/build.ninja ] || $(MESON) setup build-cov -Db_coverage=true -Dbuildtype=debug
	$(NINJA) -j$(JOBS) -C build-cov
	find build-cov -name '*.gcda' -delete
	$(MESON) test -C build-cov $(TESTFLAGS) --suite unit --suite fuzz
	gcovr --root . --filter lib/ --filter src/ --exclude '.*test-.*' --html-details build-cov/coverage.html --print-summary build-cov

release: setup
	[ -f build-release/build.ninja ] || $(MESON) setup build-release --buildtype=release -Db_lto=false -Db_ndebug=false
	$(NINJA) -j$(JOBS) -C build-release $(PROGRAMS)
	tools/check-hardening build-release

bench: release
	$(NINJA) -j$(JOBS) -C build-release
	tools/bench build-release $(FLAGS)

lint: build
	tools/lint $(BUILD)

fmt:
	git diff -U0 --no-color | clang-format-diff-14 -p1 -i

man: build
	@ls $(BUILD)/man

install: build
	$(if $(PREFIX),$(MESON) configure $(BUILD) -Dprefix=$(PREFIX))
	$(MESON) install -C $(BUILD) $(if $(DESTDIR),--destdir $(DESTDIR))

clean:
	rm -rf build build-demo build-clang build-asan build-tsan build-fuzz build-cov build-release
