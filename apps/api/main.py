"""The weather of five made-up islands, as a JSON API in FastAPI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, StreamingResponse
from jinja2 import Environment, FileSystemLoader

from pages import operations, sparkline
from stations import Network, NewReading, Reading, Station, StationNow

templates = Environment(
    loader=FileSystemLoader(Path(__file__).resolve().parent / "templates"),
    autoescape=True,
)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the data set before the first request, and drop it after the last."""
    app.state.network = Network()
    yield
    del app.state.network


app = FastAPI(
    title="Skerry Weather",
    summary="The weather of five made-up islands.",
    version="1.0",
    lifespan=lifespan,
    # FastAPI's own pages load scripts from another host; see docs() below.
    docs_url=None,
    redoc_url=None,
)


def get_network(request: Request) -> Network:
    """Return the data set that the lifespan opened."""
    network: Network = request.app.state.network
    return network


def get_station(
    code: str, network: Annotated[Network, Depends(get_network)]
) -> Station:
    """Return the station of the path, or end the request with 404."""
    try:
        return network.stations[code]
    except KeyError:
        known = ", ".join(network.stations)
        message = f"There is no station {code!r}. The stations are: {known}."
        raise HTTPException(404, message) from None


OpenNetwork = Annotated[Network, Depends(get_network)]
KnownStation = Annotated[Station, Depends(get_station)]


def page(request: Request, name: str, **values: object) -> HTMLResponse:
    """Return a page whose links start with the prefix the app is served under."""
    root = quote(request.scope.get("root_path", "").rstrip("/"))
    template = templates.get_template(name)
    return HTMLResponse(template.render(root=root, title=app.title, **values))


@app.get("/", include_in_schema=False)
async def index(request: Request, network: OpenNetwork) -> HTMLResponse:
    """Show the islands."""
    lines = {
        code: sparkline([reading.celsius for reading in network.readings(code)][::-1])
        for code in network.stations
    }
    return page(request, "index.html", stations=network.now(), lines=lines)


@app.get("/docs", include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """Show the reference."""
    found = operations(app.openapi())
    return page(request, "docs.html", operations=found, summary=app.summary)


@app.get("/stations")
async def list_stations(network: OpenNetwork) -> list[StationNow]:
    """Every station with its newest reading."""
    return network.now()


@app.get("/stations/{code}")
async def show_station(station: KnownStation, network: OpenNetwork) -> StationNow:
    """One station with its newest reading."""
    return StationNow(**station.model_dump(), latest=network.latest(station.code))


@app.get("/stations/{code}/readings")
async def list_readings(
    station: KnownStation,
    network: OpenNetwork,
    limit: Annotated[int, Query(ge=1, le=48)] = 24,
) -> list[Reading]:
    """The readings of a station, the newest first."""
    return network.readings(station.code, limit)


@app.post("/stations/{code}/readings", status_code=201)
async def add_reading(
    new: NewReading,
    station: KnownStation,
    network: OpenNetwork,
    request: Request,
    response: Response,
) -> Reading:
    """Add a reading, taken now."""
    root = quote(request.scope.get("root_path", "").rstrip("/"))
    path = app.url_path_for("list_readings", code=station.code)
    response.headers["Location"] = f"{root}{path}?limit=1"
    return network.add(station.code, new)


@app.get("/warmest")
def show_warmest(network: OpenNetwork) -> StationNow:
    """The warmest station at present."""
    return max(network.now(), key=lambda station: station.latest.celsius)


@app.get("/stream", response_class=StreamingResponse)
async def stream(
    network: OpenNetwork,
    count: Annotated[int, Query(ge=1, le=100)] = 5,
    pause: Annotated[float, Query(ge=0, le=5, description="seconds")] = 0.2,
) -> StreamingResponse:
    """Readings as they are taken, as newline-delimited JSON."""

    async def lines() -> AsyncIterator[str]:
        for step in range(count):
            if step:
                await asyncio.sleep(pause)
            yield network.gust(step).model_dump_json() + "\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")


@app.get("/healthz", include_in_schema=False)
async def healthz() -> PlainTextResponse:
    """Say that the app is up."""
    return PlainTextResponse("ok")


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, host="127.0.0.1", port=8000)
