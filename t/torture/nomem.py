#!/usr/bin/env python3
"""nginx without memory: the n-th allocation of a request fails, for every n.

A worker serves each kind of request again and again; the n-th allocation of
any of its threads fails (nomem.c), for n = 1 and on until the request is
over before; once with that one alone, once with all after it failing too
until the client has its end.  Each time the worker must live, the connection
must end, and the next request must be served.  At the end: an answer that was
whole is in the ledger once, with its counts; no record is there twice or of
nobody.

  nomem.py [NAME ...]   kinds of requests, default all
  NOMEM_STEP=n          the first eight n, then about every n-th; default 1
"""

import json
import mmap
import os
import socket
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))

sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(TOP, "tools", "demo"), HERE]

import client   # noqa: E402
import server   # noqa: E402
import state    # noqa: E402

STEP = int(os.environ.get("NOMEM_STEP") or 1)
LIBRARY = os.path.join(TOP, "build", "torture", "nomem.so")
MOST = 5000          # allocations of a request
PATIENCE = 1.0       # seconds: then there is memory again
LIMIT = 15.0         # seconds: then the connection hangs

CONF = """\
{user}
load_module {module};

worker_processes 1;
pid logs/nginx.pid;
error_log logs/error.log warn;

events {{
    worker_connections 256;
}}

http {{
{temporary}
    access_log off;
    client_body_buffer_size 4k;

    ai_api_store store map_size=1g;
    ai_api_pepper_file pepper;
    ai_api_jwt_key_file jwt.key;
    ai_api_settle_timeout 5s;

    upstream ollama {{
        server 127.0.0.1:{upstream};
        keepalive 4;
    }}

    server {{
        listen 127.0.0.1:{port} backlog=1024;

        location /api/ai-service/ {{
            ai_api_pass http://ollama;
            ai_api_abort cut;
        }}

        location /api/ai-api/ {{
            ai_api_manage;
        }}
    }}
}}
"""

RULES = [{"path": "/api/chat", "contains": "stall",
          "play": "0.11.4/chat-stream", "gate": "never", "gate_at": 900},
         {"path": "/api/chat", "contains": "broken",
          "play": "0.11.4/chat-stream", "stop_after": 900},
         {"path": "/api/chat", "contains": '"stream":true',
          "play": "0.11.4/chat-stream"},
         {"path": "/api/chat", "play": "0.11.4/chat-json"},
         {"path": "/api/generate", "play": "0.11.4/generate-stream"},
         {"path": "/api/tags", "play": "0.11.4/tags"},
         {"path": "/", "play": "0.11.4/root"}]


class Nginx(server.Nginx):

    def configure(self, upstream):
        user = "user nobody %s;" % server.nobody_group() \
            if os.geteuid() == 0 else ""
        module = os.environ.get("AI_API_MODULE") \
            or os.path.join(TOP, "build", "ngx_ai_api_module.so")

        with open(self.file("nginx.conf"), "w", encoding="utf-8") as out:
            out.write(CONF.format(
                user=user, module=state.quoted(module), upstream=upstream,
                temporary=state.TEMPORARY, port=self.port))

        with open(self.file("nomem"), "wb") as out:
            out.write(bytes(32))
        os.chmod(self.file("nomem"), 0o666)

        with open(self.file("nomem"), "r+b") as f:
            self.memory = mmap.mmap(f.fileno(), 32)

        self.env = dict(os.environ, LD_PRELOAD=LIBRARY,
                        AI_API_NOMEM=self.file("nomem"))

    def start(self):
        server.WORKERS = 1
        super().start()
        self.worker = self.workers()[0]

    def arm(self, n, onward):
        self.memory[8:32] = struct.pack("qqq", n, onward, 0)
        self.memory[0:8] = struct.pack("q", self.worker)

    def disarm(self):
        """How many allocations there were."""
        self.memory[0:8] = bytes(8)
        return struct.unpack("q", self.memory[24:32])[0]


class Answer:

    def __init__(self, data, ended):
        self.ended = ended
        head, _, self.rest = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1]) \
            if lines[0].startswith("HTTP/1.1 ") else 0
        self.headers = {name.lower(): value for name, _, value
                        in (line.partition(": ") for line in lines[1:])}
        self.id = self.headers.get("x-request-id")
        self.body, self.whole = self.parse()

    def parse(self):
        if self.status == 0:
            return b"", False

        if "content-length" in self.headers:
            return self.rest, \
                len(self.rest) == int(self.headers["content-length"])

        body, rest = b"", self.rest

        while True:
            size, sep, rest = rest.partition(b"\r\n")
            if not sep:
                return body, False
            n = int(size, 16)
            if n == 0:
                return body, rest == b"\r\n"
            body += rest[:n]
            rest = rest[n + 2:]

    def counts(self):
        """Those of Ollama's last object; None: it is not the last one."""
        try:
            last = json.loads(self.body.strip().splitlines()[-1])
            return last["prompt_eval_count"], last["eval_count"]
        except (ValueError, KeyError, IndexError):
            return None


class Kind:
    """A kind of request: its bytes; after how many bytes the client goes."""

    number = 0

    def __init__(self, name, method, path, body="", token="", leave=0,
                 before=None, once=False):
        self.name = name
        self.method = method
        self.path = path
        self.body = body
        self.token = token
        self.leave = leave
        self.once = once             # has an idempotency key
        self.before = before         # makes what it works on; path's {}

    def bytes(self, path):
        head = "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" \
            "Accept-Language: en\r\n" % (self.method, path)

        if self.token:
            head += "Authorization: Bearer %s\r\n" % self.token

        if self.once:
            Kind.number += 1
            head += "Idempotency-Key: request-%d\r\n" % Kind.number

        if self.body:
            head += "Content-Type: application/json\r\n" \
                "Content-Length: %d\r\n" % len(self.body)

        return (head + "\r\n" + self.body).encode()


class Torture:

    def __init__(self):
        self.upstream = Upstream()
        self.nginx = Nginx(self.upstream.port)
        self.answers = []
        self.failed = 0
        self.injected = 0

    def prepare(self):
        self.nginx.start()
        self.api = client.Client(self.nginx.port, self.nginx.jwt_secret())
        self.alice = self.api.token("alice")
        self.root = self.api.token("root", role="admin")
        # limits that do not bind, so that everything is held and given back
        self.key = self.limited("key", usageLimit=10 ** 12,
                                requestLimit=10 ** 9, costLimit="1000000000",
                                rateLimits={"maxParallel": 1000})
        self.empty = self.limited("empty", requestLimit=0)
        self.good = Kind("good", "POST", "/api/ai-service/chat", CHAT,
                         self.key)

    def limited(self, name, **limits):
        status, key = self.api.call("POST", "/api/ai-api/keys", self.alice,
                                    dict(limits, name=name))
        if status != 201:
            raise state.Problem("POST /keys: %d %s" % (status, key))
        return key["key"]

    def new_key(self):
        return self.api.new_key(self.alice, "another")["id"]

    def kinds(self):
        service, manage = "/api/ai-service", "/api/ai-api"
        key, user, root = self.key, self.alice, self.root

        return [
            Kind("chat", "POST", service + "/chat", CHAT, key),
            Kind("stream", "POST", service + "/chat", STREAM, key),
            Kind("generate", "POST", service + "/api/generate",
                 '{"model":"llama3","prompt":"hi"}', key),
            Kind("large body", "POST", service + "/chat", LARGE, key),
            Kind("abort", "POST", service + "/chat", STALL, key, leave=600),
            Kind("upstream breaks", "POST", service + "/chat", BROKEN, key),
            Kind("401", "POST", service + "/chat", CHAT, "aik_x"),
            Kind("429", "POST", service + "/chat", CHAT, self.empty),
            Kind("400", "POST", service + "/chat", '{"model":1}', key),
            Kind("404", "GET", service + "/api/pull", "", key),
            Kind("models", "GET", service + "/models", "", key),
            Kind("usage", "GET", service + "/usage", "", key),
            Kind("list", "GET", manage + "/keys", "", user),
            Kind("create", "POST", manage + "/keys",
                 '{"name":"x","models":["llama3"]}', user),
            Kind("patch", "PATCH", manage + "/keys/{}", '{"name":"y"}', user,
                 before=self.new_key),
            Kind("rotate", "POST", manage + "/keys/{}/rotate", "", user,
                 before=self.new_key),
            Kind("delete", "DELETE", manage + "/keys/{}", "", user,
                 before=self.new_key),
            Kind("credit", "POST", manage + "/admin/users/alice/credit",
                 '{"amount":"1"}', root, once=True),
            Kind("audit", "GET", manage + "/admin/audit?limit=5", "", root),
            Kind("stats", "GET", manage + "/admin/stats", "", root),
            Kind("ledger", "GET", manage + "/admin/ledger?limit=5", "",
                 root),
        ]

    def ask(self, kind, path, until=None):
        """until: called when it takes long, or is over."""
        s = socket.create_connection(("127.0.0.1", self.nginx.port))
        data, ended = b"", False
        end = time.monotonic() + LIMIT
        s.settimeout(PATIENCE)

        try:
            s.sendall(kind.bytes(path))
            while time.monotonic() < end:
                try:
                    piece = s.recv(65536)
                except socket.timeout:
                    if until is not None:
                        until()
                        until = None
                    continue
                data += piece
                if not piece or (kind.leave and len(data) >= kind.leave):
                    ended = True
                    break
        except ConnectionError:
            ended = True
        finally:
            s.close()

        if until is not None:
            until()

        return Answer(data, ended)

    def once(self, kind, n, onward):
        """False: it was over before the n-th allocation."""
        path = kind.path.format(kind.before()) if kind.before else kind.path
        what = "%s, allocation %d%s" % (kind.name, n,
                                        " and on" if onward else "")
        seen = []

        self.nginx.arm(n, onward)
        answer = self.ask(kind, path, lambda: seen.append(
            self.nginx.disarm()))
        self.answers.append(answer)

        if not answer.ended:
            self.wrong("%s: the connection hangs" % what)

        if self.nginx.worker not in self.nginx.workers():
            self.wrong("%s: the worker is gone" % what)
            server.wait(lambda: len(self.nginx.workers()) == 1, "a worker",
                        20)
            self.nginx.worker = self.nginx.workers()[0]

        self.next(what)

        hit = seen[0] >= n
        self.injected += hit

        return hit

    def next(self, what):
        """A commit that failed is tried again after a second: till then 503.
        """
        end = time.monotonic() + LIMIT

        while True:
            good = self.ask(self.good, self.good.path)
            self.answers.append(good)

            if good.status != 503 or time.monotonic() > end:
                break
            time.sleep(0.05)

        if good.status != 200 or not good.whole:
            self.wrong("%s: the next request: %d %s"
                       % (what, good.status, good.body[:200]))

    def wrong(self, text):
        self.failed += 1
        if self.failed < 40:
            print("# " + text)

    def kind(self, kind):
        for onward in (0, 1):
            n = 1
            while n < MOST and self.once(kind, n, onward):
                n += 1 if n < 8 else STEP

    def bank(self):
        """The ledger against the answers."""
        records, after = [], 0

        while True:
            status, text = self.api.call(
                "GET", "/api/ai-api/admin/ledger?limit=10000&after=%d" % after,
                self.root)
            lines = text["error"].splitlines() if "error" in text else [
                json.dumps(text)]
            if status != 200:
                raise state.Problem("GET /admin/ledger: %d" % status)
            if not lines or lines == ['']:
                break
            records += [json.loads(line) for line in lines]
            after = records[-1]["lsn"]

        by_id = {r["requestId"]: r for r in records}

        if len(by_id) != len(records) or after != len(records):
            self.wrong("%d records, %d ids, last LSN %d"
                       % (len(records), len(by_id), after))

        lost = 0

        for a in self.answers:
            counts = a.counts() if a.status == 200 and a.whole else None
            if counts is None:
                continue
            r = by_id.get(a.id)
            if r is None:
                lost += 1
                self.wrong("%s is not in the ledger" % a.id)
            elif (r["promptTokens"], r["completionTokens"]) != counts:
                self.wrong("%s: %s, not %s" % (a.id, r, counts))

        return len(records), lost

    def alarms(self):
        return [line for line in self.nginx.log()
                if "[alert]" in line or "Sanitizer" in line
                or ("[emerg]" in line and "(12: Cannot" not in line)]

    def stop(self):
        self.nginx.kill_all()
        self.upstream.stop()


class Upstream:

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(TOP, "t", "lib", "fake_ollama.py"),
             "--data", os.path.join(TOP, "t", "data")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = json.loads(self.process.stdout.readline())["port"]
        self.process.stdin.write(json.dumps({"cmd": "rules",
                                             "rules": RULES}) + "\n")
        self.process.stdin.flush()
        self.process.stdout.readline()

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def chat(text, stream):
    return json.dumps({"model": "llama3", "stream": stream, "messages": [
        {"role": "user", "content": text}]}, separators=(",", ":"))


CHAT = chat("hi", False)
STREAM = chat("hi", True)
LARGE = chat("x" * 20000, False)
STALL = chat("stall", True)
BROKEN = chat("broken", True)


def main():
    sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)
    torture = Torture()
    bad = groups = 0

    try:
        torture.prepare()
        kinds = [k for k in torture.kinds()
                 if not sys.argv[1:] or k.name in sys.argv[1:]]

        for kind in kinds:
            torture.failed = 0
            torture.kind(kind)
            groups += 1
            bad += torture.failed != 0
            print("%sok %d - %s" % ("not " if torture.failed else "", groups,
                                    kind.name))

        torture.failed = 0
        server.wait(lambda: torture.api.get(
            "/api/ai-api/admin/stats", torture.root)["inFlight"] == 0,
            "the last hold", 30)
        records, lost = torture.bank()
        torture.nginx.quit()

        for line in torture.alarms():
            torture.wrong(line)

        print("%sok %d - ledger and log" % ("not " if torture.failed else "",
                                            groups + 1))
        print("# %d failures injected, %d answers, %d records, lost = %d"
              % (torture.injected, len(torture.answers), records, lost))
        print("1..%d" % (groups + 1))
        bad += torture.failed != 0
    except state.Problem as e:
        bad += 1
        print("Bail out! %s" % e)
    finally:
        torture.stop()

        if bad:
            print("# left for a look: %s" % torture.nginx.path)
        else:
            torture.nginx.remove()

    sys.exit(1 if bad else 0)


main()
