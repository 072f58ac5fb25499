"""Whatever is in the file: a spec, or a :class:`ConfigError` with real places."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from gateway.config.load import load_config
from gateway.config.schema import TABLE, json_schema
from gateway.config.spec import GatewaySpec
from gateway.errors import ConfigError

VALID = b"""\
server: {host: 127.0.0.1, port: 8080, threads: 8, max_body: 16MiB}
defaults: &d {imports: private, config: {A: [1, 2.5, yes, ~], B: 2024-01-02}}
include: [conf.d/*.yaml]
mounts:
  portal: {prefix: /, app: "app:create_app", path: apps}
  notes:
    app: app:create_app
    path: apps
    args: {testing: false}
    config:
      <<: {X: 1}
      KEY: ${KEY:-change-me}
      FILE: "${file:secret}"
      HOME: '${GATEWAY_HOME}/$$'
      DEEP: !!set {a, b}
    shutdown: app:close
  catalog: {host: "*.localhost", app: "c.wsgi:application", imports: shared}
  api: {asgi: "main:app", path: &p apps, factory: no, host: "::1"}
  assets: {static: *p}
  old: {redirect: "https://example.com/x", status: 301}
"""
INCLUDED = b"mounts: {extra: {app: a:b, prefix: /x%20y}}\n"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        (root / "apps").mkdir()
        (root / "conf.d").mkdir()
        (root / "secret").write_text("s3cret\n")
        yield root


def load_or_explain(
    folder: Path, content: bytes, included: bytes
) -> GatewaySpec | None:
    """Load the files; check what is said where they are wrong."""
    files = {folder / "gateway.yaml": content, folder / "conf.d" / "a.yaml": included}
    for file, data in files.items():
        file.write_bytes(data)
    try:
        return load_config(folder / "gateway.yaml", {"KEY": "value"})
    except ConfigError as error:
        problems = error.problems
    assert problems
    names = [str(file) for file in files]
    for problem in problems:
        place = problem.place
        text = files[Path(place.file)].decode("utf-8", "replace")
        lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", text)
        assert 1 <= place.line <= len(lines)
        assert 1 <= place.column <= len(lines[place.line - 1]) + 1
        assert problem.message
        assert str(problem).isprintable()
        assert "s3cret" not in problem.message
    positions = [
        (names.index(each.place.file), each.place.line, each.place.column)
        for each in problems
    ]
    assert positions == sorted(positions)
    return None


bounded = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150
)


def test_valid_document_is_loaded(folder: Path) -> None:
    spec = load_or_explain(folder, VALID, INCLUDED)
    assert spec is not None
    assert [mount.name for mount in spec.mounts][-1] == "extra"
    assert len(spec.mounts) == 7


@bounded
@given(st.binary(max_size=200), st.binary(max_size=50))
def test_any_bytes(folder: Path, content: bytes, included: bytes) -> None:
    load_or_explain(folder, content, included)
    load_or_explain(folder, VALID, included)


@bounded
@given(st.text(alphabet=st.sampled_from("ab1:-[]{},&*!|>'\"%@`#?~$. \n\t\\\x85\ufeff")))
def test_any_yaml_like_text(folder: Path, content: str) -> None:
    load_or_explain(folder, content.encode(), INCLUDED)


@bounded
@given(st.data())
def test_mutated_document(folder: Path, data: st.DataObject) -> None:
    content = bytearray(VALID)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        length = data.draw(st.integers(0, 6))
        piece = data.draw(
            st.sampled_from(
                [b"", b"\n", b" ", b"\t", b":", b"'", b'"', b"{", b"}", b"[", b"]",
                 b"&d", b"*d", b"!!int ", b"!x", b"${", b"$", b"~", b"\xff", b"\0",
                 b"- ", b"? ", b"#", b"|", b"/..", b"%zz", b"<<: *d", b"---\n", b"99"]
            )
            | st.binary(max_size=3).filter(lambda piece: b"*" not in piece)
        )  # fmt: skip
        content[start : start + length] = piece
    load_or_explain(folder, bytes(content), INCLUDED)


@bounded
@given(st.data())
def test_lines_moved_and_dropped(folder: Path, data: st.DataObject) -> None:
    lines = VALID.splitlines(keepends=True)
    chosen = data.draw(st.lists(st.sampled_from(lines), max_size=len(lines)))
    load_or_explain(folder, b"".join(chosen), INCLUDED)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
key_names = st.sampled_from(sorted({key.name for key in TABLE})) | st.text(max_size=5)
examples = st.sampled_from(
    [
        *("app:app", "/", "/x", "/x/../y", "apps", "8080", "30s", "16MiB", "true"),
        *("shared", "301", "a.test", "*.test", "[::1]:80", "${KEY}", "${NO}", "$x"),
        *("${file:secret}", "${file:none}", "conf.d/*.yaml", "nowhere/*.yaml"),
    ]
)
mappings = st.dictionaries(key_names, examples | anything, max_size=5)
documents = st.fixed_dictionaries(
    {},
    optional={
        "server": mappings | anything,
        "defaults": mappings | anything,
        "include": st.lists(examples, max_size=2) | anything,
        "mounts": st.dictionaries(
            st.text(max_size=6) | st.sampled_from(["a", "b", "c-d"]),
            mappings | anything,
            max_size=4,
        ),
        "other": anything,
    },
)


@bounded
@given(documents)
def test_any_tree_under_the_known_keys(folder: Path, document: dict[str, Any]) -> None:
    content = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
    load_or_explain(folder, content.encode("utf-8", "replace"), INCLUDED)


number = st.integers(1, 4096)
server = st.fixed_dictionaries(
    {},
    optional={
        "host": st.sampled_from(["127.0.0.1", "::", "localhost"]),
        "port": st.integers(0, 65535) | st.integers(0, 65535).map(str),
        "threads": number,
        "max_body": number | number.map(lambda size: f"{size}KiB"),
        "drain_timeout": number | number.map(lambda time: f"{time}ms"),
        "backlog": st.just("${KEY:-}1") | number,
    },
).filter(lambda values: values.get("backlog") != "${KEY:-}1")
code = st.fixed_dictionaries(
    {"path": st.just("apps")},
    optional={
        "imports": st.sampled_from(["private", "shared"]),
        "args": st.dictionaries(st.from_regex("[a-z]{1,4}", fullmatch=True), number),
        "factory": st.sampled_from([True, "true", "yes"]),
        "config": st.dictionaries(st.from_regex("[A-Z]{1,4}", fullmatch=True), number),
        "shutdown": st.just("app:close"),
    },
)
mount = st.one_of(
    code.map(lambda values: {"app": "app:create_app", **values}),
    code.map(lambda values: {"asgi": "pack.main:app", **values}),
    st.just({"static": "apps"}),
    st.sampled_from([301, "302", 307]).map(
        lambda status: {"redirect": "/elsewhere/", "status": status}
    ),
)
valid_documents = st.fixed_dictionaries(
    {
        "mounts": st.dictionaries(
            st.from_regex("[A-Za-z0-9][A-Za-z0-9_.-]{0,8}", fullmatch=True).filter(
                lambda name: name not in ("extra", "elsewhere")
            ),
            mount,
            min_size=1,
            max_size=4,
        )
    },
    optional={"server": server, "defaults": st.just({"config": {"A": 1}})},
)


@bounded
@given(valid_documents)
def test_what_is_valid_is_loaded_and_fits_the_schema(
    folder: Path, document: dict[str, Any]
) -> None:
    content = yaml.safe_dump(document, sort_keys=False)
    spec = load_or_explain(folder, content.encode(), INCLUDED)
    assert spec is not None
    assert [mount.name for mount in spec.mounts] == list(document["mounts"])
    for mount in spec.mounts:
        written = document["mounts"][mount.name]
        assert mount.prefix == f"/{mount.name}"
        assert set(written.get("config", {})) <= set(mount.config)
    assert Draft202012Validator(json_schema()).is_valid(document)
