"""The stubs say what is there: mypy compares them with the compiled module, and checks the package with them."""

import importlib.util
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="no mypy")

# Where stub and module differ on purpose.
DIFFERENCES = """
# Names for types, which only checkers see, and what is nobody's business.
dezero\\._dezero\\.(Array|Pair|__all__|_Memory)
# The signatures that `inspect` gives are the original's.
dezero\\._dezero\\.Function\\.(__init__|forward|backward)
# Made by __new__.
dezero\\._dezero\\.LayerOutput\\.(__call__|__init__|__new__)
dezero\\._dezero\\.Parameter\\.__new__
"""


def mypy(folder, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_stubs_agree_with_the_module(tmp_path):
    (tmp_path / "differences").write_text(DIFFERENCES)
    mypy(
        tmp_path, "mypy.stubtest", "--ignore-disjoint-bases", "--ignore-unused-allowlist", "--allowlist", "differences",
        "dezero._dezero",
    )


def test_the_package_is_typed_soundly(tmp_path):
    mypy(tmp_path, "mypy", "--ignore-missing-imports", "-p", "dezero")


def test_programs_are_checked(tmp_path):
    (tmp_path / "right.py").write_text(
        "import numpy as np\nfrom dezero import Variable\nimport dezero.functions as F\n"
        "x = Variable(np.ones(3))\ny: Variable = F.sin(2 * x) ** 2\ny.backward(create_graph=True)\n"
    )
    mypy(tmp_path, "mypy", "--ignore-missing-imports", "right.py")
    (tmp_path / "wrong.py").write_text("from dezero import Variable\nVariable([1.0])\n")
    with pytest.raises(AssertionError, match="incompatible type"):
        mypy(tmp_path, "mypy", "--ignore-missing-imports", "wrong.py")
