"""The programs of a bench: the upstream, bare nginx, nginx with the module."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time

import client
import machine
import state

CONF = """\
worker_processes 1;
worker_rlimit_nofile 16384;

events {{
    worker_connections 8192;
}}

http {{
{temporary}
    access_log off;
    keepalive_requests 1000000000;

    upstream ollama {{
        server 127.0.0.1:{upstream};
        keepalive 1024;
        keepalive_requests 1000000000;
    }}

    {http}

    server {{
        listen 127.0.0.1:{port} backlog=4096;

        {server}
    }}
}}
"""

BARE = """\
location /api/ai-service/ {
            proxy_pass http://ollama/;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }
"""

MODULE_HTTP = """\
ai_api_store store sync=%s;
    ai_api_pepper_file pepper;
    ai_api_jwt_key_file jwt.key;
"""

MODULE = """\
location /api/ai-service/ {
            ai_api_pass http://ollama;
        }

        location /api/ai-api/ {
            ai_api_manage;
        }
"""

PATH = "/api/ai-service/api/chat"


class Bench:

    def __init__(self, top):
        self.top = top
        self.library = os.path.join(top, "build", "ngx_ai_api_module.so")
        self.running = []

        if shutil.which("wrk") is None:
            raise state.Problem("there is no wrk here; "
                                "\"make deps\" installs it")

        path = state.place(top, "bench")
        shutil.rmtree(os.path.join(path, "store"), ignore_errors=True)
        self.directory = state.Directory(path)
        self.compile()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for program in self.running:
            program.stop()

    def compile(self):
        source = os.path.join(self.top, "t", "bench", "upstream.c")
        self.program = self.directory.file("upstream")

        subprocess.run(["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra",
                        source, "-o", self.program], check=True)

    def upstream(self, interval_ms=0):
        return self.add(Upstream(self.program, interval_ms))

    def bare(self, upstream):
        return self.add(Nginx(self.directory, "bare", upstream.port,
                              http="", server=BARE))

    def module(self, upstream, sync="sync", env=None):
        nginx = self.add(Nginx(self.directory, "module", upstream.port,
                               env, http=MODULE_HTTP % sync, server=MODULE,
                               module=self.library))
        api = client.Client(nginx.port, self.directory.jwt_secret())
        nginx.key = api.new_key(api.token("bench"), "bench")["key"]

        return nginx

    def faults(self):
        return Faults(self.top, self.directory)

    def add(self, program):
        self.running.append(program)
        return program


class Faults:
    """A disk with faults (t/lib/faults.c) below the store."""

    def __init__(self, top, directory):
        self.directory = directory
        self.library = directory.file("faults.so")
        self.folder = directory.file("faults")
        self.control = os.path.join(self.folder, "control")

        os.makedirs(self.folder, exist_ok=True)
        os.chmod(self.folder, 0o777)

        subprocess.run(["gcc", "-std=gnu11", "-O1", "-shared", "-fPIC",
                        os.path.join(top, "t", "lib", "faults.c"), "-o",
                        self.library, "-ldl"], check=True)
        self.set()

    def env(self):
        return {"LD_PRELOAD": self.library, "AI_API_FAULTS": self.control,
                "AI_API_FAULTS_DIR": self.directory.file("store")}

    def set(self, *lines):
        with open(self.control + ".new", "w", encoding="ascii") as out:
            out.write("".join(line + "\n" for line in lines))
        os.rename(self.control + ".new", self.control)


class Upstream:

    def __init__(self, program, interval_ms):
        self.process = subprocess.Popen(
            [program, str(interval_ms)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Nginx:

    def __init__(self, directory, name, upstream, env=None, **values):
        self.name = name
        self.key = "none"
        self.port = free_port()

        self.process = subprocess.Popen(
            directory.nginx(name, CONF, port=self.port, upstream=upstream,
                            **values),
            stdin=subprocess.DEVNULL, env=dict(os.environ, **(env or {})))

        while not client.listens(self.port):
            if self.process.poll() is not None:
                raise state.Problem("nginx did not start")
            time.sleep(0.05)

        self.worker = machine.child(self.process.pid)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()

    def measure(self, body, connections, seconds):
        before = machine.cpu_seconds(self.worker)
        answer = self.wrk(body, connections, seconds)
        used = machine.cpu_seconds(self.worker) - before

        if answer["errors"]:
            raise state.Problem("%d of %d requests to %s nginx failed"
                                % (answer["errors"], answer["requests"],
                                   self.name))

        answer["cpu"] = used * 1e6 / answer["requests"]
        answer["rss"], answer["own"] = machine.memory(self.worker)

        return answer

    def wrk(self, body, connections, seconds):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                              "post.lua")
        out = subprocess.run(
            ["wrk", "-t", "1", "-c", str(connections), "-d", "%ds" % seconds,
             "--timeout", "30s", "-s", script,
             "http://127.0.0.1:%d%s" % (self.port, PATH)],
            env=dict(os.environ, BENCH_BODY=body, BENCH_KEY=self.key),
            check=True, stdout=subprocess.PIPE, text=True).stdout

        return json.loads(out[out.index("{"):])


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
