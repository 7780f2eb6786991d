"""Stands between libpq and PostgreSQL: counts round trips at the wire, and breaks connections.

A round trip is a Sync or Query message, as PostgreSQL answers nothing before one of them (PostgreSQL's manual,
"Message Formats"). That by which a connection is set up, its first, does not count. Connections are told apart by
the last word of their application_name: "worker", "watch". A worker's that writes the audit of logins is "audit" as
soon as it does.
"""
import collections
import socket
import struct
import threading

ROUND_TRIPS = (b'S', b'Q')
NOTIFICATION = b'A'
READY = b'Z'
AUDIT = b'LOGINS_NOTE'  # a statement


class Connection:
    def __init__(self, client, server):
        self.client = client
        self.server = server
        self.role = ''

    def close(self):
        for end in (self.client, self.server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Proxy:
    """In a with statement. @target: (host, port) of PostgreSQL."""

    def __init__(self, target):
        self.target = target
        self.lock = threading.Lock()
        self.counts = collections.Counter()  # {role: round trips}
        self.asked = collections.deque(maxlen=1000)  # names of statements of workers, 'sync' between round trips
        self.connections = set()
        self.refused = set()                 # roles whose new connections are closed at once
        self.deaf = set()                    # roles that hear no notifications
        self.before_ready = None             # function (role), called before the end of a round trip is passed on
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.cut()

    def cut(self, role=None):
        """Ends connections, all or those of @role."""
        with self.lock:
            found = [connection for connection in self.connections if role in (None, connection.role)]
        for connection in found:
            connection.close()

    def count(self, role='worker'):
        with self.lock:
            return self.counts[role]

    def roles(self):
        with self.lock:
            return sorted(connection.role for connection in self.connections)

    # ---- Threads ----

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client:
            try:
                server = socket.create_connection(self.target)
            except OSError:
                return
            with server:
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection = Connection(client, server)
                try:
                    if not self._start(connection):
                        return
                    back = threading.Thread(target=self._backend, args=(connection,), daemon=True)
                    back.start()
                    self._frontend(connection)
                    connection.close()
                    back.join()
                except OSError:
                    pass
                finally:
                    with self.lock:
                        self.connections.discard(connection)

    def _start(self, connection):
        """Passes the start-up message on; FALSE: its role is refused."""
        length = self._receive(connection.client, 4)
        message = self._receive(connection.client, struct.unpack('!i', length)[0] - 4)
        words = message[4:].split(b'\0')
        settings = dict(zip(words[::2], words[1::2]))
        connection.role = settings.get(b'application_name', b'').decode().split(' ')[-1]
        with self.lock:
            if connection.role in self.refused:
                return False
            self.connections.add(connection)
        connection.server.sendall(length + message)
        return True

    def _frontend(self, connection):
        is_set_up = False
        for kind, message in self._messages(connection.client):
            with self.lock:
                if kind in (b'P', b'B') and AUDIT in message[5:40]:
                    connection.role = 'audit'
                self.counts[connection.role] += is_set_up and kind in ROUND_TRIPS
                is_set_up = is_set_up or kind in ROUND_TRIPS
                if connection.role == 'worker' and kind in b'BSQ':
                    self.asked.append(message[6:].split(b'\0')[0].decode() if kind == b'B' else 'sync')
            connection.server.sendall(message)

    def _backend(self, connection):
        try:
            for kind, message in self._messages(connection.server):
                if kind == READY and self.before_ready is not None:
                    self.before_ready(connection.role)
                if kind != NOTIFICATION or connection.role not in self.deaf:
                    connection.client.sendall(message)
        except OSError:
            pass
        connection.close()

    def _messages(self, end):
        pending = b''
        while True:
            octets = end.recv(262144)
            if not octets:
                return
            pending += octets
            at = 0
            while len(pending) - at >= 5:
                size = 1 + struct.unpack_from('!i', pending, at + 1)[0]
                if len(pending) - at < size:
                    break
                yield pending[at:at + 1], pending[at:at + size]
                at += size
            pending = pending[at:]

    @staticmethod
    def _receive(end, n):
        octets = b''
        while len(octets) < n:
            piece = end.recv(n - len(octets))
            if not piece:
                raise ConnectionError('the connection was closed')
            octets += piece
        return octets
