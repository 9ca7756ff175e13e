"""What a run prints: its heading, a line a request, the bill."""

import json
import os
import unicodedata


def heading(port, upstream, played, models, directory):
    print("nginx with ngx_ai_api_module listens on http://127.0.0.1:%d" % port)

    if played is None:
        print("Ollama is at %s, with %s" % (
            upstream, ", ".join(models) if models
            else 'no model yet: try "ollama pull llama3"'))
    else:
        print()
        box("RECORDING: no Ollama answers at " + played,
            "What you will see are answers of a real Ollama 0.11.4 (Gemma 3",
            "270M, named llama3), recorded before: the same ones whatever is",
            "asked.  Tokens and costs are counted from them as from any other.",
            "For real answers start Ollama, or set OLLAMA_HOST=host:port.",
            "录音回放：此处没有可用的 Ollama，以下回答均为事先录制。")
        print()

    print("State: %s\n" % directory)


def box(*lines):
    print("*" * 76)
    for line in lines:
        print("*  " + line)
    print("*" * 76)


class Requests:
    """One line a request, out of nginx's access log; its errors as well."""

    def __init__(self, requests, errors, played):
        self.requests = Tail(requests)
        self.errors = Tail(errors)
        self.mark = "  RECORDING" if played is not None else ""

        print("Requests (Ctrl-C stops and prints the bill)\n")
        print(row("time", "code", "request", "key or user", "model",
                  "tokens", "cost", "request id"))

    def show(self):
        for line in self.errors.lines():
            print("nginx: " + line)

        for line in self.requests.lines():
            try:
                print(self.line(json.loads(line)))
            except (ValueError, KeyError):
                print(line)

    def line(self, r):
        tokens = ""
        mark = ""

        if r["prompt"]:
            tokens = "%s+%s" % (r["prompt"], r["completion"])
            mark = self.mark

        if r["source"] == "estimated":
            tokens += " est."

        return row(r["time"][11:19], str(r["status"]),
                   r["method"] + " " + r["path"], r["key"] or r["user"],
                   r["model"], tokens, r["cost"], r["id"]) + mark


def row(time, code, request, who, model, tokens, cost, request_id):
    return "  ".join((pad(time, 8), pad(code, 4), pad(request, 34),
                      pad(who, 16), pad(model, 14), pad(tokens, 9),
                      pad(cost, 11), request_id or "-")).rstrip()


def pad(text, columns):
    """Chinese characters are two columns wide."""
    text = text or "-"
    width = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1
                for c in text)
    return text + " " * max(columns - width, 0)


class Tail:
    """The lines that were added to a file since."""

    def __init__(self, path):
        self.path = path
        self.rest = b""

        try:
            self.at = os.stat(path).st_size
        except FileNotFoundError:
            self.at = 0

    def lines(self):
        try:
            with open(self.path, "rb") as f:
                f.seek(self.at)
                data = f.read()
        except FileNotFoundError:
            return []

        self.at += len(data)
        *done, self.rest = (self.rest + data).split(b"\n")

        return [line.decode("utf-8", "replace") for line in done]


def bill(stats):
    """The last 30 days of the store, as GET admin/stats has them."""
    print("\nThe bill / 账单: %s to %s" % (stats["from"], stats["to"]))

    table("model / 模型", stats["byModel"], lambda r: r["model"], stats)
    table("key / 密钥", stats["byKey"],
          lambda r: r.get("name") or r["id"], stats)


def table(title, rows, name, stats):
    print()
    bill_row(title, "requests", "prompt", "completion",
             "cost " + stats["currency"])

    for r in rows:
        bill_row(name(r), *numbers(r))

    bill_row("total / 合计", *numbers(stats["total"]))


def numbers(r):
    return (str(r["requests"]), str(r["promptTokens"]),
            str(r["completionTokens"]), r["cost"])


def bill_row(name, *columns):
    print("  " + pad(name, 34) + "".join("%14s" % c for c in columns))
