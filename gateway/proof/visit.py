"""One call, for whoever looks around in it or acts in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.proof.environs import Environs
from gateway.proof.looks import Look, Moment
from gateway.proof.modules import Modules
from gateway.proof.record import Recording
from gateway.proof.sight import Sight, write_token


class Here(threading.local):
    """The call that this thread is serving.

    Found by the thread, and not by a context variable: what is being examined must not
    be what the examination rests on.
    """

    recording: Recording | None = None

    @contextmanager
    def serving(self, recording: Recording | None) -> Iterator[None]:
        """Serve another call meanwhile."""
        before, self.recording = self.recording, recording
        try:
            yield
        finally:
            self.recording = before


class Senses:
    """What a witness sees with.

    :param sight: sees the contexts.
    :param environs: sees the environment variables.
    :param modules: sees the modules that names lead to.
    :ivar apps: the mounts and the numbers of their applications.
    """

    def __init__(self, sight: Sight, environs: Environs, modules: Modules) -> None:
        self.apps: set[tuple[str, int | None]] = set()
        self.sight = sight
        self.environs = environs
        self.modules = modules


class Visit:
    """A call that is being watched.

    :param recording: what has been seen of it.
    """

    def __init__(self, recording: Recording, senses: Senses, here: Here) -> None:
        self.recording = recording
        self._senses = senses
        self._here = here
        self._own: int | None = None

    def look(self, moment: Moment, error: BaseException | None = None) -> Look:
        """Look at what is current."""
        look = self._senses.sight.look(moment, self.recording.mount, error)
        self.recording.add(look)
        return look

    def look_at_environ(self, moment: Moment) -> None:
        """Look at the environment variables."""
        look = self._senses.environs.look(moment, self.recording.mount)
        self.recording.environs.append(look)

    def enter(self) -> None:
        """Look at everything, and leave marks where nobody else should find them."""
        mount = self.recording.mount
        look = self.look(Moment.ENTRY)
        # What is written through somebody else's context is found by somebody else.
        self._own = look.app if (mount, look.app) in self._senses.apps else None
        if self._own is not None:
            # What somebody else has written there is what he has to find again.
            if look.token is None:
                write_token(self.recording.token)
            self._senses.environs.write_marker(mount)
            self.look_at_environ(Moment.ENTRY)

    def meet(self) -> None:
        """Look at everything again, now that others have left their marks."""
        look = self.look(Moment.MET)
        if look.app is not None and look.app == self._own:
            self.look_at_environ(Moment.MET)
            self.recording.modules += self._senses.modules.ask(self.recording.mount)

    @contextmanager
    def stepped_out(self) -> Iterator[None]:
        """Let other calls, or nobody, be watched on this thread meanwhile."""
        with self._here.serving(self._here.recording):
            yield
