#!/usr/bin/env python3
"""How PostgreSQL carries out the statements of the store's table on a large database, and on a small one: prints TAP.

    test-plans.py BUILD [--statements]

With --statements it is only seen whether every statement is tried, without a database.
1,000 accounts and 200,000 messages; with COFFER_TESTS=long 5,000,000 (4 GB in a cluster of its own; tests/run --long).
The planner's settings are the default ones, though the module rules sequential scans out besides (pg.c): so what is
found here does not hang on that; only for counting pages it is as in the module. Pages that a statement touches are
counted, as these do not vary, and time says more about the machine.
"""
import collections
import os
import sys
import types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
# pylint: disable=wrong-import-position
import plans  # noqa: E402
import population  # noqa: E402
import postgresql  # noqa: E402
import tap  # noqa: E402
from server import Server  # noqa: E402

LONG = os.environ.get('COFFER_TESTS') == 'long'
ACCOUNTS = 1000
PLACEMENTS = 5000000 if LONG else 200000
SMALL_ACCOUNTS = 10

# Statements that ask for no table.
WITHOUT_TABLES = {'SETTINGS', 'BEGIN_SNAPSHOT', 'COMMIT', 'ROLLBACK', 'PROBE', 'ID_BLOCKS', 'NOTIFY'}
# Those that are about the whole store, and read it once.
WHOLE = {'ACCOUNT_LIST', 'RESTORED', 'CHECK_TOTAL'}
# Tables that may be read as a whole, and why.
MAY_BE_READ = {'dead_mailbox': 'mailboxes deleted that collection has not emptied yet: mostly none',
               'epoch': 'has one row'}


class Database:
    """A database of the store with a population."""

    def __init__(self, build, cluster, accounts, placements, heavy):
        self.cluster = cluster
        self.name = cluster.create_database()
        # cofferd makes the schema.
        with Server(build, 'postgresql', dsn=cluster.dsn(self.name)):
            pass
        population.populate(cluster, self.name, accounts, placements, heavy)

    def place(self, rank):
        return plans.Place(self.cluster, self.name, rank)

    def run(self, sql, case, analyze=False):
        return plans.run(self.cluster.dsn(self.name), sql, case, analyze)


def all_are_tried(table):
    place = types.SimpleNamespace(
        account=1, address='a@example.org', inbox=1, archive=2, next=9, floor=1, uid=5, modseq=9, content=1, apart=2,
        object='3', scope='server', sha256='', new_id=10, accounts=[1], mailboxes=[1])
    tried = {case.statement for case in plans.cases_of_all(place, whole=True)}
    missing = set(table) - tried - WITHOUT_TABLES
    assert not missing, f'add them, with parameters, to cases_of_all() in tests/lib/plans.py: {missing}'
    assert tried | WITHOUT_TABLES == set(table) and not tried & WITHOUT_TABLES


class Tests:
    def __init__(self, table, large, small):
        self.table = table
        self.large = large
        self.small = small

    def _sequential(self, cases):
        """What is read as a whole and should not be."""
        found, n = {}, 0
        for case in cases:
            for round_ in self.large.run(self.table[case.statement], case):
                n += len(round_)
                for plan in round_:
                    for table in plan.sequential() - set(MAY_BE_READ):
                        found.setdefault((case.name, table, plan.query[:400]), []).append(1)
        print(f'# {n} plans', flush=True)
        return found

    def no_sequential_scan(self):
        found = self._sequential(case for case in plans.cases_of_all(self.large.place(6), whole=False))
        assert not found, '\n'.join(f'{name} reads all of {table}: {query}' for name, table, query in found)

    def no_sequential_scan_in_a_large_account(self):
        """That of the first account, which has a tenth of all messages."""
        place = self.large.place(0)
        cases = plans.cases_of_all(place, whole=False) if LONG else [
            case for cases in plans.cases_of_one(place).values() for case in cases]
        found = self._sequential(cases)
        assert not found, '\n'.join(f'{name} reads all of {table}: {query}' for name, table, query in found)

    def whole_is_read_once(self):
        """What is about the whole store reads each table at most once, and not once for each account."""
        for case in plans.cases_of_all(self.large.place(6), whole=True):
            if case.statement not in WHOLE:
                continue
            for round_ in self.large.run(self.table[case.statement], case):
                reads = collections.Counter(table for plan in round_ for table in plan.sequential() - set(MAY_BE_READ))
                assert all(n == 1 for n in reads.values()), (case.name, reads)

    def _cost(self, database, rank):
        """{command: pages that its statements touch, when everything is cached}"""
        costs = {}
        for command, cases in plans.cases_of_one(database.place(rank)).items():
            rounds = [database.run(self.table[case.statement], case, analyze=True) for case in cases]
            costs[command] = sum(min(round_[-1].buffers() for round_ in each) for each in rounds)
        return costs

    def one_message_costs_the_same(self):
        """The indexes of the large database are a level or two deeper."""
        small, large = self._cost(self.small, 6), self._cost(self.large, 6)
        heavy = self._cost(self.large, 0)
        wrong = []
        print(f'# pages touched:{"":16}small  large  large account', flush=True)
        for command, pages in small.items():
            print(f'# {command:30} {pages:6} {large[command]:6} {heavy[command]:6}', flush=True)
            bound = pages * 3 // 2 + 8
            wrong += [(command, pages, which) for which in (large[command], heavy[command]) if which > bound]
        assert not wrong, wrong


def main():
    build = Path(sys.argv[1])
    table = plans.read_table(build / 'tests/server/print-statements')
    if '--statements' in sys.argv:
        return tap.run([('all-are-tried', lambda: all_are_tried(table))])
    # So much is not for the cluster that others use as well.
    own = postgresql.Postgresql(settings={'shared_buffers': '1GB', 'max_wal_size': '8GB'}) if LONG else None
    cluster = own or postgresql.cluster()
    try:
        large = Database(build, cluster, ACCOUNTS, PLACEMENTS, 0.1)
        small = Database(build, cluster, SMALL_ACCOUNTS, SMALL_ACCOUNTS * PLACEMENTS // ACCOUNTS, 0)
        tests = Tests(table, large, small)
        status = tap.run((name.replace('_', '-'), getattr(tests, name)) for name in (
            'no_sequential_scan', 'no_sequential_scan_in_a_large_account', 'whole_is_read_once',
            'one_message_costs_the_same'))
        for database in (large, small):
            cluster.drop_database(database.name)
        return status
    finally:
        if own:
            own.remove()


if __name__ == '__main__':
    sys.exit(main())
