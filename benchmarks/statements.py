"""What an import statement costs in a mount's code, and in all other code.

    python benchmarks/statements.py [RUNS]

The same function, with an import statement for a module that is loaded, is executed in
turn in a process that has no namespaces, in shared code beside open ones, and in the
code of a mount. The bars: shared code's costs nothing more (within the spread of what
is measured), a mount's own half a microsecond.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

BAR = 0.5
LOOPS = 200_000
STATEMENTS = {
    "own module": "import models",
    "own, in a package": "import shop.cart",
    "own, from": "from models import name",
    "standard library": "import json",
    "standard, dotted": "import os.path",
}

CHILD = """
import json, sys, tempfile, timeit
from pathlib import Path
where, loops, statements = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
folder = Path(tempfile.mkdtemp())
files = {"models.py": "name = 1", "shop/__init__.py": "", "shop/cart.py": ""}
code = ["import timeit"]
for number, statement in enumerate(statements):
    code += [f"def run{number}(loops):"]
    code += ["    for _ in loops:", f"        {statement}"]
for name, text in {**files, "app.py": "\\n".join(code)}.items():
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
if where != "plain":
    from gateway.isolation.modules import Namespace
    namespace = Namespace("notes", folder)
if where == "mount":
    app = namespace.import_module("app")
else:
    sys.path.insert(0, str(folder))
    import app
from itertools import repeat
from time import perf_counter
times = []
for number in range(len(statements)):
    run = getattr(app, f"run{number}")
    run(repeat(None, 1000))
    best = 1e9
    for _ in range(5):
        start = perf_counter()
        run(repeat(None, loops // 5))
        best = min(best, (perf_counter() - start) / (loops // 5))
    times.append(best * 1e6)
import shutil
shutil.rmtree(folder)
print(json.dumps(times))
"""


def microseconds(where: str) -> list[float]:
    """Return the time of each statement, the loop around it included."""
    statements = json.dumps(list(STATEMENTS.values()))
    command = [sys.executable, "-c", CHILD, where, str(LOOPS), statements]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    times: list[float] = json.loads(done.stdout)
    return times


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    found: dict[str, list[list[float]]] = {"plain": [], "shared": [], "mount": []}
    for _ in range(runs):
        for where, times in found.items():
            times.append(microseconds(where))
    print(f"{'':20}{'plain':>10}{'shared +':>20}{'mount +':>20}")
    worst = 0.0
    for number, name in enumerate(STATEMENTS):
        columns = {
            where: [times[number] for times in measured]
            for where, measured in found.items()
        }
        row = f"{name:20}{statistics.median(columns['plain']):7.3f} us"
        for where in ("shared", "mount"):
            more = [
                there - plain
                for there, plain in zip(columns[where], columns["plain"], strict=True)
            ]
            row += (
                f"{statistics.median(more):+8.3f} ({min(more):+.3f}..{max(more):+.3f})"
            )
            if where == "mount":
                worst = max(worst, statistics.median(more))
        print(row)
    print(f"\nbar: {worst:.3f} us more for a mount's own <= {BAR} us")


if __name__ == "__main__":
    main()
