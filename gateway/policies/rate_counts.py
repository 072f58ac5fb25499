"""Where requests are counted, by the library ``limits``.

Imported where it is needed only, for the library is optional (extra ``limits``).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from time import time
from typing import Final

from limits import RateLimitItemPerSecond
from limits.storage import RedisStorage, Storage

from gateway.config.policy_spec import Rate
from gateway.errors import MissingExtraError

# How many clients are remembered: each takes some 300 bytes.
_CLIENTS: Final = 50_000

# How long a Redis may take to connect and to answer, in seconds.
_TIMEOUT: Final = 0.5


def _nothing() -> None:
    pass


class WindowCounts:
    """Counts in windows of a fixed length, one for each client.

    :param mount: the mount's name, which all gateways that share a storage count for.
    :param failures: what the storage raises if it cannot be asked.
    :param close: lets go of what the storage has open.
    """

    def __init__(
        self,
        mount: str,
        rate: Rate,
        storage: Storage,
        failures: tuple[type[Exception], ...] = (),
        close: Callable[[], None] = _nothing,
    ) -> None:
        self.close = close
        self._mount = mount
        self._item = RateLimitItemPerSecond(rate.amount, rate.seconds, "gateway")
        self._storage = storage
        self._failures = failures

    def hit(self, client: str) -> tuple[int, float]:
        """Count one request of *client*.

        :returns: how many there were in this window, and when it ends, in seconds since
            the epoch.
        :raises OSError: the storage cannot be asked.
        """
        key = self._item.key_for(self._mount, client)
        try:
            count = self._storage.incr(key, self._item.get_expiry())
            return count, self._storage.get_expiry(key)
        except self._failures as error:
            # Without its text, which may show what the server was told.
            raise OSError(type(error).__name__) from None


def counts_in_memory(mount: str, rate: Rate) -> WindowCounts:
    """Count in the memory of this process."""
    return WindowCounts(mount, rate, BoundedMemory(_CLIENTS))


def counts_in_redis(mount: str, rate: Rate, url: str) -> WindowCounts:
    """Count in a Redis, for all gateways that use it.

    :raises MissingExtraError: the library redis is not installed.
    """
    try:
        from redis import ConnectionPool, RedisError
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as error:
        raise MissingExtraError("'rate_limit:' with a Redis", "redis") from error
    pool = ConnectionPool.from_url(
        url,
        socket_timeout=_TIMEOUT,
        socket_connect_timeout=_TIMEOUT,
        # Once more, for a connection that has gone stale; requests wait for it.
        retry=Retry(NoBackoff(), 1),
    )
    storage = RedisStorage(url, connection_pool=pool, key_prefix="gateway")
    return WindowCounts(mount, rate, storage, (RedisError, OSError), pool.disconnect)


class BoundedMemory(Storage):
    """Counts in memory, for so many clients at most: the oldest windows go first.

    :param most: how many clients.
    """

    STORAGE_SCHEME = None

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._lock = Lock()
        # The count and the end of each window. All are of one length, so the first ones
        # are the first to end. A plain dict is slow to find its first key when those
        # before it have been removed.
        self._windows: OrderedDict[str, tuple[int, float]] = OrderedDict()

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        return ()

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = time()
        with self._lock:
            count, end = self._windows.get(key, (0, 0.0))
            if end <= now:
                self._windows.pop(key, None)
                self._make_room(now)
                count, end = 0, now + expiry
            self._windows[key] = (count + amount, end)
            return count + amount

    def _make_room(self, now: float) -> None:
        while self._windows:
            first = next(iter(self._windows))
            if self._windows[first][1] > now and len(self._windows) < self._most:
                break
            del self._windows[first]

    def get(self, key: str) -> int:
        count, end = self._windows.get(key, (0, 0.0))
        return count if end > time() else 0

    def get_expiry(self, key: str) -> float:
        return self._windows.get(key, (0, time()))[1]

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        with self._lock:
            count = len(self._windows)
            self._windows.clear()
            return count

    def clear(self, key: str) -> None:
        with self._lock:
            self._windows.pop(key, None)
