#!/usr/bin/env python3
"""Does the checker see what it is there for? A man in the middle breaks one rule (breaches.py); the checker must end
with status 1 and name that rule."""
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'lib'))

import breaches  # noqa: E402
import tap  # noqa: E402
from middleman import Middleman  # noqa: E402
from server import PASSWORD, Server  # noqa: E402

SECONDS = 20  # that the checker may need to see it
JOBS = 3


def check(build, address, user, seconds=SECONDS, patience=10):
    """Runs the checker; its status and what it said. @patience: with news in IDLE, in seconds."""
    command = [Path(build) / 'tests/load/checker', '--imap', '{}:{}'.format(*address), '--user', f'{user}%u',
               '--password', PASSWORD, '--accounts', '1', '--clients', '2', '--mailboxes', '2', '--seconds', seconds,
               '--rate', '1', '--seed', '1', '--idle-patience', patience]
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, errors='backslashreplace',
                            timeout=120, check=False)
    return result.returncode, result.stdout + result.stderr


def sees(build, server, breach, user):
    server.add_user(f'{user}0')
    with Middleman(server.addresses['imap'], breach) as middleman:
        patience = 1 if breach.name.startswith('IDLE') else 10
        status, output = check(build, middleman.address, user, patience=patience)
    assert breach.done, f'there was no occasion to break the rule\n{output}'
    assert status == 1, f'the checker did not see it, though it was done {breach.done} times: status {status}\n{output}'
    rule = re.search('^CONTRADICTION (.*)', output, re.M)
    assert rule and breach.sections.match(rule[1]), f'not by {breach.sections.pattern}:\n{output}'


def passes(build, server):
    """The middleman alone changes nothing."""
    nothing = breaches.Breach('response', '', '', lambda *_: None, False)
    server.add_user('good0')
    with Middleman(server.addresses['imap'], nothing) as middleman:
        status, output = check(build, middleman.address, 'good', 2)
    assert status == 0, output


def main():
    build, wanted = sys.argv[1], sys.argv[2:]
    chosen = [breach for breach in (make() for make in breaches.ALL) if not wanted or breach.name in wanted]
    with Server(build, 'memory') as server, ThreadPoolExecutor(JOBS) as pool:
        running = [('a correct server', pool.submit(passes, build, server))] if not wanted else []
        running += [(breach.name, pool.submit(sees, build, server, breach, f'case{number}-'))
                    for number, breach in enumerate(chosen)]
        return tap.run((name, future.result) for name, future in running)


if __name__ == '__main__':
    sys.exit(main())
