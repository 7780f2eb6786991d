"""A dialogue file: its lines, what the client's become on the wire, what the server's match. README.md has the
format; this is its one reader.

Text is octets throughout: nothing here decodes what a server sends.
"""
import base64
import re
from dataclasses import dataclass, field
from pathlib import Path

LINE = re.compile(rb'^(?P<conn>[1-9]?)(?P<side>[CS])(?P<kind>[:>|?])(?: (?P<text>.*))?$')
LITERAL = re.compile(rb'<<(?P<kind>~?\+?)(?:"(?P<inline>[^"]*)"|@(?P<file>[\w.-]+)|(?P<word>[A-Z]+))')
INNERMOST = re.compile(rb'\{\{([^{}]*)\}\}')
EXPRESSION = re.compile(rb'\{\{(.*?)\}\}', re.S)
NAMED = re.compile(rb'^([a-z][a-z0-9_]*)=(.*)$', re.S)
COMPARISON = re.compile(rb'^(above|below|other than) ([a-z][a-z0-9_]*)$')
STATUS = re.compile(rb'^(\+|\S+ (OK|NO|BAD|BYE|PREAUTH)\b)')
TAGGED = re.compile(rb'^(OK|NO|BAD|\{\{NO\|BAD\}\})(?: |$)')
FIXTURES = Path(__file__).parent / 'fixtures'


class DialogueError(Exception):
    """The file is not a dialogue."""


def unescape(text):
    return re.sub(rb'\\x([0-9a-fA-F]{2})', lambda match: bytes([int(match[1], 16)]), text)


def show(octets):
    """As it is written in a dialogue: one line of ASCII."""
    return ''.join(chr(o) if 32 <= o < 127 else f'\\x{o:02x}' for o in octets)


# ---- What the client sends ----

def expand(text, variables):
    """Replaces {{name}}, {{repeat N text}} and {{base64 text}}, the innermost first, then escapes."""
    def value(match):
        words = match[1].split(b' ', 2)
        if words[0] == b'repeat':
            return words[2] * int(words[1])
        if words[0] == b'base64':
            return base64.b64encode(unescape(match[1].split(b' ', 1)[1]))
        if match[1] in variables:
            return variables[match[1]]
        raise DialogueError(f'nothing is known as {{{{{show(match[1])}}}}}')

    while INNERMOST.search(text):
        text = INNERMOST.sub(value, text)
    return unescape(text)


@dataclass
class Send:
    """One command or line. Its parts are texts and literals in turn: [text, (kind, octets), text, ...]."""
    conn: int
    tagged: bool
    parts: list
    line: int
    line_end: bytes = b'\r\n'

    def pieces(self, tag, variables):
        """What goes out without waiting; between two pieces the server's continuation request is awaited."""
        out = tag + b' ' if self.tagged else b''
        pieces = []
        for part in self.parts:
            if isinstance(part, bytes):
                out += expand(part, variables)
                continue
            kind, octets = part
            octets = expand(octets, variables)
            plus = b'+' if b'+' in kind else b''
            out += (b'~' if b'~' in kind else b'') + b'{%d%b}\r\n' % (len(octets), plus)
            if not plus:
                pieces.append(out)
                out = b''
            out += octets
        pieces.append(out + self.line_end)
        return pieces


# ---- What the server must answer ----

class Pattern:
    """What one response must look like."""

    def __init__(self, parts):
        self.parts = parts

    def text(self):
        return show(b''.join(part if isinstance(part, bytes) else b'<<' + part[0] + b'"' + part[1] + b'"'
                             for part in self.parts))

    def is_tagged(self):
        return bool(TAGGED.match(self.parts[0]))

    def match(self, response, tag, variables):
        """The captures of a response that matches, else None."""
        checks, names = [], []
        regex = b''
        for part in self.parts:
            if isinstance(part, bytes):
                regex += self._regex(part, variables, checks, names)
            else:
                regex += self._literal(part, variables, checks, names)
        if self.is_tagged():
            regex = re.escape(tag or b'(no command is open)') + b' ' + regex
        if STATUS.match(response):
            regex += b'(?: .*)?'  # the text is for people
        match = re.fullmatch(regex, response, re.S)
        if not match or not all(check(match) for check in checks):
            return None
        return {name: match[f'v_{name.decode()}'] for name in names}

    def _literal(self, part, variables, checks, names):
        kind, octets = part
        prefix = b'~' if b'~' in kind else b''
        if EXPRESSION.search(octets):
            return prefix + rb'\{[0-9]+\}\r\n' + self._regex(octets, variables, checks, names)
        octets = unescape(octets)
        return re.escape(prefix + b'{%d}\r\n' % len(octets) + octets)

    def _regex(self, text, variables, checks, names):
        out, at = b'', 0
        for match in EXPRESSION.finditer(text):
            out += re.escape(unescape(text[at:match.start()]))
            out += self._expression(match[1], variables, checks, names)
            at = match.end()
        return out + re.escape(unescape(text[at:]))

    def _expression(self, text, variables, checks, names):
        words = text.split()
        if words and words[0] in (b'set', b'has'):
            group = f'c_{len(checks)}'
            wanted = sorted(unescape(word) for word in words[1:])
            if words[0] == b'set':
                checks.append(lambda match: sorted(match[group].split()) == wanted)
            else:
                checks.append(lambda match: set(wanted) <= set(match[group].split()))
            return b'(?P<%b>[^()]*?)' % group.encode()
        named = NAMED.match(text)
        compared = COMPARISON.match(named[2] if named else text)
        if compared:
            return self._comparison(named[1] if named else None, compared, variables, checks, names)
        if text in names:
            return b'(?P=v_%b)' % text
        if text in variables:
            return re.escape(variables[text])
        if text == b'*':
            return b'.*?'
        if not named:
            return b'(?:%b)' % text
        names.append(named[1])
        return b'(?P<v_%b>%b)' % (named[1], named[2])

    @staticmethod
    def _comparison(name, compared, variables, checks, names):
        """A number above or below one that was captured before, or a word that is another."""
        group = f'n_{len(checks)}'
        sign = 1 if compared[1] == b'above' else -1
        if compared[2] not in variables:
            raise DialogueError(f'nothing is known as {show(compared[2])}')
        known = variables[compared[2]]
        if compared[1] == b'other than':
            checks.append(lambda match: match[group] != known)
            number = b'(?P<%b>[A-Za-z0-9_-]+)' % group.encode()
        else:
            checks.append(lambda match: (int(match[group]) - int(known)) * sign > 0)
            number = b'(?P<%b>[0-9]+)' % group.encode()
        if not name:
            return number
        names.append(name)
        return b'(?P<v_%b>%b)' % (name, number)


@dataclass
class Expect:
    """One response; or several in any order; or, with anything=True, others may come before it."""
    conn: int
    patterns: list
    line: int
    anything: bool = False
    special: str = ''  # 'closed', 'nothing'
    unordered: bool = False


@dataclass
class StartTls:
    conn: int
    line: int


@dataclass
class Dialogue:
    name: str
    path: Path
    title: str = ''
    steps: list = field(default_factory=list)
    directives: list = field(default_factory=list)  # (name, parts)

    def values(self, name):
        return [parts for known, parts in self.directives if known == name]


# ---- Reading a file ----

DIRECTIVES = {b'no-login', b'greeting', b'mailbox', b'do', b'select', b'examine', b'2select', b'config',
              b'server-error', b'control', b'password'}


class Reader:
    def __init__(self, path, name):
        self.dialogue = Dialogue(name, path)
        self.lines = path.read_bytes().split(b'\n')
        self.at = 0

    def fail(self, why):
        raise DialogueError(f'{self.dialogue.path}:{self.at}: {why}')

    def next_line(self):
        self.at += 1
        return self.lines[self.at - 1]

    def parts(self, text):
        """Splits at literals, whose octets may be in the lines that follow."""
        parts, at = [], 0
        for match in LITERAL.finditer(text):
            parts.append(text[at:match.start()])
            if match['inline'] is not None:
                octets = match['inline']
            elif match['file']:
                octets = (FIXTURES / match['file'].decode()).read_bytes()
            else:
                octets = self.here_document(match['word'])
            parts.append((match['kind'], octets))
            at = match.end()
        parts.append(text[at:])
        return parts

    def here_document(self, word):
        octets = b''
        while self.at < len(self.lines):
            line = self.next_line()
            if line == word:
                return octets
            octets += line + b'\r\n'
        return self.fail(f'the literal <<{show(word)} does not end')

    def directive(self, text):
        name, _, rest = text.partition(b' ')
        if name not in DIRECTIVES:
            self.fail(f'no directive is called {show(name)}')
        self.dialogue.directives.append((name.decode(), self.parts(rest)))

    def client(self, conn, kind, text):
        if text == b'<starttls>':
            self.dialogue.steps.append(StartTls(conn, self.at))
            return
        line = self.at
        self.dialogue.steps.append(Send(conn, kind == b':', self.parts(text), line,
                                        b'' if kind == b'|' else b'\r\n'))

    def server(self, conn, kind, text):
        steps = self.dialogue.steps
        previous = steps[-1] if steps and isinstance(steps[-1], Expect) and steps[-1].conn == conn else None
        open_end = previous and previous.anything and not previous.patterns
        if text == b'...':
            steps.append(Expect(conn, [], self.at, anything=True))
        elif text in (b'<closed>', b'<nothing>'):
            step = Expect(conn, [], self.at, special=text.decode().strip('<>'))
            step.anything = bool(open_end and steps.pop())
            steps.append(step)
        elif open_end or (kind == b'?' and previous and previous.patterns and previous.unordered):
            previous.patterns.append(Pattern(self.parts(text)))
            previous.unordered = kind == b'?'
        elif kind in b':?':
            steps.append(Expect(conn, [], self.at))
            line = self.at
            steps[-1].patterns.append(Pattern(self.parts(text)))
            steps[-1].line = line
            steps[-1].unordered = kind == b'?'
        else:
            self.fail('a response is written S: or S?')

    def read(self):
        while self.at < len(self.lines):
            line = self.next_line()
            if line.startswith(b'#!'):
                self.directive(line[2:])
                continue
            if line.startswith(b'#'):
                self.dialogue.title = self.dialogue.title or line[1:].strip().decode()
                continue
            if not line:
                continue
            match = LINE.match(line)
            if not match:
                self.fail('neither a comment nor a line of client or server')
            text = match['text'] or b''
            conn = int(match['conn'] or 1)
            (self.client if match['side'] == b'C' else self.server)(conn, match['kind'], text)
        if not self.dialogue.title:
            self.fail('the first line must be a comment that says what is shown')
        return self.dialogue


def read_dialogue(path, name):
    return Reader(Path(path), name).read()
