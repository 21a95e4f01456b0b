# make            build/lakegated and build/lakegate (and libs3proto)
# make CONSOLE=0  without the web console, which wants Node 20.19 or newer; without Node it is left out, too
# make check      the fast tests: unit, ops, rules, formatting
# make install    DESTDIR and PREFIX are honoured
# Variants live in build folders of their own: make BUILD=build/asan SANITIZE=address,undefined
VERSION := 0.1.0
.DEFAULT_GOAL := all
BUILD ?= build
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
CC ?= cc
SANITIZE ?=
CONSOLE ?= 1
PYTHON ?= python3

PACKAGES := libmicrohttpd gnutls libxml-2.0 zlib jansson libcurl libcrypto
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -llmdb

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -Wno-gnu-statement-expression
ifneq ($(findstring clang,$(CC)),)
WARNINGS += -Wassign-enum
else
WARNINGS := $(filter-out -Wno-gnu-statement-expression -Wpedantic,$(WARNINGS)) -Wvla -Wstrict-prototypes -Wmissing-prototypes
endif

OPTIMIZE ?= -O2
HARDEN := -fstack-protector-strong -fPIC
ifeq ($(SANITIZE),)
HARDEN += -D_FORTIFY_SOURCE=2
LDHARDEN := -pie -Wl,-z,relro,-z,now
else
HARDEN += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all
LDHARDEN := -pie -fsanitize=$(SANITIZE)
OPTIMIZE := -O1
endif
# Why: see there.
ifneq ($(findstring address,$(SANITIZE)),)
ASAN_FORK := $(BUILD)/obj/tests/asan_fork.o
endif

CPPFLAGS := -I. -Ilibs3proto -D_GNU_SOURCE -DLAKEGATE_VERSION='"$(VERSION)"'
CFLAGS := -std=c17 -g $(OPTIMIZE) $(WARNINGS) $(HARDEN) -pthread -MMD -MP $(PKG_CFLAGS)
LDFLAGS := $(LDHARDEN) -pthread $(ASAN_FORK)
LDLIBS := $(PKG_LIBS)

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard $(1)))
BASE_OBJ := $(call objects,libs3proto/base/*.c)
PROTO_OBJ := $(call objects,libs3proto/*.c)
STORAGE_OBJ := $(call objects,storage/*.c storage/local/*.c)
DAEMON_OBJ := $(filter-out $(BUILD)/obj/daemon/main.o $(BUILD)/obj/daemon/console_none.o,$(call objects,daemon/*.c daemon/ops/*.c daemon/query/*.c daemon/jobs/*.c))
CLI_OBJ := $(call objects,daemon/cli/*.c)

# The console's files are built once, whatever the variant, by scripts/build-console, which says why when it cannot.
ifeq ($(CONSOLE),0)
CONSOLE_OBJ := $(BUILD)/obj/daemon/console_none.o
else
CONSOLE_OBJ := $(BUILD)/obj/console_files.o
endif
CONSOLE_SOURCES := $(shell find daemon/console -name node_modules -prune -o -type f -print 2>/dev/null)
# "done" is there only when it could be built, so that it is tried again; the file is written only when it changes.
build/console/done: scripts/build-console scripts/embed-console.mjs $(CONSOLE_SOURCES)
	@scripts/build-console build/console
build/console/console_files.c: build/console/done
	@:
$(BUILD)/obj/console_files.o: build/console/console_files.c daemon/console_files.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@
# The other choice than last time is a change.
$(shell mkdir -p $(BUILD) && { echo '$(CONSOLE)' | cmp -s - $(BUILD)/console.choice || echo '$(CONSOLE)' >$(BUILD)/console.choice; })
.PHONY: console
console: build/console/console_files.c

.PHONY: all lib check clean install install-bin unit ops rules format format-check tidy
all: $(BUILD)/lakegated $(BUILD)/lakegate lib
lib: $(BUILD)/libs3proto.a $(BUILD)/libs3proto.so

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

$(BUILD)/libs3proto.a: $(BASE_OBJ) $(PROTO_OBJ) | $(ASAN_FORK)
$(BUILD)/libstorage.a: $(STORAGE_OBJ)
$(BUILD)/libdaemon.a: $(DAEMON_OBJ) $(CONSOLE_OBJ) $(BUILD)/console.choice
$(BUILD)/%.a:
	@rm -f $@
	ar rcs $@ $(filter %.o,$^)

LIBS := $(BUILD)/libdaemon.a $(BUILD)/libstorage.a $(BUILD)/libs3proto.a
$(BUILD)/lakegated: $(BUILD)/obj/daemon/main.o $(LIBS)
	$(CC) $(LDFLAGS) $(filter %.o,$^) $(LIBS) $(LDLIBS) -o $@
$(BUILD)/lakegate: $(CLI_OBJ) $(LIBS)
	$(CC) $(LDFLAGS) $(CLI_OBJ) $(LIBS) $(LDLIBS) -o $@

# Tests: each file is one cmocka program. tests/unit/base and s3proto tests need no storage or daemon.
UNIT_PROTO := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/proto/*.c))
UNIT_STORAGE := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/storage/*.c))
UNIT_DAEMON := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/daemon/*.c))
OPS_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/ops/test_*.c))

$(UNIT_PROTO): $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(BUILD)/libs3proto.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $< $(BUILD)/libs3proto.a $(LDLIBS) -lcmocka -o $@
$(UNIT_STORAGE): $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(BUILD)/libstorage.a $(BUILD)/libs3proto.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $< $(BUILD)/libstorage.a $(BUILD)/libs3proto.a $(LDLIBS) -lcmocka -o $@
$(UNIT_DAEMON): $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $< $(LIBS) $(LDLIBS) -lcmocka -o $@
OPS_SUPPORT := $(call objects,tests/ops/support*.c)
$(OPS_TESTS): $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(OPS_SUPPORT) $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $< $(OPS_SUPPORT) $(LIBS) $(LDLIBS) -lcmocka -o $@

.SECONDARY:
.PHONY: unit-proto unit-storage unit-daemon
unit-proto: $(UNIT_PROTO)
	@scripts/run-cmocka $^
unit-storage: $(UNIT_STORAGE)
	@scripts/run-cmocka $^
unit-daemon: $(UNIT_DAEMON)
	@scripts/run-cmocka $^
unit: $(UNIT_PROTO) $(UNIT_STORAGE) $(UNIT_DAEMON)
	@scripts/run-cmocka $^
ops: $(OPS_TESTS)
	@scripts/run-cmocka $^
# The XML that the ops tests see, against botocore's model of S3 (PYTHON has botocore).
.PHONY: shapes
shapes: $(OPS_TESTS)
	@$(PYTHON) tests/ops/check_shapes.py $^
# Random operations against the store and against a model of it; RANDOM_ARGS: see tests/crash/random_ops.c.
RANDOM_ARGS ?= --runs 20
.PHONY: random
random: $(BUILD)/tests/crash/random_ops
	@$< --break-it 1 --from 1 --steps 150 --runs 100 >$(BUILD)/wrong-model.log || { cat $(BUILD)/wrong-model.log; exit 1; }
	@$< $(RANDOM_ARGS)
# The same, and the index is lost and salvaged in between.
SALVAGE_ARGS ?= --runs 20 --steps 150
.PHONY: salvage
salvage: $(BUILD)/tests/crash/random_ops
	@$< --salvage 1 $(SALVAGE_ARGS)
# A data folder as this release writes it, kept for the tests of later ones. Only for a new schema version.
FIXTURES := tests/unit/storage/data
.PHONY: fixture
fixture: $(BUILD)/tests/unit/storage/test_format
	@version=$$($< --version) && rm -rf $(BUILD)/fixture && mkdir -p $(BUILD)/fixture && \
	$< --write $(BUILD)/fixture/schema-$$version && \
	find $(BUILD)/fixture -name lock.mdb -delete && \
	tar -C $(BUILD)/fixture --sort=name --owner=root:0 --group=root:0 --mtime=2026-01-01 -cf - schema-$$version | \
	gzip -9n >$(FIXTURES)/schema-$$version.tar.gz && ls -l $(FIXTURES)/schema-$$version.tar.gz
# The power goes while a snapshot of the index is made, and while a lost index is salvaged.
.PHONY: power-way-back
power-way-back: $(BUILD)/tests/crash/power_states
	@$< --way-back snapshot && $< --way-back salvage
	@for way in snapshot salvage; do for fault in folder index; do $< --way-back $$way --fault $$fault || exit 1; done; done
# Many objects with a history: backed up, restored, salvaged, and compared each time.
WAY_BACK_ARGS ?= --objects 100000
.PHONY: way-back
way-back: $(BUILD)/tests/crash/way_back
	@$< $(WAY_BACK_ARGS)
$(BUILD)/tests/crash/way_back: $(call objects,tests/crash/way_back.c tests/crash/model.c) $(BUILD)/libstorage.a $(BUILD)/libs3proto.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@
CRASH_OBJ := $(call objects,tests/crash/model.c tests/crash/random_compare.c)
$(BUILD)/tests/crash/random_ops: $(CRASH_OBJ) $(call objects,tests/crash/random_ops.c tests/crash/random_s*.c tests/crash/random_lists.c tests/crash/random_uploads.c) $(BUILD)/libstorage.a $(BUILD)/libs3proto.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@
# What a power cut could leave of the disk; lies of the disk must be found. Without sanitizers: it stands in for
# the C library's functions itself.
POWER_ARGS ?= --states 20000
.PHONY: power
power: $(BUILD)/tests/crash/power_states
	@$(PYTHON) tests/crash/calls.py $< $(BUILD)/libstorage.a
	@$< $(POWER_ARGS)
	@for fault in segment file folder index; do $< --fault $$fault || exit 1; done
# Each sync of some sequences is left out by itself, and must be missed.
.PHONY: power-syncs
power-syncs: $(BUILD)/tests/crash/power_states
	@$< --each-sync 1
# Calls on files that fail, one after the other.
.PHONY: disk-faults
disk-faults: $(BUILD)/tests/crash/disk_faults
	@$<
# Bits flipped in the files of a store. ROT_ARGS: see tests/crash/rot.c.
ROT_ARGS ?= --flips 5000
.PHONY: rot
rot: $(BUILD)/tests/crash/rot
	@$< $(ROT_ARGS)
	@$< --flips 60 --blind 1 >/dev/null
$(BUILD)/tests/crash/rot: $(call objects,tests/crash/rot*.c) $(BUILD)/libstorage.a $(BUILD)/libs3proto.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@
DISK_OBJ := $(call objects,tests/crash/disk_log.c tests/crash/disk_calls.c tests/crash/disk_states.c tests/crash/changes.c)
$(BUILD)/tests/crash/power_states: $(call objects,tests/crash/power_syncs.c tests/crash/power_way_back.c)
$(BUILD)/tests/crash/power_states $(BUILD)/tests/crash/disk_faults: $(BUILD)/tests/crash/%: \
		$(BUILD)/obj/tests/crash/%.o $(CRASH_OBJ) $(DISK_OBJ) $(BUILD)/libstorage.a $(BUILD)/libs3proto.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -rdynamic $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS) -ldl -o $@

rules:
	@scripts/check-rules

# One version of clang's tools where it is there: two versions format differently.
CLANG_FORMAT ?= $(firstword $(shell command -v clang-format-14 clang-format))
CLANG_TIDY ?= $(firstword $(shell command -v clang-tidy-14 clang-tidy))
format:
	$(CLANG_FORMAT) -i $$(git ls-files '*.c' '*.h')
format-check:
	@$(CLANG_FORMAT) --dry-run --Werror $$(git ls-files '*.c' '*.h')

# A file is looked at again only when it, or a header of it, has changed.
TIDY := $(patsubst %.c,$(BUILD)/tidy/%.ok,$(wildcard libs3proto/*.c libs3proto/base/*.c storage/*.c \
	storage/local/*.c daemon/*.c daemon/ops/*.c daemon/query/*.c daemon/jobs/*.c daemon/cli/*.c))
$(BUILD)/tidy/%.ok: %.c $(BUILD)/obj/%.o .clang-tidy
	@mkdir -p $(@D)
	@$(CLANG_TIDY) --quiet $< -- -std=c17 $(CPPFLAGS) $(PKG_CFLAGS) >$@.log 2>&1 || { cat $@.log; exit 1; }
	@mv $@.log $@
tidy: $(TIDY)

check: rules unit ops console-check

# The settings' manual page is what the daemon itself prints; scripts/test compares.
docs/man/lakegate.conf.5: $(BUILD)/lakegated
	$(BUILD)/lakegated --print-manual >$@.new && mv $@.new $@

INSTALL_AS = sed -e 's|@BINDIR@|$(PREFIX)/bin|g' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g'
install: install-bin
install-bin: $(BUILD)/lakegated $(BUILD)/lakegate
	install -D -m 755 $(BUILD)/lakegated $(DESTDIR)$(PREFIX)/bin/lakegated
	install -D -m 755 $(BUILD)/lakegate $(DESTDIR)$(PREFIX)/bin/lakegate
	install -D -m 644 docs/man/lakegated.8 $(DESTDIR)$(PREFIX)/share/man/man8/lakegated.8
	install -D -m 644 docs/man/lakegate.1 $(DESTDIR)$(PREFIX)/share/man/man1/lakegate.1
	install -D -m 644 docs/man/lakegate.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5/lakegate.conf.5
	install -D -m 644 packaging/lakegate.conf $(DESTDIR)$(PREFIX)/share/doc/lakegate/lakegate.conf
	install -D -m 644 LICENSE $(DESTDIR)$(PREFIX)/share/doc/lakegate/copyright
	[ -e $(DESTDIR)$(SYSCONFDIR)/lakegate/lakegate.conf ] || \
		install -D -m 640 packaging/lakegate.conf $(DESTDIR)$(SYSCONFDIR)/lakegate/lakegate.conf
	install -d $(DESTDIR)$(UNITDIR)
	$(INSTALL_AS) packaging/lakegated.service.in >$(DESTDIR)$(UNITDIR)/lakegated.service

# libs3proto for others: headers, both libraries, pkg-config. What is private is filtered out.
PROTO_PACKAGES := libxml-2.0 zlib libcrypto jansson
PROTO_SONAME := libs3proto.so.0
PROTO_HEADERS := $(filter-out libs3proto/base/crc.h libs3proto/base/md5_impl.h libs3proto/base/crypto.h libs3proto/policy_internal.h,$(wildcard libs3proto/*.h libs3proto/*.def libs3proto/base/*.h))
$(BUILD)/libs3proto.so: $(BASE_OBJ) $(PROTO_OBJ) libs3proto/libs3proto.map
	$(CC) -shared $(filter-out -pie $(ASAN_FORK),$(LDFLAGS)) -Wl,-soname,$(PROTO_SONAME) \
		-Wl,--version-script=libs3proto/libs3proto.map $(filter %.o,$^) \
		$(shell pkg-config --libs $(PROTO_PACKAGES)) -o $@
	@ln -sf libs3proto.so $(BUILD)/$(PROTO_SONAME)

.PHONY: install-lib
install: install-lib
install-lib: lib
	install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include/s3proto/base
	install -m 644 $(filter-out libs3proto/base/%,$(PROTO_HEADERS)) $(DESTDIR)$(PREFIX)/include/s3proto
	install -m 644 $(filter libs3proto/base/%,$(PROTO_HEADERS)) $(DESTDIR)$(PREFIX)/include/s3proto/base
	install -m 644 $(BUILD)/libs3proto.a $(DESTDIR)$(PREFIX)/lib
	install -m 755 $(BUILD)/libs3proto.so $(DESTDIR)$(PREFIX)/lib/$(PROTO_SONAME)
	ln -sf $(PROTO_SONAME) $(DESTDIR)$(PREFIX)/lib/libs3proto.so
	sed -e 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|; s|@PACKAGES@|$(PROTO_PACKAGES)|' \
		libs3proto/libs3proto.pc.in >$(DESTDIR)$(PREFIX)/lib/pkgconfig/libs3proto.pc

# What the console's tests have to do to a store that no request does.
$(BUILD)/tests/console/versioning: $(BUILD)/obj/tests/console/versioning.o $(BUILD)/libstorage.a $(BUILD)/libs3proto.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

# make console-check  types, unit tests, and the size of the console's first page, where it could be built
.PHONY: console-check
console-check: console
	@[ ! -e build/console/dist/index.html ] || \
		{ export PATH="$(abspath build/node/bin):$$PATH"; cd daemon/console && npm run --silent typecheck && npm run --silent test && npm run --silent size; }

# make fuzz          one libFuzzer program per parser in $(BUILD)/fuzz/
# make fuzz-corpus   runs each over its kept corpus once
# make fuzz-run      each for FUZZ_SECONDS, FUZZ_JOBS at once; FUZZ_ONLY="a b": these, FUZZ_PART=1/3: every third;
#                    FUZZ_SEED=1: the same inputs as the last time
FUZZ := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz_objects = $(patsubst $(BUILD)/obj/%,$(BUILD)/obj/fuzz/%,$(1))
FUZZ_OBJ := $(call fuzz_objects,$(BASE_OBJ) $(PROTO_OBJ)) $(BUILD)/obj/fuzz/tests/fuzz/steady.o
FUZZ_STORAGE_OBJ := $(call fuzz_objects,$(STORAGE_OBJ))
FUZZ_WORLD_OBJ := $(FUZZ_STORAGE_OBJ) $(call fuzz_objects,$(DAEMON_OBJ)) \
	$(addprefix $(BUILD)/obj/fuzz/,daemon/console_none.o tests/ops/support.o tests/fuzz/world.o)
CLANG ?= $(firstword $(shell command -v clang-14 clang))
FUZZ_SANITIZE := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
.PHONY: fuzz fuzz-corpus fuzz-run
fuzz: $(FUZZ)
$(BUILD)/obj/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(CLANG) $(CPPFLAGS) -std=c17 -g -O1 -MMD -MP $(PKG_CFLAGS) \
		$(subst =fuzzer,=fuzzer-no-link,$(FUZZ_SANITIZE)) -c $< -o $@
$(BUILD)/fuzz/%: $(BUILD)/obj/fuzz/tests/fuzz/%.o $(FUZZ_OBJ)
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_SANITIZE) -pthread $^ -Wl,--as-needed $(PKG_LIBS) -lcmocka -o $@
$(BUILD)/fuzz/fuzz_query: $(BUILD)/obj/fuzz/daemon/query_params.o
$(BUILD)/fuzz/fuzz_remote: $(call fuzz_objects,$(patsubst %,$(BUILD)/obj/daemon/%.o,remote_listing remote_object))
$(BUILD)/fuzz/fuzz_records $(BUILD)/fuzz/fuzz_extents $(BUILD)/fuzz/fuzz_deflate: $(FUZZ_STORAGE_OBJ)
$(BUILD)/fuzz/fuzz_bodies $(BUILD)/fuzz/fuzz_requests: $(FUZZ_WORLD_OBJ)
fuzz-corpus: $(FUZZ)
	@for program in $^; do \
		$$program -runs=0 -artifact_prefix=$$program- tests/fuzz/corpus/$$(basename $$program | sed 's/^fuzz_//') >$$program.log 2>&1 || \
			{ cat $$program.log; exit 1; }; done
	@echo "$(words $^) fuzz corpora hold"
FUZZ_SECONDS ?= 60
FUZZ_JOBS ?= 2
FUZZ_PART ?= 1/1
FUZZ_ONLY ?=
FUZZ_SEED ?= 0
fuzz-run: $(FUZZ)
	@$(PYTHON) tests/fuzz/run.py --programs $(BUILD)/fuzz --seconds $(FUZZ_SECONDS) --jobs $(FUZZ_JOBS) \
		--part $(FUZZ_PART) --seed $(FUZZ_SEED) $(FUZZ_ONLY)

# make bench-store   the store without HTTP: $(BUILD)/bench/store_bench DIR
.PHONY: bench-store
bench-store: $(BUILD)/bench/store_bench
$(BUILD)/bench/store_bench: $(BUILD)/obj/tests/bench/store_bench.o $(BUILD)/libstorage.a $(BUILD)/libs3proto.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

# make fill          a million small objects for tests/load: $(BUILD)/load/fill
# make soak          mixed clients on them; SOAK_ARGS="--minutes 30"
.PHONY: fill soak
fill: $(BUILD)/load/fill
SOAK_ARGS ?=
soak: $(BUILD)/load/fill $(BUILD)/lakegated $(BUILD)/lakegate
	@$(PYTHON) tests/load/soak.py $(SOAK_ARGS)
$(BUILD)/load/fill: $(BUILD)/obj/tests/load/fill.o $(BUILD)/libstorage.a $(BUILD)/libs3proto.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

# make bench-policy  one decision over many statements: $(BUILD)/bench/policy_bench
.PHONY: bench-policy
bench-policy: $(BUILD)/bench/policy_bench
$(BUILD)/bench/policy_bench: $(BUILD)/obj/tests/bench/policy_bench.o $(BUILD)/libs3proto.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
