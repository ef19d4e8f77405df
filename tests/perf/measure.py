"""What tools/bench measures with: servers pinned to cores, the load client, processor time and memory from /proc,
instructions from callgrind. Everything here is bounded and ends by itself.
"""
import collections
import json
import os
import pathlib
import re
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from waiting import free_port, until  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
TICK = os.sysconf("SC_CLK_TCK")
SERVER_SECONDS = 600                    # after that a server that was forgotten ends by itself
LOAD_SECONDS = 60


class Failed(Exception):
    """A measurement that cannot be trusted; the text says why."""


def cores(pinned):
    """(server's, client's) sets of cores: apart when there are two, and that is wanted."""
    have = sorted(os.sched_getaffinity(0))
    return ({have[0]}, {have[1]}) if pinned and len(have) > 1 else (set(have), set(have))


class pinned_to:
    """Children that are started inside run on these cores only."""

    def __init__(self, cpus):
        self.cpus = cpus

    def __enter__(self):
        self.before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self.cpus)

    def __exit__(self, *what):
        os.sched_setaffinity(0, self.before)


def pin(pids, cpus):
    for pid in pids:
        os.sched_setaffinity(pid, cpus)


def tree(pid):
    """The process and all that descend from it."""
    parents = collections.defaultdict(list)
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parents[int(pathlib.Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()[1])].append(int(entry))
            except (FileNotFoundError, ProcessLookupError):
                pass
    found, left = [], [pid]
    while left:
        found.append(left.pop())
        left += parents[found[-1]]
    return found


def cpu_seconds(pids):
    """(utime, stime) in seconds by process, from /proc/PID/stat."""
    found = {}
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        found[pid] = int(fields[11]) / TICK, int(fields[12]) / TICK
    return found


def name_of(pid):
    words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    names = [w.split(b"=", 1)[1].decode() for w in words if w.startswith(b"--name=")]
    return names[0] if names else "supervisor" if words[0].endswith(b"musterd") else os.path.basename(words[0].decode())


def memory(pids):
    """Resident and proportional set (shared pages divided), KiB, by process."""
    found = {}
    for pid in pids:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        one = {"rss": int(re.search(r"VmRSS:\s+(\d+)", text)[1])}
        try:
            one["pss"] = int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])
        except (OSError, TypeError):
            pass
        found[name_of(pid)] = one
    return found


def switches(pids):
    """Voluntary context switches by process: how often each slept."""
    return {name_of(p): int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", pathlib.Path(f"/proc/{p}/status").read_text(), re.M)[1])
            for p in pids}


def wait_port(port, process, seconds=30):
    def listens():
        if process.poll() is not None:
            raise Failed(f"{process.args[0]} has ended")
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0
    until(f"{process.args[0]} listens", listens, seconds)


def end(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


class Tools:
    """The built programs, and the certificates they use."""

    def __init__(self, build, scratch):
        self.bin = pathlib.Path(build) / "tests/perf"
        self.certs = pathlib.Path(scratch) / "certs"
        self.bare_name = "bare.example.com"

    def make_nodes(self, count):
        self.certs.mkdir()
        subprocess.run([self.bin / "make-nodes", self.certs, str(count), self.bare_name], check=True, timeout=300)
        self.ids = (self.certs / "ids.txt").read_text().splitlines()

    def bare(self, cpus, *more, prefix=()):
        """Our pump alone; (process, port). As at a MEF; with --psk as at a MAF; with --coap over DTLS."""
        with pinned_to(cpus):
            process = subprocess.Popen([*prefix, self.bin / "bare-server", "--cert", self.certs / "server", "--anchor",
                                        self.certs / "anchor.pem", "--name", self.bare_name, "--seconds", str(SERVER_SECONDS),
                                        *more], stdout=subprocess.PIPE, text=True)
        line = process.stdout.readline()
        if not line:
            end(process)
            raise Failed("bare-server does not start")
        return process, json.loads(line)["port"]

    def s_server(self, cpus, tls="1.3", prefix=()):
        """The library's own server: mutual TLS and nothing else; one session after the other, as it does."""
        port = free_port()
        with pinned_to(cpus):
            process = subprocess.Popen(
                ["timeout", str(SERVER_SECONDS), *prefix, "openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert",
                 self.certs / "server.pem", "-key", self.certs / "server.key", "-CAfile", self.certs / "anchor.pem", "-Verify", "1",
                 "-verify_return_error", "-quiet", "-www", "-num_tickets", "0", "-no_ticket", "-curves", "X25519:P-256",
                 "-sigalgs", "ECDSA+SHA256", "-ciphersuites", "TLS_AES_128_GCM_SHA256", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256",
                 "-tls1_2" if tls == "1.2" else "-tls1_3"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_port(port, process)
        return process, port

    def load(self, kind, port, name, cpus, count, *more, nodes=None, first=0, warmup=0, concurrency=16, tls="1.3"):
        """One run of the load client; its JSON."""
        command = [self.bin / "load-client", "--kind", kind, "--connect", f"127.0.0.1:{port}", "--server-name", name, "--count", count,
                   "--warmup", warmup, "--concurrency", concurrency, "--seconds", LOAD_SECONDS, "--tls", tls, "--nodes",
                   nodes or 1, "--first", first, *more]
        with pinned_to(cpus):
            done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=LOAD_SECONDS + 60)
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            raise Failed(f"load-client {kind}: {done.stderr.strip()}") from None
        if done.returncode != 0 or answer["failed"]:
            raise Failed(f"load-client {kind}: {answer['failed']} of {answer['count']} failed: {done.stderr.strip()}")
        return answer

    def mtls(self, port, cpus, count, *more, **options):
        return self.load("mtls", port, self.bare_name, cpus, count, "--ca", self.certs / "server-ca.pem", "--certs", self.certs,
                         *more, **options)

    def psk(self, port, cpus, count, *more, **options):
        return self.load("psk", port, self.bare_name, cpus, count, *more, **options)

    def dtls(self, port, cpus, count, psk=False, **options):
        """A DTLS handshake and an empty 2.04."""
        more = () if psk else ("--ca", self.certs / "server-ca.pem", "--certs", self.certs)
        return self.load("coap-psk" if psk else "coap", port, self.bare_name, cpus, count, *more, **options)

    def enrol(self, inst, cpus, count, *more, **options):
        return self.load("mef", inst.mef_port, inst.mef, cpus, count, "--ca", inst.dir / "keeper/ca.pem", "--certs", self.certs,
                         "--ids", self.certs / "ids.txt", "--admin", inst.sp, "--maf", inst.maf, *more, **options)

    def certify(self, inst, cpus, count, **options):
        """A certificate over EST: attributes and enrolment in one session."""
        return self.load("est", inst.mef_port, inst.mef, cpus, count, "--ca", inst.dir / "keeper/ca.pem", "--certs", self.certs, **options)

    def enrol_psk(self, inst, cpus, count, secrets, **options):
        """The same enrolment by the maker's secret."""
        return self.load("mef-psk", inst.mef_port, inst.mef, cpus, count, "--keys-in", secrets, "--admin", inst.sp, "--maf", inst.maf,
                         **options)

    def enrol_maf(self, inst, cpus, count, keys, **options):
        return self.load("maf", inst.maf_port, inst.maf, cpus, count, "--keys-in", keys, "--admin", inst.sp, "--maf", inst.maf,
                         **options)

    def retrieve(self, inst, cpus, count, keys, key, **options):
        """A key that somebody registered for these nodes, from the MAF."""
        return self.load("maf-key", inst.maf_port, inst.maf, cpus, count, "--keys-in", keys, "--maf", inst.maf, "--key", key, **options)

    def bootstrap(self, inst, cpus, count, sims, **options):
        """Ub alone: both round trips in one connection."""
        return self.load("ub", inst.bsf_port, inst.bsf, cpus, count, "--sims", sims, **options)

    def enrol_gba(self, inst, cpus, count, sims, **options):
        """Ub, then a session with the MAF by the key that it gave, which the MAF fetches by Zn, and the registration."""
        return self.load("gba", inst.bsf_port, inst.bsf, cpus, count, "--sims", sims, "--maf-connect", f"127.0.0.1:{inst.maf_port}", "--maf", inst.maf,
                         "--admin", inst.sp, **options)

    def brief(self, inst, cpus, count, **options):
        """Whom do I join? By certificate."""
        return self.load("bbn", inst.bbn_port, inst.bbn, cpus, count, "--ca", inst.dir / "keeper/ca.pem", "--certs", self.certs, "--maf",
                         inst.maf, **options)

    def brief_psk(self, inst, cpus, count, secrets, **options):
        """The same, by the maker's secret."""
        return self.load("bbn-psk", inst.bbn_port, inst.bbn, cpus, count, "--keys-in", secrets, "--maf", inst.maf, **options)

    def brief_coap(self, inst, cpus, count, secrets=None, **options):
        """A briefing over CoAP and DTLS 1.2: by certificate, or by the maker's secret and the suite that TS-0003 10.2.2 wants."""
        more = ("--keys-in", secrets) if secrets else ("--ca", inst.dir / "keeper/ca.pem", "--certs", self.certs)
        return self.load("bbn-coap-psk" if secrets else "bbn-coap", inst.coap_port, inst.bbn, cpus, count, "--maf", inst.maf, *more, **options)


def timed(run, pids, count):
    """Run a load and add what it cost the server: milliseconds of processor time for each operation."""
    before = cpu_seconds(pids)
    answer = run()
    spent = {pid: [(x - y) * 1e3 / count for x, y in zip(after, before[pid])] for pid, after in cpu_seconds(pids).items()}
    answer["server_user_ms"] = sum(u for u, _ in spent.values())
    answer["server_cpu_ms"] = sum(u + s for u, s in spent.values())
    answer["server_cpu_ms_by_process"] = {name_of(pid): sum(v) for pid, v in spent.items()}
    return answer


def callgrind(out):
    return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--error-exitcode=0", "-q"]


def read_callgrind(out):
    """Instructions: all, by function inclusive, by function self, by object self."""
    total = int(re.search(r"^(?:summary|totals):\s+(\d+)", pathlib.Path(out).read_text(), re.M)[1])
    row = re.compile(r"^\s*([\d,]+)\s+\(\s*[\d.]+%\)\s+(.*?)\s*(?:\[([^\]]*)\])?$")
    found = {"total": total, "inclusive": collections.Counter(), "self": collections.Counter(), "object": collections.Counter()}
    for how in ("inclusive", "self"):
        text = subprocess.run(["callgrind_annotate", f"--inclusive={'yes' if how == 'inclusive' else 'no'}", "--threshold=100",
                               "--auto=no", str(out)], capture_output=True, text=True, timeout=120).stdout
        for line in text.splitlines():
            match = row.match(line)
            if not match or "PROGRAM TOTALS" in line:
                continue
            thing = os.path.basename(match[3] or "?")
            function = match[2].rsplit(":", 1)[-1].split("'")[0]
            if how == "inclusive":
                # a function that recurses stands there once a level: the outermost counts
                found[how][(thing, function)] = max(found[how][(thing, function)], int(match[1].replace(",", "")))
            else:
                found[how][(thing, function)] += int(match[1].replace(",", ""))
                found["object"][thing] += int(match[1].replace(",", ""))
    return found


def per_operation(few, many, n):
    """What one operation costs: the difference of two runs, so that start and stop fall out."""
    answer = {"total": (many["total"] - few["total"]) / n}
    for how in ("inclusive", "self", "object"):
        answer[how] = {k: (v - few[how][k]) / n for k, v in many[how].items()}
    return answer


def say(*words):
    print(*words, file=sys.stderr, flush=True)
