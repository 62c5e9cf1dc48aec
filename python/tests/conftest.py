"""What the tests share: the interpreter with the original package, and a home folder with the data that is at hand."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
DATA = pathlib.Path(os.environ.get("DEZERO_DATA", ROOT.parent / "shared" / "data"))
REFERENCE = pathlib.Path(os.environ.get("DEZERO_REFERENCE", HERE.parent / ".venvs" / "reference" / "bin" / "python"))

# Files where the original caches its downloads, by the name that a script asks for with "# needs:".
CACHED = {
    "mnist": {
        name: DATA / "mnist" / name
        for name in (
            "train-images-idx3-ubyte.gz",
            "train-labels-idx1-ubyte.gz",
            "t10k-images-idx3-ubyte.gz",
            "t10k-labels-idx1-ubyte.gz",
        )
    },
    "shakespeare": {"shakespear.txt": DATA / "tinyshakespeare.txt"},
}


def missing(need):
    """Why tests that need this data are skipped, or None."""
    absent = [str(path) for path in CACHED[need].values() if not path.exists()]
    return f"no {need} data: {absent[0]} (set DEZERO_DATA)" if absent else None


@pytest.fixture(scope="session")
def reference():
    """The interpreter that has the original package."""
    if not REFERENCE.exists():
        pytest.skip(
            f"the original package is not installed at {REFERENCE}: run python/tests/run.sh, or set DEZERO_REFERENCE"
        )
    return str(REFERENCE)


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A home folder whose .dezero holds the data that is at hand."""
    folder = tmp_path_factory.mktemp("home")
    (folder / ".dezero").mkdir()
    for need, files in CACHED.items():
        if missing(need) is None:
            for name, path in files.items():
                os.symlink(path, folder / ".dezero" / name)
    return folder


@pytest.fixture(scope="session")
def both_sides(reference, home):
    """Runs the same program with the original and with ours, side by side; returns their two folders of output."""

    def run(program, folder, *arguments):
        sides = {"original": reference, "ours": sys.executable}
        running = {}
        for side, python in sides.items():
            out = folder / side
            out.mkdir()
            environment = {
                **os.environ,
                "HOME": str(home),
                "PYTHONHASHSEED": "0",
                "OPENBLAS_NUM_THREADS": "1",
                "MPLBACKEND": "agg",
            }
            log = open(out / "log.txt", "w")
            running[side] = (
                log,
                subprocess.Popen(
                    [python, "-W", "ignore", str(HERE / program), str(out), *map(str, arguments)],
                    cwd=folder,
                    env=environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                ),
            )
        for side, (log, process) in running.items():
            code = process.wait()
            log.close()
            assert code == 0, f"{program} failed on {side}:\n" + (folder / side / "log.txt").read_text()[-4000:]
        return folder / "original", folder / "ours"

    return run


has_dot = shutil.which("dot") is not None
