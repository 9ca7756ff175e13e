#!/usr/bin/env python3
"""An Ollama for the torture: plays recorded answers at some pace.

    upstream.py SEED

Says its port on the standard output.  The prompt of a request has "torture N"
in it: what is answered is a function of SEED and N, and the journal is kept
by N.  An "honest" one obeys its cap, and a token has four bytes.  A line with the name of a file on the standard input has the journal
written there as JSON, {N: {"count": how often it came, "prompt", "eval",
"status", "sent": was the answer sent to its end}}.
"""

import asyncio
import json
import os
import random
import re
import signal
import sys

import wire

HERE = os.path.dirname(os.path.abspath(__file__))
LAST = b"0000"
MARKER = re.compile(rb"torture (\d+)( honest)?( long)?")

ERROR = (b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: "
         b"application/json; charset=utf-8\r\nContent-Length: 15\r\n\r\n"
         b'{"error":"bad"}')


class Answer:

    def __init__(self, raw, prompt, completion, status=200):
        self.raw = raw
        self.entry = {"count": 0, "prompt": prompt, "eval": completion,
                      "status": status, "sent": False}
        self.stop = len(raw)     # closed there


class Ollama:

    def __init__(self, seed):
        self.seed = seed
        self.tape = wire.recordings(os.path.join(HERE, "..", "data", "wire"))
        self.journal = {}

    async def connected(self, reader, writer):
        try:
            while await self.one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def one(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        line, headers = wire.head(head)
        body = await reader.readexactly(int(headers["content-length"]))
        asked = json.loads(body)
        route = line.split()[1].rpartition("/")[2]

        n, honest, long = MARKER.search(body).groups()
        rnd = random.Random("%d/%d" % (self.seed, int(n)))
        answer = made_up(rnd, route, False, asked, True, False) \
            if n == LAST else self.answer(rnd, route, asked,
                                          honest is not None,
                                          long is not None)

        entry = self.journal.setdefault(int(n), answer.entry)
        entry["count"] += 1
        entry["sent"] = False

        return await self.play(reader, writer, rnd, answer)

    def answer(self, rnd, route, asked, honest, long):
        stream = asked.get("stream", True)
        kind = rnd.random()

        if kind < 0.02:
            return Answer(ERROR, 0, 0, 500)

        if honest or long or kind < 0.5:
            answer = made_up(rnd, route, stream, asked, honest, long)
        else:
            r = rnd.choice(self.tape[route, stream])
            answer = Answer(r.raw, *r.counts)

        # it dies on the way
        if kind > 0.98:
            answer.stop = rnd.randrange(len(answer.raw))

        return answer

    async def play(self, reader, writer, rnd, answer):
        cuts = sorted(rnd.randrange(len(answer.raw))
                      for _ in range(rnd.randrange(12)))
        seconds = rnd.choice((0, 0, rnd.uniform(0.02, 0.3),
                              rnd.uniform(0.1, 1)))
        at = 0

        for cut in cuts + [len(answer.raw)]:
            writer.write(answer.raw[at:min(cut, answer.stop)])
            await writer.drain()
            at = cut

            if at >= answer.stop and answer.stop < len(answer.raw):
                return False

            if seconds and at < len(answer.raw):
                await asyncio.sleep(seconds / len(cuts))

            if reader.at_eof():
                return False

        answer.entry["sent"] = True

        return True


def made_up(rnd, route, stream, asked, honest, long):
    """An answer with counts that hardly any other one has."""
    pieces = rnd.randrange(100, 400) if long else rnd.randrange(1, 40)
    text = "x" * (rnd.randrange(200, 800) if long else rnd.randrange(1, 30))
    prompt = 1000 + rnd.randrange(9000)

    if honest:
        pieces = min(pieces, asked["options"]["num_predict"])
        prompt = 1 + len(json.dumps(asked.get("messages")
                                    or asked["prompt"])) // 4

    base = {"model": asked["model"], "created_at": "2026-11-22T08:00:00.000000000Z"}
    end = {"done": True, "done_reason": "stop", "total_duration": 1000000,
           "prompt_eval_count": prompt, "eval_count": pieces}

    def content(t):
        if route == "chat":
            return {"message": {"role": "assistant", "content": t}}
        return {"response": t}

    if not stream:
        body = json.dumps({**base, **content(text * pieces), **end}).encode()
        return Answer(b"HTTP/1.1 200 OK\r\nContent-Type: application/json; "
                      b"charset=utf-8\r\nContent-Length: %d\r\n\r\n%s"
                      % (len(body), body), prompt, pieces)

    lines = [{**base, **content(text), "done": False}] * pieces
    lines.append({**base, **content(""), **end})
    out = [b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
           b"Transfer-Encoding: chunked\r\n\r\n"]

    for line in lines:
        line = json.dumps(line).encode() + b"\n"
        out.append(b"%x\r\n%s\r\n" % (len(line), line))

    return Answer(b"".join(out) + b"0\r\n\r\n", prompt, pieces)


async def commands(ollama):
    stdin = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)

    while line := await stdin.readline():
        with open(line.decode().rstrip("\n"), "w", encoding="ascii") as out:
            json.dump(ollama.journal, out)
        print("written", flush=True)


async def main():
    ollama = Ollama(int(sys.argv[1]))
    server = await asyncio.start_server(ollama.connected, "127.0.0.1", 0,
                                        backlog=1024)

    print(server.sockets[0].getsockname()[1], flush=True)
    await commands(ollama)
    os._exit(0)


signal.signal(signal.SIGINT, signal.SIG_IGN)
asyncio.run(main())
