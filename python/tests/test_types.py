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
        "import dezero.layers as L\nz: Variable = L.Linear(3, dtype=np.float64).forward(F.dropout(x, 0.1))\n"
    )
    mypy(tmp_path, "mypy", "--ignore-missing-imports", "right.py")


def test_wrong_programs_are_found(tmp_path):
    start = ["import numpy as np", "import dezero", "from dezero import Variable", "import dezero.functions as F"]
    start += ["import dezero.layers as L", "x = Variable(np.ones(3))"]
    wrong = ["Variable([1.0])", "F.sin('x')", "F.dropout(x, '0.5')", "F.expand_dims(x, 1.5)"]
    wrong += ["F.conv2d_simple(x, x, stride='1')", "L.Linear('10')", "L.Conv2d(3, kernel_size='3')"]
    wrong += ["dezero.no_grad().grad"]
    (tmp_path / "wrong.py").write_text("\n".join(start + wrong) + "\n")
    with pytest.raises(AssertionError) as found:
        mypy(tmp_path, "mypy", "--ignore-missing-imports", "wrong.py")
    for number, line in enumerate(wrong, len(start) + 1):
        assert f"wrong.py:{number}: error" in str(found.value), line
