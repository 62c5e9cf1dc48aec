"""Runs scripts, each in a child of one process that has imported the package: ``run_scripts.py FOLDER SCRIPT...``.

What a script prints goes to ``FOLDER/NAME.out`` with its exit code in the last line. The interpreter that runs this
decides whether the package is the original or ours.
"""

import os
import runpy
import sys
import traceback
import warnings

warnings.simplefilter("ignore")
import dezero  # noqa: F401,E402  (once for all children)


def run(script, out):
    sys.stdout.flush()
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        fd = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(fd, 1)
        os.dup2(fd, 2)
        import signal

        signal.alarm(120)
        runpy.run_path(script, run_name="__main__")
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    folder = sys.argv[1]
    for script in sys.argv[2:]:
        out = os.path.join(folder, os.path.basename(script)[:-3] + ".out")
        code = run(script, out)
        with open(out, "a") as file:
            file.write(f"exit code {code}\n")
