"""Between a client and a server: what is said there, for tshark."""
import socket
import struct
import threading
import time

from support import run


class Recorder:
    """Between a client and the server: a pcap of what passes, so that nothing has to be captured live."""

    def __init__(self, to):
        self.to, self.segments, self.begun = to, [], time.time()
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        self.lock, self.threads = threading.Lock(), []
        self.main = threading.Thread(target=self.serve, daemon=True)
        self.main.start()

    def serve(self):
        client = self.door.accept()[0]
        server = socket.create_connection(("127.0.0.1", self.to))
        pumps = [threading.Thread(target=self.pump, args=(*ends, forth), daemon=True) for ends, forth in (((client, server), True), ((server, client), False))]
        for p in pumps:
            p.start()
        for p in pumps:
            p.join(60)
        client.close()
        server.close()

    def pump(self, a, b, forth):
        try:
            while octets := a.recv(16384):
                with self.lock:
                    self.segments.append((forth, octets))
                b.sendall(octets)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def write(self, path):
        self.main.join(60)
        self.door.close()
        at, out = {True: 1, False: 1}, [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)]
        syn = [(True, b"", 2), (False, b"", 18)]
        for i, (forth, octets, flags) in enumerate([*syn, *((f, o, 24) for f, o in self.segments)]):
            seq = 0 if flags & 2 else at[forth]
            tcp = struct.pack(">HHIIBBHHH", *((40000, self.to) if forth else (self.to, 40000)), seq, 0 if flags == 2 else at[not forth], 0x50, flags, 65535, 0, 0)
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(octets), i, 0, 64, 6, 0, *((b"\x7f\0\0\1", b"\x7f\0\0\2")[::1 if forth else -1]))
            packet = ip + tcp + octets
            out.append(struct.pack("<IIII", int(self.begun) + i, 0, len(packet), len(packet)) + packet)
            at[forth] += len(octets)
        path.write_bytes(b"".join(out))


class Tap(Recorder):
    """What a curl says to a server, and what tshark makes of it afterwards."""

    def __init__(self, to, path):
        super().__init__(to)
        self.keys, self.pcap = path / f"{to}.keys", path / f"{to}.pcap"
        self.keys.touch()
        self.env = {"PATH": "/usr/bin:/bin", "SSLKEYLOGFILE": str(self.keys)}

    def read(self):
        """Method, path, status and media of each message, and the words of JSON, keys and values; whoever sees a fault in it, says so."""
        self.write(self.pcap)
        fields = ["http2.headers.method", "http2.headers.path", "http2.headers.status", "http2.headers.content_type", "json.key", "json.value.string",
                  "http2.rst_stream.error", "_ws.malformed"]
        done = run("tshark", "-r", self.pcap, "-o", f"tls.keylog_file:{self.keys}", "-d", f"tcp.port=={self.to},tls", "-Y", "http2", "-T", "fields",
                   *(word for name in fields for word in ("-e", name)))
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        assert not any(row[6:] != ["", ""] for row in rows), rows
        return [row[:4] for row in rows if any(row[:4])], {word for row in rows for column in row[4:6] for word in column.split(",")}
