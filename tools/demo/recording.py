"""A small upstream that plays recorded answers of a real Ollama.

It answers as Ollama does: "stream" is true unless the request says false, an
unknown model is 404, an empty prompt loads the model.  What it says is always
the same, whatever was asked.
"""

import http.server
import json
import os
import threading
import time

PACE = 0.03        # seconds between two lines: slow enough to see a stream

MODEL = "llama3"
NAMES = ("llama3", "llama3:latest", "library/llama3", "library/llama3:latest")


def start(directory):
    """Plays in a thread of this process; returns "127.0.0.1:port"."""
    Player.tape = Tape(directory)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Player)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()

    return "127.0.0.1:%d" % server.server_address[1]


class Tape:
    """Recorded answers by name: status, Content-Type and body."""

    def __init__(self, directory):
        self.directory = directory

    def read(self, name):
        path = os.path.join(self.directory, name + ".response")

        with open(path, "rb") as f:
            head, _, body = f.read().partition(b"\r\n\r\n")

        line, *fields = head.decode("ascii").split("\r\n")
        headers = dict(f.lower().split(": ", 1) for f in fields)

        if headers.get("transfer-encoding") == "chunked":
            body = dechunk(body)

        return int(line.split()[1]), headers["content-type"], body


def dechunk(data):
    body = b""

    while True:
        size, _, data = data.partition(b"\r\n")
        n = int(size, 16)
        if n == 0:
            return body
        body += data[:n]
        data = data[n + 2:]


def whole(body, text):
    """What "stream": false answers, from a recorded stream."""
    lines = [json.loads(line) for line in body.splitlines()]
    last = lines[-1]

    if text == "response":
        last[text] = "".join(line[text] for line in lines)
    else:
        last["message"]["content"] = "".join(line["message"]["content"]
                                             for line in lines)

    return json.dumps(last, ensure_ascii=False,
                      separators=(",", ":")).encode()


def is_chinese(text):
    return any("\u4e00" <= c <= "\u9fff" for c in text)


class Player(http.server.BaseHTTPRequestHandler):

    protocol_version = "HTTP/1.1"
    tape = None

    def log_message(self, *args):
        pass

    def do_GET(self):
        name = {"/": "root", "/api/version": "version",
                "/api/tags": "tags"}.get(self.path, "unknown-route")
        self.play(name)

    do_HEAD = do_GET

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))

        try:
            request = json.loads(body)
            handler = {"/api/chat": self.chat, "/api/generate": self.generate,
                       "/api/show": self.show}[self.path]
        except ValueError:
            return self.play("chat-badjson")
        except KeyError:
            return self.play("unknown-route")

        name = request.get("model") or request.get("name") or ""

        if name.lower() not in NAMES:
            return self.not_found(name)

        return handler(request)

    def chat(self, request):
        messages = request.get("messages") or []

        if not messages:
            return self.play("chat-empty-load")

        chinese = is_chinese(str(messages[-1].get("content", "")))

        return self.answer("chat-unicode" if chinese else "chat-stream",
                           request, "message")

    def generate(self, request):
        if not request.get("prompt"):
            return self.play("generate-empty-load")

        return self.answer("generate-stream", request, "response")

    def show(self, request):
        """There is no recording of it: the details of /api/tags."""
        tags = json.loads(self.tape.read("tags")[2])

        self.reply(200, "application/json; charset=utf-8", json.dumps({
            "details": tags["models"][0]["details"],
            "model_info": {}, "capabilities": ["completion"],
            "modified_at": tags["models"][0]["modified_at"]}).encode())

    def answer(self, name, request, text):
        status, kind, body = self.tape.read(name)

        # the client's own spelling of the model comes back
        spelled = json.dumps(request["model"], ensure_ascii=False).encode()
        body = body.replace(b'"model":"%s"' % MODEL.encode(),
                            b'"model":' + spelled)

        if request.get("stream") is False:
            self.reply(status, "application/json; charset=utf-8",
                       whole(body, text))
        else:
            self.stream(status, kind, body)

    def not_found(self, name):
        status, kind, body = self.tape.read("chat-notfound")
        name = json.dumps(name, ensure_ascii=False)[1:-1].encode()
        self.reply(status, kind, body.replace(b"nosuch", name))

    def play(self, name):
        self.reply(*self.tape.read(name))

    def reply(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()

        if self.command != "HEAD":
            self.wfile.write(body)

    def stream(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

        try:
            for line in body.splitlines(keepends=True):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                time.sleep(PACE)
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True
