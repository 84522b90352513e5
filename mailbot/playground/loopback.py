"""A server on a thread and an event loop of its own, reachable from this machine alone."""

import asyncio
import ipaddress
import ssl
import threading
from abc import ABC, abstractmethod
from concurrent.futures import Future
from typing import Self


class LoopbackServer(ABC):
    """Start, stop, and the address in between. May be started again: it comes back on the same port."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        """Port 0: the kernel chooses. `tls`: what a subclass does with it is its own affair.

        Raises ValueError unless `host` is a loopback address.
        """
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"the playground serves this machine alone, not {host}")
        self.host = host
        self.port = port
        self.tls = tls
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop
        self._serving: asyncio.Task[None] | None = None
        self._stopping: asyncio.Event

    @abstractmethod
    async def _open(self) -> asyncio.Server:
        """Begin to listen."""

    def start(self) -> Self:
        """Return when connections are accepted. Raises OSError if the port is taken."""
        ready: Future[int] = Future()
        thread = threading.Thread(target=self._run, args=(ready,), name=type(self).__name__, daemon=True)
        thread.start()
        self.port = ready.result()
        self._thread = thread
        return self

    def stop(self) -> None:
        """End all connections and the thread. May be called twice."""
        if self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._thread = None

    def drop_connections(self) -> None:
        """Cut every connection without a word and go on listening. Raises RuntimeError if the server is stopped."""
        if self._thread is None:
            raise RuntimeError("the server is not running")
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        """Stop."""
        self.stop()

    def _run(self, ready: Future[int]) -> None:
        try:
            asyncio.run(self._serve(ready))
        except OSError as problem:
            if ready.done():
                raise
            ready.set_exception(problem)

    async def _serve(self, ready: Future[int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._serving = asyncio.current_task()
        self._stopping = asyncio.Event()
        server = await self._open()
        ready.set_result(server.sockets[0].getsockname()[1])
        await self._stopping.wait()
        server.close()
        await self._cut()

    async def _cut(self) -> None:
        """Every task of this loop but the two that are ours is a connection, or one that is just being accepted."""
        ours = {self._serving, asyncio.current_task()}
        await asyncio.sleep(0)  # a task that has not begun would never close its socket
        while connections := asyncio.all_tasks() - ours:
            for connection in connections:
                connection.cancel()
            await asyncio.gather(*connections, return_exceptions=True)
            await asyncio.sleep(0)  # the transports close in the loop's next turn
