"""The state directory: secrets, store, nginx's configuration and logs."""

import fcntl
import grp
import os
import pwd
import secrets
import shutil
import socket
import stat

# inside "http": a user who is not root cannot use the compiled-in paths

TEMPORARY = """\
    client_body_temp_path tmp/body;
    proxy_temp_path tmp/proxy;
    fastcgi_temp_path tmp/fastcgi;
    uwsgi_temp_path tmp/uwsgi;
    scgi_temp_path tmp/scgi;
"""


class Problem(Exception):
    """Said to the user in one line."""


def port():
    text = os.environ.get("AI_API_PORT", "") or "8080"

    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise Problem("AI_API_PORT=%s is not a port" % text)

    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", int(text)))
        except OSError as e:
            raise Problem("port %s on 127.0.0.1 cannot be used (%s); another "
                          "one: AI_API_PORT=8081 make run"
                          % (text, e.strerror)) from None

    return int(text)


def nginx_binary():
    path = shutil.which("nginx", path=os.environ.get("PATH", "")
                        + ":/usr/sbin:/sbin")
    if path is None:
        raise Problem("there is no nginx here; \"make deps\" installs it")

    return path


def worker_user():
    """Whom nginx's workers run as, when nginx is started by root."""
    for name in ("www-data", "nginx", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue

    raise Problem("no user www-data, nginx or nobody for nginx's workers")


def place(top, name, given=None):
    """Where the state is: given, else build/name below top."""
    user = worker_user() if os.geteuid() == 0 else None

    if given:
        path = os.path.abspath(given)
        if not reachable(path, user):
            raise Problem("%s: the user %s, whom nginx's workers run as, "
                          "cannot get there" % (given, user.pw_name))
        return path

    path = os.path.join(top, "build", name)

    # root's home, say: closed to the workers, who keep the store
    if not reachable(path, user):
        path = "/var/lib/ngx_ai_api_" + name

    return path


def reachable(path, user):
    if user is None:
        return True

    while path != "/":
        try:
            if not may_enter(os.stat(path), user):
                return False
        except FileNotFoundError:
            pass
        path = os.path.dirname(path)

    return True


def may_enter(st, user):
    if st.st_uid == user.pw_uid:
        return bool(st.st_mode & stat.S_IXUSR)

    if st.st_gid == user.pw_gid:
        return bool(st.st_mode & stat.S_IXGRP)

    return bool(st.st_mode & stat.S_IXOTH)


class Directory:

    def __init__(self, path):
        self.path = path

        os.makedirs(self.file("tmp"), 0o755, exist_ok=True)

        self.lock()
        self.secret("pepper")
        self.secret("jwt.key")

    def file(self, name):
        return os.path.join(self.path, name)

    def lock(self):
        self.held = open(self.file("lock"), "w", encoding="ascii")

        try:
            fcntl.flock(self.held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem("%s is in use by another run" % self.path) from None

    def secret(self, name):
        """Made once; read by nginx's master, so it stays this user's."""
        try:
            fd = os.open(self.file(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL,
                         0o600)
        except FileExistsError:
            return

        with os.fdopen(fd, "w", encoding="ascii") as out:
            out.write(secrets.token_hex(32) + "\n")

    def jwt_secret(self):
        with open(self.file("jwt.key"), "rb") as f:
            return f.read().rstrip(b"\n")

    def nginx(self, name, conf, module=None, **values):
        """Writes name.conf, {values} filled in; returns nginx's command."""
        head = "daemon off;\npid %s.pid;\nerror_log %s.log warn;\n" \
            % (name, name)

        if module is not None:
            head = "load_module %s;\n" % quoted(module) + head

        if os.geteuid() == 0:
            w = worker_user()
            head = "user %s %s;\n" % (w.pw_name, grp.getgrgid(
                w.pw_gid).gr_name) + head

        path = self.file(name + ".conf")

        with open(path, "w", encoding="utf-8") as out:
            out.write(head + conf.format(temporary=TEMPORARY, **values))

        # it goes when the script goes, even by a kill
        return ["setpriv", "--pdeathsig", "TERM", nginx_binary(),
                "-p", self.path, "-e", self.file(name + ".log"), "-c", path]


def quoted(path):
    return '"%s"' % path.replace("\\", "\\\\").replace('"', '\\"')
