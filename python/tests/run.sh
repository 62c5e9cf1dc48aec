#!/usr/bin/env bash
# Makes two environments, one with the original package and one with ours built from here, and runs the tests.
#   python/tests/run.sh [pytest's arguments]
# DEZERO_VENVS: where the environments are kept (python/.venvs). DEZERO_WHEEL: a wheel of ours that is built already.
set -euo pipefail
cd "$(dirname "$0")/.."
venvs=${DEZERO_VENVS:-$PWD/.venvs}
mkdir -p "$venvs"

# The original needs a NumPy that still has np.int, and such a NumPy a Python before 3.12.
reference=$venvs/reference/bin/python
if ! "$reference" -c 'import dezero' 2>/dev/null; then
  for python in python3.11 python3.10 python3.9 python3; do
    if "$python" -c 'import sys; sys.exit(not (3, 9) <= sys.version_info < (3, 12))' 2>/dev/null; then
      "$python" -m venv --clear "$venvs/reference"
      "$reference" -m pip install --quiet 'numpy<1.24' 'matplotlib' pillow dezero==0.0.13
      break
    fi
  done
  [ -x "$reference" ] || echo "SKIPPED: what needs the original package, because there is no Python 3.9 to 3.11"
fi

ours=$venvs/ours/bin/python
[ -x "$ours" ] || python3 -m venv "$venvs/ours"
"$ours" -m pip install --quiet numpy pytest pillow
"$ours" -m pip install --quiet --force-reinstall --no-deps "${DEZERO_WHEEL:-$PWD}"

export DEZERO_REFERENCE=$reference
cd tests
"$ours" -m pytest -q -ra -p no:cacheprovider "$@"
