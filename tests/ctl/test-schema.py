#!/usr/bin/env python3
"""The schema of a PostgreSQL store: made, brought forward, and refused when it does not fit: prints TAP.

    test-schema.py BUILD
"""
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
import postgresql  # noqa: E402  pylint: disable=wrong-import-position
import schema  # noqa: E402  pylint: disable=wrong-import-position
import tap  # noqa: E402  pylint: disable=wrong-import-position
from server import Server, ServerError  # noqa: E402  pylint: disable=wrong-import-position

LOCK_KEY = 109270121014642  # as in storage-postgresql/schema.c


class Schema:
    def __init__(self, server, cluster):
        self.server = server
        self.cluster = cluster
        self.database = server.database
        self.newest = int(self.sql('select max(step) from coffer.schema_step'))

    def sql(self, statement):
        return self.cluster.psql(statement, self.database).strip()

    def upgrade(self, *options):
        result = self.server.control('schema', 'upgrade', *options)
        assert result.returncode == 0, result
        return result.stdout

    def refusal(self):
        """Why the server does not start."""
        try:
            self.server.start()
        except ServerError:
            return self.server.log().splitlines()[-1]
        raise AssertionError('the server started')

    def up_to_date(self):
        """Also beside a server, as several may share the database."""
        assert self.upgrade() == f'The schema is at version {self.newest} already\n'
        self.server.stop()
        assert self.upgrade('--dry-run') == f'The schema is at version {self.newest} already\n'

    def from_nothing(self):
        schema.drop(self.cluster, self.database)
        printed = self.upgrade('--dry-run')
        assert '-- 001-schema.sql' in printed and 'create table coffer.placement' in printed, printed[:200]
        assert self.sql("select count(*) from pg_namespace where nspname = 'coffer'") == '0'
        assert self.upgrade() == f'The schema was at version 0 and is at version {self.newest} now\n'
        self.server.start()
        self.server.add_user('ann')
        assert self.server.control('check').returncode == 0
        self.server.stop()

    def older(self):
        schema.make(self.cluster, self.database, self.newest - 1)
        assert 'cofferctl schema upgrade' in self.refusal()
        assert f'version {self.newest - 1} and is at version {self.newest} now' in self.upgrade()

    def interrupted(self):
        """A step that fails leaves nothing, what was done before stays, and the next upgrade goes on from there."""
        for number, others, why in ((1, 'create schema coffer', 'schema "coffer" already exists'),
                                    (schema.number_of('report'), 'create schema report', 'has a schema "report"')):
            schema.drop(self.cluster, self.database)
            self.sql(others)
            result = self.server.control('schema', 'upgrade')
            assert result.returncode == 1 and why in result.stderr, result
            if number == 1:
                assert self.sql("select to_regclass('coffer.schema_step') is null") == 't'
                self.sql('drop schema coffer')
            else:
                assert self.sql('select max(step) from coffer.schema_step') == str(number - 1)
                assert self.sql("select to_regclass('report.accounts') is null") == 't'
                self.sql('drop schema report')
            assert f'was at version {number - 1} and is at version {self.newest} now' in self.upgrade()
            assert self.sql('select count(*) from coffer.schema_step') == str(self.newest)

    def newer(self):
        self.sql(f"insert into coffer.schema_step (step, name) values ({self.newest + 1}, 'of-tomorrow')")
        assert 'newer server' in self.refusal()
        result = self.server.control('schema', 'upgrade')
        assert result.returncode == 1 and 'newer server' in result.stderr, result
        self.sql(f'delete from coffer.schema_step where step > {self.newest}')
        self.server.start()

    def comments(self):
        """Whatever an analyst may meet is explained."""
        bare = self.sql('''
            with ours as (select oid from pg_namespace where nspname in ('coffer', 'report'))
            select nspname from pg_namespace
              where oid in (select oid from ours) and obj_description(oid, 'pg_namespace') is null
            union all
            select c.relname from pg_class c
              where c.relnamespace in (select oid from ours) and c.relkind in ('r', 'v', 'S')
                and obj_description(c.oid, 'pg_class') is null and c.relname not like '%_id_seq'
            union all
            select c.relname || '.' || a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
              where c.relnamespace in (select oid from ours) and c.relkind in ('r', 'v') and a.attnum > 0
                and not a.attisdropped and col_description(c.oid, a.attnum) is null
            union all
            select t.typname from pg_type t join pg_class c on c.oid = t.typrelid and c.relkind = 'c'
              where t.typnamespace in (select oid from ours) and obj_description(t.oid, 'pg_type') is null
            union all
            select s.stxname from pg_statistic_ext s
              where s.stxnamespace in (select oid from ours) and obj_description(s.oid, 'pg_statistic_ext') is null
            union all
            select p.proname from pg_proc p
              where p.pronamespace in (select oid from ours) and obj_description(p.oid, 'pg_proc') is null''')
        assert bare == '', bare

    def roles(self):
        """Of the three roles each may do what it is for, and no more."""
        def may(role, privilege, table, of='coffer'):
            return self.sql(f"select has_table_privilege('{role}', '{of}.{table}', '{privilege}')") == 't'
        assert may('coffer_serve', 'insert', 'placement') and not may('coffer_serve', 'truncate', 'placement')
        assert not may('coffer_serve', 'insert', 'schema_step')
        # tests/schema looks at each table and view.
        assert may('coffer_report', 'select', 'messages', 'report') and not may('coffer_report', 'select', 'placement')
        owner = self.sql("select distinct tableowner from pg_tables where schemaname = 'coffer'")
        assert owner == 'coffer_migrate', owner

    def serves_as_serve(self):
        """The daemon needs no more than coffer_serve has."""
        self.server.stop()
        role = f'serve_{self.database}'
        self.sql(f'create role {role} login in role coffer_serve')
        dsn = self.cluster.dsn(self.database, user=role)
        try:
            with Server(self.server.build, 'postgresql', dsn=dsn, config={'storage': {'collect_interval': '0'}}) as other:
                other.add_user('bob')
                with other.client('bob') as bob:
                    assert bob.append('INBOX', b'Subject: x\r\n\r\nText\r\n').status == 'OK'
                    bob.ok('SELECT INBOX')
                    bob.ok('STORE 1 +FLAGS (\\Deleted word)')
                    bob.ok('EXPUNGE')
                    bob.ok('CREATE box')
                    bob.ok('DELETE box')
                for command in (['collect'], ['check'], ['user', 'delete', 'bob']):
                    assert other.control(*command).returncode == 0, command
                assert other.errors() == [], other.errors()
        finally:
            self.sql(f'drop role {role}')
        self.server.start()

    def other_encodings(self):
        """What cannot hold every name is refused before there is a table."""
        for encoding in ('LATIN1', 'SQL_ASCII'):
            name = f'{self.database}_{encoding.lower()}'
            self.cluster.psql(f"create database {name} encoding '{encoding}' locale 'C' template template0")
            result = self.upgrade_in(self.cluster.dsn(name))
            assert result.returncode == 1 and f'encoding is {encoding}' in result.stderr, result
            assert self.cluster.psql("select to_regclass('coffer.schema_step')", name).strip() == ''
            self.cluster.drop_database(name)

    def limits_of_the_role(self):
        """Times that a role has for others neither end a step of the schema nor what the server asks."""
        name, role = f'{self.database}_limits', f'limits_{self.database}'
        self.cluster.psql(f'create role {role} login; create database {name} owner {role}')
        for limit in ('statement_timeout', 'lock_timeout', 'idle_session_timeout',
                      'idle_in_transaction_session_timeout'):
            self.cluster.psql(f"alter role {role} set {limit} = '200ms'")
        dsn = self.cluster.dsn(name, user=role)
        # Another process is at it; an upgrade waits for its lock.
        busy = threading.Thread(target=self.cluster.psql,
                                args=(f'select pg_advisory_lock({LOCK_KEY}); select pg_sleep(1)', name))
        try:
            busy.start()
            tap.wait_until(lambda: self.cluster.psql("select 1 from pg_locks where locktype = 'advisory'", name),
                           'the lock is taken')
            result = self.upgrade_in(dsn)
            assert result.returncode == 0, result
            with Server(self.server.build, 'postgresql', dsn=dsn, users=['ann']) as other, other.client('ann') as ann:
                ann.ok('SELECT INBOX')
                kept = f"""select count(*) from pg_stat_activity where application_name = 'coffer watch'
                           and usename = '{role}' and query_start < now() - interval '400ms'"""
                tap.wait_until(lambda: self.cluster.psql(kept, name).strip() == '1', 'one listens, and is not ended')
        finally:
            busy.join()
            self.cluster.drop_database(name)
            self.cluster.psql(f'drop role {role}')

    def upgrade_in(self, dsn):
        """cofferctl schema upgrade where no server runs."""
        path = self.server.folder / 'other.conf'
        path.write_text('[server]\nmodules = auth;search;storage-postgresql\n'
                        f'control_socket = {self.server.folder}/no-control\n[storage]\nclass = postgresql\n'
                        f'[storage-postgresql]\ndsn = {dsn}\n')
        return self.server.control('--config', str(path), 'schema', 'upgrade')

    def dsn_that_is_wrong(self):
        """The operator is told why, and not the password."""
        for dsn, why in (('hots=x', 'invalid connection option "hots"'), ('coffer', 'missing "="'),
                         (self.cluster.dsn('no_such_database'), 'database "no_such_database" does not exist'),
                         ('user=x password=secret words', 'is no connection string'),
                         ('postgresql://x:secret@[::1/coffer', 'is no connection string')):
            result = self.upgrade_in(dsn)
            assert result.returncode == 1 and why in result.stderr, result
            assert 'secret' not in result.stderr and 'words' not in result.stderr, result


def cases(tests):
    for name in ('up_to_date', 'from_nothing', 'older', 'interrupted', 'newer', 'comments', 'roles', 'serves_as_serve',
                 'other_encodings', 'limits_of_the_role', 'dsn_that_is_wrong'):
        yield name.replace('_', '-'), getattr(tests, name)


def main():
    with Server(sys.argv[1], 'postgresql', config={'storage': {'collect_interval': '0'}}) as server:
        return tap.run(cases(Schema(server, postgresql.cluster())))


if __name__ == '__main__':
    sys.exit(main())
