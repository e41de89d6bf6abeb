"""Runs a command and prints what it took, as one line of JSON: wall and CPU seconds, peak memory, exit code, end.

CPU is that of the command and of all that it has waited for, as the system counted it. Peak memory is the larger of the
largest process's own peak and of the sum over the whole tree of processes, which is looked at some times a second where
the system shows it in /proc.

Usage: python measure.py OUTPUT-FILE COMMAND [PARAMETER...]      (OUTPUT-FILE takes stdout and stderr of the command)
"""

import json
import os
import sys
import threading
import time

SAMPLES_PER_SECOND = 20
# Linux counts in KiB, others in bytes.
MAXRSS_UNIT = 1024 if sys.platform == "linux" else 1
PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")


def children_of(pid: int) -> list[int]:
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
            found += [int(child) for child in file.read().split()]
    return found


def resident_bytes(pid: int) -> int:
    """Of a process and all below it."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            own = int(file.read().split()[1]) * PAGE_SIZE
        return own + sum(resident_bytes(child) for child in children_of(pid))
    except OSError:
        # It ended meanwhile, or the system has no /proc.
        return 0


def run(output_file: str, command: list[str]) -> dict:
    tree_peak = 0
    ended = threading.Event()

    def watch(pid: int) -> None:
        nonlocal tree_peak
        while not ended.wait(1 / SAMPLES_PER_SECOND):
            tree_peak = max(tree_peak, resident_bytes(pid))

    output = os.open(output_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    actions = [(os.POSIX_SPAWN_DUP2, nothing, 0), (os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)]
    began = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
    watcher = threading.Thread(target=watch, args=(pid,), daemon=True)
    watcher.start()
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - began
    ended_at = time.time()
    ended.set()
    watcher.join()
    return {
        "wallSeconds": wall,
        "cpuSeconds": usage.ru_utime + usage.ru_stime,
        "peakBytes": max(tree_peak, usage.ru_maxrss * MAXRSS_UNIT),
        "exitCode": os.waitstatus_to_exitcode(status),
        "endedMs": ended_at * 1000,
    }


print(json.dumps(run(sys.argv[1], sys.argv[2:])))
