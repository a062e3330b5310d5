# Everything a developer or a self-hoster needs. `make` alone lists it.

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.DEFAULT_GOAL := help
.PHONY: help setup setup-browser setup-python setup-proxies run release cost test demo bench lint fmt doc crash fuzz

help: ## List these targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# libopus is C and builds with cmake; the rest is Rust.
setup:
	@missing=""; \
	command -v cmake >/dev/null || missing="$$missing cmake"; \
	command -v cc >/dev/null && command -v c++ >/dev/null || missing="$$missing build-essential"; \
	if [ -n "$$missing" ]; then \
		if command -v apt-get >/dev/null; then \
			echo "Installing$$missing with apt-get: the Opus codec is built from its C sources."; \
			$(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
		else \
			echo "Please install$$missing: the Opus codec is built from its C sources." >&2; exit 1; \
		fi; \
	fi
	@command -v $(CARGO) >/dev/null || { echo "Please install a Rust toolchain (rustup.rs): cargo isn't there." >&2; exit 1; }

run: setup ## Build a server as quickly as it goes, and run it
	$(CARGO) run --profile quick --locked -- serve

release: setup ## Build what is installed: target/parlour, its symbols apart in target/parlour.debug
	$(CARGO) build --release --locked
	@if command -v objcopy >/dev/null; then \
		objcopy --only-keep-debug $(TARGET)/release/parlour $(TARGET)/parlour.debug && \
		objcopy --strip-debug --add-gnu-debuglink=$(TARGET)/parlour.debug $(TARGET)/release/parlour $(TARGET)/parlour && \
		echo "$(TARGET)/parlour is what to install; $(TARGET)/parlour.debug beside it tells a debugger the lines."; \
	else \
		cp $(TARGET)/release/parlour $(TARGET)/parlour && \
		echo "$(TARGET)/parlour is what to install, with its symbols, since objcopy (binutils) isn't there."; \
	fi

# Leave the machine alone meanwhile: it builds everything from nothing, four times.
cost: setup ## Measure what optimization across crates and debug information cost a build
	@for case in "release" "release CARGO_PROFILE_RELEASE_LTO=off" "release CARGO_PROFILE_RELEASE_DEBUG=none" "quick"; do \
		rm -rf $(TARGET)/cost; set -- $$case; profile=$$1; shift; began=$$(date +%s); \
		spent=$$(sh -c "env $$* $(CARGO) build --locked --quiet --profile $$profile --target-dir $(TARGET)/cost && times" | tail -n 1); \
		[ -n "$$spent" ] || exit 1; \
		echo "$$case: $$(( $$(date +%s) - began )) s, of processors $$spent (user, system), $$(stat -c %s $(TARGET)/cost/$$profile/parlour) bytes"; \
	done; rm -rf $(TARGET)/cost

demo: setup ## Send speech through a server on this machine and show what arrived
	$(CARGO) run --profile quick --locked -- demo

# The page is tested in Debian's Chromium and Firefox, driven from node. The modules stand in tests/browser/package.json.
BROWSER := $(TARGET)/browser
setup-browser:
	@missing=""; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	command -v node >/dev/null || missing="$$missing nodejs"; \
	command -v npm >/dev/null || missing="$$missing npm"; \
	command -v firefox-esr >/dev/null || missing="$$missing firefox-esr"; \
	command -v pulseaudio >/dev/null || missing="$$missing pulseaudio"; \
	command -v Xvfb >/dev/null || missing="$$missing xvfb"; \
	command -v pactl >/dev/null || missing="$$missing pulseaudio-utils"; \
	command -v ip >/dev/null || missing="$$missing iproute2"; \
	command -v zbarimg >/dev/null || missing="$$missing zbar-tools"; \
	if [ -n "$$missing" ]; then \
		if command -v apt-get >/dev/null; then \
			echo "Installing$$missing with apt-get: the page is tested in a real browser."; \
			$(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
		else \
			echo "Please install$$missing: the page is tested in a real browser." >&2; exit 1; \
		fi; \
	fi
	@if ! cmp -s tests/browser/package.json $(BROWSER)/package.json || [ ! -d $(BROWSER)/node_modules ]; then \
		echo "Installing what drives the browser with npm, in $(BROWSER)."; \
		mkdir -p $(BROWSER) && cp tests/browser/package.json $(BROWSER)/ && \
		(cd $(BROWSER) && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm install --silent --no-package-lock --no-audit --no-fund) || \
		{ rm -f $(BROWSER)/package.json; exit 1; }; \
	fi

# An independent QUIC client, what Prometheus itself says of the metrics, opus-tools of the recordings, and PESQ of speech; JupyterHub, which
# docs/oauth.md tells of, and whose proxy is beside the browser's modules.
PYTHON := $(TARGET)/python
setup-python:
	@missing=""; \
	command -v python3 >/dev/null && python3 -c 'import venv, ensurepip' 2>/dev/null || missing="$$missing python3-venv"; \
	python3 -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null || missing="$$missing python3-dev"; \
	command -v promtool >/dev/null || missing="$$missing prometheus"; \
	command -v opusinfo >/dev/null || missing="$$missing opus-tools"; \
	if [ -n "$$missing" ]; then \
		if command -v apt-get >/dev/null; then \
			echo "Installing$$missing with apt-get: others' programs check the protocol, the metrics and the recordings."; \
			$(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
		else \
			echo "Please install$$missing: others' programs check the protocol, the metrics and the recordings." >&2; exit 1; \
		fi; \
	fi
	@if ! cmp -s tests/independent/requirements.txt $(PYTHON)/requirements.txt; then \
		echo "Installing others' programs that check this one with pip, in $(PYTHON)."; \
		python3 -m venv $(PYTHON) && $(PYTHON)/bin/pip install --quiet --disable-pip-version-check -r tests/independent/requirements.txt && \
		cp tests/independent/requirements.txt $(PYTHON)/; \
	fi

# The proxies that docs/proxy.md tells of. They are taken out of their packages: installing those would start them on this machine.
# Apache, which docs/oauth.md tells of, is installed: `apache2-bin` is the program and its modules, without what starts it.
PROXIES := $(TARGET)/proxies
setup-proxies:
	@missing=""; \
	for name in nginx caddy; do \
		PATH="$(PROXIES)/usr/sbin:$(PROXIES)/usr/bin:/usr/sbin:/usr/local/bin:$$PATH" command -v $$name >/dev/null || missing="$$missing $$name"; \
	done; \
	if [ -n "$$missing" ]; then \
		if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then \
			echo "Fetching$$missing with apt-get, into $(PROXIES): what the documentation says of proxies is tried. No service is started."; \
			$(SUDO) apt-get update -qq && mkdir -p $(PROXIES) && cd $(PROXIES) && \
			apt-get download -qq -o APT::Sandbox::User="$$(id -un)" $$missing && \
			for package in *.deb; do dpkg-deb -x "$$package" . && rm "$$package" || exit 1; done; \
		else \
			echo "Proxies aren't tried, since$$missing isn't installed and there is no apt-get to fetch it with."; \
		fi; \
	fi
	@if ! [ -e /usr/lib/apache2/modules/mod_auth_openidc.so ] || ! [ -e /usr/sbin/apache2 ]; then \
		if command -v apt-get >/dev/null; then \
			echo "Installing apache2-bin and libapache2-mod-auth-openidc with apt-get: what the documentation says of logging in elsewhere is tried. No service is started."; \
			$(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends apache2-bin libapache2-mod-auth-openidc >/dev/null; \
		else \
			echo "Apache isn't tried, since it isn't installed with mod_auth_openidc, and there is no apt-get to install it with."; \
		fi; \
	fi

test: setup setup-browser setup-python setup-proxies lint ## Check everything: form, lints, documentation, licences, tests
	$(CARGO) test --locked

# What a live client makes of a voice is measured on sound servers of its own, and by PESQ.
bench: setup setup-python ## Measure; each figure stands beside a peer's or a limit
	@if ! command -v murmurd >/dev/null && ! command -v mumble-server >/dev/null; then \
		if command -v apt-get >/dev/null; then \
			echo "Installing mumble-server with apt-get: Parlour is measured beside it."; \
			$(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends mumble-server >/dev/null; \
		else \
			echo "Please install mumble-server: Parlour is measured beside it." >&2; exit 1; \
		fi; \
	fi
	@missing=""; \
	command -v pulseaudio >/dev/null || missing="$$missing pulseaudio"; \
	command -v pactl >/dev/null || missing="$$missing pulseaudio-utils"; \
	command -v pipewire >/dev/null || missing="$$missing pipewire"; \
	command -v pipewire-pulse >/dev/null || missing="$$missing pipewire-pulse"; \
	command -v wireplumber >/dev/null || missing="$$missing wireplumber"; \
	command -v dbus-run-session >/dev/null || missing="$$missing dbus"; \
	command -v mumble >/dev/null || missing="$$missing mumble"; \
	command -v openssl >/dev/null || missing="$$missing openssl"; \
	if [ -n "$$missing" ]; then \
		if command -v apt-get >/dev/null; then \
			echo "Installing$$missing with apt-get: what a live client makes of a voice is measured on a sound server, beside Mumble."; \
			$(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
		else \
			echo "Please install$$missing: what a live client makes of a voice is measured on a sound server." >&2; exit 1; \
		fi; \
	fi
	$(CARGO) bench --locked

lint: setup ## Check form, lints and documentation
	@$(CARGO) fmt --version >/dev/null 2>&1 && $(CARGO) clippy --version >/dev/null 2>&1 || \
		{ echo "Adding rustfmt and clippy to the Rust toolchain."; rustup component add rustfmt clippy; }
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --quiet

fmt: ## Bring the sources into form
	$(CARGO) fmt

doc: setup ## Build the library's documentation
	$(CARGO) doc --locked --no-deps

crash: setup ## Pull the plug on the store a hundred thousand times
	PARLOUR_CRASHES=100000 $(CARGO) test --locked --lib crash_tests -- --nocapture

# What libFuzzer finds on the way stays in target/corpus; what is worth keeping is put into fuzz/corpus by hand. Inputs are short:
# more bytes say the same again, and take as much longer. FUZZ_SECONDS=0 FUZZ_RUNS=10000000 goes by their number instead. Without
# optimization across crates, since fourteen programs would each be optimized anew.
FUZZ_SECONDS ?= 60
FUZZ_RUNS ?= -1
fuzz: setup ## Feed random bytes to every decoder, a minute each
	@command -v cargo-fuzz >/dev/null || { echo "Installing cargo-fuzz, which drives the fuzz targets."; $(CARGO) install --locked --quiet cargo-fuzz; }
	@for target in $$(cd fuzz && RUSTC_BOOTSTRAP=1 $(CARGO) fuzz list); do \
		found="$(TARGET)/corpus/$$target"; mkdir -p "$$found"; \
		case "$$target" in \
			sound) more=tests/data/sound; longest=4096;; \
			import) more=""; longest=4096;; \
			address) more=""; longest=256;; \
			*) more=""; longest=1024;; \
		esac; \
		CARGO_PROFILE_RELEASE_LTO=off RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run --sanitizer none "$$target" "$$found" "fuzz/corpus/$$target" $$more -- \
			-runs=$(FUZZ_RUNS) -max_total_time=$(FUZZ_SECONDS) -max_len=$$longest -reload=0 -rss_limit_mb=1024 -timeout=20 -print_final_stats=1 || exit 1; \
	done
