"""Runs cases and prints TAP: what tests/report.py counts."""
import sys
import time
import traceback


def wait_until(condition, what, seconds=20):
    """Until @condition () holds; for what has no event of its own to wait for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f'not within {seconds} s: {what}'
        time.sleep(0.01)


def run(cases):
    """@cases: (name, function without arguments). An exception is a failure. The exit status."""
    cases = list(cases)
    failed = 0
    print(f'1..{len(cases)}', flush=True)
    for number, (name, function) in enumerate(cases, 1):
        try:
            function()
            print(f'ok {number} - {name}', flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f'not ok {number} - {name}')
            for line in traceback.format_exc().splitlines():
                print(f'# {line}')
            sys.stdout.flush()
    return 1 if failed else 0
