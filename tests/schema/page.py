"""doc/reporting.md: its SQL, and the tables of columns in it, which are made from the comments in the database."""
import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / 'doc/reporting.md'
BLOCK = re.compile(r'^```sql\n(.*?)^```$', re.M | re.S)
COLUMNS = '''
    select c.relname, obj_description(c.oid, 'pg_class'), a.attname, format_type(a.atttypid, a.atttypmod),
        col_description(c.oid, a.attnum)
      from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      where c.relnamespace = 'report'::regnamespace and c.relkind = 'v'
      order by c.relname, a.attnum'''


def section(title):
    """The text below the heading "## TITLE", up to the next of its kind."""
    match = re.search(rf'^## {re.escape(title)}\n(.*?)(?=^## |\Z)', PAGE.read_text(), re.M | re.S)
    assert match, f'{PAGE.name} has no section "{title}"'
    return match[1]


def blocks(title):
    return BLOCK.findall(section(title))


def queries():
    """{heading: statement} of the worked queries; one block below each heading "### ..."."""
    found = {}
    for heading, text in re.findall(r'^### (.*?)\n(.*?)(?=^### |\Z)', section('Worked queries'), re.M | re.S):
        statements = BLOCK.findall(text)
        assert len(statements) == 1, f'"{heading}" has {len(statements)} queries'
        found[heading] = statements[0]
    return found


def views_text(rows):
    """The section "The views" as it has to be; @rows: those of COLUMNS."""
    views = {}
    for view, comment, *column in rows:
        views.setdefault((view, comment), []).append(column)
    text = section('The views').split('\n### ')[0].rstrip() + '\n'
    for (view, comment), columns in views.items():
        text += f'\n### {view}\n\n{comment}\n\n| column | type | is |\n|---|---|---|\n'
        text += ''.join(f'| `{name}` | {kind} | {meaning} |\n' for name, kind, meaning in columns)
    return text + '\n'


def write_views(rows):
    PAGE.write_text(PAGE.read_text().replace(section('The views'), views_text(rows)))
