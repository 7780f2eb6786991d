#!/usr/bin/env python3
"""The schema report of a PostgreSQL store, against doc/reporting.md and a store whose figures are known: prints TAP.

    test-report.py BUILD            runs the cases
    test-report.py BUILD --write    writes the tables of columns in doc/reporting.md anew, and new columns into the list
                                    of names and types (report-1.txt), which is checked in
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
# pylint: disable=wrong-import-position
import known  # noqa: E402
import page  # noqa: E402
import postgresql  # noqa: E402
import tap  # noqa: E402
from analyst import Analyst  # noqa: E402
from answers import ANSWERS  # noqa: E402
from server import Server  # noqa: E402
from views import Views, same  # noqa: E402

LIST = Path(__file__).resolve().parent / 'report-1.txt'
CONFIG = {'imap': {'login_delay_max': '0'},
          'storage': {'object_threshold': known.THRESHOLD, 'collect_interval': '0'}}
# What no view may show, wholly or in part.
HIDDEN = ('content_chunk', 'object_chunk', 'content_facts', 'credential', 'attribute')
# Questions that have to reach an index by what they ask for: the question, and the condition on the index.
NARROW = [
    ("accounts where account = 'x'", "(name = 'x'::text)"),
    ("mailboxes where account_id = 7", '(account = 7)'),
    ("messages where account_id = 7 and mailbox_id = 8 and uid = 9", '((account = 7) AND (mailbox = 8) AND (uid = 9))'),
    ("messages where account = 'x'", "(name = 'x'::text)"),
    ("messages where sender = 'x'", "(\"left\"(from_address, 320) = 'x'::text)"),
    ("messages where conversation_id = 'x'", "(\"left\"(conversation_id, 500) = 'x'::text)"),
    ("conversations where conversation_id = 'x'", "(\"left\"(conversation_id, 500) = 'x'::text)"),
    ("conversations where account = 'x'", "(name = 'x'::text)"),
    ("senders where account = 'x'", "(name = 'x'::text)"),
    ("senders where sender = 'x'", "(\"left\"(from_address, 320) = 'x'::text)"),
    ("message_identifiers where account_id = 7 and field = 'message-id' and value = 'x'",
     "((account = 7) AND (name = 'message-id'::text) AND (\"left\"(value, 200) = 'x'::text))"),
    ("message_addresses where account_id = 7 and address = 'x'",
     "((account = 7) AND (\"left\"(address, 200) = 'x'::text))"),
    ("message_parts where account_id = 7 and content_id = 8", '((account = 7) AND (content = 8))'),
    ("media_objects where object_id = 7", '(id = 7)'),
    ("media_uses where object_id = 7", '(object = 7)'),
    ("media_uses where account = 'x'", "(name = 'x'::text)"),
    ("daily_traffic where account = 'x' and day = '2026-01-05'", "(name = 'x'::text)"),
    ("daily_traffic where day = '2026-01-05'", "(day = '2026-01-05'::date)"),
    ("storage_by_account where account = 'x'", "(name = 'x'::text)"),
    ("logins where at >= '2026-01-05 00:00Z'",
     "(to_timestamp((at)::double precision) >= '2026-01-05 00:00:00+00'::timestamp with time zone)"),
    ("logins where account_id = 7", '(account = 7)'),
]


class Report:
    def __init__(self, server, cluster, analyst):
        self.server = server
        self.cluster = cluster
        self.analyst = analyst
        self.rows = self.as_owner(page.COLUMNS)

    def as_owner(self, sql):
        return self.analyst.ask(sql, user='postgres')

    # ---- The contract ----

    def names_and_types(self):
        """What is in the list is a promise: nothing of it goes or changes within a major version."""
        promised = [line for line in LIST.read_text().splitlines() if not line.startswith('#')]
        there = [f'{view}.{column} {kind}' for view, _, column, kind, _ in self.rows]
        broken = [line for line in promised if line not in there]
        assert not broken, ('The contract of the schema report is broken: it says, and the database does not have, '
                            f'{broken}. Within a major version names and types stay; see {LIST.name}.')
        new = [line for line in there if line not in promised]
        assert not new, (f'These are not in {LIST.name} yet: {new}. Raise report.version.minor in the step that adds '
                         'them, and run test-report.py BUILD --write.')
        # A column that is added comes last.
        assert [line for line in there if line in promised] == promised, f'{LIST.name} has another order'

    def version(self):
        major, minor, step = self.analyst.one('select * from report.version')
        listed = LIST.read_text().splitlines()[0].rpartition(' ')[2]
        assert listed == f'{major}.{minor}', f'{LIST.name} is of version {listed}, the database of {major}.{minor}'
        assert LIST.name == f'report-{major}.txt'
        assert step == self.as_owner('select max(step) from coffer.schema_step')[0][0]

    def page(self):
        wanted = page.views_text(self.rows)
        assert page.section('The views') == wanted, (
            'doc/reporting.md is not as the database: test-report.py BUILD --write')

    def every_view_is_tested(self):
        tested = {name for name, _ in Views(self.analyst).cases()} | {'version'}
        assert tested == {view for view, *_ in self.rows}

    # ---- Who may read ----

    def reads_views_and_nothing_else(self):
        for view in sorted({view for view, *_ in self.rows}):
            self.analyst.ask(f'select * from report.{view}')
        tables = self.as_owner("select relname from pg_class where relnamespace = 'coffer'::regnamespace"
                               " and relkind in ('r', 'v', 'S')")
        assert len(tables) > 15, tables
        for table, in tables:
            refusal = self.analyst.refusal(f'select * from coffer.{table}')
            assert 'permission denied for schema coffer' in refusal, refusal
            kept = self.as_owner(f"select has_any_column_privilege('coffer_report', 'coffer.{table}', 'select')"
                                 if table != 'id_block' and not table.endswith('_seq') else "select false")
            assert kept == [('f',)], table
        assert 'permission denied' in self.analyst.refusal('select coffer.seconds()')

    def hides_content(self):
        used = self.as_owner("select distinct table_name, column_name from information_schema.view_column_usage"
                             " where view_schema = 'report'")
        wrong = [(table, name) for table, name in used if table in HIDDEN or name in ('preview', 'data', 'encoded')]
        assert used and not wrong, wrong

    def cannot_write(self):
        refusal = self.analyst.refusal("insert into report.mailboxes (mailbox) values ('x')")
        assert 'read-only transaction' in refusal or 'cannot insert into view' in refusal, refusal
        for sql in ('update report.messages set uid = 1', "delete from report.logins",
                    'create table report.mine (x int)', 'create table public.mine (x int)',
                    'update coffer.placement set flags = 0'):
            refusal = self.analyst.refusal(f'set default_transaction_read_only = off; {sql}')
            assert 'permission denied' in refusal or 'cannot' in refusal, refusal

    def limits(self):
        for name in ('statement_timeout', 'idle_in_transaction_session_timeout'):
            assert self.analyst.ask(f'show {name}') == [('5min',)], name
            # Also for coffer_report itself, should it be allowed to log in.
            assert self.as_owner("select count(*) from pg_db_role_setting s where setrole = 'coffer_report'::regrole"
                                 f" and '{name}=5min' = any (setconfig)"
                                 " and setdatabase = (select oid from pg_database"
                                 " where datname = current_database())") == [('1',)], name

    def without_the_role(self):
        """What the page says to do where the server was not allowed to make the role."""
        _, make = page.blocks('Who may read')
        other = f'other_{self.server.database}'
        try:
            self.cluster.psql(make.replace('coffer_report', other), self.server.database)
            self.cluster.psql(f'grant {other} to {self.analyst.role}; revoke coffer_report from {self.analyst.role}',
                              self.server.database)
            assert self.analyst.one('select count(*) from report.accounts') == ('4',)
        finally:
            self.cluster.psql(f'grant coffer_report to {self.analyst.role}; drop owned by {other}; drop role {other}',
                              self.server.database)

    # ---- What it costs ----

    def narrow_questions(self):
        """Those about one of many reach an index, whatever the planner thinks of small tables."""
        for question, condition in NARROW:
            rows = self.analyst.ask("set enable_seqscan = off; set timezone = 'UTC';"
                                    f' explain (costs off) select * from report.{question}')
            plan = '\n'.join(line for line, in rows)
            conditions = [line.split('Cond: ')[1] for line in plan.splitlines() if 'Index Cond: ' in line]
            assert any(condition in line for line in conditions), f'{question}\n{plan}'
            # The tables that grow with the messages are not read as a whole.
            assert 'Seq Scan' not in plan, f'{question}\n{plan}'

    # ---- Worked queries ----

    def worked_queries(self):
        queries = page.queries()
        assert set(queries) == set(ANSWERS), set(queries) ^ set(ANSWERS)
        for heading, statement in queries.items():
            yield 'query/' + heading.lower().replace(' ', '-'), lambda s=statement, h=heading: ANSWERS[h](
                self.analyst.ask(s))

    # ---- Sharing wider ----

    def shared_by_accounts(self):
        """With the server as scope an object counts in each account that uses it, and in all once."""
        self.server.groups['storage']['object_scope'] = 'server'
        self.server.reconfigure_at_start()
        self.server.restart()
        before = self.analyst.one('select objects, object_octets, stored_octets from report.storage_total')
        for account in (known.BOB, known.EVE):
            with self.server.client(account) as client:
                assert client.append('Archive', known.OTHER).status == 'OK'
        same(self.analyst.ask("select uses, accounts, saved_octets from report.media_objects where scope = 'server'"),
             [('2', '2', str(len(known.CITY)))])
        after = self.analyst.one('select objects, object_octets, stored_octets from report.storage_total')
        inline = 2 * known.inline_length(known.OTHER)
        assert [int(a) - int(b) for a, b in zip(after, before)] == [1, len(known.CITY), inline + len(known.CITY)]
        same(self.analyst.ask('select objects, object_octets from report.storage_by_account'
                              f" where account = '{known.EVE}'"), [('1', str(len(known.CITY)))])


def cases(report):
    for name in ('names_and_types', 'version', 'page', 'every_view_is_tested', 'reads_views_and_nothing_else',
                 'hides_content', 'cannot_write', 'limits', 'without_the_role', 'narrow_questions'):
        yield name.replace('_', '-'), getattr(report, name)
    for name, case in Views(report.analyst).cases():
        yield f'view/{name}', case
    yield from report.worked_queries()
    yield 'shared-by-accounts', report.shared_by_accounts


def write(report):
    page.write_views(report.rows)
    listed = LIST.read_text().splitlines() if LIST.exists() else []
    there = [f'{view}.{column} {kind}' for view, _, column, kind, _ in report.rows]
    broken = [line for line in listed if not line.startswith('#') and line not in there]
    if broken:
        sys.exit(f'These are promised, and gone or changed: {broken}')
    major, minor, _ = report.analyst.one('select * from report.version')
    LIST.write_text('\n'.join([f'# The contract of the schema report, version {major}.{minor}', *there]) + '\n')


def main():
    with Server(sys.argv[1], 'postgresql', config=CONFIG) as server:
        cluster = postgresql.cluster()
        with Analyst(cluster, server.database) as analyst:
            if sys.argv[2:] == ['--write']:
                return write(Report(server, cluster, analyst))
            known.fill_by_imap(server)
            known.fail_logins(server)
            cluster.psql(known.HISTORY, server.database)
            return tap.run(cases(Report(server, cluster, analyst)))


if __name__ == '__main__':
    sys.exit(main())
