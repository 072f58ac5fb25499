"""How rows look where there is no terminal."""

from __future__ import annotations

import pytest

from gateway.cli.render import RouteRow, milliseconds, show_json, show_table


def test_columns_are_aligned_by_what_a_terminal_shows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_table(
        [
            RouteRow("/日本", None, "a", "app", "x"),
            RouteRow("/e\N{COMBINING ACUTE ACCENT}", "h", "b", "app", "[red]y[/red]"),
        ]
    )
    assert capsys.readouterr().out.splitlines() == [
        "PREFIX  HOST  MOUNT  KIND  SOURCE",
        "/日本   -     a      app   x",
        "/e\N{COMBINING ACUTE ACCENT}      h     b      app   [red]y[/red]",
    ]


def test_what_a_terminal_would_obey_is_escaped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_table([RouteRow("/\x1b[2J", "", "a\n", "app", "\udce9")], err=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[1].split() == [
        r"/\x1b[2J",
        "-",
        r"a\n",
        "app",
        r"\udce9",
    ]


def test_no_rows_print_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    show_table([])
    assert capsys.readouterr().out == ""
    show_json([])
    assert capsys.readouterr().out == "[]\n"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0.0ms"), (0.00812, "8.1ms"), (2.31, "2310ms")]
)
def test_milliseconds(seconds: float, text: str) -> None:
    assert milliseconds(seconds) == text
