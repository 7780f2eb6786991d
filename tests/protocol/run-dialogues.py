#!/usr/bin/env python3
"""Plays dialogues (*.imap) against a server and prints TAP.

    run-dialogues.py --build build --backend memory [PATH...]
    run-dialogues.py --server HOST:PORT --user NAME --password SECRET [PATH...]

The first starts a cofferd; each dialogue gets a fresh account on it, and several are played at a time. The
second plays them one after the other at a server that runs already; a "{}" in the name counts up, so that each
dialogue has an account of its own ("test{}" is test1, test2, ...), else its one account is emptied before each.
PATH is a dialogue or a folder of them (default: all). COFFER_TESTS=quick plays every fourth.
"""
import argparse
import os
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from client import Player
from dialogue import DialogueError, read_dialogue
from dialogue_server import PASSWORD, STORAGE, DialogueServer, ServerError

HERE = Path(__file__).resolve().parent


class Tap:
    def __init__(self, count):
        self.number = self.failed = 0
        print(f'1..{count}', flush=True)

    def case(self, name, trouble=None, skip=None):
        self.number += 1
        self.failed += trouble is not None
        print(f'{"ok" if trouble is None else "not ok"} {self.number} - {name}' + (f' # SKIP {skip}' if skip else ''))
        for line in (trouble or '').splitlines():
            print(f'# {line}')
        sys.stdout.flush()


def find(paths):
    files = []
    for path in [Path(p).resolve() for p in paths] or [HERE]:
        files += sorted(path.rglob('*.imap')) if path.is_dir() else [path]
    return files


def name_of(path):
    return str(path.relative_to(HERE) if path.is_relative_to(HERE) else path).removesuffix('.imap')


def config_of(dialogue):
    """What the dialogue asks of the server's configuration: (("imap", "key=value"), ...)."""
    return tuple(tuple(parts[0].decode().split(' ', 1)) for parts in dialogue.values('config'))


def password_of(dialogue):
    """As most accounts have it, or as the dialogue has to have it."""
    asked = dialogue.values('password')
    return asked[0][0].decode() if asked else PASSWORD


def play(dialogue, server, number):
    user, password = f'u{number}', password_of(dialogue)
    try:
        server.revive()
        server.add_user(user, password)
        address = server.addresses['imap']
    except (ServerError, OSError) as error:
        return str(error)
    return Player(dialogue, address, user, password, server.control).play()


def play_group(tap, build, backend, extra, dialogues, jobs):
    """Those that share a configuration share a server. The last case is the server's own behaviour."""
    label = backend + ''.join(f' {group}.{setting}' for group, setting in extra)
    try:
        server = DialogueServer(build, backend, extra)
    except (ServerError, OSError) as error:
        for dialogue in dialogues:
            tap.case(dialogue.name, str(error))
        tap.case(f'server ({label})', 'not started')
        return
    try:
        with ThreadPoolExecutor(jobs) as pool:
            results = pool.map(lambda item: play(item[1], server, item[0]), enumerate(dialogues, 1))
            for dialogue, trouble in zip(dialogues, results):
                tap.case(dialogue.name, trouble)
        allowed = {f'user=u{number}' for number, dialogue in enumerate(dialogues, 1)
                   if dialogue.values('server-error')}
        errors = [line for line in server.errors() if not allowed & set(line.split())]
        ended = server.stop()
        troubles = server.crashes + ([ended] if ended else []) + errors
        tap.case(f'server ({label})', '\n'.join(troubles) if troubles else None)
    finally:
        server.stop()
        server.remove()


def play_own(options, dialogues):
    groups = defaultdict(list)
    for dialogue in dialogues:
        groups[config_of(dialogue)].append(dialogue)
    tap = Tap(len(dialogues) + len(groups))
    for extra, members in sorted(groups.items()):
        play_group(tap, options.build, options.backend, extra, members, options.jobs)
    return tap.failed


def play_foreign(options, dialogues):
    host, _, port = options.server.rpartition(':')
    tap = Tap(len(dialogues))
    for number, dialogue in enumerate(dialogues, 1):
        if any(dialogue.values(name) for name in ('config', 'control', 'password')):
            tap.case(dialogue.name, skip='needs a server of its own')
            continue
        user = options.user.replace('{}', str(number))
        player = Player(dialogue, (host, int(port)), user, options.password, fresh='{}' in options.user)
        tap.case(dialogue.name, player.play())
    return tap.failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', default=HERE.parent.parent / 'build')
    parser.add_argument('--backend', choices=sorted(STORAGE), default='memory')
    parser.add_argument('--server', metavar='HOST:PORT')
    parser.add_argument('--user', default='test{}')
    parser.add_argument('--password', default=PASSWORD)
    parser.add_argument('--jobs', type=int, default=8)
    parser.add_argument('paths', nargs='*', metavar='PATH')
    options = parser.parse_args()
    options.build = Path(options.build).resolve()
    try:
        dialogues = [read_dialogue(path, name_of(path)) for path in find(options.paths)]
    except (DialogueError, OSError) as error:
        print(f'Bail out! {error}')
        return 1
    if os.environ.get('COFFER_TESTS') == 'quick':
        dialogues = dialogues[::4]
    failed = play_foreign(options, dialogues) if options.server else play_own(options, dialogues)
    return failed != 0


if __name__ == '__main__':
    sys.exit(main())
