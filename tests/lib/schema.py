"""The steps of PostgreSQL's schema, and databases as an older server would have left them."""
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / 'schema/postgresql'
# As `cofferctl schema upgrade` does it: everything belongs to whoever owns the schema.
BECOME_OWNER = """select set_config('role', pg_get_userbyid(nspowner)::text, true) from pg_namespace
                   where nspname = 'coffer' and nspowner <> current_user::regrole;"""


def steps():
    """[(number, file)], in order."""
    return [(int(path.name.split('-')[0]), path) for path in sorted(FOLDER.glob('*.sql'))]


def number_of(name):
    """The number of the step "NNN-NAME.sql"."""
    return next(number for number, path in steps() if path.stem.split('-', 1)[1] == name)


def drop(cluster, database):
    cluster.psql('drop schema if exists report cascade; drop schema if exists coffer cascade', database)


def make(cluster, database, last):
    """Makes the schema anew, up to step @last."""
    drop(cluster, database)
    for number, path in steps():
        if number <= last:
            cluster.psql(f'begin; {BECOME_OWNER}\n{path.read_text()}\n'
                         f"insert into coffer.schema_step (step, name) values ({number}, '{path.stem}'); commit",
                         database)


def copy_rows(cluster, database):
    """What is in the tables, for put_rows(): {table: JSON}."""
    tables = cluster.psql("select table_name from information_schema.tables where table_schema = 'coffer'"
                          " and table_type = 'BASE TABLE' and table_name <> 'schema_step'", database).split()
    return {table: cluster.psql(f'select json_agg(t) from coffer.{table} t', database).strip() for table in tables}


def put_rows(cluster, database, rows):
    """Puts @rows into tables that may lack some of them, or some columns."""
    there = cluster.psql("select relname from pg_class where relnamespace = 'coffer'::regnamespace and relkind = 'r'",
                         database).split()
    statements = [f'insert into coffer.{table} overriding system value select *'
                  f' from json_populate_recordset(null::coffer.{table}, $json${text}$json$);'
                  for table, text in rows.items() if text and table in there]
    # Accounts first, as others refer to them.
    statements.sort(key=lambda text: not text.startswith('insert into coffer.account '))
    for table in ('account', 'mailbox'):
        statements.append(f"select setval(pg_get_serial_sequence('coffer.{table}', 'id'), max(id))"
                          f' from coffer.{table};')
    statements.append("select setval('coffer.id_block', max(id) / 1024 * 1024 + 1024) from coffer.content;")
    cluster.psql('\n'.join(statements), database)
