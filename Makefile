# postern: see README.  Targets: all check check-san quality crash soak fuzz bench lint format install deps demo pictures
PREFIX  ?= /usr/local
DESTDIR ?=
CC      ?= gcc
BUILD   ?= build
PYTHON  ?= /usr/bin/python3
VERSION := 0.1.0

PKGS := libevent libevent_pthreads expat libconfuse libidn libidn2 libcrypto libssl libgsasl sqlite3 libxml-2.0 libcurl
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
ROOMS   := $(FOLDERS) $(patsubst %/,%,$(wildcard $(addsuffix /*/,$(FOLDERS))))
SRC     := $(wildcard $(addsuffix /*.c,$(ROOMS)))
LIBSRC  := $(filter-out bridge/main.c,$(SRC))
OBJ     := $(SRC:%.c=$(BUILD)/%.o)
LIBOBJ  := $(LIBSRC:%.c=$(BUILD)/%.o)
UNITSRC := $(wildcard tests/unit/test_*.c)
UNITS   := $(UNITSRC:tests/unit/%.c=$(BUILD)/unit/%)
FAKEOBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/fake/*.c))
BENCH_TOOLS := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))
HEADERS := $(wildcard $(addsuffix /*.h,$(ROOMS)))
FORMATTED = $(SRC) $(HEADERS) $(wildcard tests/unit/*.[ch] tests/fake/*.[ch] tests/bench/*.c tests/fuzz/*.[ch])
MANUAL  := doc/postern.1 doc/postern.conf.5

.DEFAULT_GOAL := all

# V=1 shows the whole commands.
ifeq ($(V),1)
say =
Q   =
else
say = @echo '  $(1)'
Q   = @
endif
.DELETE_ON_ERROR:
.SECONDARY: $(OBJ) $(FAKEOBJ) $(UNITSRC:%.c=$(BUILD)/%.o)

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
	$(call say,CC $<)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# What another compiler says to it, without making anything: make CC=clang syntax
syntax: $(patsubst %,%.syntax,$(SRC) $(UNITSRC) $(wildcard tests/fake/*.c tests/fuzz/*.c))
%.syntax: %
	@$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -fsyntax-only $<

# Each unit test is one program on cmocka, linked with everything but main, and with the fakes it uses.
$(BUILD)/libfake.a: $(FAKEOBJ)
	rm -f $@
	ar rcs $@ $^

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libfake.a $(BUILD)/libpostern.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

unit-programs: $(UNITS)
unit: $(UNITS)
	@tests/unit/run.sh $(UNITS)

# How well mail of others is read, with the figures of doc/QUALITY.md.
POSTERN_CORPORA ?= ../shared/corpora
QUALITY := $(addprefix $(BUILD)/unit/,test_corpora test_report_read test_text_cut test_text_world test_html_text test_charset)
quality: postern $(QUALITY)
	@for t in $(QUALITY); do POSTERN_CORPORA='$(POSTERN_CORPORA)' $$t 2>&1 | \
	    grep -E '^(bounces|replies|bounce|reply|\[ +(PASSED|FAILED)|hostile|mails)' | sed "s,^,$${t##*/}: ,"; done
	POSTERN=$(CURDIR)/$(BUILD)/postern $(PYTHON) -m pytest -q tests/golden/test_bounces.py

# Pairs of stanza and mail that people can read; UPDATE=1 writes the expected side anew.
golden: postern
	POSTERN=$(CURDIR)/$(BUILD)/postern $(PYTHON) -m pytest -q tests/golden $(if $(UPDATE),--update)

# The real program against real servers in private instances; SCENARIO narrows it: SCENARIO='-k bounce'.
# They wait more than they compute, so more run at a time than there are cores: WORKERS, 0 for one after the other.
# A private Postfix needs root; where sudo asks for no password, it is used, and leaves no file of root's here.
AS_ROOT = $(shell [ "$$(id -u)" = 0 ] || { sudo -n true 2>/dev/null && echo sudo -n; })
WORKERS ?= 4
scenario: postern
	$(AS_ROOT) env PYTHONDONTWRITEBYTECODE=1 POSTERN='$(or $(POSTERN),$(CURDIR)/postern)' \
	    $(PYTHON) -m pytest -q -p no:cacheprovider -n $(WORKERS) tests/scenario $(SCENARIO)

# Everything a change must pass: installs what is missing, then builds and tests.
check: deps
	@tests/check.sh

# Unit and golden tests under the address and undefined-behaviour sanitizers, then those with threads
# under the thread sanitizer; san-programs builds what that needs.
THREADED := test_loop test_pairs test_work test_conn test_send test_send_kept test_send_replies test_send_tls test_send_auth \
            test_send_own test_send_trial test_imap_watch test_imap_marking test_imap_faults test_imap_watch_tls test_imap_boxes \
            test_imap_errand test_imap_many test_imap_tls test_store test_store_disk test_web test_http test_courier test_persist \
            test_readers
WITH_ASAN = BUILD=build/san CFLAGS='-O1 -g' SANFLAGS='-fsanitize=address,undefined \
    -fno-sanitize-recover=undefined -fno-omit-frame-pointer'
WITH_TSAN = BUILD=build/tsan CFLAGS='-O1 -g' SANFLAGS='-fsanitize=thread' \
    UNITS='$(addprefix build/tsan/unit/,$(THREADED))'
san-programs:
	$(MAKE) $(WITH_ASAN) build/san/postern unit-programs fuzz-programs
	$(MAKE) $(WITH_TSAN) unit-programs
check-san:
	$(MAKE) $(WITH_ASAN) build/san/postern unit
	POSTERN=$(CURDIR)/build/san/postern $(PYTHON) -m pytest -q tests/golden
	$(MAKE) $(WITH_ASAN) fuzz-replay
	$(MAKE) $(WITH_TSAN) unit

# How fast it is, beside what the machine gives and a small script; BENCH=--quick, --write: doc/BENCHMARKS.md.
$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(BUILD)/libfake.a $(BUILD)/libpostern.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

bench: postern $(BENCH_TOOLS)
	POSTERN='$(or $(POSTERN),$(CURDIR)/postern)' BENCH_TOOLS=$(CURDIR)/$(BUILD)/bench $(PYTHON) tests/bench/bench.py $(BENCH)

# The program dies at each durable step, and where nobody chose; a ledger outside of it is held against what
# both worlds saw.  make crash kills it KILLS times, make soak has the faults that take minutes; CRASH narrows.
KILLS ?= 3000
CRASH_TESTS = PYTHONDONTWRITEBYTECODE=1 POSTERN=$(CURDIR)/build/crash/postern \
    $(PYTHON) -m pytest -q -p no:cacheprovider
crash-check: crash-program
	$(CRASH_TESTS) tests/crash $(CRASH)
crash: crash-program
	POSTERN_KILLS=$(KILLS) $(CRASH_TESTS) -s tests/crash/test_random.py $(CRASH)
# What takes minutes: a queue of a million messages (memory, time to start, who waits for whom), 5,000
# connections each way, half-open streams.
soak: postern crash-program $(BUILD)/unit/test_crowd
	CROWD=5000 $(BUILD)/unit/test_crowd
	SOAK=1000000 POSTERN='$(or $(POSTERN),$(CURDIR)/postern)' $(PYTHON) -m pytest -q -s \
	    -p no:cacheprovider tests/scenario/test_long_queue.py tests/scenario/soak_host.py
	$(CRASH_TESTS) tests/crash/soak_wire.py
crash-program:
	@$(MAKE) --no-print-directory BUILD=build/crash CFLAGS='-O1 -g -DPOSTERN_CRASH' build/crash/postern

# Fuzz targets: make fuzz runs each for FUZZ_S seconds under clang's libFuzzer (FUZZ='mail html' some of them);
# fuzz-replay runs what is in tests/fuzz as ordinary tests.
FUZZ      ?= $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_S    ?= 60
FUZZ_MAIN ?= $(BUILD)/tests/fuzz/replay.o
FUZZ_LINK ?=
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/fuzz.o $(FUZZ_MAIN) $(BUILD)/libpostern.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) $(FUZZ_LINK) -o $@ $^ $(LIBS)
fuzz-programs: $(addprefix $(BUILD)/fuzz/,$(FUZZ))
fuzz-replay: fuzz-programs
	POSTERN_CORPORA='$(POSTERN_CORPORA)' tests/fuzz/run.sh replay $(BUILD)/fuzz $(FUZZ)
fuzz:
	$(MAKE) BUILD=build/fuzz CC=clang CFLAGS='-O1 -g' FUZZ_MAIN= FUZZ_LINK=-fsanitize=fuzzer FUZZ='$(FUZZ)' \
	    SANFLAGS='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined' fuzz-programs
	POSTERN_CORPORA='$(POSTERN_CORPORA)' tests/fuzz/run.sh fuzz build/fuzz/fuzz $(FUZZ_S) $(FUZZ)

lint:
	tests/lint/layers.sh
	tests/lint/options.sh
	tests/lint/faults.sh
	tests/lint/words.sh
	@clang-format --dry-run --Werror $(FORMATTED) && echo 'lint: the format is right'
	@! command -v mandoc >/dev/null || { mandoc -T lint -W warning $(MANUAL) && echo 'lint: the manual is right'; }

# Slow and sometimes wrong, so for people, not for check.  One run for each file: clang-tidy 14 takes every
# va_list for uninitialised from the second file of a run on.
tidy:
	printf '%s\n' $(SRC) | xargs -P $$(nproc) -I@ clang-tidy --quiet @ -- -std=c17 $(CPPFLAGS)
	cppcheck --quiet --enable=warning,performance,portability --std=c11 -I. --inline-suppr --error-exitcode=1 \
	    --suppress=missingIncludeSystem --suppress=ctuuninitvar --suppress=invalidFunctionArg:component/parser.c \
	    --suppress=arrayIndexOutOfBounds:mapping/report/status_jabber.c --suppress=nullPointer:base/xml.c $(FOLDERS)

format:
	@clang-format -i $(FORMATTED)

# Debian's packages that building and testing need, and two more mail servers, unpacked; does nothing when all are there.
deps:
	@tests/deps.sh
	@tests/mta.sh

# The main job on real private servers, to look at; demo-keep leaves them running to play with.
demo: deps
	@$(MAKE) -s --no-print-directory postern
	@$(PYTHON) tests/demo/demo.py
demo-keep: deps
	@$(MAKE) -s --no-print-directory postern
	@$(PYTHON) tests/demo/demo.py --keep

# Pictures of it in a desktop client and in Chromium for doc/, taken anew; to be looked at before they are committed.
pictures: deps
	@tests/deps.sh desktop
	@$(MAKE) -s --no-print-directory postern
	@$(PYTHON) tests/desktop/pictures.py

install: postern
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 \
	    $(DESTDIR)$(PREFIX)/share/doc/postern/examples $(DESTDIR)$(PREFIX)/lib/systemd/system
	install -m 755 postern $(DESTDIR)$(PREFIX)/bin/postern
	install -m 644 doc/postern.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 doc/postern.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 644 README LICENSE $(DESTDIR)$(PREFIX)/share/doc/postern/
	cp -R etc/. $(DESTDIR)$(PREFIX)/share/doc/postern/examples/
	chmod -R u=rwX,go=rX $(DESTDIR)$(PREFIX)/share/doc/postern
	install -m 644 etc/systemd/postern.service $(DESTDIR)$(PREFIX)/lib/systemd/system/
	sed -i 's,/usr/local/bin/,$(PREFIX)/bin/,' \
	    $(DESTDIR)$(PREFIX)/lib/systemd/system/postern.service

clean:
	rm -rf build postern

.PHONY: all syntax unit quality unit-programs san-programs golden scenario soak crash crash-check crash-program fuzz fuzz-programs fuzz-replay check check-san bench lint tidy format deps demo demo-keep pictures install clean

-include $(shell find $(BUILD) -type f -name '*.d' 2>/dev/null)
