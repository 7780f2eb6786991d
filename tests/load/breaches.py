"""What a server could do wrong: each breach is done to a correct server's dialogue by a man in the middle.

A breach is a function of the session and of what passes: a response, the first line of a command that has no literal,
or a literal of the client's. It returns None to let that pass, what to pass on instead (lines, for a response), or
Held (lines) when that is not the breach yet. One that is repeated is done wherever it can be, for what the checker
cannot always know; the others are done once.
"""
import re
import threading

ALL = []


class Held(list):
    """Lines to pass on, though the rule is not broken yet."""


class Breach:
    def __init__(self, what, name, sections, function, repeat):
        self.what = what
        self.name = name
        self.sections = re.compile(rf'RFC (?:{sections})(?![.\d])')
        self.function = function
        self.repeat = repeat
        self.done = 0
        self.notes = {}  # of all sessions
        self.lock = threading.Lock()

    def attempt(self, what, session, passing):
        if what != self.what or (self.done and not self.repeat):
            return None
        with self.lock:
            result = self.function(self, session, passing)
            self.done += result is not None and not isinstance(result, Held)
        return result

    def take_command(self, session, command):
        result = self.attempt('command', session, command.text)
        return command.text if result is None else result

    def take_literal(self, session, literal):
        result = self.attempt('literal', session, literal)
        return literal if result is None else result

    def take_response(self, session, response):
        result = self.attempt('response', session, response)
        return [response] if result is None else result


def breach(name, sections, what='response', repeat=False):
    """@sections: a pattern for the rules by which the checker may see it, such as "3501, 7.3.1"."""
    def add(function):
        ALL.append(lambda: Breach(what, name, sections, function, repeat))
        return function
    return add


def substitution(name, sections, pattern, replacement, repeat=False, during=None, what='response'):
    """@pattern is replaced where it is found, only in @during (a command's name)."""
    def replace(_, session, passing):
        if during and (not session.command() or session.command().name != during):
            return None
        changed, n = re.subn(pattern, replacement, passing, count=1, flags=re.S)
        return None if n == 0 else [changed] if what == 'response' else changed
    breach(name, sections, what, repeat)(replace)


def drop(name, sections, pattern, during=None, repeat=False):
    def forget(_, session, response):
        command = session.command()
        if during and (not command or command.name not in during.split(b' ')):
            return None
        return [] if re.match(pattern, response) else None
    breach(name, sections, repeat=repeat)(forget)


def insert(name, sections, line, pattern, during, repeat=False):
    """@line before a response that matches @pattern, to the command @during, which has no UID before it."""
    def add(_, session, response):
        command = session.command()
        if not command or command.uid or command.name != during or not re.match(pattern, response):
            return None
        if not session.rows:
            return None
        return [line, response]
    breach(name, sections, repeat=repeat)(add)


def not_done(name, sections, pattern, instead=b'NOOP'):
    """A command that is answered OK, and something else is carried out."""
    def replace(_, session, text):
        if not re.match(pattern, text, re.I):
            return None
        return instead(text) if callable(instead) else instead
    breach(name, sections, 'command', repeat=True)(replace)


def plus(number):
    return lambda match: match[1] + b'%d' % (int(match[2]) + number) + match[3]


def is_select(session):
    return session.command() and session.command().name in (b'SELECT', b'EXAMINE')


# ---- What a session is told of its mailbox ----

drop('an EXPUNGE is lost', r'3501, (5.2|2.3.2|6.4.3|6.4.6|7.3.1|7.4.1|2.3.1(\.\d)?)|6851, 3.3', rb'\* \d+ EXPUNGE',
     repeat=True)
drop('EXISTS is lost', '3501, (5.2|2.3.1.2|7.3.2)', rb'\* \d+ EXISTS', b'NOOP CHECK STORE FETCH COPY SEARCH',
     repeat=True)
drop('the flags that others set are not told', '3501, (5.2|6.4.6)', rb'\* \d+ FETCH \(FLAGS',
     b'NOOP CHECK COPY SEARCH', repeat=True)
drop('STORE does not tell the flags', '3501, 6.4.6', rb'\* \d+ FETCH', b'STORE', repeat=True)
drop('SELECT does not tell EXISTS', '3501, (6.3.1|7.3.2)', rb'\* \d+ EXISTS', b'SELECT')
drop('SEARCH has no response', '3501, 6.4.4', rb'\* SEARCH')
insert('EXPUNGE during FETCH', '3501, 7.4.1', b'* 1 EXPUNGE\r\n', rb'\* \d+ FETCH', b'FETCH')
insert('EXPUNGE during STORE', '3501, 7.4.1', b'* 1 EXPUNGE\r\n', rb'\* \d+ FETCH', b'STORE')
insert('EXPUNGE during SEARCH', '3501, 7.4.1', b'* 1 EXPUNGE\r\n', rb'\* SEARCH', b'SEARCH')
insert('EXPUNGE of what is there', '3501, 6.4.3', b'* 1 EXPUNGE\r\n', rb'c\S+ OK', b'NOOP',
       repeat=True)
insert('a message behind the last', '3501, 2.3.1.2', b'* 70000 FETCH (FLAGS ())\r\n', rb'c\S+ OK', b'NOOP')
insert('more are recent than there are', '3501, 7.3.2', b'* 70000 RECENT\r\n', rb'c\S+ OK', b'NOOP')
insert('FETCH that nobody has asked for', '3501, 7.4.2', b'* 1 FETCH (RFC822.SIZE 17)\r\n', rb'c\S+ OK', b'NOOP')


@breach('FETCH leaves a message out', '3501, 6.4.(5|8)', repeat=True)
def fetch_leaves_out(_, session, response):
    command = session.command()
    asked = command and command.name == b'FETCH' and command.uid
    return [] if asked and re.match(rb'\* \d+ FETCH', response) else None


@breach('EXISTS falls', '3501, 7.3.1')
def exists_falls(_, session, response):
    if not re.match(rb'\* \d+ EXISTS', response) or is_select(session) or not session.rows:
        return None
    return [b'* %d EXISTS\r\n' % (len(session.rows) - 1)]


@breach('SELECT leaves a message out', r'3501, (5.2|2.3.1(\.\d)?|7.3.2)', repeat=True)
def select_leaves_out(_, session, response):
    number = re.match(rb'\* (\d+) EXISTS', response)
    return [b'* %d EXISTS\r\n' % (int(number[1]) - 1)] if number and is_select(session) and int(number[1]) else None


@breach('two UIDs are swapped', '3501, 2.3.1.1', repeat=True)
def uids_swapped(_, session, response):
    pattern = rb'([( ]UID )(\d+)'
    uid = re.search(pattern, response) if re.match(rb'\* \d+ FETCH', response) else None
    held = session.notes.pop('held', None)
    if held and uid:
        other = re.search(pattern, held)
        return [re.sub(pattern, rb'\g<1>' + number, line, count=1)
                for line, number in ((held, uid[2]), (response, other[2]))]
    if held:
        return Held([held, response])
    if uid and session.command() and session.command().name == b'FETCH':
        session.notes['held'] = response
        return Held()
    return None


@breach('the UID of an expunged message comes again', '3501, 2.3.1.1', repeat=True)
def uid_comes_again(self, session, response):
    """Where it fits between its neighbours, in a session that has selected the mailbox later."""
    gone = self.notes.setdefault(session.uid_validity, set())
    if is_select(session) and b'UIDVALIDITY' in response:
        validity = int(re.search(rb'UIDVALIDITY (\d+)', response)[1])
        session.notes['gone'] = set(self.notes.get(validity, ()))
    number = re.match(rb'\* (\d+) (EXPUNGE|FETCH)', response)
    if not number:
        return None
    at = int(number[1]) - 1
    if number[2] == b'EXPUNGE':
        gone.add(session.rows[at])
        return None
    uid = re.search(rb'[( ]UID (\d+)', response)
    before = session.rows[at - 1] if at > 0 else 0
    if not uid or before is None or session.rows[at] is not None:
        return None
    fitting = [old for old in session.notes.get('gone', ()) if old and before < old < int(uid[1])]
    return [re.sub(rb'([( ]UID )\d+', rb'\g<1>%d' % fitting[-1], response, count=1)] if fitting else None


@breach(r'\Recent for two sessions', '3501, 2.3.2', repeat=True)
def recent_for_two(_, session, response):
    if not re.match(rb'\* \d+ FETCH', response):
        return None
    changed, n = re.subn(rb'FLAGS \((?!\\Recent)', rb'FLAGS (\\Recent ', response, count=1)
    return [changed.replace(b'\\Recent )', b'\\Recent)')] if n else None


@breach('a flag is another', r'3501, (6.4.6|5.2)', repeat=True)
def flag_is_another(_, session, response):
    if not re.match(rb'\* \d+ FETCH', response) or b'FLAGS (' not in response:
        return None
    if b'\\Draft' in response:
        return [re.sub(rb' ?\\Draft', b'', response).replace(b'FLAGS ( ', b'FLAGS (')]
    return [response.replace(b'FLAGS (', b'FLAGS (\\Draft ').replace(b'\\Draft )', b'\\Draft)')]


substitution('a flag that nobody has set', '3501, 2.3.2', rb'(\* \d+ FETCH.*FLAGS \()[^)]*', rb'\g<1>$Foreign')
substitution('a flag twice', '3501, 2.3.2', rb'(\* \d+ FETCH.*FLAGS \()[^)]*', rb'\g<1>\\Seen \\Seen')


@breach('IDLE does not deliver', '2177, 3', repeat=True)
def idle_does_not_deliver(_, session, response):
    if not session.command() or session.command().name != b'IDLE' or response[:1] == b'+':
        return None
    held = session.notes.setdefault('held', [])
    if response[:2] == b'* ':
        held.append(response)
        return []
    session.notes['held'] = []
    return [*held, response]


@breach('FETCH while a mailbox is selected', '3501, 6.3.1')
def fetch_in_select(_, session, response):
    return [b'* 1 FETCH (FLAGS ())\r\n', response] if is_select(session) and b' OK [READ' in response else None


# ---- Content ----

@breach('an octet of a body is another', '3501, 2.3, 6.4.5', repeat=True)
def octet_is_another(_, session, response):
    literal = re.search(rb' BODY\[[^]]*\](<\d+>)? \{(\d+)\}\r\n', response)
    if not literal or literal[2] == b'0':
        return None
    at = literal.end() + int(literal[2]) // 2
    return [response[:at] + bytes([response[at] ^ 1]) + response[at + 1:]]


@breach('an octet of a decoded part is another', '3516, 4', repeat=True)
def decoded_octet_is_another(_, session, response):
    literal = re.search(rb' BINARY\[2\](<\d+>)? ~?\{(\d+)\}\r\n', response)
    if not literal or literal[2] == b'0':
        return None
    at = literal.end() + int(literal[2]) - 1
    return [response[:at] + bytes([response[at] ^ 1]) + response[at + 1:]]


@breach('APPEND stores another octet', '3501, 2.3, 6.4.5|3516, 4', 'literal', repeat=True)
def append_stores_another(_, session, literal):
    return literal[:-3] + b'#\r\n' if literal.endswith(b'\r\n') else literal[:-1] + b'#'


substitution('a literal is announced too long', '3501, (9|2.3|7.4.2)', rb'(FETCH.* \{)(\d+)(\}\r\n)', plus(1))
substitution('a literal is announced too short', '3501, (9|2.3|7)', rb'(FETCH.* \{)([1-9]\d*)(\}\r\n)', plus(-1))
substitution('RFC822.SIZE is wrong', '3501, 2.3, 6.4.5', rb'(RFC822.SIZE )(\d+)()', plus(1), repeat=True)
substitution('BINARY.SIZE is wrong', '3516, 4', rb'(BINARY.SIZE\[1\] )(\d+)()', plus(1), repeat=True)
substitution('INTERNALDATE is another', '3501, 2.3', rb'(INTERNALDATE ".*:)\d\d ', rb'\g<1>61 ', repeat=True)
substitution('the envelope is another', '3501, 2.3', rb'"Checker" NIL "checker"', rb'"Checker" NIL "choker"',
             repeat=True)
substitution('the structure is another', '3501, 2.3', rb'("7BIT" )(\d+)( )', plus(1), repeat=True)
substitution('FETCH leaves an item out', '3501, 6.4.5', rb' RFC822.SIZE \d+', b'', repeat=True)
substitution('a list does not end', '3501, 9', rb'(\* \d+ FETCH .*)\)\r\n$', rb'\g<1>\r\n')


# ---- UIDs, UIDVALIDITY, UIDNEXT ----

def second(name, sections, pattern, number):
    """Not when it is told for the first time."""
    def replace(self, session, response):
        if not re.search(pattern, response, re.S):
            return None
        known = self.notes.setdefault('seen', set())
        command = session.command()
        if command and (mailbox := command.text.split()[1]) not in known:
            known.add(mailbox)
            return None
        return [re.sub(pattern, plus(number), response, count=1, flags=re.S)]
    breach(name, sections, repeat=True)(replace)


second('UIDVALIDITY is another', '3501, 2.3.1.1', rb'(\* OK \[UIDVALIDITY )(\d+)(\])', 1)
second('UIDVALIDITY is another in STATUS', '3501, 2.3.1.1', rb'(\* STATUS .*UIDVALIDITY )(\d+)()', 1)
second('UIDNEXT falls', '3501, 2.3.1.1', rb'(\* OK \[UIDNEXT )([2-9]|\d\d+)(\])', -1)
second('UIDNEXT falls in STATUS', '3501, 2.3.1.1', rb'(\* STATUS .*UIDNEXT )([2-9]|\d\d+)()', -1)
substitution('APPEND gives an old UID', '3501, 2.3.1.1', rb'(OK \[APPENDUID \d+ )(?!1\])\d+\]', rb'\g<1>1]',
             repeat=True)
substitution('APPENDUID is missing', '4315, 3', rb'OK \[APPENDUID [^]]*\]', rb'OK')
substitution('COPYUID is too short', '4315, 3', rb'(\[COPYUID \d+ )\d+[:,][\d:,]+ ', rb'\g<1>1 ', repeat=True)


def lose(session, mailbox, uids):
    session.aside(b'SELECT ' + mailbox, b'UID STORE ' + uids + b' +FLAGS.SILENT (\\Deleted)', b'UID EXPUNGE ' + uids)


@breach('a message that APPENDUID named is lost', r'3501, (6.4.3|5.2|6.3.10|6.4.5)', repeat=True)
def append_is_lost(_, session, response):
    named = re.match(rb'\S+ OK \[APPENDUID \d+ ([\d:,]+)\]', response)
    if not named or b'Temporary' in session.command().text:
        return None
    lose(session, session.command().text.split()[1], named[1])
    return [response]


@breach('a message that COPYUID named is lost', r'3501, (6.4.3|5.2|6.3.10|6.4.5)', repeat=True)
def copy_is_lost(_, session, response):
    named = re.match(rb'\S+ OK \[COPYUID \d+ [\d:,]+ ([\d:,]+)\]', response)
    if not named:
        return None
    lose(session, session.command().text.split()[-1], named[1])
    return [response]


@breach('MOVE leaves a copy', '3501, (5.2, 7.3.1|6.3.10)', repeat=True)
def move_leaves_copy(_, session, response):
    command = session.command()
    if is_select(session):
        session.notes['mailbox'] = command.text.split()[1]
    if not command or command.name != b'MOVE' or b'Temporary' in command.text:
        return None
    if named := re.match(rb'\* OK \[COPYUID \d+ [\d:,]+ ([\d:,]+)\]', response):
        command.notes['uids'] = named[1]
    if not response.startswith(command.tag) or 'uids' not in command.notes:
        return None
    session.aside(b'SELECT ' + command.text.split()[-1],
                  b'UID COPY ' + command.notes['uids'] + b' ' + session.notes['mailbox'])
    return [response]


@breach('a message that nobody has added', '3501, (5.2, 7.3.1|6.3.10)', repeat=True)
def message_from_nowhere(_, session, response):
    if not re.match(rb'\S+ OK NOOP', response):
        return None
    session.aside(b'APPEND INBOX {5+}\r\nA: b\n')
    return [response]


# ---- SEARCH and STATUS ----

@breach('SEARCH leaves a message out', '3501, 6.4.4', repeat=True)
def search_leaves_out(_, session, response):
    return [re.sub(rb' \d+\r\n', b'\r\n', response)] if re.match(rb'\* SEARCH \d+', response) else None


@breach('SEARCH finds a message that does not fit', r'3501, (6.4.4|6.4.8|7.2.5)', repeat=True)
def search_finds_too_much(_, session, response):
    if not response.startswith(b'* SEARCH') or not session.rows or session.rows[0] is None:
        return None
    number = b' %d' % (session.rows[0] if session.command().uid else 1)
    found = response.split(b'\r\n')[0]
    return [found + number + b'\r\n'] if number not in re.findall(rb' \d+', found) else None


substitution('STATUS counts a message too many', '3501, 6.3.10', rb'(\* STATUS .*MESSAGES )(\d+)()', plus(1),
             repeat=True)
substitution('STATUS counts a message too few', '3501, 6.3.10', rb'(\* STATUS .*MESSAGES )([1-9]\d*)()', plus(-1),
             repeat=True)
substitution('STATUS counts an unseen message too few', '3501, 6.3.10', rb'(\* STATUS .*UNSEEN )([1-9]\d*)()', plus(-1),
             repeat=True)
substitution('STATUS leaves an item out', '3501, 6.3.10', rb'(\* STATUS .*) UNSEEN \d+', rb'\g<1>')

# ---- Commands that are not carried out ----

not_done('STORE is not carried out', '3501, (6.4.6|6.4.3|5.2)', rb'(UID )?STORE .*[+-]?FLAGS.SILENT')
not_done('EXPUNGE is not carried out', '3501, 6.4.3', rb'EXPUNGE')
not_done('CLOSE does not expunge', '3501, (2.3.1.1|5.2|6.3.10)', rb'CLOSE', b'UNSELECT')
not_done('COPY is not carried out', '3501, 6.4.7', rb'(UID )?COPY')
not_done('MOVE is not carried out', '6851, 3.3', rb'(UID )?MOVE')
not_done('MOVE only copies', '6851, 3.3', rb'(UID )?MOVE', lambda text: text.replace(b'MOVE', b'COPY'))
not_done('DELETE is not carried out', r'3501, 6.3\.\d, 6.3.9', rb'DELETE .*-renamed')
not_done('RENAME is not carried out', r'3501, 6(\.3\.\d, 6\.3\.9)?', rb'RENAME')
not_done('SUBSCRIBE is not carried out', r'3501, 6.3\.\d, 6.3.9', rb'SUBSCRIBE')
not_done('UNSUBSCRIBE is not carried out', r'3501, 6.3\.\d, 6.3.9', rb'UNSUBSCRIBE')
drop('LIST leaves a mailbox out', '3501, 6.3.8', rb'\* LIST .*INBOX', repeat=True)

# ---- The shape of the dialogue ----

substitution('a wrong tag', '3501, 2.2.1', rb'^c\S+( OK (NOOP|FETCH))', rb'x9\g<1>')
substitution('a tagged response twice', '3501, 2.2.1', rb'^c\S+ OK NOOP.*', rb'\g<0>\g<0>')
substitution('NO without a reason', '3501, 6', rb'^(c\S+) OK (FETCH|NOOP)', rb'\g<1> NO \g<2>')
substitution('BAD for a correct command', '3501, 7.1', rb'^(c\S+) OK (FETCH|NOOP)', rb'\g<1> BAD \g<2>')
substitution('an untagged BAD', '3501, 7.1', rb'^(c\S+ OK (FETCH|NOOP))', rb'* BAD no\r\n\g<1>')
substitution('BYE for no reason', '3501, 7.1.5', rb'^(c\S+ OK (FETCH|NOOP).*)', rb'* BYE\r\n')
substitution('data that nobody has asked for', '3501, 7', rb'^(c\S+ OK NOOP)', rb'* STATUS INBOX ()\r\n\g<1>')
substitution('a continuation request for nothing', '3501, 7.5', rb'^(c\S+ OK NOOP)', rb'+ go on\r\n\g<1>')
substitution('an unknown response', '3501, 7', rb'^(c\S+ OK NOOP)', rb'* 1 EXISTED\r\n\g<1>')
substitution('SELECT is read-only', '3501, 6.3.1', rb'OK \[READ-WRITE\]', rb'OK [READ-ONLY]')
drop('LOGOUT without BYE', '3501, 6.1.3', rb'\* BYE', b'LOGOUT')


@breach('the connection ends without BYE', '3501, 3.4')
def connection_ends(self, _, response):
    if not re.match(rb'c\S+ OK (FETCH|NOOP)', response):
        return None
    self.done += 1
    raise OSError('the connection is to end')
