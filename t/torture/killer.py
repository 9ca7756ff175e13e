"""What is done to nginx, one thing after the other."""

import asyncio
import collections
import random
import signal
import time

import server
import state

STUCK = 60           # seconds without a whole answer

# of a hundred; the first four are kills
KINDS = {"worker": 40, "commit": 26, "locked": 8, "all": 5, "reload": 6,
         "upgrade": 6, "stop": 3, "slow": 3, "full": 3}

KILLS = ("worker", "commit", "locked", "all")

# Of a commit: its pages, their sync, the page that makes it valid; the n-th
# from now, killed before the call or right after it.  After the last one it
# is in the ledger, and nobody has noted that: it will be a replay.
CALLS = ("pwrite", "writev", "pwritev", "fdatasync", "meta", "meta", "meta")


class Killer:

    def __init__(self, nginx, load, seed, kills):
        self.nginx = nginx
        self.load = load
        self.rnd = random.Random("%d/killer" % seed)
        self.wanted = kills
        self.done = collections.Counter()
        self.missed = 0          # a fault that nobody met

    @property
    def kills(self):
        return sum(self.done[kind] for kind in KILLS)

    async def run(self):
        names, weights = zip(*KINDS.items())

        while self.kills < self.wanted:
            await self.progress(self.rnd.randrange(40))
            kind = self.rnd.choices(names, weights)[0]

            # what a dead one leaks is mended by those who count anew: not
            # in the end
            if kind in ("locked", "all") and self.kills > 0.7 * self.wanted:
                kind = "worker"

            if await getattr(self, kind)():
                self.done[kind] += 1

            self.nginx.reap()

            if self.nginx.pid() not in self.nginx.masters():
                await self.all()

    async def progress(self, answers):
        """Waits until so many more have had a whole answer."""
        wanted = self.load.answers + answers + 1

        await until(lambda: self.load.answers >= wanted,
                    "answers: nginx does not serve any more", STUCK)

    async def worker(self):
        """Anyone's, also of the generation before."""
        workers = self.nginx.workers()

        if not workers:
            return False

        server.send(self.rnd.choice(workers), signal.SIGKILL)

        return True

    async def commit(self):
        return await self.fault("%s %s %d" % (
            self.rnd.choice(CALLS), self.rnd.choice(("kill", "killed")),
            self.rnd.choice((1, 1, 1, 2, 3))))

    async def locked(self):
        """Someone with a shared mutex in his hands."""
        return await self.fault("unlock kill %d" % self.rnd.randrange(1, 20))

    async def fault(self, line):
        self.nginx.fault(line)

        try:
            await until(self.nginx.taken, line, 2)
        except state.Problem:
            self.nginx.no_fault()
            if not self.nginx.taken():
                self.missed += 1
                return False

        return True

    async def stop(self):
        """Someone does not run for a while, whatever he has in his hands."""
        workers = self.nginx.workers()

        if not workers:
            return False

        pid = self.rnd.choice(workers)

        server.send(pid, signal.SIGSTOP)
        await asyncio.sleep(self.rnd.uniform(0.01, 0.5))
        server.send(pid, signal.SIGCONT)

        return True

    async def slow(self):
        self.nginx.fault("fdatasync delay 30")
        await self.progress(20)
        self.nginx.no_fault()

        return True

    async def full(self):
        """The disk; the next whole answer comes when it has room again."""
        self.nginx.fault("\n".join(call + " errno 28" for call in
                                   ("pwrite", "writev", "pwritev")))
        await asyncio.sleep(self.rnd.uniform(0.01, 0.5))
        self.nginx.no_fault()

        return True

    async def all(self):
        self.nginx.kill_all()
        self.nginx.no_fault()
        self.nginx.start()

        return True

    async def reload(self):
        server.send(self.nginx.pid(), signal.SIGHUP)

        return True

    async def upgrade(self):
        """A new binary beside the old one, then QUIT to the old master."""
        old = self.nginx.pid()

        # nginx has one upgrade at a time
        if self.nginx.pid("logs/nginx.pid.oldbin") in self.nginx.masters():
            return False

        server.send(old, signal.SIGUSR2)
        end = time.monotonic() + 20

        while self.nginx.pid() in (0, old) \
                or self.nginx.pid() not in self.nginx.masters():
            if time.monotonic() > end:
                raise state.Problem("no new binary")
            await asyncio.sleep(0.01)

        await self.progress(self.rnd.randrange(20))
        server.send(old, signal.SIGQUIT)

        return True


async def until(condition, what, seconds):
    end = time.monotonic() + seconds

    while not condition():
        if time.monotonic() > end:
            raise state.Problem("waited %d s for %s" % (seconds, what))
        await asyncio.sleep(0.003)
