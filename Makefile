# attend: `make` builds build/attend, `make test` runs every test, `make demo` the main job.
# No configure step; packages come from tool/install-packages, which the targets call themselves.
#
#   make              build/attend and build/libattend.a
#   make check-fast   unit tests, program tests and checks of the plain build (seconds)
#   make test         these, again under ASan and UBSan, and every fuzz target for FUZZ_SECONDS
#   make random       random programs for RANDOM_SECONDS, from RANDOM_SEED (the day) on
#   make zoo-check    lib and zoo by compiled code against the reference, every type, 1 to 4 threads
#   make bless        writes what the programs under test/ now print into them; read the diff
#   make install      program, C library and what programs use, into PREFIX (/usr/local) under DESTDIR
#   make uninstall    takes them away again
#   make bench        programs beside the same loops by hand, in turn (minutes; measures, tests nothing)
#   make zoo-bench    every function of lib and zoo, how far each is above what the machine needs at least; goes on
#                     where it was stopped (10 minutes; ZOO_BENCH has options of attend bench)
#   make growth       how memory and time grow with lengths, beside what is claimed (minutes; GROWTH names parts)
#   make size         lines a folder
#
# Three builds live side by side: build (gcc -O2), build-sanitize, and build-fuzz (clang).

ifeq ($(origin CC),default)
CC := gcc
endif
BUILD ?= build
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= $(if $(CI),60,5)
ZOO_TYPES ?= f64,f32,bf16
ZOO_BENCH ?= --dtype f32 --budget 200s
ZOO_CFLAGS ?= -O0 -g0
RANDOM_SECONDS ?= $(if $(CI),120,20)
# What CI says must depend on the change and not on the day, nor on how fast its machine is.
RANDOM_SEED ?= $(if $(CI),1,$(shell date +%Y%m%d)00000)
RANDOM_PROGRAMS ?= $(if $(CI),10000,0)
WARN := -Wall -Wextra -Wshadow -Wconversion -Wpedantic -Wstrict-prototypes -Wmissing-prototypes
CFLAGS ?= -O2 -g
# $(SAN) is set by the sanitize and fuzz builds below. -ffp-contract=off: float64 results must not
# depend on whether the machine has fused multiply-add.
ALL_CFLAGS := -std=c11 $(WARN) -ffp-contract=off -fopenmp -Isrc -Iinclude -I$(BUILD) -MMD -MP \
              $(SAN) $(CFLAGS)
# The C library shows what include/attend.h declares, and nothing else.
LIBRARY_CFLAGS := -fPIC -fvisibility=hidden
VERSION := 0.1.0
SONAME := libattend.so.0
PREFIX ?= /usr/local
# V=1 shows the commands.
Q := $(if $(V),,@)
LIBS := -lz -ljansson -lutf8proc -lm -ldl

LIBRARY_SOURCES := $(filter-out src/cli/%,$(wildcard src/*.c src/*/*.c))
LIBRARY_OBJECTS := $(LIBRARY_SOURCES:%.c=$(BUILD)/%.o)
CLI_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard src/cli/*.c))
UNITS := $(patsubst %.c,$(BUILD)/%,$(wildcard test/unit/test_*.c))
FUZZERS := $(patsubst %.c,$(BUILD)/%,$(wildcard test/fuzz/fuzz_*.c))
RANDOM := $(BUILD)/test/random/random_programs
RANDOM_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard test/random/*.c))
DEMOS := $(patsubst %.c,$(BUILD)/%,$(wildcard demo/*.c))
HANDS := $(filter-out bench/bench.c,$(wildcard bench/*.c))
BENCH := $(BUILD)/bench/bench
BENCH_OBJECTS := $(HANDS:bench/%.c=$(BUILD)/bench/%-f32.o) $(HANDS:bench/%.c=$(BUILD)/bench/%-f64.o)
PRELUDE := $(BUILD)/generated/prelude.inc
PARTS := $(BUILD)/generated/parts.inc
PART_FILES := $(wildcard src/emit/parts/*.h)

all: $(BUILD)/attend $(BUILD)/libattend.a $(BUILD)/$(SONAME)

$(BUILD)/libattend.a: $(LIBRARY_OBJECTS)
	$(Q)rm -f $@ && ar rcs $@ $^

$(LIBRARY_OBJECTS): ALL_CFLAGS += $(LIBRARY_CFLAGS)

$(BUILD)/$(SONAME): $(LIBRARY_OBJECTS) src/api/exports.map
	$(Q)$(CC) $(ALL_CFLAGS) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=src/api/exports.map \
	  $(if $(SAN),,-Wl,--no-undefined) $(LIBRARY_OBJECTS) $(LIBS) -o $@

# For installing: one object in which our inner names cannot meet a caller's.
$(BUILD)/package/libattend.a: $(LIBRARY_OBJECTS)
	@mkdir -p $(@D)
	$(Q)$(LD) -r $^ -o $(@D)/attend.o
	$(Q)objcopy --localize-hidden $(@D)/attend.o
	$(Q)rm -f $@ && ar rcs $@ $(@D)/attend.o

$(BUILD)/package/attend.pc: FORCE
	@mkdir -p $(@D)
	@{ echo "prefix=$(PREFIX)"; echo "libdir=\$${prefix}/lib"; \
	   echo "includedir=\$${prefix}/include"; echo; echo "Name: attend"; \
	   echo "Description: programs over named axes, compiled and run"; \
	   echo "Version: $(VERSION)"; echo "Cflags: -I\$${includedir}"; \
	   echo "Libs: -L\$${libdir} -lattend"; echo "Libs.private: -fopenmp $(LIBS)"; } >$@

FORCE:

$(BUILD)/attend: $(CLI_OBJECTS) $(BUILD)/libattend.a
	$(Q)$(CC) $(ALL_CFLAGS) $^ $(LIBS) -o $@

$(BUILD)/%.o: %.c | $(PRELUDE) $(PARTS)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  $(CC) $<")
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

# The prelude as a C array: a string literal could be longer than C11 promises to accept.
$(PRELUDE): lib/prelude.attn
	@mkdir -p $(@D)
	@{ echo "/* Made from lib/prelude.attn. */"; echo "static const char at_prelude_text[] = {"; \
	   od -An -v -td1 $< | sed 's/  *\(-*[0-9][0-9]*\)/\1,/g'; echo "0};"; } > $@

# The parts of emitted files, an array each, called as the file: vector_part_text.
$(PARTS): $(PART_FILES)
	@mkdir -p $(@D)
	@{ echo "/* Made from src/emit/parts. */"; for file in $^; do \
	     echo "static const char $$(basename $$file .h)_part_text[] = {"; \
	     od -An -v -td1 $$file | sed 's/  *\(-*[0-9][0-9]*\)/\1,/g'; echo "0};"; done; } > $@

# ---- tests ---------------------------------------------------------------------------------------

$(UNITS): $(BUILD)/%: $(BUILD)/%.o $(BUILD)/libattend.a
	$(Q)$(CC) $(ALL_CFLAGS) $^ -lcmocka $(LIBS) -o $@

$(RANDOM): $(RANDOM_OBJECTS) $(BUILD)/libattend.a
	$(Q)$(CC) $(ALL_CFLAGS) $^ $(LIBS) -o $@

$(DEMOS): $(BUILD)/%: $(BUILD)/%.o $(BUILD)/libattend.a
	$(Q)$(CC) $(ALL_CFLAGS) $^ $(LIBS) -o $@

# Loops by hand, as one would compile them by hand.
HAND_CFLAGS := -std=c11 -O3 -march=native -fopenmp-simd -Wall -Wextra
$(BUILD)/bench/%-f32.o: bench/%.c bench/hand.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(HAND_CFLAGS) -c $< -o $@
$(BUILD)/bench/%-f64.o: bench/%.c bench/hand.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(HAND_CFLAGS) -DHAND_DOUBLE -c $< -o $@

$(BENCH): $(BUILD)/bench/bench.o $(BENCH_OBJECTS) $(BUILD)/libattend.a
	$(Q)$(CC) $(ALL_CFLAGS) $^ $(LIBS) -o $@

$(FUZZERS): $(BUILD)/%: $(BUILD)/%.o $(BUILD)/libattend.a
	$(Q)$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer $^ $(LIBS) -o $@

programs: all $(UNITS) $(DEMOS) $(RANDOM)

sanitize:
	@$(MAKE) -j$(JOBS) -s programs BUILD=build-sanitize CFLAGS="-O1 -g" \
	  SAN="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"

fuzz-build:
	@$(MAKE) -j$(JOBS) -s fuzzers BUILD=build-fuzz CC=clang CFLAGS="-O1 -g" \
	  SAN="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all"

fuzzers: $(FUZZERS)

packages:
	@tool/install-packages

check-fast: packages
	@$(MAKE) -j$(JOBS) -s programs
	@test/run fast

fuzz: packages fuzz-build
	@FUZZ_SECONDS=$(FUZZ_SECONDS) test/run fuzz

test: packages
	@$(MAKE) -j$(JOBS) -s programs
	@$(MAKE) -s sanitize fuzz-build
	@FUZZ_SECONDS=$(FUZZ_SECONDS) RANDOM_SECONDS=$(RANDOM_SECONDS) \
	  RANDOM_PROGRAMS=$(RANDOM_PROGRAMS) RANDOM_SEED=$(RANDOM_SEED) test/run all

random: packages
	@$(MAKE) -j$(JOBS) -s $(RANDOM)
	@$(RANDOM) --seconds $(RANDOM_SECONDS) --seed $(RANDOM_SEED) --failures 5

bench: packages
	@$(MAKE) -j$(JOBS) -s $(BENCH)
	@$(BENCH)

# What is looked for are mistakes of attend, and nearly all the time would be the C compiler's: at -O1
# it takes three times as long. One process a file, the longest files first.
zoo-check: packages
	@$(MAKE) -j$(JOBS) -s $(BUILD)/attend
	@ls -S lib/*.attn zoo/*/*.attn | ATTEND_CACHE=$(CURDIR)/$(BUILD)/cache ATTEND_CFLAGS="$(ZOO_CFLAGS)" \
	  xargs -n 1 -P $(JOBS) $(BUILD)/attend check --executor compiled --dtype $(ZOO_TYPES) --threads 1,2,3,4

growth: packages
	@$(MAKE) -j$(JOBS) -s $(BUILD)/attend
	@ATTEND=$(BUILD)/attend bench/growth $(GROWTH)

# Results are kept for this very attend: those of another are not its own.
zoo-bench: packages
	@$(MAKE) -j$(JOBS) -s $(BUILD)/attend
	@ATTEND_CACHE=$(CURDIR)/$(BUILD)/cache $(BUILD)/attend bench --every lib/*.attn zoo/*/*.attn $(ZOO_BENCH) \
	  --kept $(BUILD)/zoo-bench-$$(cksum <$(BUILD)/attend | cut -d' ' -f1).jsonl

bless: programs
	@test/run bless

demo: packages
	@$(MAKE) -j$(JOBS) -s $(BUILD)/demo/nearest
	@$(BUILD)/demo/nearest demo/nearest.attn

AT := $(DESTDIR)$(PREFIX)
install: all $(BUILD)/package/libattend.a $(BUILD)/package/attend.pc
	@install -d $(AT)/bin $(AT)/include $(AT)/lib/pkgconfig $(AT)/share/attend
	@install -m 755 $(BUILD)/attend $(AT)/bin/attend
	@install -m 644 include/attend.h $(AT)/include/attend.h
	@install -m 644 $(BUILD)/package/libattend.a $(AT)/lib/libattend.a
	@install -m 755 $(BUILD)/$(SONAME) $(AT)/lib/libattend.so.$(VERSION)
	@ln -sf libattend.so.$(VERSION) $(AT)/lib/$(SONAME)
	@ln -sf $(SONAME) $(AT)/lib/libattend.so
	@install -m 644 $(BUILD)/package/attend.pc $(AT)/lib/pkgconfig/attend.pc
	@cp -r lib zoo $(AT)/share/attend/

uninstall:
	@rm -f $(AT)/bin/attend $(AT)/include/attend.h $(AT)/lib/libattend.a $(AT)/lib/libattend.so \
	  $(AT)/lib/$(SONAME) $(AT)/lib/libattend.so.$(VERSION) $(AT)/lib/pkgconfig/attend.pc
	@rm -rf $(AT)/share/attend

size:
	@for folder in src/* lib zoo test/* tool demo docs; do [ -d $$folder ] || continue; \
	  printf '%7d  %s\n' $$(find $$folder -type f ! -path '*/corpus/*' -exec cat {} + | wc -l) $$folder; \
	done

clean:
	rm -rf build build-sanitize build-fuzz

-include $(LIBRARY_OBJECTS:.o=.d) $(CLI_OBJECTS:.o=.d) $(UNITS:=.d) $(RANDOM_OBJECTS:.o=.d) $(FUZZERS:=.d) $(DEMOS:=.d) $(BENCH).d
.SECONDARY:
.PHONY: zoo-check zoo-bench growth all programs sanitize fuzz-build fuzzers packages check-fast fuzz test random bench bless demo install uninstall size clean
