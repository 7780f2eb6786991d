"""curl: one request on one connection each, by URL (RFC 5092) or with a command of its own."""
import subprocess
from urllib.parse import quote as url_quote

from messages import ALL, ATTACHMENT, NESTED, PLAIN, UTF8


class Curl:
    def __init__(self, target, root, folder):
        self.target, self.root, self.folder = target, root, folder

    def request(self, path, *options, scheme='imaps'):
        """What curl writes to stdout, as octets."""
        port = self.target.port if scheme == 'imaps' else self.target.starttls_port
        result = subprocess.run(
            ['curl', '--silent', '--show-error', '--config', '-', '--cacert', self.target.cafile, '--max-time', '30',
             '--noproxy', '*', *options, f'{scheme}://{self.target.host}:{port}/{path}'],
            input=f'user = "{self.target.user}:{self.target.password}"\n'.encode(), capture_output=True, timeout=60,
            check=False)
        assert result.returncode == 0, f'{path} {options}: {result.returncode} {result.stderr.decode()}'
        return result.stdout

    def command(self, text, mailbox=''):
        return self.request(url_quote(mailbox), '--request', text)

    def upload(self):
        for name in (self.root, f'{self.root}/moved here'):
            self.command(f'CREATE "{name}"')
        path = self.folder / 'upload'
        for octets in ALL:
            path.write_bytes(octets)
            self.request(self.root, '--upload-file', path)
        assert self.target.messages(self.root) == [({r'\Seen', r'\Recent'}, octets) for octets in ALL]

    def list(self):
        lines = self.request('').decode().splitlines()
        assert f'* LIST (\\HasChildren) "/" "{self.root}"' in lines, lines
        assert f'* LIST (\\HasNoChildren) "/" "{self.root}/moved here"' in lines, lines

    def read(self):
        for uid, octets in enumerate(ALL, 1):
            assert self.request(f'{self.root};UID={uid}') == octets
            assert self.request(f'{self.root};UID={uid};SECTION=TEXT') == octets.split(b'\r\n\r\n', 1)[1]

    def read_over_starttls(self):
        assert self.request(f'{self.root};UID=4', '--ssl-reqd', scheme='imap') == ATTACHMENT

    def search(self):
        assert self.request(f'{self.root}?SUBJECT%20Plain').strip() == b'* SEARCH 1'
        assert self.request(f'{self.root}?BODY%20%22Inner%20text%22').strip() == b'* SEARCH 3'
        assert self.request(f'{self.root}?UNSEEN').strip() == b'* SEARCH'

    def flag(self):
        assert b'\\Answered' in self.command(r'STORE 2 +FLAGS (\Answered)', self.root)
        self.command(r'STORE 2 -FLAGS (\Seen)', self.root)
        assert self.target.flags(self.root, UTF8) == {r'\Answered'}

    def move(self):
        self.command(f'UID MOVE 1:2 "{self.root}/moved here"', self.root)
        assert self.target.octets(self.root) == [NESTED, ATTACHMENT]
        assert self.target.octets(f'{self.root}/moved here') == [PLAIN, UTF8]
        assert self.request(url_quote(f'{self.root}/moved here') + ';UID=2') == UTF8

    def delete(self):
        self.command(r'UID STORE 3 +FLAGS (\Deleted)', self.root)
        assert self.target.octets(self.root) == [NESTED, ATTACHMENT]

    def expunge(self):
        assert self.command('EXPUNGE', self.root).strip() == b'* 1 EXPUNGE'
        assert self.target.octets(self.root) == [ATTACHMENT]
        self.command(f'DELETE "{self.root}/moved here"')
        assert self.target.mailboxes(self.root) == [self.root]


def cases(target, root, folder):
    curl = Curl(target, root, folder)
    return [(step.__name__.replace('_', '-'), step)
            for step in (curl.upload, curl.list, curl.read, curl.read_over_starttls, curl.search, curl.flag,
                         curl.move, curl.delete, curl.expunge)]
