# SPDX-License-Identifier: MIT
# Postern's whole build. `make help` lists the targets. One variable moves everything: B is the build directory, so
# sanitizer and compiler variants live side by side (make asan is `make B=build/asan SAN=address,undefined test`).

B       ?= build
ifeq ($(origin CC),default)
CC      := gcc
endif
SAN     ?=
WERROR  ?=
V       ?=
Q       := $(if $(V),,@)
# Sub-makes use every core unless somebody has said how many.
PARALLEL  = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 2))
say      = $(if $(V),,@echo '  $(1)')
OPT     ?= -O2
VERSION := $(shell cat VERSION)

PKGS    := libuv openssl yaml-0.1
# Keep going without the libraries so that `make deps` and `make help` work on a bare machine.
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

# --- flags, each probed once per compiler (tools/probe-flags prints the ones it accepts) ---
FLAGS_FILE := $(B)/flags.mk
-include $(FLAGS_FILE)

CPPFLAGS := -Isrc -D_GNU_SOURCE -DPOSTERN_VERSION='"$(VERSION)"'
CFLAGS   := -std=c17 -g $(OPT) $(PROBED_CFLAGS) $(PKG_CFLAGS) $(if $(WERROR),-Werror)
LDFLAGS  := $(PROBED_LDFLAGS)
LDLIBS   := $(PKG_LIBS) -pthread -lm
ifneq ($(SAN),)
CPPFLAGS += -DPOSTERN_CHECKS
CFLAGS   += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
LDFLAGS  += -fsanitize=$(SAN)
endif

# --- rooms, in the order of the arrows; tools/layers checks the includes against the same list ---
ROOMS := base json net http chat config dialect route door exchange admin cli
SRC   := $(foreach r,$(ROOMS),$(wildcard src/$(r)/*.c src/$(r)/*/*.c))
OBJ   := $(SRC:src/%.c=$(B)/obj/%.o)
LIBS  := $(ROOMS:%=$(B)/lib/%.a)

# What a unit test of a room links: the room and everything below it.
below_base     := base
below_json     := json base
below_net      := net base
below_http     := http net json base
below_chat     := chat http net json base
below_config   := config chat http net json base
below_dialect  := dialect config chat http net json base
below_route    := route config chat http net json base
below_door     := door route config chat http net json base
below_exchange := exchange door dialect route config chat http net json base
below_admin    := admin $(below_exchange)
below_cli      := cli $(below_admin)

TEST_SRC  := $(wildcard tests/unit/*/test_*.c tests/bytes/run_*.c tests/wire/run_*.c tests/flow/run_*.c)
TEST_BIN  := $(TEST_SRC:tests/%.c=$(B)/tests/%)
TLIB_SRC  := $(wildcard tests/lib/*.c)
TLIB_OBJ  := $(TLIB_SRC:tests/lib/%.c=$(B)/obj/tests-lib/%.o)
FUZZ_SRC  := $(wildcard fuzz/fuzz_*.c)
FUZZ_BIN  := $(FUZZ_SRC:fuzz/%.c=$(B)/fuzz/%)
BENCH_SRC := $(wildcard bench/*.c)
BENCH_BIN := $(BENCH_SRC:bench/%.c=$(B)/bench/%)

.PHONY: all run test lint asan tsan fuzz bench golden install help clean deps rooms tests-build clients format
.DEFAULT_GOAL := all
.SUFFIXES:
.SECONDARY:

all: $(B)/postern ## Build build/postern

$(B)/postern: $(B)/obj/main.o $(LIBS)
	$(call say,LD   $@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(B)/obj/main.o -Wl,--start-group $(LIBS) -Wl,--end-group $(LDLIBS)

$(FLAGS_FILE): tools/probe-flags
	@mkdir -p $(@D)
	@tools/probe-flags "$(CC)" "$(SAN)" > $@.tmp && mv $@.tmp $@

$(B)/obj/%.o: src/%.c | $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(call say,CC   $<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define room_rule
$(B)/lib/$(1).a: $$(patsubst src/%.c,$(B)/obj/%.o,$$(wildcard src/$(1)/*.c src/$(1)/*/*.c))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(Q)$$(AR) rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$(r))))

# --- tests: one binary per file, linked against its own room and those below ---
CMOCKA_LIBS = $(shell pkg-config --libs cmocka)
TEST_CPPFLAGS = -Itests -Itests/lib -DPOSTERN_TESTS_DIR='"$(CURDIR)/tests"'

$(B)/obj/tests-lib/%.o: tests/lib/%.c | $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(call say,CC   $<)
	$(Q)$(CC) $(CPPFLAGS) $(TEST_CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/lib/tests-lib.a: $(TLIB_OBJ)
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(B)/obj/tests/%.o: tests/%.c | $(FLAGS_FILE)
	@mkdir -p $(@D)
	$(call say,CC   $<)
	$(Q)$(CC) $(CPPFLAGS) $(TEST_CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define unit_rule
$(B)/tests/unit/$(1)/%: $(B)/obj/tests/unit/$(1)/%.o $(foreach r,$(below_$(1)),$(B)/lib/$(r).a) $(B)/lib/tests-lib.a
	@mkdir -p $$(@D)
	$$(call say,LD   $$@)
	$$(Q)$$(CC) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$< -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $$(TEST_LIBS_$$*) $$(CMOCKA_LIBS) $$(LDLIBS)
endef
TEST_LIBS_test_oracle = -ljansson
$(foreach r,$(ROOMS),$(eval $(call unit_rule,$(r))))

$(B)/tests/%: $(B)/obj/tests/%.o $(LIBS) $(B)/lib/tests-lib.a
	@mkdir -p $(@D)
	$(call say,LD   $@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(CMOCKA_LIBS) $(LDLIBS)

tests-build: $(B)/postern $(TEST_BIN)

test: deps ## Build and run every test that needs no network client and no root
	@$(MAKE) --no-print-directory $(PARALLEL) tests-build
	@B=$(B) tools/run-tests $(TEST_BIN) tests/cli/check_probe

# --- variants ---
asan: ## Tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) --no-print-directory B=build/asan SAN=address,undefined OPT=-O1 test
tsan: ## Tests under ThreadSanitizer
	@$(MAKE) --no-print-directory B=build/tsan SAN=thread OPT=-O1 test

# --- fuzzers: clang, libFuzzer; FUZZ_SECONDS per target ---
FUZZ_SECONDS ?= 60
fuzz: ## Run each fuzzer for FUZZ_SECONDS (default 60)
	@tools/install-deps fuzz
	@$(MAKE) --no-print-directory B=build/fuzz CC=clang SAN=address,undefined,fuzzer-no-link OPT=-O1 $(PARALLEL) fuzz-build
	@FUZZ_SECONDS=$(FUZZ_SECONDS) B=build/fuzz tools/run-fuzz $(FUZZ_SRC:fuzz/%.c=%)
fuzz-build: $(FUZZ_BIN)
$(B)/fuzz/%: fuzz/%.c $(LIBS) $(B)/lib/tests-lib.a
	@mkdir -p $(@D)
	$(call say,LD   $@)
	$(Q)$(CC) $(CPPFLAGS) $(TEST_CPPFLAGS) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LDLIBS)

# --- bench ---
$(B)/bench/%: bench/%.c $(LIBS) $(B)/lib/tests-lib.a
	@mkdir -p $(@D)
	$(call say,LD   $@)
	$(Q)$(CC) $(CPPFLAGS) $(TEST_CPPFLAGS) $(CFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(BENCH_LIBS_$*) $(LDLIBS)
BENCH_LIBS_json = -ljansson

bench: deps $(B)/postern ## Print the budget table of docs/architecture.md beside nginx; saves to bench/results
	@tools/install-deps bench
	@$(MAKE) --no-print-directory $(PARALLEL) $(BENCH_BIN)
	@B=$(B) bench/run

# --- the rest ---
deps: ## Install what is missing (names it; asks sudo only when needed)
	@tools/install-deps build

run: deps ## Install what is missing, build, start
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@exec $(B)/postern serve $(ARGS)

lint: ## clang-format, clang-tidy, cppcheck, layers, banned functions, size report
	@tools/install-deps lint
	@tools/lint

golden: tests-build ## Rewrite the expected blocks of the wire stories; review the diff
	@POSTERN_GOLDEN=1 $(B)/tests/wire/run_wire

clients: all ## The real SDKs against a running Postern
	@tests/clients/run

format: ## Reformat every C file
	@clang-format -i $$(git ls-files '*.c' '*.h')

PREFIX  ?= /usr/local
DESTDIR ?=
install: all ## Install the program, an example configuration and the service file under DESTDIR/PREFIX
	install -D -m 0755 $(B)/postern $(DESTDIR)$(PREFIX)/bin/postern
	install -D -m 0644 packaging/postern.service $(DESTDIR)$(PREFIX)/lib/systemd/system/postern.service
	install -D -m 0644 docs/postern.example.yaml $(DESTDIR)$(PREFIX)/share/doc/postern/postern.example.yaml

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

clean: ## Remove the build directory
	rm -rf build

-include $(shell find $(B)/obj $(B)/bench -name '*.d' 2>/dev/null)
