"""The islands, their weather stations and the readings, kept in memory."""

from __future__ import annotations

import math
import threading
from collections import deque
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, Field

_KEPT = 48  # readings of a station


class Station(BaseModel):
    """A weather station on an island."""

    code: str = Field(examples=["gull"])
    island: str = Field(examples=["Gull Skerry"])
    height: int = Field(description="metres above the sea")


class NewReading(BaseModel):
    """What a station reports."""

    celsius: float = Field(ge=-60, le=60, examples=[7.5])
    wind: float = Field(ge=0, le=120, description="metres a second", examples=[12])


class Reading(NewReading):
    """A kept reading."""

    station: str
    at: datetime = Field(description="the time it was taken, in UTC")


class StationNow(Station):
    """A station with its newest reading."""

    latest: Reading


_ISLANDS = (
    Station(code="gull", island="Gull Skerry", height=4),
    Station(code="lantern", island="Lantern Holm", height=31),
    Station(code="otter", island="Otter Ness", height=12),
    Station(code="tern", island="Tern Isle", height=9),
    Station(code="whale", island="Whaleback", height=146),
)


class Network:
    """All stations; endpoints in any thread may use it."""

    def __init__(self, stations: tuple[Station, ...] = _ISLANDS) -> None:
        self.stations = {station.code: station for station in stations}
        self._lock = threading.Lock()
        self._readings: dict[str, deque[Reading]] = {}
        now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        for number, station in enumerate(stations):
            self._readings[station.code] = deque(
                (_past(station, number, now, hours) for hours in range(23, -1, -1)),
                maxlen=_KEPT,
            )

    def latest(self, code: str) -> Reading:
        """Return the newest reading of a station."""
        with self._lock:
            return self._readings[code][-1]

    def readings(self, code: str, limit: int = _KEPT) -> list[Reading]:
        """Return at most *limit* readings of a station, the newest first."""
        with self._lock:
            return list(self._readings[code])[: -limit - 1 : -1]

    def add(self, code: str, new: NewReading) -> Reading:
        """Keep a reading of a station, taken now."""
        reading = Reading(station=code, at=datetime.now(UTC), **new.model_dump())
        with self._lock:
            self._readings[code].append(reading)
        return reading

    def now(self) -> list[StationNow]:
        """Return every station with its newest reading."""
        return [
            StationNow(**station.model_dump(), latest=self.latest(code))
            for code, station in self.stations.items()
        ]

    def gust(self, step: int) -> Reading:
        """Return what the next station in turn measures in this very moment."""
        code = list(self.stations)[step % len(self.stations)]
        base = self.latest(code)
        at = datetime.now(UTC)
        swing = math.sin(at.timestamp() + step)
        return Reading(
            station=code,
            at=at,
            celsius=round(min(60.0, max(-60.0, base.celsius + swing / 2)), 1),
            wind=round(min(120.0, max(0.0, base.wind + 2 * swing)), 1),
        )


def _past(station: Station, number: int, now: datetime, hours: int) -> Reading:
    # Invented: a day's curve, colder with the height, windier where it is high.
    at = now - timedelta(hours=hours)
    day = math.sin((at.hour - 9 + number) / 24 * math.tau)
    ripple = math.sin(at.hour * (1.7 + number / 5))
    return Reading(
        station=station.code,
        at=at,
        celsius=round(8 - station.height / 40 + 4 * day + 0.8 * ripple, 1),
        wind=round(7 + station.height / 20 + 3 * math.cos(at.hour / 3 + number), 1),
    )
