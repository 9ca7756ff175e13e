"""The clients: many requests at a time, each with an entry in the journal."""

import asyncio
import json
import random
import socket
import struct

import wire

HUNG = 30            # seconds that an answer may take at most

PREFIXES = ("/api/ai-service", "/api/ai-service", "/cut", "/post")

# path, what is asked, does it stream when nothing is said
ROUTES = (("/chat", "chat", False), ("/generate", "generate", False),
          ("/api/chat", "chat", True), ("/api/generate", "generate", True))

MODELS = ("llama3", "llama2:7b", "mistral", "mixtral:8x7b", "gemma:2b", "phi3")


class Request:
    """What this client knows of one request."""

    def __init__(self, n, rnd, keys):
        self.n = n
        self.key = rnd.choices(keys, [k["weight"] for k in keys])[0]
        self.prefix = self.key["prefix"] or rnd.choice(PREFIXES)
        self.path, self.route, native = rnd.choice(ROUTES)
        self.path = self.prefix + self.path
        self.stream = rnd.choice((True, False, None))
        self.streams = native if self.stream is None else self.stream
        self.model = rnd.choice(MODELS)
        self.padding = rnd.choice((0, 0, 10, 100, 2000, 30000))

        kind = rnd.random()
        self.slow = kind < 0.08
        self.abort_after = rnd.randrange(3000) if kind > 0.9 else None
        self.abort_at = rnd.uniform(0, 0.3) if 0.85 < kind <= 0.9 else None
        self.reset = rnd.random() < 0.5
        self.keep = rnd.random() < 0.6

        self.sent = False        # the last byte of the request
        self.id = None
        self.status = 0
        self.worker = None
        self.whole = False       # the last byte of an answer that is good
        self.counts = None
        self.done_reason = None
        self.code = None         # of an error, also in the middle
        self.end = "running"

    @property
    def aborts(self):
        return self.abort_after is not None or self.abort_at is not None

    def body(self):
        text = "torture %d%s%s%s" % (
            self.n, " honest" if self.prefix == "/strict" else "",
            " long" if self.slow else "", " x" * (self.padding // 2))
        asked = {"model": self.model}

        if self.route == "chat":
            asked["messages"] = [{"role": "user", "content": text}]
        else:
            asked["prompt"] = text

        if self.stream is not None:
            asked["stream"] = self.stream

        return json.dumps(asked).encode()

    def bytes(self):
        body = self.body()

        return b"POST %s HTTP/1.1\r\nHost: torture\r\nX-API-Key: %s\r\n" \
               b"%sContent-Length: %d\r\n\r\n%s" \
               % (self.path.encode(), self.key["key"].encode(),
                  b"" if self.keep else b"Connection: close\r\n",
                  len(body), body)


class Aborted(Exception):
    """The client has had enough."""


class Connection:

    def __init__(self, reader, writer, slow):
        self.reader = reader
        self.writer = writer
        self.slow = slow
        self.rest = b""

    @classmethod
    async def open(cls, port, slow):
        s = socket.socket()
        s.setblocking(False)

        if slow:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

        try:
            await asyncio.get_running_loop().sock_connect(
                s, ("127.0.0.1", port))
            return cls(*await asyncio.open_connection(sock=s, limit=4096),
                       slow)
        except OSError:
            s.close()
            raise

    async def read(self):
        if self.rest:
            data, self.rest = self.rest, b""
            return data

        if self.slow:
            await asyncio.sleep(0.005)

        return await self.reader.read(1024 if self.slow else 65536)

    def close(self, reset=False):
        s = self.writer.get_extra_info("socket")

        # asyncio may have closed it: the other side was first
        if reset and s.fileno() != -1:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                         struct.pack("ii", 1, 0))
            self.writer.transport.abort()
        else:
            self.writer.close()


class Load:

    def __init__(self, port, keys, seed, clients):
        self.port = port
        self.keys = keys
        self.seed = seed
        self.clients = clients
        self.requests = []
        self.answers = 0         # whole ones
        self.stopping = False
        self.tasks = []

    def start(self):
        self.tasks = [asyncio.ensure_future(self.client(i))
                      for i in range(self.clients)]

    async def stop(self):
        """Ends when each client has had its last answer, or will not."""
        self.stopping = True
        await asyncio.wait(self.tasks, timeout=2 * HUNG)

        for task in self.tasks:
            task.cancel()

        for end in await asyncio.gather(*self.tasks, return_exceptions=True):
            if isinstance(end, Exception):
                raise end

    async def client(self, i):
        rnd = random.Random("%d/client %d" % (self.seed, i))
        connection = None
        k = 0

        while not self.stopping:
            r = Request(i * 1000000 + k, rnd, self.keys)
            k += 1

            if connection is None or r.slow:
                if connection is not None:
                    connection.close()
                connection = await self.connect(r.slow)
                if connection is None:
                    return

            self.requests.append(r)

            if not await self.one(connection, r) or r.slow:
                connection.close(r.aborts and r.reset)
                connection = None

            # nothing is served to one who has nothing left
            if r.status in (429, 503):
                await asyncio.sleep(0.02)

        if connection is not None:
            connection.close()

    async def connect(self, slow):
        """Again and again, while nginx is down."""
        while not self.stopping:
            try:
                return await Connection.open(self.port, slow)
            except OSError:
                await asyncio.sleep(0.01)

        return None

    async def one(self, connection, r):
        """True if the connection is good for another request."""
        limit = r.abort_at if r.abort_at is not None else HUNG

        try:
            await asyncio.wait_for(self.exchange(connection, r), limit)
        except asyncio.TimeoutError:
            r.end = "hung" if r.abort_at is None else "aborted"
            return False
        except Aborted:
            r.end = "aborted"
            return False
        except wire.Broken as e:
            r.end = "broken: %s" % e
            return False
        except OSError:
            r.end = "torn"
            return False

        self.answers += r.whole

        return r.keep and r.end == "complete"

    async def exchange(self, connection, r):
        connection.writer.write(r.bytes())
        r.sent = True
        await connection.writer.drain()

        head = b""

        while b"\r\n\r\n" not in head:
            data = await connection.read()
            if data == b"":
                r.end = "torn"
                return
            head += data

        head, _, rest = head.partition(b"\r\n\r\n")
        line, headers = wire.head(head)

        r.status = int(line.split()[1])
        r.id = headers.get("x-request-id")
        r.worker = headers.get("x-worker")

        if headers.get("connection") == "close":
            r.keep = False

        body = wire.Body(headers)
        connection.rest = body.feed(rest)

        while not body.whole:
            if r.abort_after is not None and len(body.data) >= r.abort_after:
                raise Aborted

            data = await connection.read()
            if data == b"":
                r.end = "torn"
                return
            connection.rest = body.feed(data)

        finish(r, body.data)


def finish(r, data):
    final = wire.last_object(data)

    r.end = "complete"
    r.code = final.get("code")

    if r.status == 200 and final.get("done") is True:
        r.whole = True
        r.counts = wire.counts(final)
        r.done_reason = final.get("done_reason")
