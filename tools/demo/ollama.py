"""Where the Ollama is, and what it has."""

import http.client
import json
import re

import state

DEFAULT_PORT = 11434


def address(text):
    """host, host:port or http://host:port, as Ollama reads OLLAMA_HOST."""
    m = re.fullmatch(r"(?:(https?)://)?(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]*)"
                     r"(?::(\d{1,5}))?/?", text.strip().strip("\"'"))

    if m is None:
        raise state.Problem("OLLAMA_HOST=%s is not host, host:port or "
                            "http://host:port" % text)

    scheme, host, port = m.groups()

    if scheme == "https":
        raise state.Problem("OLLAMA_HOST=%s: https to Ollama is not "
                            "supported yet, use http" % text)

    # a server's "listen everywhere" is no address to connect to
    if host in ("", "0.0.0.0", "[::]"):
        host = "127.0.0.1"

    if port is None:
        port = "80" if scheme else str(DEFAULT_PORT)

    return "%s:%s" % (host, port)


def get(host, path, timeout=3):
    name, port = host.rsplit(":", 1)
    c = http.client.HTTPConnection(name.strip("[]"), int(port),
                                   timeout=timeout)

    try:
        c.request("GET", path, headers={"Host": "localhost:11434"})
        answer = c.getresponse()
        if answer.status != 200:
            raise OSError("%s answers %d" % (path, answer.status))
        return json.loads(answer.read())
    finally:
        c.close()


def why_not(host):
    """None when an Ollama answers there, else the reason."""
    try:
        if "version" in get(host, "/api/version"):
            return None
        return "no Ollama"
    except (OSError, http.client.HTTPException) as e:
        return e.strerror if getattr(e, "strerror", None) else str(e)
    except (ValueError, TypeError):
        return "no Ollama: it does not answer /api/version in JSON"


def models(host):
    try:
        return [m["name"] for m in get(host, "/api/tags", 10)["models"]]
    except (OSError, http.client.HTTPException, ValueError, KeyError,
            TypeError):
        return []


def choose(names):
    """The model of the examples: llama3 when it is there."""
    if not names or "llama3:latest" in names:
        return "llama3"

    return names[0]
