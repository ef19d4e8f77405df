"""Certificates over EST (TS-0003 8.3.6.2, RFC 7030) at a real MEF, asked for by curl and openssl."""
import base64
import hashlib
import pathlib
import re
import signal
import subprocess

import pytest

from support import MUSTER, Installation, run, until


class Est:
    """A foreign EST client: curl for HTTP, openssl for everything else."""

    def __init__(self, inst, node, cert="node.pem", key="node.key"):
        self.inst, self.node, self.dir = inst, node, node.dir
        self.cert, self.key = cert, key

    def curl(self, op, *args, tls="--tlsv1.2"):
        head, body = self.dir / "head", self.dir / "body"
        done = run("curl", "-sS", tls, "--cacert", self.dir / "anchors.pem", "--cert", self.dir / self.cert, "--key",
                   self.dir / self.key, "--resolve", f"{self.inst.mef}:{self.inst.mef_port}:127.0.0.1", "-D", head, "-o", body,
                   "-w", "%{http_code}", *args, f"https://{self.inst.mef}:{self.inst.mef_port}/.well-known/est/{op}", check=False)
        self.error = done.stderr
        return int(done.stdout or 0), head.read_text() if done.returncode == 0 else "", body.read_text() if done.returncode == 0 else ""

    def attributes(self):
        status, head, body = self.curl("csrattrs")
        assert status == 200 and "application/csrattrs" in head, (status, head, body, self.error)
        text = subprocess.run(["openssl", "asn1parse", "-inform", "DER"], input=base64.b64decode(body), capture_output=True,
                              check=True).stdout.decode()
        challenge = re.search(r"challengePassword.*?UTF8STRING *:(\w+)", text, re.S).group(1)
        san = bytes.fromhex(re.search(r"Alternative Name.*?HEX DUMP\]:(\w+)", text, re.S).group(1))
        kind, name = {0x82: "DNS", 0x86: "URI"}[san[2]], san[4:4 + san[3]].decode()
        return challenge, f"{kind}:{name}"

    def request(self, san, challenge, key="new.key", new=("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"), more=()):
        config = self.dir / "req.conf"
        config.write_text("[req]\nprompt = no\ndistinguished_name = dn\nattributes = attrs\nreq_extensions = ext\nstring_mask = utf8only\n"
                          f"[dn]\nCN = {san.split(',')[0].partition(':')[2] or 'x'}\n[attrs]\n{'challengePassword = ' + challenge if challenge else ''}\n[ext]\n"
                          f"{'subjectAltName = ' + san if san else ''}\n" + "".join(f"{m}\n" for m in more))
        keys = ("-key", key) if (self.dir / key).exists() else ("-keyout", key, *new, "-nodes")
        run("openssl", "req", "-new", *keys, "-config", config, "-outform", "DER", "-out", "new.csr", cwd=self.dir)
        return (self.dir / "new.csr").read_bytes()

    def post(self, op, der, media="application/pkcs10", raw=None):
        (self.dir / "post").write_bytes(base64.encodebytes(der) if raw is None else raw)
        return self.curl(op, "-H", f"Content-Type: {media}", "-H", "Content-Transfer-Encoding: base64", "--data-binary",
                         f"@{self.dir / 'post'}")

    def install(self, body, name="got.pem"):
        (self.dir / "got.p7").write_bytes(base64.b64decode(body))
        run("openssl", "pkcs7", "-inform", "DER", "-in", "got.p7", "-print_certs", "-out", name, cwd=self.dir)
        return self.dir / name

    def enrol(self, op="simpleenroll", key="new.key"):
        challenge, san = self.attributes()
        der = self.request(san, challenge, key)
        status, head, body = self.post(op, der)
        assert status == 200 and "application/pkcs7-mime; smime-type=certs-only" in head, (status, head, body, self.error)
        return self.install(body), der, body


@pytest.fixture(name="inst")
def installation(tmp_path):
    inst = Installation(tmp_path / "inst", "single").start()
    inst.subscription()
    yield inst
    assert inst.stop() == 0, inst.log_text()


def serial(pem):
    return run("openssl", "x509", "-in", pem, "-noout", "-serial").stdout.strip().split("=")[1]


def test_a_foreign_client_gets_uses_and_renews_its_certificate(inst):
    node = inst.node(1)
    est = Est(inst, node)
    status, head, body = est.curl("cacerts")
    assert status == 200 and "certs-only" in head, (status, head, est.error)
    ca = est.install(body, "ca.pem")
    assert run("openssl", "x509", "-in", ca, "-noout", "-fingerprint").stdout == \
        run("openssl", "x509", "-in", inst.dir / "keeper/ca.pem", "-noout", "-fingerprint").stdout
    cert, der, first = est.enrol()
    run("openssl", "verify", "-CAfile", ca, "-purpose", "sslclient", cert)
    text = run("openssl", "x509", "-in", cert, "-noout", "-text").stdout
    assert "DNS:cse000001.sp.example.com" in text and "TLS Web Client Authentication" in text and "CA:FALSE" in text, text
    # lesson 11: the answer is lost, the same request is sent again, and again over another connection
    assert est.post("simpleenroll", der)[2] == first
    inst.wait_event("mef.certificate", node=1)
    # the certificate is used, and renewed with a new key
    again = Est(inst, node, "got.pem", "new.key")
    renewed, _, _ = again.enrol("simplereenroll", "newer.key")
    assert serial(renewed) != serial(node.dir / "anchors.pem")
    listed = inst.ask("cert", "list", node.id)["certificates"]
    assert len(listed) == 2 and listed[1]["serial"] == serial(renewed) and listed[0]["revoked"] is None, listed
    assert "cse000001" in inst.muster("cert", "list", node.id).stdout


def test_what_is_wrong_is_refused_and_nothing_is_issued(inst):
    node, other = inst.node(1), inst.node(2)
    est = Est(inst, node)
    challenge, san = est.attributes()
    rows = [
        ("somebody else's name", est.request("DNS:cse000002.sp.example.com", challenge), 403, "authenticated identity"),
        ("the MEF's own name", est.request("DNS:mef.sp.example.com", challenge), 403, "authenticated identity"),
        ("another flavour", est.request("URI:" + node.id, challenge), 400, "another kind"),
        ("no name", est.request("", challenge), 400, "subjectAltName"),
        ("a second name", est.request(san + ",IP:10.0.0.1", challenge), 400, "subjectAltName"),
        ("wrong challenge", est.request(san, "0" * 32), 400, "challengePassword"),
        ("no challenge", est.request(san, ""), 400, "challengePassword"),
        ("a CA", est.request(san, challenge, more=("basicConstraints = CA:TRUE",)), 400, "CA"),
        ("a server", est.request(san, challenge, more=("extendedKeyUsage = serverAuth",)), 400, "clientAuth"),
        ("RSA", est.request(san, challenge, "rsa.key", ("-newkey", "rsa:2048")), 400, "P-256"),
        ("P-384", est.request(san, challenge, "p384.key", ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384")), 400, "P-256"),
    ]
    for what, der, expected, part in rows:
        status, _, body = est.post("simpleenroll", der)
        assert status == expected and part in body, (what, status, body)
        assert part in inst.events("--what", "mef.refused")[-1]["why"] or "somebody else" in inst.events("--what", "mef.refused")[-1]["why"]
    good = est.request(san, challenge)
    broken = good[:-1] + bytes([good[-1] ^ 1])
    assert est.post("simpleenroll", broken)[0] == 400
    assert est.post("simpleenroll", good, media="text/plain")[0] == 415
    assert est.post("simpleenroll", b"", raw=b"A" * 100_000)[0] == 400
    assert est.post("simpleenroll", b"", raw=b"A" * 400_000)[0] == 413
    assert est.post("simplereenroll", good)[0] == 403
    assert est.curl("simpleenroll")[0] == 405
    assert est.curl("nothing")[0] == 404
    for op in ("serverkeygen", "fullcmc"):
        assert est.post(op, good)[0] == 501
    # another node with this node's request, challenge and all
    assert Est(inst, other).post("simpleenroll", good)[0] == 403
    assert inst.events("--what", "mef.certificate") == []
    assert inst.ask("cert", "list", node.id)["certificates"] == []
    assert est.post("simpleenroll", good)[0] == 200


@pytest.mark.parametrize("processes", ["single", "split"])
def test_what_the_keeper_certifies(tmp_path, processes):
    """No node under the name of a server of this configuration, whoever entered it as one; and for so long as the last reload says."""
    inst = Installation(tmp_path / "inst", processes).start()
    inst.subscription()
    node, server = inst.node(1), inst.node(2, known=False)
    server.cse_id = f"//{inst.sp}/mef"              # a MAF's is no node's in the first place
    server.add()
    est = Est(inst, server)
    challenge, san = est.attributes()
    assert san == f"DNS:{inst.mef}"
    status, _, body = est.post("simpleenroll", est.request(san, challenge))
    assert status == 403 and "this CA does not certify that" in body, (status, body)
    assert "no name of a server" in inst.events("--what", "mef.refused")[-1]["why"]
    assert inst.ask("cert", "list", server.id)["certificates"] == []
    inst.configure(replace={"\nmef = {": '\nmef = {\n  est_lifetime = "200d";'})
    inst.process.send_signal(signal.SIGHUP)
    until("reloaded", lambda: "info supervisor: reloaded" in inst.log_text(), context=inst.log_text)
    cert, _, _ = Est(inst, node).enrol()
    assert run("openssl", "x509", "-in", cert, "-noout", "-checkend", str(199 * 86400), check=False).returncode == 0
    assert inst.stop() == 0, inst.log_text()


def test_the_operator_approves(inst):
    inst.configure(replace={"mef = {": 'mef = {\n  est_approval = true;\n  est_retry = "7s";'})
    assert inst.stop() == 0
    inst.start()
    one, two = Est(inst, inst.node(1)), Est(inst, inst.node(2))
    asked = {}
    for est in (one, two):
        challenge, san = est.attributes()
        asked[est] = est.request(san, challenge)
        for _ in range(2):
            status, head, _ = est.post("simpleenroll", asked[est])
            assert status == 202 and "Retry-After: 7" in head, (status, head)
    waiting = inst.ask("cert", "requests")["requests"]
    assert [w["subject"] for w in waiting] == ["cse000001.sp.example.com", "cse000002.sp.example.com"]
    assert [w["sha256"] for w in waiting] == [hashlib.sha256(asked[est]).hexdigest().upper() for est in (one, two)]
    assert "cse000002" in inst.muster("cert", "requests").stdout
    inst.muster("cert", "approve", waiting[0]["id"])
    assert inst.muster("cert", "reject", waiting[1]["id"], check=False).returncode == 2
    inst.muster("cert", "reject", waiting[1]["id"], "--reason", "not ordered")
    status, _, body = one.post("simpleenroll", asked[one])
    assert status == 200
    one.install(body)
    assert one.post("simpleenroll", asked[one])[2] == body
    status, _, body = two.post("simpleenroll", asked[two])
    assert status == 403 and "not ordered" not in body
    assert inst.ask("cert", "requests")["requests"] == []
    assert inst.muster("cert", "reject", waiting[0]["id"], "--reason", "too late", check=False).returncode == 1
    assert inst.muster("cert", "approve", 99, check=False).returncode == 1
    assert bouncy_castle(inst, inst.node(3)).stdout.splitlines()[-1] == "pending"
    assert [w["subject"] for w in inst.ask("cert", "requests")["requests"]] == ["cse000003.sp.example.com"]
    # who renews is not asked for again
    again = Est(inst, one.node, "got.pem", "new.key")
    again.enrol("simplereenroll", "newer.key")


def test_revoked_means_refused_and_listed(inst):
    node = inst.node(1)
    est = Est(inst, node)
    first, _, _ = est.enrol()
    first = serial(first)
    second, _, _ = est.enrol(key="second.key")
    second = serial(second)
    assert "revoked" in inst.muster("cert", "revoke", first.lower()).stdout
    assert inst.muster("cert", "revoke", "0123456789ABCDEF0123", check=False).returncode == 1
    assert inst.ask("cert", "revoke", node.id, "--reason", "superseded")["certificates"][0]["serial"] == second
    assert all(c["revoked"] for c in inst.ask("cert", "list", node.id)["certificates"])
    used = Est(inst, node, "got.pem", "second.key")
    status = used.curl("csrattrs")[0]
    assert status in (0, 403), status        # by the handshake as soon as the list is there, by the MEF before
    inst.wait_event("crl.issued")
    # a node that is revoked takes its certificates with it
    other = inst.node(2)
    cert, _, _ = Est(inst, other).enrol()
    inst.muster("node", "revoke", other.id, "--reason", "stolen")
    assert [c["revoked"] is not None for c in inst.ask("cert", "list", other.id)["certificates"]] == [True]
    assert serial(cert)
    assert run(MUSTER, "-C", inst.dir, "events", "--what", "certificate.revoked").stdout.count("\n") >= 3


def test_a_session_by_tls13_and_split_processes(tmp_path):
    inst = Installation(tmp_path / "inst").start()
    inst.subscription()
    est = Est(inst, inst.node(1))
    est.enrol()
    challenge, san = est.attributes()
    assert challenge and san == "DNS:cse000001.sp.example.com"
    assert inst.stop() == 0


def test_strongswan_renews(inst):
    """`pki --est` of strongSwan. It has no extended master secret in TLS 1.2, so it must be told to speak TLS 1.3."""
    node = inst.node(1)
    Est(inst, node).enrol()
    again = Est(inst, node, "got.pem", "new.key")
    challenge, san = again.attributes()
    again.request(san, challenge, "newer.key")
    (node.dir / "etc").mkdir()
    (node.dir / "etc/hosts").write_text(f"127.0.0.1 localhost {inst.mef}\n")
    (node.dir / "etc/nsswitch.conf").write_text("hosts: files\n")
    (node.dir / "strongswan.conf").write_text("libtls { version_max = 1.3 }\n")
    # in a mount namespace of its own: it resolves names by itself, and not every machine has a file that one could cover
    done = run("unshare", "-m", "sh", "-c", "mount --bind etc /etc && exec pki --est --url "
               f"https://{inst.mef}:{inst.mef_port} --in new.csr --cacert anchors.pem --cert got.pem --key new.key --outform pem",
               cwd=node.dir, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "STRONGSWAN_CONF": str(node.dir / "strongswan.conf")})
    (node.dir / "swan.pem").write_text(done.stdout)
    assert serial(node.dir / "swan.pem") == inst.ask("cert", "list", node.id)["certificates"][-1]["serial"]
    run("openssl", "verify", "-CAfile", node.dir / "anchors.pem", node.dir / "swan.pem")


def test_an_expired_certificate_is_renewed_within_the_window_only(inst):
    inst.configure(replace={"mef = {": 'mef = {\n  est_lifetime = "10s";\n  est_grace = "1h";'})
    assert inst.stop() == 0
    inst.start()
    node = inst.node(1)
    est = Est(inst, node)
    cert, _, _ = est.enrol()
    late = Est(inst, node, "got.pem", "new.key")
    until("the certificate's end", lambda: run("openssl", "x509", "-in", cert, "-noout", "-checkend", "0", check=False).returncode)
    # all that a renewal needs, and nothing else
    assert late.curl("cacerts")[0] == 200
    challenge, san = late.attributes()
    der = late.request(san, challenge, "newer.key")
    assert late.post("simpleenroll", der)[0] == 403
    status, _, body = late.post("simplereenroll", der)
    assert status == 200, body
    # without a window the handshake is refused
    inst.configure(replace={"mef = {": 'mef = {\n  est_lifetime = "10s";'})
    assert inst.stop() == 0
    inst.start()
    assert late.post("simplereenroll", der)[0] == 0 and "alert" in late.error


JARS = ":".join(f"/usr/share/java/{name}.jar" for name in ("bcprov", "bcutil", "bcpkix"))


def bouncy_castle(inst, node):
    """org.bouncycastle.est over the JDK's TLS; it resolves the MEF's name from a file of its own."""
    (node.dir / "hosts").write_text(f"127.0.0.1 {inst.mef}\n")
    return run("java", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Djdk.net.hosts.file=hosts", "-cp", JARS,
               pathlib.Path(__file__).resolve().parents[1] / "interop/EstClient.java", f"{inst.mef}:{inst.mef_port}", "anchors.pem",
               "node.pem", "node.key", "castle", cwd=node.dir, timeout=240)


def test_bouncy_castle_gets_and_renews(inst):
    node = inst.node(1)
    done = bouncy_castle(inst, node)
    attributes = ["attribute challengePassword", "attribute extensionRequest"]
    said = done.stdout.splitlines()
    assert said[0] == "cacerts 1 true" and said[3] == "simpleenroll 1" and said[6] == "simplereenroll 1", done
    assert sorted(said[1:3]) == sorted(said[4:6]) == attributes, done
    listed = [c["serial"] for c in inst.ask("cert", "list", node.id)["certificates"]]
    assert listed == [serial(node.dir / "castle.1"), serial(node.dir / "castle.2")]
    run("openssl", "verify", "-CAfile", node.dir / "anchors.pem", "-purpose", "sslclient", node.dir / "castle.2")
