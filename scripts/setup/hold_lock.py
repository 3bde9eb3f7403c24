"""Takes the kernel's lock of a file, says so, and keeps it until its input ends, which it does when whoever started it ends."""

import fcntl
import os
import sys

path = sys.argv[1]
while True:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("waiting", flush=True)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    # Whoever had it before may have removed the file since it was opened here.
    try:
        if os.path.samestat(os.stat(path), os.fstat(descriptor)):
            break
    except FileNotFoundError:
        pass
    os.close(descriptor)
print("held", flush=True)
sys.stdin.read()
os.unlink(path)
