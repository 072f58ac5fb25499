"""The lines of the gateway's own log."""

from __future__ import annotations

import logging

from gateway.cli.log_lines import LogLines


def test_lines_begin_as_those_of_the_standard_library_do() -> None:
    ours = LogLines()
    standard = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    for second in (1_700_000_000.0, 1_700_000_000.9995, 1_700_000_001.25, 0.0):
        record = logging.LogRecord("x", logging.INFO, "", 0, "text", None, None)
        record.created, record.msecs = second, (second % 1) * 1000
        assert ours.format(record) == standard.format(record)
