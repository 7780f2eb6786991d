"""How PostgreSQL carries out the statements of the store's table (modules/storage-postgresql/statements.c), those
inside the schema's functions included: each is prepared and executed, with parameters for a population
(population.py), in transactions that are taken back, while auto_explain tells.
"""
import json
import re
import subprocess

from postgresql import PostgresqlError, find_program

ROUNDS = 7  # PostgreSQL considers a generic plan from the sixth execution on

# As pg.c has them, but for enable_seqscan: what is looked for must not need it.
SETTINGS = """
load 'auto_explain';
set jit = off;
set search_path = pg_catalog;
set auto_explain.log_min_duration = 0;
set auto_explain.log_nested_statements = on;
set auto_explain.log_format = json;
set auto_explain.log_timing = off;
set log_min_messages = panic;
set client_min_messages = log;
\\set VERBOSITY terse
"""


def read_table(program):
    """{name: SQL} as the program print-statements has it."""
    fields = subprocess.run([program], capture_output=True, check=True).stdout.decode().split('\0')[:-1]
    return dict(zip(fields[::2], fields[1::2]))


class Case:
    """A statement with parameters. @before: SQL in front of it, in the same transaction. @times: executions in it.
    @rounds: transactions."""

    def __init__(self, statement, *arguments, before='', times=1, rounds=ROUNDS, name=''):
        self.statement = statement
        self.arguments = arguments
        self.before = before
        self.times = times
        self.rounds = rounds
        self.name = statement + (f' ({name})' if name else '')


class Plan:
    def __init__(self, logged):
        self.query = ' '.join(logged['Query Text'].split())
        self.plan = logged['Plan']

    def nodes(self):
        pending = [self.plan]
        while pending:
            node = pending.pop()
            pending += node.get('Plans', [])
            yield node

    def sequential(self):
        """The tables that are read as a whole. Not those in which rows are looked for whose addresses are known: the
        planner reads all of a table then only if it has fewer than four pages for each of them."""
        return {node['Relation Name'] for node in self.nodes()
                if 'Seq Scan' in node['Node Type'] and '(ctid = ANY' not in node.get('Filter', '')}

    def buffers(self):
        return self.plan['Shared Hit Blocks'] + self.plan['Shared Read Blocks']


def run(dsn, sql, case, analyze=False):
    """The plans of the rounds, a list for each: those of the functions' statements, then the statement's own.
    @analyze: with what they touched, carried out as the module would."""
    execute = f'execute s({", ".join(map(str, case.arguments))});' if case.arguments else 'execute s;'
    lines = [SETTINGS, f'set auto_explain.log_analyze = {analyze}; set auto_explain.log_buffers = {analyze};',
             f'set enable_seqscan = {not analyze};', f'prepare s as {sql};']
    for _ in range(case.rounds):
        lines += ['begin;', 'set auto_explain.log_min_duration = -1;', case.before,
                  'set auto_explain.log_min_duration = 0;', "\\warn round", *[execute] * case.times, 'rollback;']
    result = subprocess.run([find_program('psql'), '--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1',
                             '--output=/dev/null', dsn],
                            input='\n'.join(lines), capture_output=True, text=True, check=False)
    if result.returncode:
        error = [line for line in result.stderr.splitlines() if 'ERROR' in line]
        raise PostgresqlError(f'{case.name}: {error or result.stderr[-2000:]}')
    return [_read_plans(text) for text in re.split(r'^round$', result.stderr, flags=re.M)[1:]]


def _read_plans(text):
    decoder = json.JSONDecoder()
    return [Plan(decoder.raw_decode(text, match.end() - 1)[0])
            for match in re.finditer(r'LOG:  duration: \S+ ms  plan:\n\{', text)]


# ---- Parameters --------------------------------------------------------------------------------------------------


def texts(*values):
    return _array(values, 'text')


def bigints(*values):
    return _array(values, 'bigint')


def integers(*values):
    return _array(values, 'integer')


def smallints(*values):
    return _array(values, 'smallint')


def _array(values, kind):
    quoted = ['null' if value is None else f"'{value}'" for value in values]
    return f'array[{", ".join(quoted)}]::{kind}[]'


def bytes_of(*values):
    return f'array[{", ".join(quote_octets(value) for value in values)}]::bytea[]'


def quote_octets(value):
    return 'null' if value is None else f"'\\x{value.hex()}'::bytea"


def quote(value):
    return "'" + str(value).replace("'", "''") + "'"


class Batch:
    """The parameters of coffer.commit_batch, in the order in which commit.c has them."""

    def __init__(self, account, source, destination=0, max_octets=0, max_messages=0):
        self.head = (account, source, destination, max_octets, max_messages, 10000, 100000)
        self.operations = []
        self.segments = []
        self.attributes = []

    def add(self, kind, uids='{}', mode=0, flags=0, keywords='', content=0, size=0, group=0, in_destination=False,
            segments=(), attributes=()):
        first_segment, first_attribute = len(self.segments) + 1, len(self.attributes) + 1
        self.segments += segments
        self.attributes += attributes
        self.operations.append((kind, group, uids, False, mode, flags, keywords, 2 ** 62, False, in_destination,
                                content, size, 1700000000, 60, first_segment, len(self.segments), first_attribute,
                                len(self.attributes)))
        return self

    def arguments(self):
        kinds = ('text', 'integer', 'int8multirange', 'boolean', 'smallint', 'smallint', 'text', 'bigint', 'boolean',
                 'boolean', 'bigint', 'bigint', 'bigint', 'smallint', 'integer', 'integer', 'integer', 'integer')
        columns = list(zip(*self.operations))
        segments = list(zip(*self.segments)) or [()] * 4
        return (*self.head, *(_array(column, kind) for column, kind in zip(columns, kinds)),
                *(_array(column, 'bigint') for column in segments), texts(*(key for key, _ in self.attributes)),
                bytes_of(*(value for _, value in self.attributes)))


class Place:
    """An account of the population and what is in it, for parameters."""

    def __init__(self, cluster, database, account_rank):
        self.ask = lambda sql: cluster.psql(sql, database).split('\n')[0].split('|')
        self.account, self.address = self.ask(
            f'select id, name from coffer.account order by id offset {account_rank} limit 1')
        self.inbox, self.next, self.floor = map(int, self.ask(
            'select id, uid_next, changed_floor from coffer.mailbox'
            f" where account = {self.account} and name = 'INBOX'"))
        self.archive, = self.ask(f"select id from coffer.mailbox where account = {self.account} and name = 'Archive'")
        self.uid = self.next // 2
        self.modseq = self.next
        self.content, = self.ask(f'select content from coffer.placement where account = {self.account}'
                                 f' and mailbox = {self.inbox} and uid = {self.uid}')
        self.apart, self.object = self.ask('select content, object from coffer.content_segment'
                                           f' where account = {self.account} and object is not null limit 1')
        self.scope, self.sha256 = self.ask(f'select scope, sha256 from coffer.object where id = {self.object}')
        self.new_id = 2 ** 40
        some = cluster.psql('select account, id from coffer.mailbox order by name, id limit 500', database)
        rows = [row.split('|') for row in some.split()]
        self.accounts, self.mailboxes = zip(*rows)


def cases_of_one(place):
    """What one client's command about one message, mailbox or account asks, by the names of doc/benchmarks.md."""
    p = place
    message = f'{{[{p.uid},{p.uid + 1})}}'
    unclaimed = f'update coffer.mailbox set recent_uid = 1 where account = {p.account} and id = {p.inbox};'
    new = Batch(p.account, p.inbox).add('append', content=p.new_id, size=700)
    return {
        'LOGIN': [Case('ACCOUNT_LOOKUP', quote(p.address))],
        'LIST': [Case('MAILBOX_LIST', p.account)],
        'SELECT': [Case('INDEX_REPORT', p.account, 0, "'INBOX'", p.modseq, p.inbox),
                   Case('INDEX_CLAIM', p.account, 0, "'INBOX'", before=unclaimed)],
        'SELECT, 5 commits later': [Case('INDEX_REPORT', p.account, 0, "'INBOX'", p.modseq - 5, p.inbox)],
        'STATUS': [Case('MAILBOX_STATUS', p.account, "'INBOX'")],
        'APPEND': [
            Case('CONTENT_ADD', p.account, p.new_id, 700, 700, 1700000000, 60, "'a@example.org'", "'Subject'",
                 "'<id>'", *['null'] * 4, "'Preview'"),
            Case('CONTENT_CHUNK_ADD', p.account, p.new_id, 0, "'\\x00'", quote_octets(b'octets' * 100)),
            Case('FACTS_ADD', p.account, p.new_id, "'\\x00'", *facts()),
            Case('COMMIT_BATCH', *new.arguments()),
        ],
        'FETCH BODY[]': [
            Case('READ_HEADS', p.account, bigints(p.content), "array[true]", texts(None), "array[0]::smallint[]"),
            Case('READ_OCTETS', p.account, bigints(p.content), texts(None), "array[0]::smallint[]", bigints(0),
                 bigints(10000)),
        ],
        'FETCH BODY[1]': [
            Case('READ_HEADS', p.account, bigints(p.content), "array[false]", texts('1'), "array[0]::smallint[]"),
            Case('READ_OCTETS', p.account, bigints(p.apart), texts('1'), "array[0]::smallint[]", bigints(0),
                 bigints(10000)),
        ],
        'STORE': [Case('COMMIT_BATCH', *Batch(p.account, p.inbox).add('store', message, 1, 2).arguments())],
        'EXPUNGE': [Case('COMMIT_BATCH', *Batch(p.account, p.inbox).add('expunge', message).arguments())],
        'COPY': [Case('COMMIT_BATCH', *Batch(p.account, p.inbox, p.archive)
                      .add('copy', message, in_destination=True).arguments())],
        'MOVE': [Case('COMMIT_BATCH', *Batch(p.account, p.inbox, p.archive)
                      .add('move', message, in_destination=True).arguments())],
        'look-up by Message-ID': [
            Case('HEADER_LOOKUP', p.account, "'message-id'", quote(f'<{p.content}@example.org>'))],
        'repair check': [
            Case('MAILBOX_STATES', bigints(p.account), bigints(p.inbox), bigints(1600000000), bigints(p.modseq))],
        'attributes': [Case('ATTRIBUTE_GET', p.account, p.inbox, 0, 0, "''"),
                       Case('ATTRIBUTE_SET', p.account, p.inbox, texts('new'), bytes_of(b'value'))],
    }


def facts():
    """Of facts_add, behind the encoded."""
    part = ['', 'leaf', -1, 'text', 'plain', 'utf-8', '7bit', None, None, None]
    return (texts('message-id', 'conversation-id'), integers(0, 1), texts('<id>', 'id'),
            texts('from', 'to'), texts('Name', None), texts('a@example.org', 'b@example.org'),
            texts('example.org', 'example.org'),
            *(integers(value) if value == -1 else texts(value) for value in part),
            *(bigints(value) for value in (0, 100, 100, 600, 0, 600)))


def cases_of_all(place, whole):
    """At least one of each statement that reads or writes tables, with each branch of the functions. @whole: those as
    well that read or change the store as a whole."""
    p = place
    message = f'{{[{p.uid},{p.uid + 1})}}'
    many = '{[10,30),[40,41),[50,55)}'
    one = [case for cases in cases_of_one(place).values() for case in cases]
    segments = [(0, 100, None, 0), (100, 50, p.object, 0), (150, 20, None, 100)]
    dying = f'select coffer.account_begin_delete({p.account});'
    dead = (f'insert into coffer.dead_mailbox select account, id from coffer.mailbox where id = {p.archive};'
            f'delete from coffer.mailbox where account = {p.account} and id = {p.archive};')
    begun = ('insert into coffer.object (id, scope, length, touched, unused_since)'
             f" values ({p.new_id}, 'server', 10, 0, 0);")
    moved = f'update coffer.object set scope = {quote(p.scope)} where id = {p.new_id};'
    cases = one + [
        Case('ACCOUNT_CREATE', "'new@example.org'"),
        Case('ACCOUNT_CHANGE', p.account, 1, "'more@example.org'", quote(p.address), "'kind'", "'\\x00'", 9),
        Case('ACCOUNT_CHANGE', p.account, -1, 'null', 'null', "'scram-sha-256'", 'null', 0,
             name='remove'),
        Case('ACCOUNTS_CLOSED', bigints(*p.accounts)),
        Case('MAILBOX_LIST_STATUS', p.account, "'Archive'"),
        Case('ACCOUNT_BEGIN_DELETE', p.account),
        Case('ACCOUNT_PURGE', p.account, before=dying, times=12),
        Case('MAILBOX_CREATE', p.account, "'New/Below/This'", 0),
        Case('MAILBOX_RENAME', p.account, "'Archive'", "'Elsewhere/Archive'"),
        Case('MAILBOX_RENAME', p.account, "'INBOX'", "'Old'", name='INBOX'),
        Case('MAILBOX_DELETE', p.account, p.archive),
        Case('MAILBOX_EXISTS', p.account, p.inbox),
        Case('MAILBOX_RESTORE', p.account, p.inbox, "'INBOX'", 1600000000, p.next + 9, p.next + 9, p.next, 0,
             quote(many), bigints(p.uid, p.next), bigints(p.content, p.apart), bigints(1, 2), bigints(0, 0),
             smallints(0, 60), bigints(0, 0), bigints(700, 700), smallints(8, 4), texts('', '$New'), bigints(p.apart),
             bigints(10 ** 6), bigints(50), bigints(p.object), bigints(0), bigints(p.uid), texts('annotation/new'), bytes_of(b'value')),
        Case('MAILBOX_RESTORE', p.account, 0, "'Restored'", 1600000000, 1, 1, 1, 0, "'{}'", bigints(), bigints(),
             bigints(), bigints(), smallints(), bigints(), bigints(), smallints(), texts(), bigints(), bigints(),
             bigints(), bigints(), bigints(), bigints(), texts(), bytes_of(), name='new'),
        Case('INDEX_REPORT', p.account, p.inbox, 'null', 1, 0, name='reset'),
        Case('INDEX_REPORT', p.account, p.inbox, 'null', p.floor - 1, 0,
             name='scan'),
        Case('INDEX_ALL', p.account, p.inbox, 'null'),
        Case('INDEX_ALL', p.account, 0, "'INBOX'", name='by name'),
        Case('READ_OCTETS', p.account, bigints(p.apart, p.content), texts(None, None), "array[0, 0]::smallint[]",
             bigints(0, 100), bigints(10000, 10), name='apart'),
        Case('CONTENT_RENEW', p.account, p.content, 1700000000, 60, *["'new'"] * 8),
        Case('OBJECT_TOUCH', quote(p.scope), quote(p.sha256)),
        Case('OBJECT_PUT', quote(p.scope), p.new_id, "'\\x00'", 100, "'text/plain'"),
        Case('OBJECT_BEGIN', quote(p.scope), p.new_id, "'\\x00'", 100, "'text/plain'"),
        Case('OBJECT_GO_ON', p.new_id, before=begun),
        Case('OBJECT_CHUNK_ADD', p.new_id, 0, "'\\x00'", before=begun),
        Case('OBJECT_NAME', "'server'", p.new_id, "'\\x0011'", before=begun),
        Case('OBJECT_NAME', quote(p.scope), p.new_id, quote(p.sha256), before=begun + moved,
             name='there'),
        Case('COMMIT_BATCH', *Batch(p.account, p.inbox, p.archive, 10 ** 12, 10 ** 9)
             .add('append', content=p.new_id, size=170, segments=segments, in_destination=True)
             .add('store', many, 1, 2, '$New').add('store', many, 2, 2, '$New').add('store', message, 0, 4)
             .add('annotate', many, attributes=[('annotation/new', b'value'), ('annotation/comment', None)])
             .add('copy', many, group=1, in_destination=True).add('move', message, group=1, in_destination=True)
             .add('copy', '{[1,9)}').add('expunge', many).arguments(), name='all kinds'),
        Case('ATTRIBUTE_GET', p.account, p.inbox, 1, p.next, "'annotation/'", name='of messages'),
        Case('ATTRIBUTE_SET', p.account, 0, texts('new', 'metadata/INBOX1'), bytes_of(b'value', None),
             name='of the account'),
        Case('MAILBOX_STATES', bigints(*p.accounts), bigints(*p.mailboxes), bigints(*[1600000000] * len(p.accounts)),
             bigints(*[5] * len(p.accounts)), name='many'),
        Case('MAILBOX_RENEW', p.account, p.inbox, 1600000001),
        Case('LOGINS_NOTE', "'node'", 'true', bigints(1700000000, 1700000000), bigints(p.account, 0),
             texts('ok', 'failed'), texts(p.address, p.address), *[texts('192.0.2.1', None)] * 4),
        Case('LOGIN_AUDIT_TRIM', 100),
        Case('COLLECT', 0, times=4),
        Case('COLLECT', 0, before=dead, times=3, name='a deleted mailbox'),
        Case('COLLECT', 0, before=dying, times=2, name='a deleted account'),
        Case('CHECK_TOTAL', p.account, name='one account'),
        Case('CHECK_CONTENTS', p.account, 0, 0, p.account),
        Case('CHECK_OBJECTS', p.object + ' - 1', 0),
        Case('CHECK_OBJECTS', 0, p.account, name='one account'),
        Case('CHECK_OBJECT_CHUNKS', p.object),
    ]
    if whole:
        cases += [Case('ACCOUNT_LIST'), Case('RESTORED', rounds=1), Case('CHECK_TOTAL', 0)]
    return cases
