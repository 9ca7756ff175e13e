#!/usr/bin/env python3
"""Holds the mutex of an in-flight file, as a worker that lost the processor.

Usage: hold_mutex.py DIR

Commands on stdin, one a line, each answered by one: "hold" takes the mutex,
"release" gives it back, "hold MS" does both, and answers in between: "ok".
"held" says how many milliseconds that took, which is more on a busy machine.
"ruin", after one that was killed with it, makes it unusable.  Nothing else is
changed.  It ends with its stdin; killed, it is a dead owner.
"""

import ctypes
import mmap
import sys
import time

MUTEX_AT = 64                # in the head, see core/ai_api_inflight_ctx.h
EOWNERDEAD = 130

libc = ctypes.CDLL(None)


def lock(mutex):
    rc = libc.pthread_mutex_lock(mutex)
    if rc == EOWNERDEAD:
        rc = libc.pthread_mutex_consistent(mutex)
    if rc != 0:
        sys.exit("pthread_mutex_lock: %d" % rc)


def main():
    with open(sys.argv[1] + "/inflight.tab", "r+b") as f:
        page = mmap.mmap(f.fileno(), 4096)

    mutex = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(page))
                            + MUTEX_AT)

    held = 0

    for line in sys.stdin:
        words = line.split()
        begun = time.monotonic()
        if words[0] == "held":
            print(int(held * 1000) + 1, flush=True)
            continue
        if words[0] == "release":
            libc.pthread_mutex_unlock(mutex)
        elif words[0] == "ruin":
            libc.pthread_mutex_lock(mutex)
            libc.pthread_mutex_unlock(mutex)
        else:
            lock(mutex)
        print("ok", flush=True)
        if len(words) == 2:
            time.sleep(int(words[1]) / 1000)
            libc.pthread_mutex_unlock(mutex)
            held = time.monotonic() - begun


main()
