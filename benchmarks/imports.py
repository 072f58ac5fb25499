"""What an application costs to import, against the parts of Werkzeug that it uses.

    python benchmarks/imports.py [RUNS]

Each run starts the contenders in turn, each in a fresh interpreter. The time of an
interpreter that imports nothing is measured in the same run and subtracted, so that
the ratio is that of the imports alone.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from time import perf_counter

BAR = 1.3
CONTENDERS = {
    "nothing": "pass",
    "werkzeug": "import werkzeug.wrappers, werkzeug.routing",
    "import gateway": "import gateway",
    "App": "from gateway import App",
    "flask": "from flask import Flask",
}


def seconds(code: str) -> float:
    start = perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return perf_counter() - start


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    for code in CONTENDERS.values():  # writes the bytecode
        seconds(code)
    times: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(runs):
        for name, code in CONTENDERS.items():
            times[name].append(seconds(code))
    nothing = times.pop("nothing")
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
    print(f"\nbar: {worst:.3f} <= {BAR}")
    raise SystemExit(worst > BAR)


if __name__ == "__main__":
    main()
