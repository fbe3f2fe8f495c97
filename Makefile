# sockdiag: hand-written GNU make. `make help` lists the targets.
#
# The project's own flags stand in SD_… variables; CFLAGS, CPPFLAGS, LDFLAGS and LIBS are the user's and come
# last.
#   V=1       print the commands         WERROR=1  warnings are errors
#   BUILD=DIR objects and program there  SAN=1     AddressSanitizer and UBSan, in BUILD/san
#   T=WORDS   only the tests whose names contain one of the words

VERSION := 0.1.0
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
LOCALEDIR ?= $(PREFIX)/share/locale
LESSONDIR ?= $(PREFIX)/share/sockdiag/lessons
BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHCOMPDIR ?= $(PREFIX)/share/zsh/site-functions
FISHCOMPDIR ?= $(PREFIX)/share/fish/vendor_completions.d
BUILD ?= build
V ?= 0
FUZZ_SECONDS ?= 30
FUZZ_CC ?= clang

comma := ,
hash := \#
Q := $(if $(filter 1,$(V)),,@)
SAY := $(if $(filter 1,$(V)),@:,@printf '  %-6s %s\n')
# An explicit -j of the user's rules; without one, the recursive builds use every processor.
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PARALLEL = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS))
AGAIN = +$(Q)$(MAKE) --no-print-directory $(PARALLEL)
O := $(if $(SAN),$(BUILD)/san,$(BUILD))

# Asked each time make starts, so that a make which installed packages must start another one.
PACKAGES := libpcap jansson libseccomp libcap-ng libmd libnl-3.0 libnl-route-3.0
PACKAGES_MISSING := $(shell for p in $(PACKAGES); do pkg-config --exists $$p 2>/dev/null || echo $$p; done)
TOOLS_MISSING := $(if $(shell command -v msgfmt 2>/dev/null),,msgfmt)
MACHINE := $(shell $(CC) -dumpmachine 2>/dev/null)

SD_WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wformat=2 -Wvla -Wstrict-prototypes \
  -Wmissing-prototypes $(if $(WERROR),-Werror)
SD_CPPFLAGS := -Isrc -I. -D_GNU_SOURCE -DSOCKDIAG_VERSION='"$(VERSION)"' \
  $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
SD_PLACES := -DSOCKDIAG_LOCALEDIR='"$(LOCALEDIR)"' -DSOCKDIAG_LESSONDIR='"$(LESSONDIR)"'
SD_SANITIZE := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
# Control-flow protection is named by the machine; FORTIFY and AddressSanitizer intercept the same calls.
SD_HARDEN := -fPIE -fstack-protector-strong -fstack-clash-protection \
  $(if $(filter x86_64-% i%86-%,$(MACHINE)),-fcf-protection) \
  $(if $(filter aarch64-%,$(MACHINE)),-mbranch-protection=standard) \
  $(if $(SAN),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
SD_CFLAGS := -std=gnu17 -O2 -g $(SD_WARNINGS) $(SD_HARDEN) $(SD_SANITIZE)
# The parts that every packet goes through are worth the compiler's whole effort. Their objects serve both links:
# of the program, over the borders of files (gcc), and of the unit tests, which take seconds without that.
SD_LTO := $(if $(SAN)$(findstring clang,$(shell $(CC) --version 2>/dev/null)),,-flto=auto)
SD_SPEED := -O3 $(if $(SD_LTO),$(SD_LTO) -ffat-lto-objects)
SD_LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SD_SANITIZE)
SD_LIBS := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lunistring -lm -pthread

COMPILE = $(CC) $(SD_CPPFLAGS) $(SD_PLACES) $(CPPFLAGS) $(SD_CFLAGS) $(SPEED) $(CFLAGS)
LINK = $(CC) $(SD_CFLAGS) $(CFLAGS) $(SD_LDFLAGS) $(LDFLAGS)

MODULES := src/base capture craft src/record src/lab src/sockets src/ftp src/lanes src/view src/lesson src/cmd
SOURCES := $(wildcard $(addsuffix /*.c,$(MODULES))) src/main.c
HEADERS := $(wildcard $(addsuffix /*.h,$(MODULES) src tests/unit tests/fuzz))
OBJECTS := $(SOURCES:%.c=$(O)/%.o)
UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_WANTED := $(if $(T),$(foreach t,$(UNIT),$(if $(strip $(foreach w,$(T),$(findstring $(w),unit/$(t)))),$(t))),$(UNIT))
FUZZ := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
PROGS := $(patsubst tests/prog/%.c,%,$(wildcard tests/prog/*.c))

CATALOGUES := $(patsubst po/%.po,$(O)/locale/%/LC_MESSAGES/sockdiag.mo,$(wildcard po/*.po))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

##@ Build
.PHONY: all
all: $(O)/sockdiag $(CATALOGUES) $(O)/lessons ## build the program: build/sockdiag, and its translations beside it

$(O)/sockdiag: $(OBJECTS)
	$(SAY) LD $@
	$(Q)$(LINK) $(SD_LTO) -o $@ $^ $(SD_LIBS) $(LIBS)

$(O)/src/base/%.o $(O)/capture/%.o $(O)/src/cmd/%.o: SPEED = $(SD_SPEED)
$(O)/%.o: %.c $(O)/.flags | libraries
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

$(O)/locale/%/LC_MESSAGES/sockdiag.mo: po/%.po | libraries
	$(SAY) MSGFMT $<
	@mkdir -p $(@D)
	$(Q)msgfmt --check -o $@ $<

# Beside the program, which finds them there.
$(O)/lessons: | $(O)/sockdiag
	$(Q)ln -sfn '$(abspath docs/lessons)' $@

# Objects of other flags or another compiler are rebuilt, not mixed; for other places only those that name one.
FLAGS_NOW := $(CC) $(SD_CPPFLAGS) $(CPPFLAGS) $(SD_CFLAGS) $(SD_SPEED) $(CFLAGS) $(SD_LDFLAGS) $(LDFLAGS)
define stamp_rule
$(O)/.$(1): force
	@mkdir -p $$(@D)
	@printf '%s\n' '$$(subst ','\'',$(2))' | cmp -s - $$@ || \
	  printf '%s\n' '$$(subst ','\'',$(2))' >$$@
endef
$(eval $(call stamp_rule,flags,$$(FLAGS_NOW)))
$(eval $(call stamp_rule,places,$$(SD_PLACES)))
$(O)/src/base/i18n.o $(O)/src/lesson/find.o: $(O)/.places

.PHONY: force libraries
force:
libraries:
	$(if $(TOOLS_MISSING),@echo "not found: $(TOOLS_MISSING). 'make deps' installs it." >&2; exit 2)
	$(if $(PACKAGES_MISSING),@echo "pkg-config does not find: $(PACKAGES_MISSING). 'make deps' installs it." >&2; exit 2)

.PHONY: demo
demo: ## install what the build needs, build, and run the demo
	@tools/deps.sh build
	$(AGAIN) all
	@$(O)/sockdiag demo $(ARGS)

.PHONY: deps
deps: ## install the packages for building and testing
	@tools/deps.sh build test

##@ Test
.PHONY: check
check: ## install what the tests need, build, and run every test (T=lab: only those named so)
	@tools/deps.sh build test
	$(AGAIN) run-tests

.PHONY: check-asan
check-asan: ## the same under AddressSanitizer and UBSan
	@tools/deps.sh build test
	$(AGAIN) run-tests SAN=1

.PHONY: run-tests unit-programs
# T=unit/… needs no program: modules can be tested before all of them build.
run-tests: $(if $(T),$(if $(filter-out unit%,$(T)),all),all) unit-programs
	@BUILD='$(abspath $(O))' SOCKDIAG='$(abspath $(O))/sockdiag' SAN='$(SAN)' tests/run $(T)
unit-programs: $(UNIT_WANTED:%=$(O)/tests/unit/%) $(PROGS:%=$(O)/tests/prog/%)

.PHONY: golden
golden: all ## renew the golden files under tests/golden from what the program prints now (T=… some of them)
	@BUILD='$(abspath $(O))' SOCKDIAG='$(abspath $(O))/sockdiag' tests/run --renew $(T)

# A unit test and a fuzz target say on top which sources they are linked with: /* needs: a.c b.c */
head_words = $(shell awk '{ print } /\*\// { exit }' $(1) | tr -s ' *\n' '\n' | grep '$(2)')
needs = $(call head_words,$(1),\.c$$)
# and a unit test which libraries it takes where their header is there: name.h:-lname
has_header = $(shell echo '$(hash)include <$(1)>' | $(CC) $(SD_CPPFLAGS) $(CPPFLAGS) -E - >/dev/null 2>&1 && echo yes)
needs_libs = $(foreach w,$(call head_words,$(1),\.h:-l),$(if $(call has_header,$(firstword $(subst :, ,$(w)))),$(lastword $(subst :, ,$(w)))))

define unit_rule
$(O)/tests/unit/$(1): $(O)/tests/unit/$(1).o $(patsubst %.c,$(O)/%.o,$(call needs,tests/unit/$(1).c))
	$$(SAY) LD $$@
	$$(Q)$$(LINK) -o $$@ $$^ -lcmocka $(call needs_libs,tests/unit/$(1).c) $$(SD_LIBS) $$(LIBS)
endef
$(foreach t,$(UNIT),$(eval $(call unit_rule,$(t))))

# Helper programs of the tests: one source each, linked with nothing of sockdiag's and never sanitized (they are
# what a stranger's program would be). NAME_static.c is linked statically.
$(O)/tests/prog/%: tests/prog/%.c
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE -O1 -g $(SD_WARNINGS) $(if $(filter %_static,$*),-static) -o $@ $< -pthread

# Fuzzing has objects of its own: libFuzzer wants its coverage in each of them.
FUZZ_FLAGS := -std=gnu17 -O1 -g $(SD_WARNINGS) -fno-omit-frame-pointer -fno-sanitize-recover=all
$(BUILD)/fuzz/obj/%.o: %.c | libraries
	$(SAY) FUZZCC $<
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(SD_CPPFLAGS) $(SD_PLACES) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c -o $@ $<

define fuzz_rule
$(BUILD)/fuzz/$(1): $(BUILD)/fuzz/obj/tests/fuzz/$(1).o $(patsubst %.c,$(BUILD)/fuzz/obj/%.o,$(call needs,tests/fuzz/$(1).c))
	$$(SAY) LD $$@
	$$(Q)$$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $$@ $$^ -Wl,--as-needed $$(SD_LIBS)
endef
$(foreach t,$(FUZZ),$(eval $(call fuzz_rule,$(t))))

.PHONY: fuzz fuzz-smoke
fuzz: $(FUZZ:%=$(BUILD)/fuzz/%)
fuzz-smoke: ## run each fuzz target for FUZZ_SECONDS (30), as many at once as there are processors
	+@if tools/fuzz-smoke.sh can $(FUZZ_CC); then \
	  $(MAKE) --no-print-directory $(PARALLEL) fuzz && \
	  tools/fuzz-smoke.sh run '$(BUILD)/fuzz' $(FUZZ_SECONDS) $(FUZZ); \
	fi

.PHONY: bench
bench: all ## figures beside those of other programs: recording, sending, … (B=send: only that one)
	@for bench in $(if $(B),$(B:%=tests/bench/%.py),tests/bench/*.py); do \
	  SOCKDIAG='$(abspath $(O))/sockdiag' python3 $$bench $(ARGS) || exit 1; echo; \
	done

.PHONY: headercheck
headercheck: $(HEADERS:%=$(O)/headercheck/%) ## each header compiles alone
	@echo "headercheck: $(words $(HEADERS)) headers compile alone"
$(O)/headercheck/%: % $(O)/.flags | libraries
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -Werror -fsyntax-only -MMD -MP -MT $@ -MF $@.d -x c $<
	@touch $@

.PHONY: lint
lint: ## format, manual pages, white space, sizes, and the arrows between the modules
	@tools/lint.sh

##@ Install
# What learners get of the lessons: without what is for their authors, and without the solutions.
LESSON_FILES = find . -type f ! -name 'README*' ! -path '*/solution/*' ! -path '*/__pycache__/*'

.PHONY: install
install: all ## install the program, its manual page and completions (PREFIX, DESTDIR)
	install -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(MANDIR)/man1'
	install -m 755 $(O)/sockdiag '$(DESTDIR)$(BINDIR)/sockdiag'
	install -m 644 docs/sockdiag.1 '$(DESTDIR)$(MANDIR)/man1/sockdiag.1'
	install -d '$(DESTDIR)$(BASHCOMPDIR)' '$(DESTDIR)$(ZSHCOMPDIR)' '$(DESTDIR)$(FISHCOMPDIR)'
	install -m 644 completions/sockdiag.bash '$(DESTDIR)$(BASHCOMPDIR)/sockdiag'
	install -m 644 completions/_sockdiag '$(DESTDIR)$(ZSHCOMPDIR)/_sockdiag'
	install -m 644 completions/sockdiag.fish '$(DESTDIR)$(FISHCOMPDIR)/sockdiag.fish'
	$(foreach c,$(CATALOGUES),install -D -m 644 $(c) '$(DESTDIR)$(LOCALEDIR)/$(c:$(O)/locale/%=%)' &&) :
	cd docs/lessons && $(LESSON_FILES) -exec install -D -m 644 '{}' '$(DESTDIR)$(LESSONDIR)/{}' ';'

.PHONY: uninstall
uninstall: ## remove what install put there
	rm -f '$(DESTDIR)$(BINDIR)/sockdiag' '$(DESTDIR)$(MANDIR)/man1/sockdiag.1' \
	  '$(DESTDIR)$(BASHCOMPDIR)/sockdiag' '$(DESTDIR)$(ZSHCOMPDIR)/_sockdiag' '$(DESTDIR)$(FISHCOMPDIR)/sockdiag.fish' \
	  $(CATALOGUES:$(O)/locale/%='$(DESTDIR)$(LOCALEDIR)/%')
	cd docs/lessons && $(LESSON_FILES) -exec rm -f '$(DESTDIR)$(LESSONDIR)/{}' ';'
	[ ! -d '$(DESTDIR)$(LESSONDIR)' ] || find '$(DESTDIR)$(LESSONDIR)' -depth -type d -empty -delete
	[ ! -d '$(DESTDIR)$(dir $(LESSONDIR))' ] || rmdir --ignore-fail-on-non-empty '$(DESTDIR)$(dir $(LESSONDIR))'

.PHONY: install-setcap
install-setcap: install ## install, and let every user capture: setcap cap_net_raw+ep
	setcap cap_net_raw+ep '$(DESTDIR)$(BINDIR)/sockdiag'

##@ Other
.PHONY: po
po: ## bring the translations (po/*.po) up to the sources
	@tools/po.sh update

.PHONY: clean
clean: ## remove the build directory
	$(Q)if [ -e '$(BUILD)/.flags' ] || [ -e '$(BUILD)/san/.flags' ]; then rm -rf -- '$(BUILD)'; fi

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^##@ /{printf "%s%s\n", n++ ? "\n" : "", substr($$0, 5)} \
	  /^[a-z-]+:.*## /{printf "  %-15s %s\n", $$1, $$2}' Makefile
	@echo; sed -n '3,/^$$/s/^# \{0,1\}//p' Makefile

-include $(OBJECTS:.o=.d) $(wildcard $(O)/tests/unit/*.d) $(HEADERS:%=$(O)/headercheck/%.d)
-include $(shell find $(BUILD)/fuzz/obj -name '*.d' 2>/dev/null)
