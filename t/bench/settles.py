"""What a charge on the disk costs: core alone, each durability mode over HTTP,
how long the last bytes are held, and a slow disk beside the event loop."""

import http.client
import json
import os
import socket
import statistics
import subprocess
import threading
import time

import servers
import state

MODES = ("sync", "nometasync", "async")
CONNECTIONS = 32
HELD = 400             # streams whose end is timed
INTERVAL_MS = 20       # between the pieces of a slow stream
DELAY_MS = 50          # of a slow fdatasync
PROBES = 300


def core(bench, result, seconds):
    """build/settle: four processes, no HTTP."""
    program = os.path.join(bench.top, "build", "settle")
    out = subprocess.run(
        [program, "--json", "--seconds", str(seconds),
         bench.directory.file("core")],
        check=True, stdout=subprocess.PIPE, text=True).stdout
    rows = [json.loads(line) for line in out.splitlines()]

    result.title("Settles by core alone, 4 processes (fdatasync of 4 KiB: "
                 "median %.3f ms)" % rows[0]["sync"])
    result.begin(("sync", 10), ("offered/s", 9), ("settles/s", 9),
                 ("p50 ms", 8), ("p99 ms", 8), ("p50/fdatasync", 13),
                 ("a commit", 8))

    for r in rows[:-1]:
        result.cells(r["mode"], r["offered"] or "all", "%.0f" % r["rate"],
                     "%.2f" % r["p50"], "%.2f" % r["p99"],
                     "%.1f" % (r["p50"] / r["sync"]), "%.1f" % r["each"])

    cost = rows[-1]
    result.line("CPU of the loop, µs a request: auth %.2f, sums %.2f, "
                "admission %.2f, together %.2f; final %.2f, release %.2f"
                % tuple(v / 1000 for v in (
                    cost["auth"], cost["sums"], cost["admit"],
                    cost["auth"] + cost["sums"] + cost["admit"],
                    cost["final"], cost["release"])))


def modes(bench, result, body, stream, seconds):
    upstream = bench.upstream()
    result.title("One worker with the module, JSON, %d connections; streams "
                 "one after the other" % CONNECTIONS)
    result.begin(("sync", 10), ("requests/s", 10), ("p50 ms", 8),
                 ("p99 ms", 8), ("CPU µs/req", 10), ("held p50 ms", 11),
                 ("held p99 ms", 11))

    bare = bench.bare(upstream)
    row(result, "bare", bare.measure(body, CONNECTIONS, seconds),
        held(bare, stream))
    bare.stop()

    for mode in MODES:
        nginx = bench.module(upstream, sync=mode)
        row(result, mode, nginx.measure(body, CONNECTIONS, seconds),
            held(nginx, stream))
        nginx.stop()

    upstream.stop()


def row(result, name, v, times):
    result.cells(name, "%.0f" % v["rate"], "%.2f" % v["p50"],
                 "%.2f" % v["p99"], "%.1f" % v["cpu"],
                 "%.2f" % middle(times), "%.2f" % late(times))


def held(nginx, body):
    """From the first bytes, which the upstream sends with the last ones, to
    the end of the answer: ms of each stream."""
    times = []

    for _ in range(HELD):
        arrived = pieces(nginx, body)
        times.append((arrived[-1] - arrived[0]) * 1000)

    return times


def pieces(nginx, body):
    """When the bytes of an answer came, the end of it included."""
    s = socket.create_connection(("127.0.0.1", nginx.port))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.sendall(("POST %s HTTP/1.1\r\nHost: localhost\r\n"
               "Authorization: Bearer %s\r\nConnection: close\r\n"
               "Content-Type: application/json\r\n"
               "Content-Length: %d\r\n\r\n%s"
               % (servers.PATH, nginx.key, len(body), body)).encode())
    times, last = [], b""

    while True:
        piece = s.recv(65536)
        if not piece:
            break
        times.append(time.monotonic())
        last = (last + piece)[-7:]

    s.close()

    if last != b"\r\n0\r\n\r\n":
        raise state.Problem("a stream through %s nginx did not end"
                            % nginx.name)

    return times


def slow_disk(bench, result, body, stream):
    """What has nothing to write, while every charge waits for the disk."""
    upstream = bench.upstream(interval_ms=INTERVAL_MS)
    faults = bench.faults()
    nginx = bench.module(upstream, env=faults.env())

    result.title("One worker, charges of 16 connections under way; fdatasync "
                 "as it is, and %d ms slower" % DELAY_MS)
    result.begin(("", 22), ("p50 ms", 8), ("p99 ms", 8), ("p50, slow", 9),
                 ("p99, slow", 9))

    columns = []

    for lines in ((), ("fdatasync delay %d" % DELAY_MS,)):
        faults.set(*lines)
        with load(nginx, body):
            time.sleep(0.3)
            columns.append({
                "a 401": probe(nginx, "/api/ai-service/usage", "aik_x"),
                "GET /usage": probe(nginx, "/api/ai-service/usage",
                                    nginx.key),
                "pieces of a stream": spacing(nginx, stream),
                "a charged request": charged(nginx, body)})

    faults.set()

    for name, fast in columns[0].items():
        slow = columns[1][name]
        result.cells(name, "%.2f" % middle(fast), "%.2f" % late(fast),
                     "%.2f" % middle(slow), "%.2f" % late(slow))

    result.line("pieces of a stream: the upstream sends one every %d ms"
                % INTERVAL_MS)
    nginx.stop()
    upstream.stop()


class load:
    """Requests that are charged, as many as go, from 16 connections."""

    def __init__(self, nginx, body):
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.run,
                                         args=(nginx, body), daemon=True)
                        for _ in range(16)]

    def run(self, nginx, body):
        c = http.client.HTTPConnection("127.0.0.1", nginx.port, timeout=30)

        while not self.stop.is_set():
            request(c, "POST", servers.PATH, nginx.key, body)
            # the processors are for those who are measured
            self.stop.wait(0.02)

        c.close()

    def __enter__(self):
        for t in self.threads:
            t.start()

    def __exit__(self, *_):
        self.stop.set()
        for t in self.threads:
            t.join()


def request(c, method, path, key, body=None):
    start = time.monotonic()
    c.request(method, path, body, {"Authorization": "Bearer " + key,
                                   "Content-Type": "application/json"})
    answer = c.getresponse()
    answer.read()

    return answer.status, (time.monotonic() - start) * 1000


def probe(nginx, path, key):
    c = http.client.HTTPConnection("127.0.0.1", nginx.port, timeout=30)
    times = [request(c, "GET", path, key)[1] for _ in range(PROBES)]
    c.close()

    return times


def charged(nginx, body):
    c = http.client.HTTPConnection("127.0.0.1", nginx.port, timeout=30)
    times = []

    for _ in range(20):
        status, ms = request(c, "POST", servers.PATH, nginx.key, body)
        if status != 200:
            raise state.Problem("a charged request: %d" % status)
        times.append(ms)

    c.close()

    return times


def spacing(nginx, stream):
    """Between pieces; the last one waits for the disk and is left out."""
    times = []

    for _ in range(3):
        at = pieces(nginx, stream)[:-2]
        times += [(b - a) * 1000 for a, b in zip(at, at[1:])]

    return times


def middle(times):
    return statistics.median(times)


def late(times):
    return sorted(times)[len(times) * 99 // 100]
