"""Signals that arrive together, twice, or while a chunk of output is written."""

from __future__ import annotations

import signal

import pytest

from tsmem.cli.app.signals import SAME_SIGNAL_S, Stopped, StopSignals


class Heard:
    """Stop signals with a manual clock. The end of the process is only recorded."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.ended: list[int] = []
        self.signals = StopSignals(lambda: self.now_s, self.ended.append)

    def __call__(self, number: int, now_s: float) -> bool:
        """Send a signal; return True if it was raised."""
        self.now_s = now_s
        try:
            self.signals.receive(number)
        except Stopped:
            return not self.ended
        return False


def test_a_second_signal_ends_at_once() -> None:
    """The exit code is that of the second signal. The clean-up that the first one started may hang."""
    heard = Heard()

    assert heard(signal.SIGINT, 0)
    assert not heard(signal.SIGTERM, SAME_SIGNAL_S)
    assert heard.ended == [143]


def test_signals_that_arrive_together_count_as_one() -> None:
    """A terminal that closes and its shell both send one. The clean-up continues."""
    heard = Heard()

    assert heard(signal.SIGHUP, 0)
    assert not heard(signal.SIGHUP, SAME_SIGNAL_S / 2)
    assert heard.ended == []


def test_signals_that_arrive_with_one_handled_elsewhere_are_ignored() -> None:
    """`timeout` sends SIGTERM to a server and to its whole process group."""
    heard = Heard()
    heard.signals.note_signal()

    assert not heard(signal.SIGTERM, SAME_SIGNAL_S / 2)
    assert heard(signal.SIGTERM, 2 * SAME_SIGNAL_S)


def test_a_signal_waits_for_the_end_of_a_chunk_but_a_second_one_does_not() -> None:
    """A stalled reader must not keep a command from stopping."""
    heard = Heard()
    with heard.signals.deferring(lambda: True):
        assert not heard(signal.SIGTERM, 0)
        with pytest.raises(Stopped):
            heard.signals.check()

    heard = Heard()
    with heard.signals.deferring(lambda: True):
        assert not heard(signal.SIGTERM, 0)
        assert heard(signal.SIGTERM, SAME_SIGNAL_S)
        assert not heard(signal.SIGTERM, 2 * SAME_SIGNAL_S)
    assert heard.ended == [143]
