"""A wire between client and server that is cut and that stalls: after so many octets, or all at once."""

import asyncio
import time
from contextlib import suppress

from mailbot.playground.loopback import LoopbackServer

_CHUNK = 16 * 1024


class CutWire(LoopbackServer):
    """Passes octets to and fro between its own port and another of this machine."""

    def __init__(self, port: int) -> None:
        """`port`: the server's."""
        super().__init__()
        self.cuts = 0
        """Connections that were cut."""
        self._target = port
        self._fuse: int | None = None
        self._silent_until = 0.0

    def cut_after(self, octets: int) -> None:
        """Cut the connection over which so many octets more have gone, wherever in a command that is."""
        self._fuse = octets

    def stall(self, seconds: float) -> None:
        """Nothing goes through for that time; connections stay open."""
        self._silent_until = time.monotonic() + seconds

    def mend(self) -> None:
        """Pass everything."""
        self._fuse, self._silent_until = None, 0.0

    async def _open(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, self.host, self.port)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            far_reader, far_writer = await asyncio.open_connection(self.host, self._target)
            writers.append(far_writer)
            ways = [self._pass(reader, far_writer), self._pass(far_reader, writer)]
            tasks = [asyncio.ensure_future(way) for way in ways]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
        except OSError:
            pass  # the server is away
        finally:
            for each in writers:
                each.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while octets := await reader.read(_CHUNK):
                await asyncio.sleep(max(0.0, self._silent_until - time.monotonic()))
                if self._burns(len(octets)):
                    return
                writer.write(octets)
                await writer.drain()

    def _burns(self, octets: int) -> bool:
        if self._fuse is None:
            return False
        self._fuse -= octets
        if self._fuse > 0:
            return False
        self._fuse = None
        self.cuts += 1
        return True
