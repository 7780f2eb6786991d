#!/usr/bin/env python3
"""The schema report comes to a database that has mail and has none of it: prints TAP.

    test-upgrade.py BUILD

The cases go one after the other, over one database.
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
# pylint: disable=wrong-import-position
import known  # noqa: E402
import postgresql  # noqa: E402
import schema  # noqa: E402
import tap  # noqa: E402
from server import Server  # noqa: E402

CONFIG = {'storage': {'object_threshold': known.THRESHOLD, 'collect_interval': '0'}}


class Upgrade:
    """A database of before, and a login role that is a member of coffer_migrate and nothing else."""

    def __init__(self, server, cluster):
        self.server = server
        self.cluster = cluster
        self.before = schema.number_of('report') - 1
        self.oldest = schema.number_of('grants')
        self.role = f'migrate_{server.database}'
        self.own_dsn = server.dsn
        known.fill_by_imap(server)
        server.stop()
        rows = schema.copy_rows(cluster, server.database)
        schema.make(cluster, server.database, self.oldest)
        schema.put_rows(cluster, server.database, rows)

    def __enter__(self):
        self.sql(f'create role {self.role} login in role coffer_migrate')
        self.connect(self.cluster.dsn(self.server.database, user=self.role))
        return self

    def __exit__(self, *_):
        self.sql(f'revoke all on database {self.server.database} from coffer_migrate; drop role {self.role}')

    def sql(self, statement):
        return self.cluster.psql(statement, self.server.database).strip()

    def connect(self, dsn):
        self.server.dsn = dsn
        self.server.reconfigure_at_start()

    def refusal(self):
        result = self.server.control('schema', 'upgrade')
        assert result.returncode == 1, result
        assert self.sql('select max(step) from coffer.schema_step') == str(self.before)
        assert self.sql("select count(*) from pg_indexes where indexname = 'content_sender'") == '0'
        return result.stderr

    def as_it_was(self):
        assert self.sql('select max(step) from coffer.schema_step') == str(self.oldest)
        assert self.sql("select has_table_privilege('coffer_report', 'coffer.placement', 'select')") == 't'
        assert self.sql("select to_regnamespace('report') is null") == 't'
        assert self.sql('select count(*) from coffer.placement') == '13'

    def needs_a_right(self):
        """The owner of the tables need not be allowed to make schemas: it says what to do, and goes on from there."""
        wanted = f'grant create on database {self.server.database} to coffer_migrate'
        assert wanted in self.refusal(), self.refusal()
        self.sql(wanted)

    def leaves_others_alone(self):
        self.sql('create schema report; create table report.mine (x integer)')
        assert 'has a schema "report", which is not' in self.refusal()
        self.sql('drop schema report cascade')

    def upgrades(self):
        result = self.server.control('schema', 'upgrade')
        newest = schema.steps()[-1][0]
        assert result.stdout == f'The schema was at version {self.before} and is at version {newest} now\n', result
        owners = self.sql("select distinct nspowner::regrole from pg_namespace where nspname in ('report', 'coffer')"
                          " union select distinct relowner::regrole from pg_class"
                          " where relnamespace in ('report'::regnamespace, 'coffer'::regnamespace)")
        assert owners == 'coffer_migrate', owners

    def reports_what_was_there(self):
        assert self.sql("select has_schema_privilege('coffer_report', 'coffer', 'usage')") == 'f'
        assert self.sql("select has_table_privilege('coffer_report', 'coffer.placement', 'select')") == 'f'
        counts = self.sql('set role coffer_report; select account, messages, octets from report.accounts'
                          ' order by account')
        held = {account: [octets for _, _, octets in known.held(account)] for account in known.ACCOUNTS}
        assert counts.splitlines() == [f'{account}|{len(held[account])}|{sum(map(len, held[account]))}'
                                       for account in sorted(held) if account != known.GONE], counts
        assert self.sql(f"select messages from report.conversations where account = '{known.BOB}'") == '3'

    def from_nothing(self):
        """A database of coffer_migrate's, as the guide has it for three roles."""
        database = f'{self.server.database}_new'
        self.sql(f'create database {database} owner coffer_migrate')
        try:
            self.connect(self.cluster.dsn(database, user=self.role))
            result = self.server.control('schema', 'upgrade')
            assert result.stdout.startswith('The schema was at version 0 and is at'), result
            assert self.cluster.psql('set role coffer_report; select count(*) from report.messages', database) == '0\n'
        finally:
            self.cluster.drop_database(database)

    def serves_what_was_there(self):
        self.connect(self.own_dsn)
        self.server.start()
        with self.server.client(known.ANN) as ann:
            ann.ok('SELECT INBOX')
            assert ann.ok('FETCH 1 BODY.PEEK[]').literals() == [known.HOLIDAY]
            assert ann.append('INBOX', known.CALL).status == 'OK'
        result = self.server.control('check')
        assert result.returncode == 0, result
        assert self.sql(f"select subject from report.messages where account = '{known.ANN}'"
                        " order by saved_at desc, uid desc limit 1") == 'Missed call'
        assert self.server.errors() == [], self.server.errors()


def cases(upgrade):
    for name in ('as_it_was', 'needs_a_right', 'leaves_others_alone', 'upgrades', 'reports_what_was_there',
                 'from_nothing', 'serves_what_was_there'):
        yield name.replace('_', '-'), getattr(upgrade, name)


def main():
    with Server(sys.argv[1], 'postgresql', config=CONFIG) as server:
        with Upgrade(server, postgresql.cluster()) as upgrade:
            return tap.run(cases(upgrade))


if __name__ == '__main__':
    sys.exit(main())
