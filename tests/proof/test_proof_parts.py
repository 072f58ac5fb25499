"""The parts of the prover: each alone, where a whole proof would not show it."""

from __future__ import annotations

import gc
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from proof_site import plain_gateway

from gateway.config.spec import MountSpec
from gateway.context import AppGlobals
from gateway.proof import configs
from gateway.proof.addresses import Address, addresses
from gateway.proof.claims import reload
from gateway.proof.evidence import (
    AFTER,
    HELD,
    Alias,
    Call,
    Case,
    Evidence,
    Reloading,
    Subject,
)
from gateway.proof.identity import Identities
from gateway.proof.looks import Look, Moment
from gateway.proof.overlap import Overlaps, find_overlaps, pair
from gateway.proof.rendezvous import Rendezvous
from gateway.proof.schedule import Schedule

# Identities


def test_the_same_object_has_the_same_number() -> None:
    identities = Identities()
    one, two = AppGlobals(), AppGlobals()
    assert identities.number(one) == identities.number(one)
    assert identities.number(one) != identities.number(two)


def test_an_id_that_is_used_again_gets_a_new_number() -> None:
    identities = Identities()
    seen: dict[int, int] = {}
    reused = False
    for _ in range(100):
        thing = AppGlobals()
        number = identities.number(thing)
        reused = reused or id(thing) in seen
        assert number not in seen.values()
        seen[id(thing)] = number
        del thing
        gc.collect(0)
    assert reused


def test_the_number_of_an_object_does_not_keep_it_alive() -> None:
    gone: list[bool] = []

    class Noticed(AppGlobals):
        def __del__(self) -> None:
            gone.append(True)

    identities = Identities()
    identities.number(Noticed())
    assert gone == [True]


def test_what_cannot_be_weakly_referenced_is_kept() -> None:
    identities = Identities()
    numbers = [identities.number({}) for _ in range(10)]
    assert len(set(numbers)) == 10


# Meetings


def meet(rendezvous: Rendezvous, parties: list[tuple[str, int]]) -> list[float]:
    """Let *parties* meet, and return how long each has waited."""
    waits: list[float] = []

    def come(party: tuple[str, int]) -> None:
        started = time.monotonic()
        rendezvous.meet(party, 0)
        waits.append(time.monotonic() - started)

    threads = [threading.Thread(target=come, args=(party,)) for party in parties]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    for thread in threads:
        thread.join()
    return waits


def test_all_wait_for_the_last_one() -> None:
    parties = [("a", 0), ("a", 1), ("b", 0)]
    waits = meet(Rendezvous(parties, 30), parties)
    assert len(waits) == 3
    assert max(waits) >= 0.04
    assert max(waits) < 10


def test_who_does_not_come_is_waited_for_once() -> None:
    parties = [("a", 0), ("b", 0)]
    rendezvous = Rendezvous(parties, 0.2)
    assert meet(rendezvous, parties[:1])[0] >= 0.2
    assert meet(rendezvous, parties[:1])[0] < 0.2


def test_nobody_waits_for_who_is_excused() -> None:
    parties = [("a", 0), ("b", 0)]
    rendezvous = Rendezvous(parties, 30)
    rendezvous.excuse(("b", 0))
    assert meet(rendezvous, parties[:1])[0] < 10


# The schedule


@pytest.mark.parametrize("requests", [2, 3, 4, 24, 25])
def test_each_request_is_sent_once(requests: int) -> None:
    schedule = Schedule.of(requests)
    numbers = [
        number
        for client in range(schedule.clients)
        for number in schedule.numbers(client)
    ]
    assert sorted(numbers) == list(range(1, requests + 1))
    for client in range(schedule.clients):
        for wave, number in enumerate(schedule.numbers(client)):
            assert schedule.wave(number) == wave
            assert schedule.party("a", number) == ("a", client)


def test_groups_are_of_even_size_and_hold_each_mount_once() -> None:
    names = [str(number) for number in range(33)]
    groups = Schedule.of(24).groups(names)
    assert [len(group) for group in groups] == [11, 11, 11]
    assert [name for group in groups for name in group] == names


# Addresses


def test_an_address_leads_to_its_own_mount(tmp_path: Path) -> None:
    spec = plain_gateway(tmp_path, ["a"])
    (first,) = spec.mounts

    def mount(name: str, prefix: str, host: str | None = None) -> MountSpec:
        return replace(first, name=name, prefix=prefix, host=host)

    assert addresses(
        [
            mount("root", ""),
            mount("deep", "/a b/ü"),
            mount("exact", "", "localhost"),
            mount("other", "/only", "127.0.0.1"),
            mount("wild", "", "*.example.com"),
            mount("label", "", "gateway-prove.example.com"),
            mount("six", "", "[::1]"),
        ]
    ) == {
        "root": Address("127.0.0.1", "/"),
        "deep": Address("127.0.0.1", "/a%20b/%C3%BC/"),
        "exact": Address("localhost", "/"),
        "other": Address("127.0.0.1", "/only/"),
        "wild": Address("www.example.com", "/"),
        "label": Address("gateway-prove.example.com", "/"),
        "six": Address("[::1]", "/"),
    }


def test_an_address_leads_there_by_the_path_that_is_asked_for(tmp_path: Path) -> None:
    spec = plain_gateway(tmp_path, ["a"])
    (first,) = spec.mounts
    root = replace(first, name="root", prefix="", probe="/%73ub/x?y=/z")
    other = replace(first, name="other", prefix="/sub", host="localhost")
    assert addresses([root, other]) == {
        "root": Address("127.0.0.1", "/%73ub/x?y=/z"),
        "other": Address("localhost", "/sub/"),
    }


# Configs


def test_aliases_are_found_however_deep() -> None:
    shared: dict[str, object] = {"x": 1}
    found = configs.find_aliases(
        {"a": {"A": [{"B": (1, shared)}]}, "b": {"C": shared, "D": [1]}}
    )
    assert found == (
        Alias(("a", "config['A'][0]['B'][1]"), ("b", "config['C']"), "dict"),
    )


def test_what_cannot_be_changed_may_be_shared() -> None:
    shared = ("text", (1, 2), frozenset({3}), b"bytes", None, range(3))
    assert configs.find_aliases({"a": {"A": shared}, "b": {"A": shared}}) == ()


def test_a_config_that_holds_itself() -> None:
    circle: dict[str, object] = {}
    circle["self"] = circle
    assert configs.find_aliases({"a": circle, "b": {}}) == ()


def test_markers_are_put_in_and_taken_out() -> None:
    both: dict[str, dict[str, object]] = {"a": {"X": 1}, "b": {}}
    configs.mark(both)
    assert configs.markers(both["a"]) == ("a",)
    both["b"].update(both["a"])
    assert set(configs.markers(both["b"])) == {"a", "b"}
    configs.unmark(both)
    assert both == {"a": {"X": 1}, "b": {"X": 1}}


class Contrary:
    def __eq__(self, other: object) -> bool:
        raise ValueError("not comparable")

    __hash__ = object.__hash__


def test_a_value_that_cannot_be_compared_differs() -> None:
    given = {"a": {"X": 1}}
    assert configs.differing("a", {"X": Contrary()}, given) != ()
    assert configs.differing("a", {"X": 1, "Y": 2}, given) == ()


# Overlaps


def case(name: str, *spans: tuple[float, float], pid: int = 1) -> Case:
    calls = {
        number: Call(
            mount=name,
            meant=name,
            number=number,
            token="",
            looks=tuple(
                Look(moment, at, pid, thread=hash((name, number)))
                for moment, at in zip(
                    (Moment.ENTRY, Moment.TEARDOWN), span, strict=True
                )
            ),
            streamed=False,
            steps=0,
            changes=(),
            status=200,
            raised=None,
            ended=True,
        )
        for number, span in enumerate(spans, 1)
    }
    return Case((Subject(name, "", None, "wsgi", 1, 2, frozenset()),), calls, {})


def overlaps(*cases: Case) -> Overlaps:
    return find_overlaps(Evidence(cases, (), 1, ()))


def test_calls_that_follow_one_another_do_not_overlap() -> None:
    assert overlaps(case("a", (0, 1)), case("b", (1, 2))) == Overlaps(0, frozenset())


def test_pairs_of_calls_are_counted_and_pairs_of_mounts_named() -> None:
    found = overlaps(
        case("a", (0, 10), (5, 6)), case("b", (1, 2), (9, 11)), case("c", (12, 13))
    )
    assert found == Overlaps(2, frozenset({("a", "a"), ("a", "b")}))
    assert pair("b", "a") == ("a", "b")


def test_a_call_in_another_process_overlaps_with_nothing() -> None:
    found = overlaps(case("a", (0, 10)), case("b", (1, 2), pid=2))
    assert found == Overlaps(0, frozenset())


def test_a_call_that_has_not_ended_goes_on() -> None:
    hanging = case("a", (0, 1))
    call = replace(hanging.calls[1], ended=False)
    found = overlaps(replace(hanging, calls={1: call}), case("b", (5, 6)))
    assert found.calls == 1


# The reload


@pytest.mark.parametrize(
    ("span", "act", "inside"),
    [
        ((0, 10), HELD, True),
        ((0, 4), HELD, False),
        ((6, 10), HELD, False),
        ((0, 10), AFTER, False),
    ],
)
def test_a_reload_is_proven_by_calls_that_were_inside_only(
    span: tuple[float, float], act: str, inside: bool
) -> None:
    one = case("a", span)
    one = replace(one, calls={1: replace(one.calls[1], act=act)})
    evidence = Evidence((one,), (), 1, (), reloading=Reloading(5, frozenset({"a"})))
    reason = reload.CLAIM.reason(one, evidence)
    assert (reason is None) == inside
    assert reason in (None, "none of its calls was inside during the reload")
