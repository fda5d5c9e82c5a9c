"""Stands in for the decoding child in tests and fails in the way that its argument says."""

import os
import signal
import sys
import time

WAYS = {
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "cpu": lambda: os.kill(os.getpid(), signal.SIGXCPU),
    "hang": lambda: time.sleep(600),
    "hang_closed": lambda: (os.close(1), os.close(2), time.sleep(600)),
    "endless": lambda: [os.write(1, bytes(1000)) for _ in iter(int, 1)],
    "mute": lambda: None,
    "nonsense": lambda: sys.stderr.write("out of cheese\n"),
    "status": lambda: sys.exit(3),
}

sys.stdin.readline()
WAYS[sys.argv[1]]()
