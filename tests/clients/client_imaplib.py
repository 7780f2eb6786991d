"""Python's imaplib: every step of a mail's life on one connection, over TLS and over STARTTLS."""
import imaplib

from messages import ALL, ATTACHMENT, PLAIN, UTF8
from target import TIMEOUT, expect_ok, flags_of, pairs, quote


def life_of_mail(connection, target, root):
    other = f'{root}/other'
    for name in (root, other):
        expect_ok(connection.create(quote(name)))
    for octets in ALL:
        expect_ok(connection.append(quote(root), r'(\Seen)' if octets is PLAIN else None, None, octets))
    listed = expect_ok(connection.list('""', quote(f'{root}*')))
    assert [line.split(b' "/" ')[1].strip(b'"').decode() for line in listed] == [root, other], listed

    assert expect_ok(connection.select(quote(root))) == [b'%d' % len(ALL)]
    data = expect_ok(connection.uid('FETCH', '1:*', '(FLAGS RFC822.SIZE BODY.PEEK[])'))
    assert [octets for _, octets in pairs(data)] == list(ALL)
    assert [r'\Seen' in flags_of(head) for head, _ in pairs(data)] == [True, False, False, False]
    (_, part), = pairs(expect_ok(connection.fetch('4', '(BODY.PEEK[2]<1000.5000>)')))
    start = ATTACHMENT.index(b'\r\n\r\n', ATTACHMENT.index(b'noise.bin')) + 4
    assert part == ATTACHMENT[start + 1000:start + 6000]

    assert expect_ok(connection.search(None, 'SUBJECT', '"Nested"')) == [b'3']
    assert expect_ok(connection.search(None, 'UNSEEN', 'LARGER', '100000')) == [b'4']
    connection.literal = 'münchen'.encode()
    assert expect_ok(connection.uid('SEARCH', 'CHARSET', 'UTF-8', 'BODY')) == [b'2']

    expect_ok(connection.store('2', '+FLAGS', r'(\Flagged $Work)'))
    assert target.flags(root, UTF8) == {r'\Flagged', '$Work'}
    expect_ok(connection.store('2', '-FLAGS', r'(\Flagged)'))
    assert target.flags(root, UTF8) == {'$Work'}

    expect_ok(connection.copy('1', quote(other)))
    expect_ok(connection.uid('MOVE', '2', quote(other)))
    assert connection.response('EXPUNGE')[1] == [b'2']
    assert target.messages(other) == [({r'\Seen', r'\Recent'}, PLAIN), ({'$Work', r'\Recent'}, UTF8)]

    expect_ok(connection.store('1,2', '+FLAGS', r'(\Deleted)'))
    assert len(target.octets(root)) == 3
    assert expect_ok(connection.expunge()) == [b'1', b'1']
    assert target.octets(root) == [ATTACHMENT]
    expect_ok(connection.unselect())
    for name in (other, root):
        expect_ok(connection.delete(quote(name)))
    assert not target.mailboxes(root)


def over_tls(target, root):
    with target.connect() as connection:
        life_of_mail(connection, target, root)


def over_starttls(target, root):
    with imaplib.IMAP4(target.host, target.starttls_port, timeout=TIMEOUT) as connection:
        connection.starttls(target.context())
        connection.login(target.user, target.password)
        life_of_mail(connection, target, root)


def rev2(target, root):
    """imaplib knows nothing of IMAP4rev2; what it sends and reads goes well with it all the same."""
    name = f'{root}/münchen'.encode()
    with target.connect() as connection:
        assert connection.PROTOCOL_VERSION == 'IMAP4REV1'
        assert expect_ok(connection.enable('IMAP4rev2')) and connection.response('ENABLED')[1] == [b'IMAP4rev2']
        expect_ok(connection.create(b'"%b"' % name))
        expect_ok(connection.append(b'"%b"' % name, r'($Forwarded)', None, UTF8))
        listed = expect_ok(connection.list('""', quote(f'{root}/*')))
        assert [line.split(b' "/" ')[1] for line in listed] == [b'"%b"' % name], listed
        assert expect_ok(connection.select(b'"%b"' % name)) == [b'1']
        assert connection.response('RECENT')[1] == [None]
        (flags,) = expect_ok(connection.fetch('1', '(FLAGS)'))
        assert flags_of(flags) == {'$Forwarded'}, flags
        expect_ok(connection.uid('SEARCH', 'SUBJECT', '"ü"'.encode()))
        (found,) = connection.response('ESEARCH')[1]
        assert b'UID' in found and found.startswith(b'(TAG '), found
        expect_ok(connection.unselect())
        expect_ok(connection.delete(b'"%b"' % name))
        expect_ok(connection.delete(quote(root)))


def wrong_password(target, _root):
    with imaplib.IMAP4_SSL(target.host, target.port, ssl_context=target.context(), timeout=TIMEOUT) as connection:
        try:
            connection.login(target.user, 'not ' + target.password)
        except imaplib.IMAP4.error as error:
            assert 'AUTHENTICATIONFAILED' in str(error), error
        else:
            raise AssertionError('logged in with a wrong password')
        connection.login(target.user, target.password)


def cases(target, root, _folder):
    return [(function.__name__.replace('_', '-'), lambda run=function: run(target, root))
            for function in (over_tls, over_starttls, rev2, wrong_password)]
