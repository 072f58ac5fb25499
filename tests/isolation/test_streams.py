"""The standard streams, closed by one mount and needed by all."""

from __future__ import annotations

import io
import logging
import sys
from pathlib import Path

import pytest

from gateway.isolation.streams import streams_kept


def test_a_stream_stays_open_until_the_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stream = (tmp_path / "out").open("w")
    monkeypatch.setattr(sys, "stdout", stream)
    with streams_kept():
        stream.close()
        stream.buffer.close()
        with stream:
            pass
        assert not stream.closed
        stream.flush()
    stream.close()
    assert stream.closed


def test_streams_that_are_not_there_are_no_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    monkeypatch.setattr(sys, "stdout", object())
    with streams_kept():
        pass


def test_a_record_that_cannot_be_written_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    handler = logging.StreamHandler(closed)
    record = logging.makeLogRecord({"msg": "lost"})
    with streams_kept():
        handler.emit(record)
    with pytest.raises(ValueError, match="closed file"):
        handler.emit(record)
