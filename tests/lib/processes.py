"""What the system tells of processes."""
import re
from pathlib import Path


def descendants(pid):
    """@pid and all processes below it."""
    found = [pid]
    for parent in found:
        try:
            found += map(int, Path(f'/proc/{parent}/task/{parent}/children').read_text().split())
        except OSError:
            pass  # it has ended
    return found


def memory(pids):
    """What they have in memory, in octets; of what several share, each has its part (PSS)."""
    total = 0
    for pid in pids:
        try:
            text = Path(f'/proc/{pid}/smaps_rollup').read_text()
        except OSError:
            continue  # it has ended
        total += int(re.search(r'^Pss:\s+(\d+) kB', text, re.M)[1]) * 1024
    return total
