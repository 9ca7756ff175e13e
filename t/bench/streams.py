"""Many slow streams at once through one worker: do all end, what do they hold.
"""

import asyncio
import resource
import time

import machine
import servers
import state

INTERVAL_MS = 100
SECONDS = 60 * INTERVAL_MS / 1000      # of one stream
LAST = b'"done":true'


def run(server, count, body):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    if hard < count + 100:
        raise state.Problem("%d streams need more than the %d files that "
                            "this user may open" % (count, hard))

    return asyncio.run(all_streams(server, count, body))


async def all_streams(server, count, body):
    # what a first stream makes once is not what a stream holds
    await stream(server, body, asyncio.Event(), None)

    before, before_own = machine.memory(server.worker)
    under_way = asyncio.Semaphore(0)
    go = asyncio.Event()

    start = time.monotonic()
    tasks = [asyncio.create_task(stream(server, body, go, under_way))
             for _ in range(count)]

    # all have their first lines and none its last: that is the moment
    for _ in range(count):
        await under_way.acquire()

    now, now_own = machine.memory(server.worker)
    seconds = time.monotonic() - start
    go.set()
    whole = sum(await asyncio.gather(*tasks))

    if whole != count:
        raise state.Problem("%d of %d streams through %s nginx did not end "
                            "as they should" % (count - whole, count,
                                                server.name))

    if seconds > SECONDS:
        raise state.Problem("%d streams did not begin before the first one "
                            "ended" % count)

    return {"name": server.name, "streams": count, "whole": whole,
            "before": before, "during": now,
            "each": (now - before) / count,
            "each_own": (now_own - before_own) / count}


async def stream(server, body, go, under_way):
    """1 when the answer came whole: the last line and the last chunk."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)

    writer.write(("POST %s HTTP/1.1\r\nHost: localhost\r\n"
                  "Authorization: Bearer %s\r\nConnection: close\r\n"
                  "Content-Type: application/json\r\n"
                  "Content-Length: %d\r\n\r\n%s"
                  % (servers.PATH, server.key, len(body), body)).encode())

    answer = b""

    while answer.count(b"\n{") < 3:
        piece = await reader.read(65536)
        if not piece:
            break
        answer += piece

    if under_way is not None:
        under_way.release()
        await go.wait()

    answer += await reader.read()
    writer.close()

    return answer.startswith(b"HTTP/1.1 200 ") and LAST in answer \
        and answer.endswith(b"\r\n0\r\n\r\n")
