"""Servers on a thread of their own: start, stop, start again, and never beyond this machine."""

import socket
import threading

import pytest

from mailbot.playground.accounts import Store
from mailbot.playground.imap import ImapServer
from mailbot.playground.loopback import LoopbackServer
from mailbot.playground.smtp import SmtpServer


@pytest.fixture(params=[ImapServer, SmtpServer])
def server(request: pytest.FixtureRequest) -> LoopbackServer:
    made: LoopbackServer = request.param(Store())
    return made


def connect(server: LoopbackServer) -> socket.socket:
    return socket.create_connection((server.host, server.port), 5)


def hung_up(connection: socket.socket) -> bool:
    try:
        return connection.recv(1000) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_other_machines_are_not_served(host: str) -> None:
    with pytest.raises(ValueError, match="this machine alone"):
        ImapServer(Store(), host=host)


def test_the_kernel_chooses_the_port(server: LoopbackServer) -> None:
    with server, connect(server) as connection:
        assert server.port > 0
        assert connection.recv(1000)


def test_comes_back_on_the_same_port(server: LoopbackServer) -> None:
    with server:
        port = server.port
        connection = connect(server)
        assert connection.recv(1000)
        server.stop()
        assert hung_up(connection)
        connection.close()
        with pytest.raises(ConnectionRefusedError):
            connect(server)
        server.start()
        assert server.port == port
        with connect(server) as again:
            assert again.recv(1000)


def test_a_port_that_is_taken(server: LoopbackServer) -> None:
    with server, pytest.raises(OSError, match="in use"):
        ImapServer(Store(), port=server.port).start()


def test_drops_connections_and_goes_on(server: LoopbackServer) -> None:
    with server, connect(server) as connection:
        assert connection.recv(1000)
        server.drop_connections()
        assert hung_up(connection)
        with connect(server) as again:
            assert again.recv(1000)


def test_leaves_no_thread_behind(server: LoopbackServer) -> None:
    before = threading.active_count()
    with server, connect(server):
        pass
    server.stop()
    assert threading.active_count() == before


def test_dropping_needs_a_running_server(server: LoopbackServer) -> None:
    with pytest.raises(RuntimeError):
        server.drop_connections()
