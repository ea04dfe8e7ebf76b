#!/usr/bin/env bash
# Renew the lock files: every package with its hashes, without index lines.
set -euo pipefail
cd "$(dirname "$0")/.."
options=(--extra embedded --extra zstd --extra dev --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header
  --python-version 3.11 --quiet --upgrade)
uv pip compile pyproject.toml "${options[@]}" -o requirements.lock
# The CPU build of PyTorch comes from another place with other hashes: this file leaves out PyTorch and its CUDA parts.
skip=()
while read -r name; do skip+=(--no-emit-package "$name"); done \
  < <(grep -oE '^(torch|triton|cuda-[a-z-]+|nvidia-[a-z0-9-]+)==' requirements.lock | tr -d = | sort -u)
uv pip compile pyproject.toml "${options[@]}" "${skip[@]}" -o requirements-cpu.lock
