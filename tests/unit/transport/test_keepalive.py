from __future__ import annotations

from guards import VirtualClock

from realtime_sync.transport.keepalive import Keepalive, Verdict


def idle(keepalive: Keepalive, *, bytes_out: int = 0, ping_queued: bool = False) -> Verdict:
    return keepalive.check(bytes_out=bytes_out, ping_queued=ping_queued)


def test_silence_then_ping_then_death(virtual_clock: VirtualClock) -> None:
    keepalive = Keepalive(20.0, 5.0, clock=virtual_clock)
    assert keepalive.remaining() == 20
    virtual_clock.advance(19)
    assert keepalive.remaining() == 1
    assert idle(keepalive) is Verdict.WAIT
    virtual_clock.advance(1)
    assert idle(keepalive) is Verdict.PING
    assert keepalive.remaining() == 5
    virtual_clock.advance(4)
    assert idle(keepalive) is Verdict.WAIT
    virtual_clock.advance(1)
    assert idle(keepalive) is Verdict.DEAD


def test_bytes_are_a_sign_of_life(virtual_clock: VirtualClock) -> None:
    keepalive = Keepalive(20.0, 5.0, clock=virtual_clock)
    keepalive.remaining()
    virtual_clock.advance(20)
    assert idle(keepalive) is Verdict.PING
    keepalive.restart()
    assert keepalive.remaining() == 20


def test_a_pause_of_the_reader_is_no_silence(virtual_clock: VirtualClock) -> None:
    keepalive = Keepalive(20.0, 5.0, clock=virtual_clock)
    keepalive.remaining()
    keepalive.restart()
    virtual_clock.advance(3600)  # nobody in read()
    assert keepalive.remaining() == 20


def test_off(virtual_clock: VirtualClock) -> None:
    never = Keepalive(None, 5.0, clock=virtual_clock)
    assert never.remaining() is None
    virtual_clock.advance(1e9)
    assert idle(never) is Verdict.WAIT, "a timeout alone limits nothing"
    patient = Keepalive(20.0, None, clock=virtual_clock)
    patient.remaining()
    virtual_clock.advance(20)
    assert idle(patient) is Verdict.PING
    assert idle(patient) is Verdict.WAIT
    virtual_clock.advance(20)
    assert idle(patient, ping_queued=True) is Verdict.PING, "and so on, whether it answers or not"


def test_a_slow_upload_holds_the_ping_back_but_is_no_death(virtual_clock: VirtualClock) -> None:
    keepalive = Keepalive(20.0, 5.0, clock=virtual_clock)
    keepalive.remaining()
    virtual_clock.advance(20)
    assert idle(keepalive, bytes_out=100) is Verdict.PING
    virtual_clock.advance(5)
    assert idle(keepalive, bytes_out=200, ping_queued=True) is Verdict.WAIT
    virtual_clock.advance(5)
    assert idle(keepalive, bytes_out=200, ping_queued=True) is Verdict.DEAD


def test_bytes_that_only_the_kernel_took_are_no_sign_of_life(virtual_clock: VirtualClock) -> None:
    keepalive = Keepalive(20.0, 5.0, clock=virtual_clock)
    keepalive.remaining()
    virtual_clock.advance(20)
    assert idle(keepalive, bytes_out=100) is Verdict.PING
    virtual_clock.advance(5)
    assert idle(keepalive, bytes_out=5000, ping_queued=False) is Verdict.DEAD
