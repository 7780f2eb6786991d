#!/usr/bin/env python3
"""Count the cases in logs of meson test, and name those that failed.

Meson keeps one JSON object a line for each test program, with its output. A program that speaks TAP counts
with each of its cases, any other as one. A program that failed although none of its cases did (it crashed, was
stopped by its time limit, or ran fewer cases than it planned) adds one failed case. With CI=true in the
environment a skipped case has failed; otherwise it is not counted, only mentioned. One skipped as "not
applicable", a question that does not arise, is never counted.

A file in a folder of --reports is what a sanitizer has to say of one process, and a failed case.

The last line is "N passed, N failed"; the exit status is 0 only if nothing failed and something passed.
"""
import argparse
import json
import os
import re
import sys
from pathlib import Path

CASE = re.compile(r'^(?P<indent> *)(?P<outcome>ok|not ok)\b(?: *\d+)?(?: - | )?(?P<name>[^#]*)'
                  r'(?:# *(?P<directive>SKIP|TODO)\b *(?P<reason>.*))?', re.I)

REMARKS = 40  # lines of a program that failed; enough for a traceback and some figures


def tap_cases(text):
    """(name, 'passed' | 'failed' | 'skipped') of each case; the line that sums up a subtest is not a case."""
    previous = 0
    for line in text.splitlines():
        match = CASE.match(line)
        if not match:
            continue
        depth = len(match['indent'])
        sums_up, previous = depth < previous, depth
        if sums_up:
            continue
        directive = (match['directive'] or '').upper()
        if directive == 'SKIP' and match['reason'].startswith('not applicable'):
            continue
        if directive == 'SKIP':
            outcome = 'skipped'
        else:
            outcome = 'passed' if match['outcome'].lower() == 'ok' or directive == 'TODO' else 'failed'
        yield match['name'].strip(), outcome


def program_cases(entry):
    cases = [(f"{entry['name']}: {name}", outcome) for name, outcome in tap_cases(entry.get('stdout') or '')]
    result = entry['result']
    good = result in ('OK', 'EXPECTEDFAIL', 'SKIP')
    if not cases:
        cases = [(entry['name'], 'skipped' if result == 'SKIP' else 'passed' if good else 'failed')]
    elif not good and all(outcome != 'failed' for _, outcome in cases):
        cases.append((f"{entry['name']}: {result}", 'failed'))
    return cases


def remarks(entry):
    """The last of what a program says beside its cases, which meson test does not print."""
    return [line for line in (entry.get('stdout') or '').splitlines() if line.lstrip().startswith('#')][-REMARKS:]


def read_log(path):
    """Its entries; a log that cannot be read has none, which does not go unnoticed."""
    try:
        with open(path, encoding='utf-8') as log:
            return [json.loads(line) for line in log if line.strip()]
    except (OSError, ValueError) as error:
        print(f'No test log: {error}')
        return []


def report_cases(folder):
    """(what it is about, the report) of each report of a sanitizer."""
    for path in sorted(Path(folder).glob('*')):
        text = path.read_text(errors='backslashreplace')
        about = re.search(r'^SUMMARY: (.*)|^(.*runtime error: .*)', text, re.M)
        yield f'{path.name}: {about[1] or about[2] if about else "a sanitizer has something to say"}', text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('logs', nargs='*', help='testlog.json')
    parser.add_argument('--status', type=int, default=0, help='exit status of meson test')
    parser.add_argument('--reports', action='append', default=[], help='folder of reports of sanitizers')
    options = parser.parse_args()
    skipped_is = 'failed' if os.environ.get('CI') == 'true' else 'skipped'
    count = {'passed': 0, 'failed': 0, 'skipped': 0}
    for entry in (entry for log in options.logs for entry in read_log(log)):
        cases = list(program_cases(entry))
        for name, outcome in cases:
            note = outcome
            if outcome == 'skipped':
                outcome = skipped_is
            count[outcome] += 1
            if note != 'passed':
                print(f'{note}: {name}')
        if any(outcome == 'failed' for _, outcome in cases):
            print(*remarks(entry), sep='\n')
    for about, text in (case for folder in options.reports for case in report_cases(folder)):
        count['failed'] += 1
        print(f'{text}\nfailed: {about}')
    if count['failed'] == 0 and (options.status != 0 or count['passed'] == 0):
        print(f'meson test ended with status {options.status} after {count["passed"]} cases')
        count['failed'] = 1
    if count['skipped']:
        print(f"{count['skipped']} skipped")
    print(f"{count['passed']} passed, {count['failed']} failed")
    return count['failed'] != 0


if __name__ == '__main__':
    sys.exit(main())
