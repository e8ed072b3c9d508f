"""Programs on either side of a load balancer, run alone in a namespace (standard library only).

serve PORT [proxy]      answers HTTP with who it is, whom it sees, and the request it got; with
                        `proxy` it wants a PROXY header first (versions 1 and 2)
echo PORT NAME          answers datagrams with its name and whom it sees
datagram ADDRESS PORT   sends one, and prints the answer
flow ADDRESS PORT       sends a datagram every 5 ms from one socket, until a line comes; what is
                        on its way then is waited for
ask ADDRESS PORT LONG   opens a connection with one request in it every 5 ms, until a line
                        comes; LONG connections go on all the while, with one every 20 ms
"""

import asyncio
import contextlib
import json
import socket
import struct
import sys
import time

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
EVERY_S, LONG_EVERY_S, TIMEOUT_S = 0.005, 0.02, 1.0
LAST_S = 5.0  # for the last datagrams' answers


async def serve(port: int, wants_proxy: bool) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told = await proxied(reader) if wants_proxy else ""
        try:
            while True:
                raw = await reader.readuntil(b"\r\n\r\n")
                request, *headers = raw.decode("latin-1").splitlines()
                said = {
                    "member": writer.get_extra_info("sockname")[0],
                    "from": writer.get_extra_info("peername")[0],
                    "proxied": told,
                    "request": request,
                    "headers": [header for header in headers if header],
                }
                body = json.dumps(said).encode()
                status = "200 OK" if "/broken" not in request else "500 Broken"
                head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + (b"" if request.startswith("HEAD") else body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    servers = [
        await asyncio.start_server(talk, host, port, backlog=1024) for host in ("0.0.0.0", "::")
    ]
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def proxied(reader: asyncio.StreamReader) -> str:
    """The client's address and port as the header says."""
    first = await reader.readexactly(12)
    if first == SIGNATURE:
        _, family, length = struct.unpack("!BBH", await reader.readexactly(4))
        raw = await reader.readexactly(length)
        size, kind = (4, socket.AF_INET) if family >> 4 == 1 else (16, socket.AF_INET6)
        source = socket.inet_ntop(kind, raw[:size])
        return f"{source} {int.from_bytes(raw[2 * size : 2 * size + 2], 'big')}"
    words = (first + await reader.readuntil(b"\r\n")).decode().split()
    return f"{words[2]} {words[4]}"


class Asker:
    def __init__(self, address: str, port: int) -> None:
        self.address, self.port = address, port
        self.asked = self.failed = self.resets = self.stalls = 0
        self.outage_s, self.last = 0.0, time.monotonic()

    async def once(self) -> None:
        began = time.monotonic()
        self.asked += 1
        try:
            async with asyncio.timeout(TIMEOUT_S):
                reader, writer = await asyncio.open_connection(self.address, self.port)
                try:
                    await self.request(reader, writer)
                finally:
                    writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            self.failed += 1
        else:
            if began > self.last:
                self.outage_s = max(self.outage_s, began - self.last)
                self.last = began

    async def request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether there may be another one on the connection: the answer says if it is the last."""
        writer.write(b"GET / HTTP/1.1\r\nHost: probe\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise ValueError(head)
        length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-l"))
        await reader.readexactly(int(length.split(b":")[1]))
        return b"connection: close" not in head.lower()

    async def long(self) -> None:
        reader, writer = await asyncio.open_connection(self.address, self.port)
        try:
            while True:
                async with asyncio.timeout(3 * TIMEOUT_S):
                    goes_on = await self.request(reader, writer)
                if not goes_on:
                    writer.close()
                    reader, writer = await asyncio.open_connection(self.address, self.port)
                await asyncio.sleep(LONG_EVERY_S)
        except TimeoutError:
            self.stalls += 1
        except (OSError, asyncio.IncompleteReadError, ValueError):
            self.resets += 1
        finally:
            writer.close()


async def ask(address: str, port: int, long: int) -> None:
    asker = Asker(address, port)
    longs = [asyncio.create_task(asker.long()) for _ in range(long)]
    tasks: set[asyncio.Task[None]] = set()
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await asker.once()
    print("ready", flush=True)
    due = asker.last = time.monotonic()
    while not ended.done():
        due = max(due + EVERY_S, time.monotonic() - 1.0)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        task = asyncio.create_task(asker.once())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    for task in longs:
        task.cancel()
    said = {k: getattr(asker, k) for k in ("asked", "failed", "resets", "stalls", "outage_s")}
    print(json.dumps(said), flush=True)


async def echo(port: int, name: str) -> None:
    loop = asyncio.get_running_loop()
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.bind(("0.0.0.0", port))
    own.setblocking(False)
    print("ready", flush=True)
    while True:
        _, client = await loop.sock_recvfrom(own, 2048)
        said = json.dumps({"member": name, "from": client[0]})
        await loop.sock_sendto(own, said.encode(), client)


def datagram(address: str, port: int) -> None:
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.settimeout(10.0)
    own.connect((address, port))
    own.send(b"?")
    print(own.recv(2048).decode())


async def flow(address: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.connect((address, port))
    own.setblocking(False)
    asked = answered = refused = 0

    async def listen(rest: bool = False) -> None:
        nonlocal answered, refused
        while not rest or answered + refused < asked:
            try:
                await loop.sock_recv(own, 2048)
                answered += 1
            except ConnectionRefusedError:
                refused += 1

    ended = loop.run_in_executor(None, sys.stdin.readline)
    listening = asyncio.create_task(listen())
    print("ready", flush=True)
    while not ended.done():
        with contextlib.suppress(ConnectionRefusedError):
            own.send(b"?")
            asked += 1
        await asyncio.sleep(EVERY_S)
    listening.cancel()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LAST_S):
            await listen(rest=True)
    print(json.dumps({"asked": asked, "answered": answered, "refused": refused}), flush=True)


def main() -> None:
    match sys.argv[1:]:
        case ["serve", port, *options]:
            asyncio.run(serve(int(port), "proxy" in options))
        case ["echo", port, name]:
            asyncio.run(echo(int(port), name))
        case ["datagram", address, port]:
            datagram(address, int(port))
        case ["flow", address, port]:
            asyncio.run(flow(address, int(port)))
        case ["ask", address, port, long]:
            asyncio.run(ask(address, int(port), int(long)))


if __name__ == "__main__":
    main()
