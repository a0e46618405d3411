"""What stands between a bridge and its upstream in real installations: TLS and a SOCKS proxy. Each relay hands
bytes on, on 127.0.0.1, and ends everything it started with its `with`."""
import socket
import ssl
import struct
import subprocess
import threading


class Relay:
    def __init__(self, upstream):
        self.upstream = upstream  # (host, port)
        self._sockets, self._lock = set(), threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self._lock:
            ends = [self._listener, *self._sockets]
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with self._lock:
            self._sockets.add(client)
        try:
            with client:
                self.serve(client)
        except (OSError, EOFError):
            pass
        finally:
            with self._lock:
                self._sockets.discard(client)

    def pump(self, client, where):
        with socket.create_connection(where) as server:
            with self._lock:
                self._sockets.add(server)
            back = threading.Thread(target=copy, args=(server, client), daemon=True)
            back.start()
            copy(client, server)
            back.join(30)
            with self._lock:
                self._sockets.discard(server)


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Tls(Relay):
    def __init__(self, upstream, certificate, key):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        super().__init__(upstream)

    def serve(self, client):
        with self._context.wrap_socket(client, server_side=True) as inside:  # a refusal is an OSError
            self.pump(inside, self.upstream)


class Socks5(Relay):
    """RFC 1928 CONNECT, with RFC 1929's user and password when `login` is given. Every name leads to the upstream;
    `refuse` is the reply's code otherwise."""

    def __init__(self, upstream, login=None, refuse=0):
        self.login, self.refuse = login, refuse
        self.asked = []  # what the client wanted to be connected to
        super().__init__(upstream)

    def serve(self, client):
        take = client.makefile("rb").read
        if take(1) != b"\x05":
            return  # somebody looks whether the port is open
        methods, wanted = take(take(1)[0]), 2 if self.login else 0
        if wanted not in methods:
            client.sendall(b"\x05\xff")
            return
        client.sendall(bytes([5, wanted]))
        if self.login:
            take(1)
            user, password = take(take(1)[0]).decode(), take(take(1)[0]).decode()
            good = (user, password) == self.login
            client.sendall(bytes([1, not good]))
            if not good:
                return
        kind = (take(4) or b"\0\0\0\0")[3]
        if not kind:
            return
        host = take(take(1)[0]).decode() if kind == 3 else socket.inet_ntoa(take(4)) if kind == 1 else take(16).hex()
        (port,) = struct.unpack("!H", take(2))
        self.asked.append((host, port))
        client.sendall(bytes([5, self.refuse, 0, 1, 0, 0, 0, 0, 0, 0]))
        if not self.refuse:
            self.pump(client, self.upstream)


def make_authority(folder):
    """A CA and two certificates for 127.0.0.1 and for another name: paths by name."""
    def openssl(*args):
        subprocess.run(["openssl", *map(str, args)], cwd=folder, check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=Trading Bridge test CA")
    for name, alternative in (("good", "IP:127.0.0.1"), ("other", "DNS:other.example")):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}")
        (folder / f"{name}.ext").write_text(f"subjectAltName={alternative}\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", f"{name}.pem", "-days", "2", "-extfile", f"{name}.ext")
    return folder
