"""tools/bench --keys: what it costs where keys are. A node's back ends by themselves (tests/perf/key-cost); the server's CA key and key-encryption key in a
file, a TPM or a token, in whole certificates over EST and whole enrolments beside one another, round by round. swtpm, SoftHSM2 and a virtual card: a
chip's own time comes on top.
"""
import json
import os
import statistics
import subprocess
import time

import measure

NODE = ("file", "secret", "tpm", "pkcs11", "card")
PLACES = ("file", "tpm", "pkcs11")
FEW = 200                               # nodes that ask again and again
COUNT, MANY, ROUNDS = 100, 300, 3                  # of certificates and of enrolments; a node's back end has a hundred of each operation


def nodes(bench):
    """What a node's back end takes for one handshake, milliseconds."""
    tool, found = bench.args.build / "tests/perf/key-cost", []
    os.environ["MST_SOURCE"] = str(measure.ROOT)                        # where the card's helper is
    for backend in NODE:
        found.append(json.loads(subprocess.run([tool, backend, str(COUNT)], check=True, capture_output=True, text=True, timeout=300).stdout))
        measure.say("keys: {backend}: a signature {sign} ms, the root credential unsealed {unseal} ms, opened {open} ms".format(**found[-1]))
    bench.result["keys"] = found


def place(bench, kind, name):
    """The device, or None for a file; what musterd finds it by goes into the environment."""
    from test_ca_key import TokenPlace, TpmPlace
    if kind == "file":
        return None
    path = bench.scratch / f"device-{name}"
    path.mkdir()
    it = {"tpm": TpmPlace, "pkcs11": TokenPlace}[kind](path)
    os.environ.update(it.env)
    bench.running.append(it.device.stop)
    return it


def rotate(inst, group):
    """The key-encryption key into a device, as musterd(8) says."""
    inst.config.write_text(inst.config.read_text() + f"\nkeeper_key = {{ {group} }};\n")
    inst.start()
    inst.muster("keeper", "rotate")
    measure.until("every key is wrapped anew", lambda: "before" not in inst.ask("keeper", "show"))
    inst.stop()


def server(bench):
    """h with the CA's key in each place, c with the key-encryption key in each, and the bare handshake of the same rounds."""
    apart, insts = measure.cores(True), {}
    from test_secenv import MODULE
    for kind in PLACES:
        # each begins while its own device is what the environment leads to
        for what in ("ca", "kek"):
            device = place(bench, kind, f"{what}-{kind}")
            inst = insts[what, kind] = bench.installation(f"{what}-{kind}", FEW, init=device.init() if device and what == "ca" else ())
            if device and what == "kek":
                rotate(inst, f'backend = "tpm"; tcti = "{device.device.tcti}";' if kind == "tpm" else
                       f'backend = "pkcs11"; module = "{MODULE}"; token = "node"; pin_file = "{device.pin}";')
            begun = time.monotonic()
            bench.start(inst, apart[0])
            inst.ready_ms = (time.monotonic() - begun) * 1e3
            bench.fill(inst)
    b, port = bench.tools.bare(apart[0])
    bench.running.append(lambda: measure.end(b))
    again = dict(nodes=FEW, tls=bench.args.tls)
    for r in range(ROUNDS):
        measure.say(f"places of keys, round {r + 1} of {ROUNDS}")
        bench.note("keys-bare", measure.timed(lambda: bench.tools.mtls(port, apart[1], COUNT, "--request", **again), [b.pid], COUNT))
        for (what, kind), inst in insts.items():
            run, n = (bench.tools.certify, COUNT) if what == "ca" else (bench.tools.enrol, MANY)
            bench.note(f"keys-{what}-{kind}", measure.timed(lambda i=inst, run=run, n=n: run(i, apart[1], n, **again), inst.pids, n))
            if what == "ca":
                bench.note(f"keys-alone-{kind}", measure.timed(lambda i=inst: bench.tools.certify(i, apart[1], 20, concurrency=1, **again), inst.pids, 20))
    bench.result["key_places"] = {kind: {"ready_ca_ms": insts["ca", kind].ready_ms, "ready_kek_ms": insts["kek", kind].ready_ms} for kind in PLACES}
    bench.end_all()


def run(bench):
    bench.plan = {**bench.plan, "rounds": ROUNDS, "n": MANY}
    nodes(bench)
    server(bench)


def show_nodes(report):
    print("\nkeys of a node, by back end; ms, median of 100 (swtpm, SoftHSM2, a virtual card: a chip's own time comes on top)")
    print(f"  {'':10} {'signature, of a':>16} {'credential un-':>16} {'store opened':>14} {'slot written':>14} {'key-encryption':>16}")
    print(f"  {'':10} {'TLS handshake':>16} {'sealed, for PSK':>16} {'':>14} {'':>14} {'key, at a start':>16}")
    for one in report.b.result["keys"]:
        print(f"  {one['backend']:10} {one['sign']:16.2f} {one['unseal']:16.2f} {one['open']:14.2f} {one['store']:14.2f} {one['kek']:16.2f}")


def show(report):
    show_nodes(report)
    print("\nkeys of the server, by place; h: a certificate over EST, c: an enrolment")
    print(f"  {'':46} {'per s':>7} {'low–high':>15} {'cpu ms':>7} {'p50 ms':>7} {'p99 ms':>7} {'client%':>6}")
    report.row("   mTLS handshake + empty 200, our pump alone", "keys-bare")
    for kind in PLACES:
        report.row(f"h  CA key in {kind}", f"keys-ca-{kind}")
        report.row("   one session at a time", f"keys-alone-{kind}")
    for kind in PLACES:
        report.row(f"c  key-encryption key in {kind}", f"keys-kek-{kind}")
    alone = {k: report.median(f"keys-alone-{k}", "p50_ms") for k in PLACES}
    print("  what the CA key's place adds to a certificate, one session at a time: " + ", ".join(f"{k} {alone[k] - alone['file']:+.1f} ms" for k in PLACES[1:]))
    ratio = {k: statistics.median(a["server_cpu_ms"] for a in report.b.rounds[f"keys-kek-{k}"]) for k in PLACES}
    print("  what the key-encryption key's place adds to an enrolment's processor time: " +
          ", ".join(f"{k} {(ratio[k] / ratio['file'] - 1) * 100:+.0f} %" for k in PLACES[1:] if ratio["file"]))
    print("  ms from start to ready (CA key, key-encryption key there): " +
          ", ".join(f"{k} {v['ready_ca_ms']:.0f}, {v['ready_kek_ms']:.0f}" for k, v in report.b.result["key_places"].items()))
