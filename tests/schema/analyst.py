"""Who reads reports: a login role made as doc/reporting.md says, and what it gets for its questions."""
import csv
import io
import subprocess

import page
from postgresql import PostgresqlError, find_program


class Analyst:
    """In a with statement. Roles are the cluster's, which tests share: the name is this one's own."""

    def __init__(self, cluster, database):
        self.cluster = cluster
        self.database = database
        self.role = f'ann_reports_{database}'
        self.make = page.blocks('Who may read')[0].replace('ann_reports', self.role)

    def __enter__(self):
        self.cluster.psql(self.make, self.database)
        return self

    def __exit__(self, *_):
        self.cluster.psql(f'drop role {self.role}', self.database)

    def ask(self, sql, user=None):
        """The rows of @sql, as tuples of texts, t and f; NULL is None."""
        result = subprocess.run([find_program('psql'), '--no-psqlrc', '--quiet', '--csv', '--tuples-only',
                                 '--pset=null=\\N', '--set=ON_ERROR_STOP=1',
                                 self.cluster.dsn(self.database, user=user or self.role)],
                                input=sql, capture_output=True, text=True, check=False)
        if result.returncode:
            raise PostgresqlError(result.stderr)
        rows = csv.reader(io.StringIO(result.stdout, newline=''))
        return [tuple(None if value == '\\N' else value for value in row) for row in rows]

    def one(self, sql):
        rows = self.ask(sql)
        assert len(rows) == 1, rows
        return rows[0]

    def refusal(self, sql):
        try:
            self.ask(sql)
        except PostgresqlError as error:
            return str(error)
        raise AssertionError(f'not refused: {sql}')
