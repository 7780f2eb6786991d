#!/usr/bin/env python3
"""tests/clients/step.py - do real clients keep their copies in step while other clients change everything?

    step.py --build BUILD [--backend NAME] [--seconds N] [--every N] [--rest N] [--seed N]
            [--imapflow FOLDER]

For N seconds, three other clients append, flag, expunge, move, copy, create, rename and delete at random, while mbsync,
OfflineIMAP, NeoMutt and imapflow synchronise again and again. Every so often (--every, 300 s) the changes pause, each
client synchronises once more, and its copy is compared with the truth: mailboxes, messages by what they are, flags.
Between two runs a client rests for --rest seconds.

imapflow comes from npm: FOLDER is one with imapflow/package*.json of this folder and their node_modules, which is made
(npm ci) when it is not there; without --imapflow it takes no part.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from keepers import ImapFlow, Mbsync, Mutt, OfflineImap, digest, failure
from others import Names, Other, settle
from own_server import own_server

HERE = Path(__file__).resolve().parent


class Runs(threading.Thread):
    """Has @keeper synchronise until told to stop; in between it may be paused."""

    def __init__(self, keeper, rest):
        super().__init__(daemon=True)
        self.keeper, self.rest, self.count, self.failures = keeper, rest, 0, Counter()
        self.may_run, self.idle, self.ended = threading.Event(), threading.Event(), False

    def run(self):
        while not self.ended:
            if not self.may_run.wait(0.1):
                self.idle.set()
                continue
            self.idle.clear()
            self.count += 1
            try:
                self.keeper.sync()
            except Exception as error:  # pylint: disable=broad-except
                self.failures[failure(error)] += 1
            time.sleep(self.rest)
        self.idle.set()

    def pause(self):
        self.may_run.clear()
        self.idle.clear()
        self.idle.wait()


def difference(truth, copy, keeper):
    """What is wrong with @copy, or None."""
    for name, messages in truth.items():
        if name not in copy:
            return f'{name} is not there'
        wanted = Counter((what, keeper.as_kept(flags)) for what, flags in messages)
        found = Counter((what, keeper.as_kept(flags)) for what, flags in copy[name])
        if wanted != found:
            return (f'{name}: {sum((wanted - found).values())} of {len(messages)} are missing or different '
                    f'({list((wanted - found).items())[:2]}), {sum((found - wanted).values())} are too many '
                    f'({list((found - wanted).items())[:2]})')
    beyond = set(copy) - set(truth)
    return f'mailboxes that are gone: {sorted(beyond)}' if keeper.whole and beyond else None


class Step:
    """Below @root at @target. @modules: imapflow's node_modules, or None."""

    def __init__(self, target, root, folder, modules=None, seed=1, pause=0.15, rest=0.1):
        self.target, self.root, self.pause, self.seed = target, root, pause, seed
        self.names = Names(root)
        target.create(root)
        for name in (root, f'{root}/first', f'{root}/second'):
            if name != root:
                target.create(name)
            self.names.replace(None, name)
        self.keepers = [self.make(kind, folder) for kind in (Mbsync, OfflineImap, Mutt)]
        if modules:
            self.keepers.append(self.make(lambda *rest: ImapFlow(*rest, modules), folder, 'imapflow'))
        self.runs = {keeper.name: Runs(keeper, rest) for keeper in self.keepers}
        self.done, self.ended, self.refused, self.troubles = Counter(), Counter(), 0, []
        for runs in self.runs.values():
            runs.start()

    def make(self, kind, folder, name=None):
        own = folder / (name or kind.name)
        own.mkdir()
        return kind(self.target, self.root, own)

    def change(self, seconds):
        """Changes and synchronisations for so long; then all is quiet."""
        stop = threading.Event()
        others = [Other(self.target, self.names, self.seed * 10 + i, self.pause, stop) for i in range(3)]
        self.seed += 1
        for runs in self.runs.values():
            runs.may_run.set()
        for other in others:
            other.start()
        time.sleep(seconds)
        stop.set()
        for other in others:
            other.join()
            self.done.update(other.done)
            self.ended.update(other.ended)
            self.refused += other.refused
            self.troubles += other.troubles
        settle(self.target, self.root)
        for runs in self.runs.values():
            runs.pause()
        self.names.all = self.target.mailboxes(self.root)

    def truth(self):
        return {name: [(digest(octets), frozenset(flags - {'\\Recent'}))
                       for flags, octets in self.target.messages(name)]
                for name in self.target.mailboxes(self.root)}

    def compare(self, keeper):
        """After a last synchronisation; raises AssertionError."""
        truth = self.truth()
        wrong = difference(truth, keeper.copy(list(truth)), keeper)
        assert not wrong, f'{keeper.name}: {wrong}'

    def check_changes(self):
        """They were what they should be."""
        assert not self.troubles, self.troubles[:5]
        assert sum(self.done.values()) > 0 and {'append', 'flag', 'expunge'} <= set(self.done), self.done

    def close_runs(self):
        for runs in self.runs.values():
            runs.ended = True
            runs.may_run.set()
            runs.join()

    def close(self):
        self.close_runs()
        for keeper in self.keepers:
            keeper.close()

    def report(self):
        yield f'changes: {sum(self.done.values())}: ' + ', '.join(f'{n} {what}' for what, n in self.done.items())
        yield f'  refused since a mailbox had gone: {self.refused}; sessions ended: {dict(self.ended)}'
        for name, runs in self.runs.items():
            yield f'{name}: {runs.count} runs, {sum(runs.failures.values())} of them failed {dict(runs.failures)}'
            if runs.keeper.figures():
                yield f'  {runs.keeper.figures()}'


def make_modules(folder):
    """node_modules with imapflow in @folder."""
    folder = Path(folder).resolve()
    if not (folder / 'node_modules' / 'imapflow').exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ('package.json', 'package-lock.json'):
            shutil.copy(HERE / 'imapflow' / name, folder)
        subprocess.run(['npm', 'ci', '--silent', '--no-audit', '--no-fund'], cwd=folder, check=True, timeout=300)
    return folder / 'node_modules'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', required=True)
    parser.add_argument('--backend', default='sqlite')
    parser.add_argument('--seconds', type=int, default=3600)
    parser.add_argument('--every', type=int, default=300)
    parser.add_argument('--rest', type=float, default=2)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--imapflow', metavar='FOLDER')
    options = parser.parse_args()
    modules = make_modules(options.imapflow) if options.imapflow else None
    differences, comparisons, began = 0, 0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix='coffer-step.') as folder:
        with own_server(options.build, options.backend, Path(folder)) as target:
            step = Step(target, f'step-{os.getpid()}', Path(folder), modules, options.seed, rest=options.rest)
            try:
                while (left := options.seconds - (time.monotonic() - began)) > 0:
                    step.change(min(left, options.every))
                    for keeper in step.keepers:
                        comparisons += 1
                        try:
                            step.compare(keeper)
                        except Exception as error:  # pylint: disable=broad-except
                            differences += 1
                            print(f'DIFFERENCE {error}', flush=True)
                    print(f'after {time.monotonic() - began:.0f} s, {options.backend}: {comparisons} comparisons, '
                          f'{differences} differences', *step.report(), *step.troubles, sep='\n  ', flush=True)
            finally:
                step.close()
    return differences > 0 or bool(step.troubles)


if __name__ == '__main__':
    sys.exit(main())
