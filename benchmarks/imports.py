"""What an application costs to import, and a command to start.

    python benchmarks/imports.py [RUNS]

Each run starts the contenders in turn, each in a fresh interpreter. The time of an
interpreter that imports nothing is measured in the same run and subtracted, so that
the ratio is that of the imports alone: to those of the parts of Werkzeug that an
application uses. A command is given in seconds more than that interpreter.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from time import perf_counter

BAR = 1.3
VERSION_BAR = 0.15  # in seconds
CONTENDERS = {
    "nothing": "pass",
    "werkzeug": "import werkzeug.wrappers, werkzeug.routing",
    "import gateway": "import gateway",
    "App": "from gateway import App",
    "flask": "from flask import Flask",
    "--version": "import sys; sys.argv[1:] = ['--version']; "
    "from gateway.cli import main; main()",
}


def seconds(code: str) -> float:
    start = perf_counter()
    command = [sys.executable, "-c", code]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - start


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    for code in CONTENDERS.values():  # writes the bytecode
        seconds(code)
    times: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(runs):
        for name, code in CONTENDERS.items():
            times[name].append(seconds(code))
    nothing, version = times.pop("nothing"), times.pop("--version")
    print(f"{'':16}{'median':>10}{'to Werkzeug':>13}{'spread':>18}")
    medians = {}
    for name, taken in times.items():
        net = [one - base for one, base in zip(taken, nothing, strict=True)]
        reference = [
            one - base for one, base in zip(times["werkzeug"], nothing, strict=True)
        ]
        ratios = sorted(a / b for a, b in zip(net, reference, strict=True) if b > 0)
        low, high = ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]
        # The ratio of the medians: one slow start of either side does not move it.
        medians[name] = statistics.median(net) / statistics.median(reference)
        print(
            f"{name:16}{statistics.median(net) * 1e3:>7.1f} ms{medians[name]:>13.3f}"
            f"{f'{low:.3f} - {high:.3f}':>18}"
        )
    worst = max(medians["import gateway"], medians["App"])
    extra = statistics.median(version) - statistics.median(nothing)
    print(f"\nbars: {worst:.3f} <= {BAR}; --version {extra:.3f} s <= {VERSION_BAR} s")
    raise SystemExit(worst > BAR or extra > VERSION_BAR)


if __name__ == "__main__":
    main()
