"""Datagrams in batches, over loopback."""

import select
import socket
from collections.abc import Iterator

import pytest

from polpo.kernel.datagrams import SLOT_BYTES, Batch, send_one
from polpo.kernel.posting import SLOTS, Connected, Outgoing


@pytest.fixture(params=["127.0.0.1", "::1", "0.0.0.0", "::"])
def server(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((request.param, 0))
        yield sock


def client(server: socket.socket, host: str = "") -> socket.socket:
    sock = socket.socket(server.family, socket.SOCK_DGRAM)
    sock.settimeout(30)
    loopback = "::1" if server.family == socket.AF_INET6 else "127.0.0.1"
    sock.connect((host or loopback, server.getsockname()[1]))
    return sock


def received(batch: Batch, server: socket.socket) -> list[int]:
    select.select([server], [], [], 5)
    return batch.receive()


def test_each_asker_gets_the_answer_to_its_own_question(server: socket.socket) -> None:
    batch = Batch(server, 8)
    askers = [client(server) for _ in range(3)]
    for number, asker in enumerate(askers):
        asker.send(bytes((0, number)) + b"question")
    lengths: list[int] = []
    while len(lengths) < 3:
        for index, length in enumerate(found := received(batch, server)):
            at = index * SLOT_BYTES
            batch.put(index, bytes(batch.memory[at + 2 : at + length]).upper() + b"!" * 20)
        assert batch.send(len(found), []) == len(found)
        lengths += found
    for number, asker in enumerate(askers):
        assert asker.recv(100) == bytes((0, number)) + b"QUESTION" + b"!" * 20
        asker.close()


def test_slots_without_an_answer_are_left_out(server: socket.socket) -> None:
    batch = Batch(server, 8)
    asker = client(server)
    for number in range(4):
        asker.send(bytes((0, number)))
    found = received(batch, server)
    assert len(found) == 4
    for index in (1, 3):
        batch.put(index, b"answer")
    assert batch.send(4, [0, 2]) == 2
    assert sorted(asker.recv(100) for _ in range(2)) == [b"\0\1answer", b"\0\3answer"]
    asker.send(b"\0\7")
    assert received(batch, server) == [2]
    batch.put(0, b"again")
    batch.send(1, [])
    assert asker.recv(100) == b"\0\7again"
    asker.close()


def test_an_answer_may_come_later_by_its_envelope(server: socket.socket) -> None:
    batch = Batch(server, 2)
    asker = client(server)
    asker.send(b"\0\1x")
    received(batch, server)
    assert batch.peer(0)[1] == asker.getsockname()[1]
    envelope = batch.envelope(0)
    send_one(server, envelope, b"\0\1" + b"y" * 3000)
    assert asker.recv(4000) == b"\0\1" + b"y" * 3000
    asker.close()


def test_what_is_too_long_has_no_length(server: socket.socket) -> None:
    batch = Batch(server, 2)
    asker = client(server)
    asker.send(b"x" * (SLOT_BYTES + 1))
    assert received(batch, server) == [0]
    asker.close()


def test_one_that_cannot_be_sent_does_not_hold_up_the_others(server: socket.socket) -> None:
    batch = Batch(server, 4)
    asker = client(server)
    for number in range(3):
        asker.send(bytes((0, number)))
    received(batch, server)
    for index in range(3):
        batch.put(index, b"answer")
    batch._headers[1].name_length = 1  # a peer that is none
    assert batch.send(3, []) == 2
    assert [asker.recv(100)[1] for _ in range(2)] == [0, 2]
    asker.close()


def test_on_all_addresses_the_answer_comes_from_the_one_asked() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("0.0.0.0", 0))
        batch = Batch(server, 2)
        asker = client(server, "127.0.0.77")
        asker.send(b"\0\1")
        received(batch, server)
        batch.put(0, b"at once")
        envelope = batch.envelope(0)
        batch.send(1, [])
        outgoing = Outgoing(server)
        assert outgoing.add([envelope], [b"\0\1later"])
        outgoing.flush()
        assert {asker.recv(100), asker.recv(100)} == {b"\0\1at once", b"\0\1later"}
        asker.close()


def test_more_than_one_call_takes_are_sent_together_each_to_its_asker(
    server: socket.socket,
) -> None:
    askers = [client(server) for _ in range(SLOTS + 3)]
    batch, outgoing = Batch(server, 2), Outgoing(server)
    for number, asker in enumerate(askers):
        asker.send(b"question")
        assert received(batch, server) == [8]
        assert outgoing.add([batch.envelope(0)], [b"answer " * number]) == (number == 0)
    outgoing.flush()
    outgoing.flush()  # nothing more
    for number, asker in enumerate(askers):
        assert asker.recv(4096) == b"answer " * number
        asker.close()


def test_a_connected_socket_asks_together_and_hears_together(server: socket.socket) -> None:
    with client(server) as sock:
        connected = Connected(sock)
        connected.queue += [b"%d" % number + b"?" * number for number in range(3)]
        connected.flush()
        batch = Batch(server, 4)
        lengths: list[int] = []
        while len(lengths) < 3:
            found = received(batch, server)
            for index in range(len(found)):
                batch.put(index, b"yes")
            batch.send(len(found), [])
            lengths += found
        assert lengths == [1, 2, 3]
        heard: list[bytes] = []
        while len(heard) < 3:
            select.select([sock], [], [], 5)
            heard += connected.receive()
        assert sorted(heard) == [b"0\0yes", b"1?yes", b"2?yes"]


def test_nobody_at_the_other_end_is_an_error(server: socket.socket) -> None:
    with client(server) as sock:
        connected = Connected(sock)
        server.close()
        connected.queue.append(b"?")
        connected.flush()
        select.select([sock], [], [], 5)
        with pytest.raises(ConnectionRefusedError):
            connected.receive()
