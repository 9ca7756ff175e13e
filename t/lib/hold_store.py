#!/usr/bin/env python3
"""Holds the write lock or the readers' slots of an LMDB store.

Usage: hold_store.py DIR

Commands on stdin, one a line, each answered by one: "hold" takes the lock of
the writers, as a disk that hangs would, "release" gives it back: "ok".
"readers" takes the slots of readers that are left, until the end: how many.
Nothing is changed.  It ends with its stdin.
"""

import ctypes
import ctypes.util
import sys

MDB_NOTLS = 0x200000
MDB_RDONLY = 0x20000
MDB_READERS_FULL = -30790

lmdb = ctypes.CDLL(ctypes.util.find_library("lmdb") or "liblmdb.so.0")
lmdb.mdb_strerror.restype = ctypes.c_char_p


def check(rc):
    if rc != 0:
        sys.exit(lmdb.mdb_strerror(rc).decode())


def readers(env):
    txn = ctypes.c_void_p()

    for n in range(65536):
        rc = lmdb.mdb_txn_begin(env, None, MDB_RDONLY, ctypes.byref(txn))
        if rc == MDB_READERS_FULL:
            return n
        check(rc)


def main():
    env = ctypes.c_void_p()
    txn = ctypes.c_void_p()

    check(lmdb.mdb_env_create(ctypes.byref(env)))
    check(lmdb.mdb_env_set_mapsize(env, ctypes.c_size_t(64 << 20)))
    check(lmdb.mdb_env_open(env, sys.argv[1].encode(), MDB_NOTLS, 0o600))

    for line in sys.stdin:
        if line.strip() == "readers":
            print(readers(env), flush=True)
            continue
        if line.strip() == "hold":
            check(lmdb.mdb_txn_begin(env, None, 0, ctypes.byref(txn)))
        else:
            lmdb.mdb_txn_abort(txn)
        print("ok", flush=True)


main()
