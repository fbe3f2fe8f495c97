# sockdiag: hand-written GNU make. `make help` lists the targets.
VERSION := 0.1.0
PREFIX ?= /usr/local
BUILD ?= build
V ?= 0
Q := $(if $(filter 1,$(V)),,@)

PACKAGES := libpcap jansson libseccomp libcap-ng libnl-3.0 libnl-route-3.0
SD_CPPFLAGS := -Isrc -I. -I$(BUILD) -D_GNU_SOURCE -DSOCKDIAG_VERSION='"$(VERSION)"' \
  $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
SD_WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wformat=2 -Wvla -Wstrict-prototypes -Wmissing-prototypes \
  $(if $(WERROR),-Werror)
SAN_FLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
comma := ,
HARDEN := -fPIE -fstack-protector-strong -fstack-clash-protection -fcf-protection \
  $(if $(SAN),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
SD_CFLAGS := -std=gnu17 -O2 -g $(SD_WARNINGS) $(HARDEN) $(SAN_FLAGS)
SD_LDFLAGS := -pie -Wl,-z,relro,-z,now $(SAN_FLAGS)
SD_LIBS := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lunistring -pthread

COMPILE = $(CC) $(SD_CPPFLAGS) $(CPPFLAGS) $(SD_CFLAGS) $(CFLAGS) -MMD -MP

MODULES := src/base capture src/record src/lab src/ftp src/lanes src/view src/cmd
SOURCES := $(wildcard $(addsuffix /*.c,$(MODULES))) src/main.c
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)

.PHONY: all
all: $(BUILD)/sockdiag

$(BUILD)/sockdiag: $(OBJECTS)
	@echo "  LD    $@"
	$(Q)$(CC) $(SD_LDFLAGS) $(LDFLAGS) -o $@ $^ $(SD_LIBS) $(LIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(COMPILE) -c -o $@ $<

-include $(OBJECTS:.o=.d)
