#!/usr/bin/env python3
"""A few operations of each row of the load generator, so that they go on working: prints TAP, and no times.

    test-load.py BUILD BACKEND
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'protocol'))
# pylint: disable=wrong-import-position
import generator  # noqa: E402
import tap  # noqa: E402
from coffer import Coffer  # noqa: E402

MESSAGES = 400
FILLS = ('fill-corpus', 'fill-cold', 'fill-big', 'fill-large', 'fill-inbox')
ROWS = {  # and what each may have of clients and operations
    'append-32': (8, 40), 'append-8': (8, 40), 'append-1': (1, 10), 'multiappend': (1, 1), 'append-1mb': (2, 4),
    'login': (8, 40), 'select': (1, 3), 'fetch-flags': (1, 2), 'fetch-list': (1, 2), 'fetch-list-cold': (1, 1),
    'fetch-fields': (1, 2), 'fetch-bodies': (1, 2), 'fetch-one': (8, 80), 'fetch-part': (8, 80), 'store-one': (8, 80),
    'store-all': (1, 2), 'copy': (1, 2), 'move': (1, 1), 'search-subject': (1, 9), 'search-from': (1, 9),
    'search-since': (1, 9), 'search-body': (1, 9), 'resync': (1, 4), 'mixed-8': (8, 160), 'mixed-64': (16, 160),
    'tls-login': (4, 12), 'tls-bodies': (1, 2),
}


class Cases:
    def __init__(self, build, server):
        self.server = server
        self.load = generator.Load(build / 'tests/bench/load', server, messages=MESSAGES)

    def fill(self):
        for row in FILLS:
            assert not self.load.run(row)

    def row(self, name, clients, operations):
        value, _ = self.load.run(name, clients=clients, ops=operations)[name]
        assert value > 0

    def idle(self, name):
        stages = []
        self.load.run(name, clients=20, at_stage=lambda: stages.append(name))
        assert stages == [name]

    def push(self):
        figures = self.load.run('push', clients=20, ops=3)
        first, median, last = (figures[f'push-{which}'][0] for which in ('first', 'median', 'last'))
        assert 0 < first <= median <= last

    def refused(self):
        """What the server does not do as asked fails the row."""
        for options, what in (({'password': 'wrong'}, 't NO'), ({'messages': MESSAGES - 1}, 'FETCH came')):
            try:
                self.load.run('fetch-flags', ops=1, **options)
            except generator.LoadError as error:
                assert what in str(error), error
            else:
                raise AssertionError(f'{options} did no harm')

    def cases(self):
        yield 'fill', self.fill
        for name, (clients, operations) in ROWS.items():
            yield name, lambda n=name, c=clients, o=operations: self.row(n, c, o)
        for name in ('idle', 'idle-tls'):
            yield name, lambda n=name: self.idle(n)
        yield 'push', self.push
        yield 'refused', self.refused


def main():
    build, backend = Path(sys.argv[1]), sys.argv[2]
    with Coffer(build, backend) as server:
        status = tap.run(Cases(build, server).cases())
        for line in server.errors():
            print(f'# {line}')
    return status


if __name__ == '__main__':
    sys.exit(main())
