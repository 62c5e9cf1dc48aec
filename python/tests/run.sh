#!/usr/bin/env bash
# Makes the environments that the tests need and runs them: one with the original package; one with ours and the
# same NumPy, for what is compared number by number; one with ours and the newest NumPy, for all else.
#   python/tests/run.sh [pytest's arguments]
# DEZERO_VENVS: where the environments are kept (python/.venvs). DEZERO_WHEEL: a wheel of ours, if one is built already.
set -euo pipefail
cd "$(dirname "$0")/.."
venvs=${DEZERO_VENVS:-$PWD/.venvs}
mkdir -p "$venvs"

# The original needs a NumPy that still has np.int, and such a NumPy a Python before 3.12.
old=
for python in python3.11 python3.10 python3.9 python3; do
  if "$python" -c 'import sys; sys.exit(not (3, 9) <= sys.version_info < (3, 12))' 2>/dev/null; then
    old=$python
    break
  fi
done

# environment NAME PYTHON PACKAGE...
environment() {
  local folder=$venvs/$1 python=$2
  shift 2
  [ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

wheel=${DEZERO_WHEEL:-}
if [ -z "$wheel" ]; then
  if ! cargo metadata --locked --format-version 1 >/dev/null; then
    echo "python/Cargo.lock is older than the dependencies of the crates: run 'cargo update --workspace' in python/ and commit it"
    exit 1
  fi
  environment build python3 pip
  rm -rf "$venvs/wheel"
  "$venvs/build/bin/python" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$venvs/wheel" .
  wheel=$(echo "$venvs"/wheel/*.whl)
fi

cd tests
environment newest python3 numpy pytest pillow 'mypy>=1.19'
environment newest python3 --force-reinstall --no-deps "$wheel"
compared=(test_scripts.py test_random_programs.py test_interface.py)
own=()
for file in test_*.py; do
  case " ${compared[*]} " in *" $file "*) ;; *) own+=("$file") ;; esac
done

if [ -n "$old" ]; then
  environment reference "$old" 'numpy<1.24' matplotlib pillow dezero==0.0.13
  environment same "$old" 'numpy<1.24' pytest pillow
  environment same "$old" --force-reinstall --no-deps "$wheel"
  export DEZERO_REFERENCE=$venvs/reference/bin/python
  echo "-- against the original"
  "$venvs/same/bin/python" -m pytest -q -ra -p no:cacheprovider "${compared[@]}" "$@"
else
  echo "-- SKIPPED: what compares with the original, because there is no Python 3.9 to 3.11"
fi
echo "-- our own"
"$venvs/newest/bin/python" -m pytest -q -ra -p no:cacheprovider "${own[@]}" "$@"
