"""A server of calendars that a test tells what to answer, byte by byte."""

import asyncio
from contextlib import asynccontextmanager, suppress


class CalendarServer:
    """Answers each path with what `answers` has for it: bytes, or a coroutine function that writes them itself."""

    def __init__(self, port):
        self.port = port
        self.answers, self.requests = {}, []

    def url(self, path="/busy.ics", host="127.0.0.1"):
        return f"http://{host}:{self.port}{path}"

    def calendar(self, *events, path="/busy.ics", etag=""):
        """Serve a calendar of (start, end) or of written events; 304 for who knows its etag."""
        body = calendar(*events)
        head = f"ETag: {etag}\r\n" if etag else ""

        async def write(writer, headers):
            known = etag and headers.get("if-none-match") == etag
            writer.write(answer(b"", head, "304 Not Modified") if known else answer(body, head))

        self.answers[path] = write

    async def handle(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            path = head[0].split(" ")[1]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
            self.requests.append((path, headers))
            found = self.answers.get(path, answer(b"", status="404 Not Found"))
            if isinstance(found, bytes):
                writer.write(found)
            else:
                await found(writer, headers)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


def answer(body, head="", status="200 OK"):
    return (
        f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{head}Connection: close\r\n\r\n".encode() + body
    )


def redirect(location):
    return answer(b"", f"Location: {location}\r\n", "302 Found")


def calendar(*events):
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//T//EN"]
    for number, event in enumerate(events):
        written = event if isinstance(event, str) else f"UID:{number}\n{times(*event)}"
        lines += ["BEGIN:VEVENT", *written.split("\n"), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def times(start, end):
    return f"DTSTART:{start:%Y%m%dT%H%M%SZ}\nDTEND:{end:%Y%m%dT%H%M%SZ}"


@asynccontextmanager
async def calendar_server(port, address="127.0.0.1"):
    server = CalendarServer(port)
    running = await asyncio.start_server(server.handle, address, port)
    try:
        yield server
    finally:
        running.close()
