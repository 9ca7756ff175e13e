# ngx_ai_api_module: build and tests.  All output is in build/.

SHELL = /bin/bash
.SHELLFLAGS = -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
export PATH := $(PATH):/usr/sbin:/sbin

B = build
SRC = ngx_ai_api_module
JOBS ?= 2
FUZZ_TIME ?= 30
NGINX_SRC ?= /usr/share/nginx/src
PREFIX ?= /usr

CC = gcc
CLANG = clang
WARN = -std=gnu11 -Wall -Wextra -Werror
INCS = -I $(SRC)/core -I t/unit
LIBS = -llmdb -lcjson -lcrypto -lpthread

CORE = $(sort $(wildcard $(SRC)/core/*.c))
CORE_H = $(wildcard $(SRC)/core/*.h)
HTTP = $(sort $(wildcard $(SRC)/http/*.c))
HTTP_H = $(wildcard $(SRC)/http/*.h)
UNIT_H = $(wildcard t/unit/*.h)
UNIT = $(sort $(wildcard t/unit/*_test.c))
FUZZ = $(sort $(wildcard t/fuzz/*_fuzz.c))
CLI = $(sort $(wildcard $(SRC)/cli/*.c))
CLI_H = $(wildcard $(SRC)/cli/*.h)

# files of the command that do nothing to the world: with tests of their own
CLI_PURE = ai_apictl_changes ai_apictl_csv ai_apictl_slice ai_apictl_table \
           ai_apictl_units

# three flavours of the core library: plain, sanitized, fuzzed
FLAGS_plain = -O2 -g
FLAGS_asan = -O1 -g -fno-omit-frame-pointer \
             -fsanitize=address,undefined -fno-sanitize-recover=undefined
FLAGS_fuzz = -O1 -g -fno-omit-frame-pointer \
             -fsanitize=address,undefined -fno-sanitize-recover=undefined
CC_plain = $(CC) $(WARN) $(FLAGS_plain) $(INCS)
CC_asan = $(CC) $(WARN) $(FLAGS_asan) $(INCS)
CC_fuzz = $(CLANG) $(WARN) $(FLAGS_fuzz) $(INCS)

UNIT_PLAIN = $(UNIT:t/unit/%.c=$(B)/unit/%)
UNIT_ASAN = $(UNIT:t/unit/%.c=$(B)/asan/%)
FUZZ_BIN = $(FUZZ:t/fuzz/%.c=$(B)/fuzz/%)


# programs that break a store, and libraries that they preload
POWER = $(sort $(filter-out %/power_record.c,$(wildcard t/torture/power*.c)))
FAIL = $(sort $(wildcard t/torture/fail*.c))
TORTURE_BIN = $(B)/torture/power $(B)/torture/power_record.so \
              $(B)/torture/fail $(B)/torture/nomem.so


.PHONY: all deps module lib cli unit asan fuzz fuzz-bin test test-ollama \
        torture torture-power torture-fail bench run check-style install clean FORCE

all: module cli

deps:
	@tools/deps


# the module

module: deps
	@mkdir -p $(B)
	@flock $(B)/lock \
	    $(MAKE) --no-print-directory -j $(JOBS) $(B)/ngx_ai_api_module.so

$(B)/ngx_ai_api_module.so: $(B)/nginx/Makefile $(CORE) $(CORE_H) \
                           $(HTTP) $(HTTP_H)
	@$(MAKE) -s --no-print-directory -C $(NGINX_SRC) \
	    -f $(abspath $(B))/nginx/Makefile modules
	@cp $(B)/nginx/ngx_http_ai_api_module.so $@.new
	@mv $@.new $@

$(B)/nginx/Makefile: config tools/configure $(B)/sources
	@tools/configure $(NGINX_SRC) $(B)/nginx

# what the generated makefile depends on besides the file "config"
$(B)/sources: FORCE
	@mkdir -p $(B)
	@{ printf '%s\n' $(CORE) $(CORE_H) $(HTTP) $(HTTP_H); \
	   nginx -V 2>&1; } > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi


# the core library, unit tests, fuzz targets

lib: $(B)/plain/libai_api.a

define flavour
$(B)/$(1)/core/%.o: $(SRC)/core/%.c $(CORE_H) Makefile
	@mkdir -p $$(@D)
	@echo '  CC    $$@'
	@$$(CC_$(1)) $(2) -c $$< -o $$@

$(B)/$(1)/libai_api.a: $(CORE:$(SRC)/core/%.c=$(B)/$(1)/core/%.o) $(B)/sources
	@rm -f $$@
	@ar rcs $$@ $$(filter %.o,$$^)
endef

$(eval $(call flavour,plain,))
$(eval $(call flavour,asan,))
$(eval $(call flavour,fuzz,-fsanitize=fuzzer-no-link))

$(B)/unit/%: t/unit/%.c $(UNIT_H) $(B)/plain/libai_api.a
	@mkdir -p $(@D)
	@echo '  LINK  $@'
	@$(CC_plain) $< $(B)/plain/libai_api.a $(LIBS) -o $@

$(B)/asan/%: t/unit/%.c $(UNIT_H) $(B)/asan/libai_api.a
	@mkdir -p $(@D)
	@echo '  LINK  $@'
	@$(CC_asan) $< $(B)/asan/libai_api.a $(LIBS) -o $@

$(B)/fuzz/%: t/fuzz/%.c $(UNIT_H) $(B)/fuzz/libai_api.a
	@mkdir -p $(@D)
	@echo '  LINK  $@'
	@$(CC_fuzz) -fsanitize=fuzzer $< $(B)/fuzz/libai_api.a $(LIBS) -o $@

$(B)/torture/power: $(POWER) $(wildcard t/torture/power*.h) \
                    $(UNIT_H) $(B)/plain/libai_api.a
	@mkdir -p $(@D)
	@echo '  LINK  $@'
	@$(CC_plain) $(POWER) $(B)/plain/libai_api.a $(LIBS) -o $@

$(B)/torture/fail: $(FAIL) $(wildcard t/torture/fail*.h) $(UNIT_H) \
                   $(B)/asan/libai_api.a
	@mkdir -p $(@D)
	@echo '  LINK  $@'
	@$(CC_asan) $(FAIL) $(B)/asan/libai_api.a $(LIBS) -ldl -o $@

$(B)/settle: $(wildcard t/bench/settle*.c) t/bench/settle.h \
             $(B)/plain/libai_api.a
	@echo '  LINK  $@'
	@$(CC_plain) $(filter %.c,$^) $(B)/plain/libai_api.a $(LIBS) -o $@

$(B)/torture/%.so: t/torture/%.c $(wildcard t/torture/*.h) Makefile
	@mkdir -p $(@D)
	@echo '  LINK  $@'
	@$(CC_plain) -shared -fPIC $< -ldl -o $@

# the operator's command; build/asan/ai-apictl is the sanitized one

define command
$(B)/$(1)/cli/%.o: $(SRC)/cli/%.c $(CLI_H) $(CORE_H) Makefile
	@mkdir -p $$(@D)
	@echo '  CC    $$@'
	@$$(CC_$(1)) $(3) -c $$< -o $$@

$(2): $(CLI:$(SRC)/cli/%.c=$(B)/$(1)/cli/%.o) $(B)/$(1)/libai_api.a
	@echo '  LINK  $$@'
	@$$(CC_$(1)) $$^ $(LIBS) -o $$@
endef

$(eval $(call command,plain,$(B)/ai-apictl,))
$(eval $(call command,asan,$(B)/asan/ai-apictl,))
$(eval $(call command,fuzz,$(B)/fuzz/ai-apictl,-fsanitize=fuzzer-no-link))

# tests of its pure parts, each named: GNU make 4.4 would take the rules above
# for a pattern, whatever the stem, while an object is still to be made

define pure
$(patsubst $(3)/%.c,$(B)/$(2)/%,$(wildcard $(3)/ai_apictl_*.c)): \
        $(B)/$(2)/%: $(3)/%.c $(UNIT_H) \
        $(CLI_PURE:%=$(B)/$(1)/cli/%.o) $(B)/$(1)/libai_api.a
	@mkdir -p $$(@D)
	@echo '  LINK  $$@'
	@$$(CC_$(1)) -I $(SRC)/cli $(4) $$(filter %.c %.o %.a,$$^) $(LIBS) -o $$@
endef

$(eval $(call pure,plain,unit,t/unit,))
$(eval $(call pure,asan,asan,t/unit,))
$(eval $(call pure,fuzz,fuzz,t/fuzz,-fsanitize=fuzzer))

cli: $(if $(CLI),$(B)/ai-apictl)
fuzz-bin: $(FUZZ_BIN)

unit: $(UNIT_PLAIN)
	@tools/run-tests $^

asan: $(UNIT_ASAN)
	@tools/run-tests $^

fuzz: $(FUZZ_BIN)
	@FUZZ_TIME=$(FUZZ_TIME) tools/run-tests $^


# the tests

test: module
	@flock $(B)/lock $(MAKE) --no-print-directory -j $(JOBS) cli \
	    $(UNIT_PLAIN) $(UNIT_ASAN) $(FUZZ_BIN) $(TORTURE_BIN)
	@FUZZ_TIME=$(FUZZ_TIME) tools/run-tests \
	    $(UNIT_PLAIN) $(UNIT_ASAN) $(sort $(wildcard t/*.t)) $(FUZZ_BIN)

torture-power: $(TORTURE_BIN)
	@$(B)/torture/power 500

torture-fail: module $(TORTURE_BIN)
	@$(B)/torture/fail -a
	@t/torture/nomem.py

test-ollama: module
	@tools/test-ollama

check-style:
	@tools/run-tests t/layers.t

# KILLS=1000, SEED=n repeats the decisions of a run
torture: module cli torture-power torture-fail
	@t/torture/run

bench: module $(B)/settle
	@t/bench/run

run: module
	@tools/run


install: module
	install -D -m 644 $(B)/ngx_ai_api_module.so \
	    $(DESTDIR)$(PREFIX)/lib/nginx/modules/ngx_ai_api_module.so
	if [ -x $(B)/ai-apictl ]; then \
	    install -D $(B)/ai-apictl $(DESTDIR)$(PREFIX)/bin/ai-apictl; \
	    install -D -m 644 docs/ai-apictl.8 \
	        $(DESTDIR)$(PREFIX)/share/man/man8/ai-apictl.8; \
	fi

clean:
	rm -rf $(B)
