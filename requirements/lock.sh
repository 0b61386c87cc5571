#!/usr/bin/env bash
# Write the three hashed requirement files from pyproject.toml: `make lock`, `make lock UPGRADE=--upgrade`.
# dev.txt is resolved first and constrains the other two, so that all installs have the same versions.
# No address of a package index is written: whoever installs uses their own.
set -euo pipefail

lock() {
    local name=$1
    shift
    "${BIN:-.venv/bin}/uv" pip compile --quiet pyproject.toml --extra "$name" --universal \
        --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
        --no-emit-find-links --no-annotate --output-file "requirements/$name.txt" "$@"
    sed -i '1i # Written by `make lock` from pyproject.toml (extra: '"$name"'); do not edit.' \
        "requirements/$name.txt"
}

lock dev "$@"
lock all "$@" --constraints requirements/dev.txt
lock serve "$@" --constraints requirements/dev.txt
