#!/usr/bin/env bash
# Make .venv from the lock files. Bootstraps uv where it is absent. TORCH=cpu installs the small PyTorch.
set -euo pipefail
cd "$(dirname "$0")/.."

if command -v uv >/dev/null 2>&1; then
  uv=uv
else
  echo "setup: uv is not installed; bootstrapping it into .venv-uv"
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "error: Python 3.11 or newer is needed (found $(python3 --version 2>&1))" >&2
    echo "hint: install Python 3.11, or uv, which brings its own" >&2
    exit 2
  }
  python3 -m venv .venv-uv
  .venv-uv/bin/python -m pip install --quiet uv
  uv=.venv-uv/bin/uv
fi

[ -x .venv/bin/python ] || "$uv" venv --quiet --python ">=${PYTHON_VERSION:-3.11},<3.14" .venv

if [ "${TORCH:-default}" = cpu ]; then
  echo "setup: installing the CPU build of PyTorch and the locked packages"
  "$uv" pip install --quiet --python .venv/bin/python --torch-backend cpu "torch>=2.11"
  "$uv" pip install --quiet --python .venv/bin/python --no-deps --require-hashes -r requirements-cpu.lock
else
  echo "setup: installing the locked packages (PyTorch with CUDA: about 6 GB installed; TORCH=cpu is the small one)"
  "$uv" pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock
fi
"$uv" pip install --quiet --python .venv/bin/python --no-deps --editable .
echo "setup: done; the command is .venv/bin/lmfit"
