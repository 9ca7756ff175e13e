#!/usr/bin/env python3
"""An upstream that plays recorded bytes, for tests.

Usage: fake_ollama.py [--data DIR] [--listen HOST:PORT] [--rules FILE]

Commands are JSON objects, one a line, on stdin; each is answered by one JSON
line on stdout; the first line of all is {"port": N}.  It ends with its stdin,
unless it was given --rules FILE (a JSON list): then it runs until a signal.

  {"cmd": "rules", "rules": [...]}       replace the rules
  {"cmd": "open", "gate": "g"}           let everyone through, now and later
  {"cmd": "step", "gate": "g"}           let one waiter through
  {"cmd": "wait", "what": W, "count": N, "gate": "g", "timeout": 60}
        W: "received" requests read in full; "ended" answers that ended;
        "closed" answers whose client went away; "waiting" at a gate;
        "free" connections open and idle; "connections" open ones (at most N);
        "busy" open ones that are not idle (at most N)
  {"cmd": "requests", "last": N}         what was received, oldest first;
                                         the last N only, if given
  {"cmd": "state"}                       the numbers that "wait" waits for
  {"cmd": "reset"}                       forget rules, gates and requests

A rule; the first that matches is used, each member may be left out:

  method, path, model   what must be equal (model: of the JSON body)
  contains              a string that must be in the body
  times                 how often the rule may be used
  play                  "0.11.4/chat-stream": DATA/wire/….response
  raw                   the bytes themselves, a string of Latin-1 characters
  ndjson                {"pieces": N, "prompt": P, "eval": E, "text": T,
                         "chat": true, "interval": seconds}: a made-up stream;
                         "obey": true: at most num_predict pieces, and one
                         JSON object for a request with "stream":false
  verbatim              keep a recorded "Connection: close" (else dropped)
  cut                   "whole" (default), "bytes", "lines", "random", "reads"
                        or a list of sizes; seed: of "random"
  delay                 seconds before the first byte
  gate                  name: wait there; gate_at: after that many bytes
                        (default 0; negative: from the end)
  stop_after            stop after that many bytes (negative: from the end)
  stop                  "close" (default), "rst", or "hang"
"""

import argparse
import asyncio
import json
import os
import random
import re
import signal
import socket
import struct
import sys


class Fake:

    def __init__(self, data):
        self.data = data
        self.connections = set()
        self.accepted = 0
        self.changed = asyncio.Condition()
        self.reset()

    def reset(self):
        self.rules = []
        self.gates = {}
        self.requests = []

    async def notify(self):
        async with self.changed:
            self.changed.notify_all()

    def state(self, gate=None):
        n = {"received": len(self.requests), "ended": 0, "closed": 0}
        for r in self.requests:
            n["ended"] += r["end"] is not None
            n["closed"] += r["end"] == "peer closed"
        n["waiting"] = self.gate(gate).waiting if gate else 0
        n["connections"] = len(self.connections)
        n["free"] = sum(c.idle for c in self.connections)
        n["busy"] = n["connections"] - n["free"]
        n["accepted"] = self.accepted
        return n

    def gate(self, name):
        return self.gates.setdefault(name, Gate())

    def match(self, request):
        for rule in self.rules:
            if rule.get("times", 1) < 1:
                continue
            if any(k in rule and rule[k] != request[k]
                   for k in ("method", "path", "model")):
                continue
            if rule.get("contains", "") not in request["body"]:
                continue
            if "times" in rule:
                rule["times"] -= 1
            return rule
        return None

    def answer(self, rule, request):
        if rule is None:
            return http(404, b'{"error":"no rule for this request"}')
        if "play" in rule:
            path = os.path.join(self.data, "wire", rule["play"] + ".response")
            with open(path, "rb") as f:
                raw = f.read()
        elif "ndjson" in rule:
            return made_up(rule["ndjson"], request)
        else:
            raw = rule["raw"].encode("latin-1")
        if not rule.get("verbatim"):
            head, sep, body = raw.partition(b"\r\n\r\n")
            raw = re.sub(rb"(?i)\r\nconnection: *close(?=\r\n|$)", b"",
                         head) + sep + body
        return [raw]

    async def connected(self, reader, writer):
        c = Connection(self, reader, writer)
        self.accepted += 1
        self.connections.add(c)
        try:
            await c.run()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self.connections.discard(c)
            await self.notify()

    async def command(self, line):
        c = json.loads(line)
        cmd = c["cmd"]
        if cmd == "rules":
            self.rules = c["rules"]
        elif cmd == "open":
            self.gate(c["gate"]).open()
        elif cmd == "step":
            self.gate(c["gate"]).step()
        elif cmd == "requests":
            return {"requests": self.requests[-c.get("last", 0):]}
        elif cmd == "state":
            return self.state(c.get("gate"))
        elif cmd == "reset":
            self.reset()
        elif cmd == "wait":
            return await self.wait(c)
        else:
            raise ValueError("unknown command " + cmd)
        return {}

    async def wait(self, c):
        def reached():
            n = self.state(c.get("gate"))[c["what"]]
            if c["what"] in ("connections", "busy"):
                return n <= c["count"]
            return n >= c["count"]

        async with self.changed:
            try:
                await asyncio.wait_for(self.changed.wait_for(reached),
                                       c.get("timeout", 60))
            except asyncio.TimeoutError:
                return {"timeout": True, **self.state(c.get("gate"))}
        return self.state(c.get("gate"))


class Gate:

    def __init__(self):
        self.waiting = 0
        self.passes = asyncio.Semaphore(0)
        self.is_open = False

    def open(self):
        self.is_open = True
        for _ in range(self.waiting):
            self.passes.release()

    def step(self):
        self.passes.release()


class Connection:

    def __init__(self, fake, reader, writer):
        self.fake = fake
        self.reader = reader
        self.writer = writer
        self.idle = True
        self.ahead = None       # a read of one byte, to notice a close

    async def run(self):
        while True:
            request = await self.read_request()
            if request is None:
                return
            self.idle = False
            self.fake.requests.append(request)
            await self.fake.notify()
            self.ahead = asyncio.ensure_future(self.reader.read(1))
            self.ahead.add_done_callback(seen)
            request["end"] = await self.play(request)
            if request["end"] != "ok" or request["close"]:
                await self.fake.notify()
                return
            self.idle = True
            await self.fake.notify()

    async def read_request(self):
        first = b""
        if self.ahead is not None:
            first = await self.ahead
            self.ahead = None
            if first == b"":
                return None
        try:
            head = first + await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as e:
            if e.partial == b"":
                return None
            raise
        line, *rest = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, target, version = line.split(" ", 2)
        headers = [list(h.partition(":")[::2]) for h in rest]
        headers = [[k, v.strip()] for k, v in headers]
        find = {k.lower(): v for k, v in headers}
        if find.get("transfer-encoding", "").lower() == "chunked":
            body = await self.read_chunked()
        else:
            body = await self.reader.readexactly(
                int(find.get("content-length", 0)))
        try:
            model = json.loads(body)["model"]
        except (ValueError, KeyError, TypeError):
            model = None
        close = version == "HTTP/1.0" \
            or find.get("connection", "").lower() == "close"
        return {"n": len(self.fake.requests), "connection": self.fake.accepted,
                "method": method, "target": target,
                "path": target.partition("?")[0], "version": version,
                "headers": headers, "body": body.decode("latin-1"),
                "model": model, "close": close, "sent": 0, "end": None}

    async def read_chunked(self):
        body = b""
        while True:
            size = int((await self.reader.readline()).partition(b";")[0], 16)
            if size == 0:
                while (await self.reader.readline()) not in (b"\r\n", b""):
                    pass
                return body
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)

    async def play(self, request):
        rule = self.fake.match(request)
        parts = self.fake.answer(rule, request)
        rule = rule or {}
        raw = b"".join(parts)
        end = position(rule.get("stop_after"), len(raw), len(raw))
        gate_at = position(rule.get("gate_at"), len(raw), 0)
        interval = rule.get("ndjson", {}).get("interval", 0)

        if rule.get("delay") and not await self.pause(
                asyncio.sleep(rule["delay"])):
            return "peer closed"

        at = 0
        gate = rule.get("gate")
        for size in cuts(rule, parts, raw):
            stop = min(at + size, end)
            while at < stop:
                if gate and gate_at <= at:
                    if not await self.at_gate(gate):
                        return "peer closed"
                    gate = None
                upto = min(stop, gate_at) if gate else stop
                self.writer.write(raw[at:upto])
                request["sent"] = at = upto
                if not await self.pause(self.writer.drain()):
                    return "peer closed"
            if interval and not await self.pause(asyncio.sleep(interval)):
                return "peer closed"

        if gate and not await self.at_gate(gate):
            return "peer closed"
        if "stop_after" not in rule:
            if b"\r\nconnection: close\r\n" \
                    in raw.partition(b"\r\n\r\n")[0].lower() + b"\r\n":
                request["close"] = True
            return "ok"
        return await self.stop(rule.get("stop", "close"))

    async def pause(self, what):
        """Waits for what; false when the client went away meanwhile."""
        task = asyncio.ensure_future(what)
        await asyncio.sleep(0)
        await asyncio.wait((task, self.ahead),
                           return_when=asyncio.FIRST_COMPLETED)
        if self.ahead.done() and (self.ahead.exception()
                                  or self.ahead.result() == b""):
            task.cancel()
            return False
        try:
            await task
        except ConnectionError:
            return False
        return True

    async def at_gate(self, name):
        gate = self.fake.gate(name)
        if gate.is_open:
            return True
        gate.waiting += 1
        await self.fake.notify()
        passed = await self.pause(gate.passes.acquire())
        gate.waiting -= 1
        return passed

    async def stop(self, how):
        if how == "hang":
            await self.pause(asyncio.Event().wait())
            return "peer closed"
        if how == "rst":
            sock = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack("ii", 1, 0))
            self.writer.transport.abort()
        return "stopped"


def seen(task):
    """A reset connection is no news to anybody."""
    if not task.cancelled():
        task.exception()


def position(n, length, default):
    if n is None:
        return default
    return max(0, length + n) if n < 0 else min(n, length)


def cuts(rule, parts, raw):
    cut = rule.get("cut", "whole" if len(parts) == 1 else "parts")
    if cut == "whole":
        return [len(raw)]
    if cut == "parts":
        return [len(p) for p in parts]
    if cut == "bytes":
        return [1] * len(raw)
    if cut == "lines":
        return [len(line) for line in raw.splitlines(True)]
    if cut == "random":
        rnd = random.Random(rule.get("seed", 1))
        return sizes(lambda: rnd.choice((1, 2, 3, 7, 40, 200)), len(raw))
    if isinstance(cut, list):
        given = iter(cut)
        return sizes(lambda: next(given, len(raw)), len(raw))
    raise ValueError("unknown cut %r" % cut)


def sizes(draw, length):
    out = []
    while length > 0:
        out.append(min(draw(), length))
        length -= out[-1]
    return out


def http(status, body, kind=b"application/json; charset=utf-8"):
    return [b"HTTP/1.1 %d Status\r\nContent-Type: %s\r\nContent-Length: %d"
            b"\r\n\r\n" % (status, kind, len(body)), body]


def chunk(line):
    line = json.dumps(line, separators=(",", ":")).encode() + b"\n"
    return b"%x\r\n%s\r\n" % (len(line), line)


def made_up(spec, request):
    """Head, one chunk a line, the end: as many parts, cut between them."""
    pieces = spec.get("pieces", 10)
    text = spec.get("text", " piece")
    reason = "stop"
    stream = True

    if spec.get("obey"):
        asked = json.loads(request["body"])
        cap = (asked.get("options") or {}).get("num_predict", -1)
        stream = asked.get("stream", True)
        if 0 < cap <= pieces:
            pieces = cap
            reason = "length"

    base = {"model": request["model"] or "llama3",
            "created_at": "2026-11-22T08:00:00.000000000Z"}

    def content(t):
        if spec.get("chat", request["path"].endswith("chat")):
            return {"message": {"role": "assistant", "content": t}}
        return {"response": t}

    out = [b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
           b"Transfer-Encoding: chunked\r\n\r\n"]
    out += [chunk({**base, **content(text), "done": False})] * pieces
    done = {**base, **content("" if stream else text * pieces),
            "done_reason": reason, "done": True,
            "total_duration": 1000000, "load_duration": 1000}
    if spec.get("prompt", 10):
        done["prompt_eval_count"] = spec.get("prompt", 10)
    if spec.get("eval", pieces):
        done["eval_count"] = spec.get("eval", pieces)
    if not stream:
        return http(200, json.dumps(done, separators=(",", ":")).encode())
    return out + [chunk(done), b"0\r\n\r\n"]


async def commands(fake):
    loop = asyncio.get_running_loop()
    stdin = asyncio.StreamReader(limit=1 << 26)
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    while line := await stdin.readline():
        try:
            reply = await fake.command(line)
            await fake.notify()
        except (ValueError, KeyError) as e:
            reply = {"error": "%s: %s" % (type(e).__name__, e)}
        print(json.dumps(reply), flush=True)


async def main():
    here = os.path.dirname(os.path.abspath(__file__))
    args = argparse.ArgumentParser()
    args.add_argument("--data", default=os.path.join(here, "..", "data"))
    args.add_argument("--listen", default="127.0.0.1:0")
    args.add_argument("--rules")
    args = args.parse_args()

    fake = Fake(args.data)
    host, _, port = args.listen.rpartition(":")
    server = await asyncio.start_server(fake.connected, host, int(port),
                                        backlog=1024)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"port": port}), flush=True)

    if args.rules is None:
        await commands(fake)
    else:
        with open(args.rules) as f:
            fake.rules = json.load(f)
        await asyncio.Event().wait()
    os._exit(0)


signal.signal(signal.SIGINT, signal.SIG_DFL)
asyncio.run(main())
