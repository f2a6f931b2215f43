# postern: see README.  Targets: all check check-san fuzz bench lint format install deps demo
PREFIX  ?= /usr/local
DESTDIR ?=
CC      ?= gcc
BUILD   ?= build
PYTHON  ?= /usr/bin/python3
VERSION := 0.1.0

PKGS := libevent libevent_pthreads expat libconfuse libidn libidn2 libcrypto libssl sqlite3 libxml-2.0
LIBS  = $(shell pkg-config --libs $(PKGS)) -lesmtp -letpan -lpthread

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wpointer-arith -Wcast-qual -Wwrite-strings \
        -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wformat=2 -Wvla -Wnull-dereference \
        -Wimplicit-fallthrough -Wconversion -Wno-sign-conversion -Werror
CPPFLAGS += -I. -isystem /usr/include/libxml2 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE \
            -DPOSTERN_VERSION='"$(VERSION)"'
CFLAGS   ?= -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2
ALL_CFLAGS = -std=c17 -pthread $(WARN) $(CFLAGS) $(SANFLAGS)
SANFLAGS ?=
ALL_LDFLAGS = -pthread $(LDFLAGS) $(SANFLAGS)

FOLDERS := base mapping component mail store web bridge
SRC     := $(wildcard $(addsuffix /*.c,$(FOLDERS)))
LIBSRC  := $(filter-out bridge/main.c,$(SRC))
OBJ     := $(SRC:%.c=$(BUILD)/%.o)
LIBOBJ  := $(LIBSRC:%.c=$(BUILD)/%.o)
UNITSRC := $(wildcard tests/unit/test_*.c)
UNITS   := $(UNITSRC:tests/unit/%.c=$(BUILD)/unit/%)
HEADERS := $(wildcard $(addsuffix /*.h,$(FOLDERS)))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

all: postern

postern: $(BUILD)/postern
	cp -f $< $@

$(BUILD)/postern: $(BUILD)/bridge/main.o $(BUILD)/libpostern.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libpostern.a: $(LIBOBJ)
	rm -f $@
	ar rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Each unit test is one program on cmocka, linked with everything but main.
$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libpostern.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

unit: $(UNITS)
	@for t in $(UNITS); do $$t || exit 1; done

# The real program against real servers in private instances; SCENARIO narrows it: SCENARIO='-k bounce'.
scenario: postern
	$(PYTHON) -m pytest -q tests/scenario $(SCENARIO)

clean:
	rm -rf build postern

.PHONY: all unit scenario clean

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
