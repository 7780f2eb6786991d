"""The rows of the table that `compare` prints, and what Coffer is to reach in each."""
import dataclasses


@dataclasses.dataclass
class Row:
    """@name: of the generator's row too, if @load does not name another. @aim: the ratio to the best of the others that
    is wanted, or a bound in the row's unit where @absolute. @needs: what has to be filled. @less: less is better."""
    name: str
    title: str
    aim: float
    needs: tuple = ()
    less: bool = False
    absolute: bool = False
    load: str = None
    quick: bool = False


ROWS = (
    Row('append-32', 'APPEND 2 KB, 32 clients', 3),
    Row('append-8', 'APPEND 2 KB, 8 clients', 2.2, quick=True),
    Row('append-1', 'APPEND 2 KB, 1 client', 1.6),
    Row('multiappend', 'MULTIAPPEND of {messages:,}', 1),
    Row('append-1mb', 'APPEND 1 MB, 8 clients', 0.4),
    Row('login', 'LOGIN + LOGOUT, 32 clients', 3, quick=True),
    Row('select', 'SELECT, new connection, {big:,}', 1, ('big',), less=True, quick=True),
    Row('fetch-flags', 'UID FETCH 1:* FLAGS', 2, ('corpus',), quick=True),
    Row('fetch-list', 'FETCH ENVELOPE BODYSTRUCTURE ..., repeated', 3, ('corpus',), quick=True),
    Row('fetch-list-cold', 'the same, first after a restart', 0.5),
    Row('fetch-fields', 'header fields (FROM TO SUBJECT DATE)', 1.5, ('corpus',)),
    Row('fetch-bodies', 'whole bodies', 0.8, ('corpus',), quick=True),
    Row('fetch-one', 'one random message, 8 clients', 1.3, ('corpus',), quick=True),
    Row('fetch-part', '4 KB of a 1 MB attachment, 8 clients', 1.3, ('large',)),
    Row('store-one', 'STORE one flag, 8 clients, one mailbox', 1, ('corpus',), quick=True),
    Row('store-all', 'STORE 1:* one flag', 0.5, ('corpus',)),
    Row('copy', 'COPY 1,000', 1.4, ('corpus',)),
    Row('move', 'MOVE 1,000', 1.2, ('corpus',)),
    Row('search-subject', 'SEARCH SUBJECT', 5, ('corpus',), less=True, quick=True),
    Row('search-from', 'SEARCH FROM', 3, ('corpus',), less=True),
    Row('search-since', 'SEARCH SINCE', 5, ('corpus',), less=True),
    Row('search-body', 'SEARCH BODY', 1, ('corpus',), less=True),
    Row('resync', 'resync after 10 changes, {big:,}', 10, ('big',), less=True, quick=True),
    Row('mixed-8', 'mixed work, 8 clients', 2, ('inbox',)),
    Row('mixed-64', 'mixed work, 64 clients', 2, ('inbox',)),
    Row('idle', 'memory of an idle client', 8, ('inbox',), less=True, absolute=True),
    Row('idle-tls', 'memory of an idle client, TLS', 24, ('inbox',), less=True, absolute=True),
    Row('push-first', 'APPEND to push, {idle:,} idle: the first', 1, less=True, absolute=True, load='push'),
    Row('push-median', '... the median', 8, less=True, absolute=True, load='push'),
    Row('push-last', '... the last', 20, less=True, absolute=True, load='push'),
    Row('tls-login', 'TLS: LOGIN + LOGOUT, 8 clients', 2),
    Row('tls-bodies', 'TLS: whole bodies', 2, ('corpus',)),
)
