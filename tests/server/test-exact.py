#!/usr/bin/env python3
"""Awkward mail comes back octet for octet: whole, in ranges, and each part. Prints TAP.

    test-exact.py BUILD BACKEND

Sizes must agree as well: RFC822.SIZE with BODY[], BODYSTRUCTURE with each BODY[n], and ranges of any size put
together with the whole (RFC 3501, 6.4.5, 7.4.2). Content with NUL is presented as base64 and given back by BINARY
(RFC 3516).
"""
import base64
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position
from server import Server  # noqa: E402  pylint: disable=wrong-import-position

MULTIPART = b'Content-Type: multipart/mixed; boundary="%b"\r\n\r\n'


def nested(depth):
    """Parts within parts."""
    octets = b'Content-Type: text/plain\r\n\r\nInnermost\r\n'
    for level in range(depth):
        name = b'b%d' % level
        octets = MULTIPART % name + b'--' + name + b'\r\n' + octets + b'\r\n--' + name + b'--\r\n'
    return octets


def forwarded(depth):
    """Messages within messages."""
    octets = b'Subject: Innermost\r\n\r\nText\r\n'
    for _ in range(depth):
        octets = b'Subject: Forwarded\r\nContent-Type: message/rfc822\r\n\r\n' + octets
    return octets


MESSAGES = {
    'one-octet': b'x',
    'header-only': b'Subject: x\r\n',
    'header-without-blank-line': b'Subject: x',
    'body-only': b'\r\nbody',
    'no-final-line-end': b'Subject: x\r\n\r\nbody',
    'bare-cr': b'Subject: a\rb\r\n\r\none\rtwo\r\r\nthree\r',
    'bare-lf': b'Subject: a\nFrom: b\n\none\ntwo\n\n',
    'mixed-line-ends': b'Subject: a\nFrom: b\r\n\r\none\n\r\ntwo\r\n\r',
    'header-of-8-bit': b'Subject: caf\xe9 \xff\xfe\r\nFrom: \xe4 <\xf6@example.org>\r\n\r\n\x80\x81\xff\r\n',
    'every-octet-but-nul': b'\r\n' + bytes(range(1, 256)) * 3,
    'lines-of-1-mb': b'Subject: ' + b'x' * 1000000 + b'\r\n\r\n' + b'y' * 1000000 + b'\r\n' + b'z' * 1000000,
    'a-thousand-parts': (MULTIPART % b'b' + b''.join(b'--b\r\n\r\nPart %d\r\n' % n for n in range(1000))
                         + b'--b--\r\n'),
    'a-thousand-levels': nested(1000),
    'a-hundred-forwards': forwarded(100),
    'boundary-that-never-comes': MULTIPART % b'b' + b'--c\r\n\r\nText\r\n--c--\r\n',
    'boundary-that-never-ends': MULTIPART % b'b' + b'--b\r\n\r\nText\r\n--b\r\n\r\nMore',
    'boundary-of-the-outer': (MULTIPART % b'b' + b'--b\r\n' + MULTIPART % b'b' + b'--b\r\n\r\nText\r\n--b--\r\nEnd\r\n'
                              b'--b--\r\n'),
    'boundary-that-begins-like-another': (MULTIPART % b'b' + b'--b\r\n' + MULTIPART % b'bb'
                                          + b'--bb\r\n\r\nText\r\n--bb--\r\n--b-not\r\n--b \t\r\n\r\nx\r\n--b--\r\n'),
    'boundary-in-the-epilogue': MULTIPART % b'b' + b'--b\r\n\r\nText\r\n--b--\r\n--b\r\n\r\nNo part\r\n--b--\r\n',
    'empty-boundary': MULTIPART % b'' + b'--\r\n\r\nText\r\n----\r\n',
    'no-parts': MULTIPART % b'b' + b'--b--\r\n',
    'preamble-and-bare-lf': (MULTIPART % b'b').replace(b'\r', b'') + b'Preamble\n--b\n\nText\n--b\n\nMore\n--b--\nEnd',
    'large-part': (MULTIPART % b'b' + b'--b\r\n\r\nSmall\r\n--b\r\nContent-Type: image/png\r\n\r\n'
                   + bytes(range(1, 256)) * 4000 + b'\r\n--b--\r\n'),
}
NUL = bytes(range(256)) * 5
NUL_MESSAGES = {
    'nul/one-part': (b'Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n' + NUL,
                     {'1': NUL}),
    'nul/a-part-of-two': (MULTIPART % b'b' + b'--b\r\n\r\nText\r\n--b\r\nContent-Type: application/octet-stream\r\n'
                          b'Content-Transfer-Encoding: binary\r\n\r\n' + NUL + b'\r\n--b--\r\n',
                          {'1': b'Text', '2': NUL}),
    'nul/large': (b'Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n' + NUL * 300,
                  {'1': NUL * 300}),
}


# ---- BODYSTRUCTURE ----

TOKEN = re.compile(rb' |(\()|(\))|"((?:[^"\\]|\\.)*)"|\{(\d+)\}\r\n|([^ ()"{]+)', re.S)


def parse(octets, at=0):
    """A parenthesised list as lists of bytes, None for NIL."""
    stack = [[]]
    while at < len(octets):
        match = TOKEN.match(octets, at)
        at = match.end()
        if match[1]:
            stack.append([])
        elif match[2]:
            stack[-2].append(stack.pop())
        elif match[3] is not None:
            stack[-1].append(match[3])
        elif match[4]:
            stack[-1].append(octets[at:at + int(match[4])])
            at += int(match[4])
        elif match[5]:
            stack[-1].append(None if match[5] == b'NIL' else match[5])
    return stack[0]


def leaves(structure, path=()):
    """(part number, octets) of each part that is no multipart."""
    todo = [(structure, path)]
    while todo:
        part, path = todo.pop()
        if isinstance(part[0], list):
            children = [child for child in part if isinstance(child, list) and is_body(child)]
            todo += [(child, (*path, number)) for number, child in enumerate(children, 1)]
            continue
        path = path or (1,)
        yield '.'.join(map(str, path)), int(part[6])
        if part[0].lower() == b'message' and part[1].lower() == b'rfc822':
            inner = part[8]
            todo.append((inner, path if isinstance(inner[0], list) else (*path, 1)))


def is_body(item):
    return bool(item) and (isinstance(item[0], list) or (len(item) >= 7 and (item[6] or b'').isdigit()))


# ---- Cases ----

class Exact:
    def __init__(self, server):
        self.client = server.client('alice')

    def append(self, octets, literal8=False):
        self.client.ok('CREATE box')
        result = self.client.append('box', octets, literal8=literal8)
        assert result.status == 'OK', result
        self.client.ok('SELECT box')

    def leave(self):
        self.client.ok('UNSELECT')
        self.client.ok('DELETE box')

    def fetch(self, section, partial=''):
        """The octets of one section; short ones may come quoted."""
        result = self.client.ok(f'FETCH 1 {section}{partial}')
        if result.literals():
            return result.literals()[0]
        match = re.match(rb'\* 1 FETCH \(\S+ (?:"(.*)"|NIL)\)$', result.untagged[0].line, re.S)
        assert match, result
        return re.sub(rb'\\(.)', rb'\1', match[1] or b'')

    def in_ranges(self, section, whole, steps):
        for step in steps:
            pieces, at = [], 0
            while at <= len(whole):
                pieces.append(self.fetch(section, f'<{at}.{step}>'))
                assert len(pieces[-1]) == min(step, len(whole) - at), f'{section}<{at}.{step}>: {len(pieces[-1])}'
                at += step
            assert b''.join(pieces) == whole, f'{section} in steps of {step}'

    @staticmethod
    def steps(octets):
        """Odd sizes that take a few requests each."""
        return [1, 7] if len(octets) < 100 else [len(octets) // 2 + 1, len(octets) // 7 + 3, len(octets) + 1]

    def structure(self):
        line = self.client.ok('FETCH 1 (RFC822.SIZE BODYSTRUCTURE)').untagged[0].line
        items = parse(line)[3]
        return int(items[1]), items[3]

    def parts(self, whole):
        """Every part is as long as BODYSTRUCTURE says, and is a run of the whole."""
        found = list(leaves(self.structure()[1]))
        for number, (path, size) in enumerate(found):
            octets = self.fetch(f'BODY.PEEK[{path}]')
            assert len(octets) == size, f'BODY[{path}]: {len(octets)}, BODYSTRUCTURE: {size}'
            assert octets in whole, f'BODY[{path}] is not in the message'
            if number < 5:
                self.in_ranges(f'BODY.PEEK[{path}]', octets, self.steps(octets))
        return dict(found)

    def message(self, octets, least_parts=1):
        self.append(octets)
        size, _ = self.structure()
        assert size == len(octets), f'RFC822.SIZE: {size}, appended {len(octets)}'
        assert self.fetch('BODY.PEEK[]') == octets
        assert self.fetch('BODY.PEEK[HEADER]') + self.fetch('BODY.PEEK[TEXT]') == octets
        self.in_ranges('BODY.PEEK[]', octets, self.steps(octets))
        assert len(self.parts(octets)) >= least_parts
        self.client.ok('FETCH 1 (ENVELOPE BODY)')
        self.client.ok('COPY 1 INBOX')
        self.leave()

    def nul(self, octets, parts):
        """What is shown is text without NUL; what was appended is behind BINARY."""
        self.append(octets, literal8=True)
        size, _ = self.structure()
        whole = self.fetch('BODY.PEEK[]')
        assert len(whole) == size and b'\0' not in whole
        self.in_ranges('BODY.PEEK[]', whole, self.steps(whole))
        assert self.fetch('BODY.PEEK[HEADER]') + self.fetch('BODY.PEEK[TEXT]') == whole
        self.parts(whole)
        for path, wanted in parts.items():
            assert self.fetch(f'BINARY.PEEK[{path}]') == wanted
            assert self.client.ok(f'FETCH 1 BINARY.SIZE[{path}]').lines() == [
                b'* 1 FETCH (BINARY.SIZE[%b] %d)' % (path.encode(), len(wanted))]
            self.in_ranges(f'BINARY.PEEK[{path}]', wanted, self.steps(wanted))
            shown = self.fetch(f'BODY.PEEK[{path}]')
            assert (base64.b64decode(shown) if b'\0' in wanted else shown) == wanted
        self.leave()


def log_is_clean(server):
    assert server.errors() == [], server.errors()


def cases(server):
    exact = Exact(server)
    least = {'a-thousand-parts': 1000, 'a-hundred-forwards': 50, 'large-part': 2, 'preamble-and-bare-lf': 2}
    for name, octets in MESSAGES.items():
        yield name, lambda name=name, octets=octets: exact.message(octets, least.get(name, 1))
    for name, (octets, parts) in NUL_MESSAGES.items():
        yield name, lambda octets=octets, parts=parts: exact.nul(octets, parts)
    yield 'log-is-clean', lambda: log_is_clean(server)


def main():
    config = {'imap': {'literal_max': '4M'}, 'storage': {'object_threshold': 1000}}
    with Server(sys.argv[1], sys.argv[2], config=config, users=['alice']) as server:
        return tap.run(cases(server))


if __name__ == '__main__':
    sys.exit(main())
