#!/usr/bin/env python3
"""What the sanitizers of this build report, and what not: prints TAP.

    test-planted.py PLANTED SANITIZERS

PLANTED is the program of planted.c. That no report is missed is for tests/report.py, so this is tried as well.
"""
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'lib'))

import tap  # noqa: E402  pylint: disable=wrong-import-position

# Of each sanitizer: the planted fault, and what its report says.
FAULTS = {
    'address': {'heap-overflow': 'heap-buffer-overflow', 'use-after-free': 'heap-use-after-free',
                'slice-overflow': 'heap-buffer-overflow', 'leak': 'LeakSanitizer: detected memory leaks'},
    'undefined': {'integer-overflow': 'signed integer overflow', 'shift': 'shift exponent 32',
                  'float-cast': 'outside the range of representable values'},
    'thread': {'race': 'data race', 'container-race': 'race on GLib container',
               'lock-order': 'lock-order-inversion'},
}
CORRECT = ['mutex', 'condition', 'reader-writer-lock', 'once', 'reference-count', 'byte-references']


def run(planted, name, folder):
    """The reports that come of it, and the exit status."""
    environment = dict(os.environ)
    for variable in ('ASAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS'):
        environment[variable] = f'{os.environ.get(variable, "")}:log_path={folder}/report'
    status = subprocess.run([planted, name], env=environment, timeout=60, capture_output=True, check=False).returncode
    return [path.read_text(errors='backslashreplace') for path in Path(folder).glob('report.*')], status


def fault(planted, name, text):
    with TemporaryDirectory(prefix='coffer-planted.') as folder:
        reports, status = run(planted, name, folder)
        assert reports, 'there is no report'
        assert any(text in report for report in reports), '\n'.join(reports)
        assert status != 0, 'the program ended as if nothing was wrong'
        counted = subprocess.run([sys.executable, HERE.parent / 'report.py', '--reports', folder], capture_output=True,
                                 text=True, timeout=60, check=False)
        assert counted.returncode != 0, 'tests/report.py takes it for a success'
        last = counted.stdout.splitlines()[-1]
        assert last == f'0 passed, {len(reports)} failed', last


def correct(planted, name):
    with TemporaryDirectory(prefix='coffer-planted.') as folder:
        reports, status = run(planted, name, folder)
        assert not reports, '\n'.join(reports)
        assert status == 0, f'status {status}'


def main():
    planted, sanitizers = sys.argv[1], sys.argv[2].split(',')
    cases = [(f'reported/{name}', lambda name=name, text=text: fault(planted, name, text))
             for sanitizer in sanitizers for name, text in FAULTS[sanitizer].items()]
    cases += [(f'silent/{name}', lambda name=name: correct(planted, name)) for name in CORRECT]
    return tap.run(cases)


if __name__ == '__main__':
    sys.exit(main())
