"""HTTP as it is on the wire, and what the end of an answer of Ollama says."""

import json
import os
import re


class Broken(Exception):
    """Bytes that are no HTTP."""


def head(raw):
    """Status or request line, and the headers with lower-case names."""
    line, *fields = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = {}

    for field in fields:
        name, _, value = field.partition(":")
        headers[name.lower()] = value.strip()

    return line, headers


class Body:
    """Takes bytes as they come; "whole" when the last one has."""

    def __init__(self, headers):
        self.data = b""
        self.whole = False
        self.chunked = headers.get("transfer-encoding", "") == "chunked"
        self.left = int(headers.get("content-length", -1))
        self.rest = b""

        if self.left == 0 and not self.chunked:
            self.whole = True

    def feed(self, data):
        """The bytes behind the end."""
        if self.chunked:
            self.rest += data
            while not self.whole and self.chunk():
                pass
            return self.rest if self.whole else b""

        if self.left < 0:
            self.data += data
            return b""

        self.data += data[:self.left]
        behind = data[self.left:]
        self.left -= min(self.left, len(data))
        self.whole = self.left == 0

        return behind

    def chunk(self):
        line, sep, rest = self.rest.partition(b"\r\n")

        if sep == b"":
            return False

        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            raise Broken("chunk size %r" % line[:40]) from None

        if len(rest) < size + 2:
            return False

        if rest[size:size + 2] != b"\r\n":
            raise Broken("no end of a chunk")

        self.data += rest[:size]
        self.rest = rest[size + 2:]
        self.whole = size == 0

        return True


def last_object(body):
    """The last line's JSON object, {} when it is none."""
    try:
        value = json.loads(body.rstrip(b"\n").rpartition(b"\n")[2])
    except ValueError:
        return {}

    return value if isinstance(value, dict) else {}


def counts(final):
    """(prompt, completion) of a final object, None when it is none."""
    if final.get("done") is not True or "prompt_eval_count" not in final:
        return None

    return final["prompt_eval_count"], final.get("eval_count", 0)


class Recording:
    """One answer of a real Ollama, as it was on the wire."""

    def __init__(self, name, raw):
        top, _, body = raw.partition(b"\r\n\r\n")

        line, headers = head(top)
        whole = Body(headers)
        whole.feed(body)

        self.name = name
        self.ok = " 200 " in line + " " and whole.whole
        self.stream = "ndjson" in headers.get("content-type", "")
        self.counts = counts(last_object(whole.data)) if self.ok else None
        self.raw = re.sub(rb"(?i)\r\nconnection: *close(?=\r\n|$)", b"",
                          top) + b"\r\n\r\n" + body


def recordings(directory):
    """{("chat", True): [Recording, ...], ...}, those with counts."""
    found = {(route, stream): [] for route in ("chat", "generate")
             for stream in (True, False)}

    for version in sorted(os.listdir(directory)):
        folder = os.path.join(directory, version)
        if not os.path.isdir(folder):
            continue

        for file in sorted(os.listdir(folder)):
            name, _, kind = file.partition(".")
            route = name.partition("-")[0]
            if kind != "response" or route not in ("chat", "generate"):
                continue

            with open(os.path.join(folder, file), "rb") as f:
                r = Recording(version + "/" + name, f.read())

            if r.counts is not None:
                found[route, r.stream].append(r)

    return found
