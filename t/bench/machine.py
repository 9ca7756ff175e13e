"""What the kernel knows of a process, and of the machine."""

import os
import platform
import subprocess
import time

import state

TICKS = os.sysconf("SC_CLK_TCK")


def child(master):
    """The worker of a master, once it is there."""
    path = "/proc/%d/task/%d/children" % (master, master)

    while True:
        with open(path, encoding="ascii") as f:
            pids = f.read().split()
        if pids:
            return int(pids[0])
        time.sleep(0.02)


def cpu_seconds(pid):
    """User and system time of all its threads."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()

    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid):
    """(resident, of which not backed by a file), in bytes."""
    values = {}

    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        for line in f:
            name, _, value = line.partition(":")
            if name in ("VmRSS", "RssAnon"):
                values[name] = int(value.split()[0]) * 1024

    return values["VmRSS"], values["RssAnon"]


def describe(directory):
    return ["%d x %s" % (os.cpu_count(), cpu_name()),
            "Linux %s, %s" % (platform.release().split("-")[0],
                              nginx_version()),
            "fdatasync of 4 KiB where the store is: median %.2f ms"
            % fdatasync_ms(directory)]


def cpu_name():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())

    return platform.machine()


def nginx_version():
    return subprocess.run([state.nginx_binary(), "-v"], text=True,
                          stderr=subprocess.PIPE,
                          check=True).stderr.split(": ")[1].strip()


def fdatasync_ms(directory):
    path = os.path.join(directory, "fdatasync")
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    times = []

    for i in range(101):
        os.pwrite(fd, b"x" * 4096, i % 8 * 4096)
        start = time.monotonic()
        os.fdatasync(fd)
        times.append(time.monotonic() - start)

    os.close(fd)
    os.unlink(path)

    return sorted(times)[50] * 1000
