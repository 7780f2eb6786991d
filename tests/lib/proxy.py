"""Headers of the PROXY protocol, version 2, and a small proxy that sends one (haproxy, doc/proxy-protocol.txt)."""
import socket
import struct
import threading

SIGNATURE = b'\r\n\r\n\0\r\nQUIT\n'
LOCAL, PROXY = 0x20, 0x21


def crc32c(octets):
    crc = 0xffffffff
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def vector(kind, value):
    return struct.pack('!BH', kind, len(value)) + value


def header(source='192.0.2.7', port=50015, command=PROXY, tls=None, checksum=False, family=None):
    """@tls: whether the client had TLS; None: not said. @family: as octet, with @source as the block's octets."""
    if family is not None:
        block = source
    elif ':' in source:
        family = 0x21
        block = socket.inet_pton(socket.AF_INET6, source) * 2 + struct.pack('!HH', port, 143)
    else:
        family = 0x11
        block = socket.inet_aton(source) * 2 + struct.pack('!HH', port, 143)
    if tls is not None:
        block += vector(0x20, struct.pack('!BI', 1 if tls else 0, 0) + vector(0x21, b'TLSv1.3'))
    if checksum:
        block += vector(3, bytes(4))
    octets = SIGNATURE + struct.pack('!BBH', command, family, len(block)) + block
    if checksum:
        octets = octets[:-4] + struct.pack('!I', crc32c(octets))
    return octets


class Proxy:
    """Accepts on loopback, in a thread, and passes each connection on to @target behind a header with the client's
    own address, or behind what @make (address) gives."""

    def __init__(self, target, make=None):
        self.target = target
        self.make = make or (lambda address: header(address[0], address[1]))
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.address = self.listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, address = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.target)
            server.sendall(self.make(address))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._copy, args=(one, other), daemon=True).start()

    @staticmethod
    def _copy(source, sink):
        try:
            while octets := source.recv(65536):
                sink.sendall(octets)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
