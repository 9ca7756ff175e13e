"""nginx under torture: its directory, its processes, its faulty disk."""

import ctypes
import fcntl
import glob
import grp
import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import state

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
WORKERS = 4
PR_SET_CHILD_SUBREAPER = 36

CONF = """\
{user}
load_module {module};

worker_processes {workers};
pid logs/nginx.pid;
error_log logs/error.log notice;

# a new binary has the same disk, and the same sanitizers
env ASAN_OPTIONS;
env LD_PRELOAD;
env AI_API_FAULTS;
env AI_API_FAULTS_DIR;

events {{
    worker_connections 1024;
}}

http {{
{temporary}
    access_log off;
    keepalive_requests 1000000;
    client_body_buffer_size 8k;

    ai_api_store store map_size=1g;
    ai_api_pepper_file pepper;
    ai_api_jwt_key_file jwt.key;
    ai_api_stall_timeout 5s;

    upstream ollama {{
        server 127.0.0.1:{upstream};
        keepalive 32;
        keepalive_requests 1000000;
    }}

    server {{
        listen 127.0.0.1:{port} backlog=1024;
        add_header X-Worker $pid always;

        location /api/ai-service/ {{
            ai_api_pass http://ollama;
        }}

        location /cut/ {{
            ai_api_pass http://ollama;
            ai_api_abort cut;
        }}

        location /post/ {{
            ai_api_pass http://ollama;
            ai_api_quota post;
        }}

        location /strict/ {{
            ai_api_pass http://ollama;
            ai_api_quota strict;
            ai_api_context_length 16384;
            ai_api_max_output_tokens 400;
        }}

        location /api/ai-api/ {{
            ai_api_manage;
        }}
    }}
}}
"""


class Nginx:

    def __init__(self, upstream):
        self.path = tempfile.mkdtemp(prefix="torture.",
                                     dir=os.environ.get("AI_API_TEST_ROOT"))
        self.port = free_port()
        self.control = self.file("faults/control")
        self.sessions = set()

        # what the master leaves behind is ours to wait for
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

        os.chmod(self.path, 0o755)
        for name in ("logs", "tmp", "faults"):
            os.mkdir(self.file(name))
        os.chmod(self.file("faults"), 0o777)

        for name in ("pepper", "jwt.key"):
            with open(os.open(self.file(name), os.O_WRONLY | os.O_CREAT,
                              0o600), "w", encoding="ascii") as out:
                out.write("%s of the torture, 32 bytes long" % name)

        self.configure(upstream)

    def file(self, name):
        return os.path.join(self.path, name)

    def configure(self, upstream):
        user = "user nobody %s;" % nobody_group() if os.geteuid() == 0 else ""
        module, preload = module_to_load()

        with open(self.file("nginx.conf"), "w", encoding="utf-8") as out:
            out.write(CONF.format(
                user=user, module=state.quoted(module), workers=WORKERS,
                temporary=state.TEMPORARY, upstream=upstream,
                port=self.port))

        self.env = dict(os.environ, ASAN_OPTIONS="detect_leaks=0",
                        LD_PRELOAD=" ".join(preload + [faults_library()]),
                        AI_API_FAULTS=self.control,
                        AI_API_FAULTS_DIR=self.file("store"))

    def jwt_secret(self):
        with open(self.file("jwt.key"), "rb") as f:
            return f.read()

    def start(self):
        done = subprocess.run(
            [state.nginx_binary(), "-p", self.path, "-e",
             self.file("logs/error.log"), "-c", self.file("nginx.conf")],
            env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False)

        if done.returncode != 0:
            raise state.Problem("nginx did not start: " + done.stdout)

        wait(lambda: self.pid() in self.masters(), "a master", 20)
        self.sessions.add(os.getsid(self.pid()))
        wait(lambda: len(self.workers()) >= WORKERS, "workers", 20)

    def pid(self, name="logs/nginx.pid"):
        """0 when there is none."""
        try:
            with open(self.file(name), encoding="ascii") as f:
                return int(f.read() or 0)
        except (OSError, ValueError):
            return 0

    def processes(self, title):
        """(pid, parent) of those of this nginx that live."""
        found = []

        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(path, encoding="latin-1") as f:
                    pid, _, rest = f.read().partition(" (")
                with open(path[:-4] + "cmdline", "rb") as f:
                    name = f.read()
            except OSError:
                continue

            comm, _, rest = rest.rpartition(") ")
            status, parent, _, session = rest.split()[:4]

            # it dies: its arguments are gone, its sockets may not be
            if name == b"":
                name = comm.encode()

            if not name.startswith(title) or status in "ZX":
                continue

            if int(session) in self.sessions or self.path.encode() in name:
                found.append((int(pid), int(parent)))

        return sorted(found)

    def masters(self):
        return [pid for pid, _ in self.processes(b"nginx: master")]

    def workers(self):
        return [pid for pid, _ in self.processes(b"nginx: worker")]

    def everyone(self):
        return [pid for pid, _ in self.processes(b"nginx")]

    def kill_all(self, signals=(signal.SIGKILL,)):
        """Masters first: they would make new workers."""
        for number in signals:
            for pid in self.masters() + self.everyone():
                send(pid, number)

        wait(lambda: not self.kill_rest(), "the end of nginx", 20)
        self.reap()

    def kill_rest(self):
        left = self.everyone()

        for pid in left:
            send(pid, signal.SIGKILL)

        return left

    def quit(self):
        for pid in self.masters():
            send(pid, signal.SIGQUIT)

        wait(lambda: not self.everyone(), "nginx to quit", 60)
        self.reap()

    def reap(self):
        """Orphans of a dead master are children of this process."""
        with open("/proc/self/task/%d/children" % os.getpid(),
                  encoding="ascii") as f:
            children = [int(pid) for pid in f.read().split()]

        for pid in children:
            try:
                with open("/proc/%d/stat" % pid, encoding="latin-1") as f:
                    if "(nginx) Z" in f.read():
                        os.waitpid(pid, os.WNOHANG)
            except OSError:
                pass

    def fault(self, line):
        """One line of t/lib/faults.c; the first call that meets it."""
        with open(self.control + ".new", "w", encoding="ascii") as out:
            out.write(line + "\n")
        os.rename(self.control + ".new", self.control)

    def taken(self):
        return not os.path.exists(self.control)

    def no_fault(self):
        try:
            os.unlink(self.control)
        except FileNotFoundError:
            pass

    def log(self):
        try:
            with open(self.file("logs/error.log"), encoding="utf-8",
                      errors="replace") as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    def ctl(self, *arguments):
        """The operator's command on this store: exit code, what it said."""
        done = subprocess.run(
            [os.path.join(TOP, "build", "ai-apictl"), "-s",
             self.file("store"), *arguments], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False)

        return done.returncode, done.stdout

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Upstream:

    def __init__(self, seed):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "upstream.py"), str(seed)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def journal(self, path):
        self.process.stdin.write(path + "\n")
        self.process.stdin.flush()
        self.process.stdout.readline()

        with open(path, encoding="ascii") as f:
            return {int(n): e for n, e in json.load(f).items()}

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def wait(condition, what, seconds):
    end = time.monotonic() + seconds

    while not condition():
        if time.monotonic() > end:
            raise state.Problem("waited %d s for %s" % (seconds, what))
        time.sleep(0.005)


def module_to_load():
    """The module, and what nginx must have loaded before it."""
    if not os.environ.get("ASAN"):
        return os.environ.get("AI_API_MODULE") \
            or os.path.join(TOP, "build", "ngx_ai_api_module.so"), []

    module = said(os.path.join(HERE, "asan-module"))

    return module, [said("gcc", "-print-file-name=" + name)
                    for name in ("libasan.so", "libubsan.so")]


def said(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()


def nobody_group():
    name = pwd.getpwnam("nobody")
    return grp.getgrgid(name.pw_gid).gr_name


def free_port():
    """Below the kernel's own ones, locked against the other test files."""
    folder = os.path.join(tempfile.gettempdir(),
                          "ngx_ai_api_ports.%d" % os.geteuid())
    os.makedirs(folder, exist_ok=True)

    for _ in range(1000):
        port = random.SystemRandom().randrange(10000, 30000)
        lock = os.open(os.path.join(folder, str(port)),
                       os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)

        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as s:
                s.bind(("0.0.0.0", port))
            return port
        except OSError:
            os.close(lock)

    raise state.Problem("no free port")


def faults_library():
    """t/lib/faults.c, as AiApi::Faults makes it."""
    source = os.path.join(TOP, "t", "lib", "faults.c")
    library = os.path.join(TOP, "build", "faults.so")

    with open(os.path.join(TOP, "build", "faults.lock"), "w",
              encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        if not os.path.exists(library) \
                or os.path.getmtime(source) > os.path.getmtime(library):
            subprocess.run(["gcc", "-std=gnu11", "-O1", "-g", "-Wall",
                            "-Wextra", "-Werror", "-shared", "-fPIC", "-o",
                            library + ".new", source, "-ldl"], check=True)
            os.rename(library + ".new", library)

    return library
