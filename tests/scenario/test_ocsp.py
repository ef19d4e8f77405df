"""Certificate status online (RFC 6960) at a real installation: openssl, gnutls' ocsptool and curl ask, the operator revokes."""
import base64
import re
import subprocess
import urllib.parse

import pytest

from support import Installation, free_port, run
from test_est import Est, serial

MALFORMED, UNAUTHORIZED = b"\x30\x03\x0a\x01\x01", b"\x30\x03\x0a\x01\x06"


@pytest.fixture(name="inst", scope="module")
def installation(tmp_path_factory):
    inst = Installation(tmp_path_factory.mktemp("ocsp") / "inst")
    inst.ocsp = free_port()
    inst.url = f"http://127.0.0.1:{inst.ocsp}/ocsp"
    inst.configure(add='\nocsp = {\n  fqdn = "ocsp.sp.example.com";\n'
                   f'  listen = ["127.0.0.1:{inst.ocsp}"];\n  validity = "10m";\n}};\n')
    inst.start()
    inst.subscription()
    yield inst
    assert inst.stop() == 0, inst.log_text()


@pytest.fixture(name="cert", scope="module")
def certificate(inst):
    est = Est(inst, inst.node(1))
    return est.enrol()[0]


def openssl(inst, *args):
    """What `openssl ocsp` finds out; it checks signature, responder, nonce and times."""
    ca = inst.dir / "keeper/ca.pem"
    done = run("openssl", "ocsp", "-issuer", ca, *args, "-url", inst.url, "-CAfile", ca, "-resp_text", cwd=inst.dir, check=False)
    return done.stdout + done.stderr


def good(text):
    return "Response verify OK" in text and ": good" in text and "WARNING" not in text


def test_a_certificate_says_where_its_status_is_told(inst, cert):
    assert run("openssl", "x509", "-in", cert, "-noout", "-ocsp_uri").stdout.strip() == f"http://ocsp.sp.example.com:{inst.ocsp}/ocsp"


def test_openssl_and_gnutls_see_good_turn_into_revoked_by_the_operators_word(inst, cert):
    node = inst.node(2)
    mine = Est(inst, node).enrol()[0]
    ca = inst.dir / "keeper/ca.pem"
    gnutls = ("ocsptool", f"--ask={inst.url}", "--load-cert", mine, "--load-issuer", ca, "--load-trust", ca, "--nonce")
    text = openssl(inst, "-cert", mine)
    assert good(text), text
    assert "OCSP Nonce" in text and "OCSP Signing" in text and "OCSP No Check" in text, text
    this, then = (re.search(rf"{word} Update: \w+ +\d+ \d+:(\d+):(\d+)", text).groups() for word in ("This", "Next"))
    assert (int(then[0]) - int(this[0])) % 60 == 10 and then[1] == this[1], text
    for how in ("-sha256", "-sha512", "-no_nonce"):
        text = openssl(inst, how, "-cert", mine)
        assert good(text) or (how == "-no_nonce" and "Response verify OK" in text and ": good" in text), text
    asked = run(*gnutls)
    assert "Verifying OCSP Response: Success" in asked.stdout + asked.stderr and "Certificate Status: good" in asked.stdout, asked
    inst.muster("cert", "revoke", serial(mine), "--reason", "superseded")
    text = openssl(inst, "-cert", mine)
    assert "Response verify OK" in text and ": revoked" in text and "Reason: superseded" in text, text
    asked = run(*gnutls, check=False)
    assert "Certificate Status: revoked" in asked.stdout and "Revocation time" in asked.stdout, asked
    # the other one is as it was; both at once
    text = openssl(inst, "-cert", cert, "-cert", mine)
    assert f"{cert}: good" in text and f"{mine}: revoked" in text, text


def test_what_is_not_on_record_is_unknown(inst):
    text = openssl(inst, "-serial", "0x0123456789abcdef0123456789abcdef")
    assert "Response verify OK" in text and ": unknown" in text, text


def request(inst, cert, *more):
    run("openssl", "ocsp", "-issuer", inst.dir / "keeper/ca.pem", "-cert", cert, *more, "-reqout", "req.der", cwd=inst.dir)
    return (inst.dir / "req.der").read_bytes()


def curl(inst, url, *args, data=None):
    """(status, head, content)"""
    (inst.dir / "ask").write_bytes(data or b"")
    post = ("--data-binary", f"@{inst.dir / 'ask'}") if data is not None else ()
    done = subprocess.run(["curl", "-sS", "-D", inst.dir / "head", "-w", "%{stderr}%{http_code}", *args, *post, url], capture_output=True,
                          timeout=60, check=False)
    return int(done.stderr[-3:]), (inst.dir / "head").read_text(), done.stdout


def test_both_forms_of_a_request(inst, cert):
    """RFC 6960 A.1."""
    asked = request(inst, cert, "-no_nonce")
    media = ("-H", "Content-Type: application/ocsp-request")
    for version in ("--http1.1", "--http1.0"):
        status, head, posted = curl(inst, inst.url, version, *media, data=asked)
        assert status == 200 and "Content-Type: application/ocsp-response" in head and len(posted) > 200, (status, head)
        path = urllib.parse.quote(base64.b64encode(asked).decode(), safe="")
        status, _, got = curl(inst, f"{inst.url}/{path}", version)
        assert status == 200 and len(got) > 200
    (inst.dir / "resp.der").write_bytes(got)
    said = run("openssl", "ocsp", "-reqin", "req.der", "-respin", "resp.der", "-CAfile", "keeper/ca.pem", "-resp_text", cwd=inst.dir)
    assert "Cert Status: good" in said.stdout and "Response verify OK" in said.stdout + said.stderr


def test_wrong_requests(inst, cert):
    asked = request(inst, cert)
    media = ("-H", "Content-Type: application/ocsp-request")
    other = inst.dir / "makers/acme.pem"
    run("openssl", "ocsp", "-issuer", other, "-serial", "5", "-reqout", "other.der", cwd=inst.dir)
    rows = [
        ("no DER", inst.url, media, b"hello", 200, MALFORMED),
        ("nothing", inst.url, media, b"", 200, MALFORMED),
        ("cut", inst.url, media, asked[:-1], 200, MALFORMED),
        ("more behind", inst.url, media, asked + b"x", 200, MALFORMED),
        ("no base64", inst.url + "/%21", (), None, 200, MALFORMED),
        ("another CA's", inst.url, media, (inst.dir / "other.der").read_bytes(), 200, UNAUTHORIZED),
        ("too long", inst.url, media, b"0" * 3000, 413, None),
        ("media", inst.url, ("-H", "Content-Type: text/plain"), asked, 415, None),
        ("method", inst.url, ("-X", "DELETE"), None, 405, None),
        ("place", inst.url[:-4] + "elsewhere", media, asked, 404, None),
        ("secret", inst.url + "/secret", media, asked, 404, None),
        ("admin", inst.url[:-4] + "v1/nodes", (), None, 404, None),
        ("EST", inst.url[:-4] + ".well-known/est/cacerts", (), None, 404, None),
    ]
    for what, url, args, data, expected, error in rows:
        status, _, body = curl(inst, url, *args, data=data)
        assert status == expected and (error is None or body == error), (what, status, body)
    assert good(openssl(inst, "-cert", cert))


def test_a_keeper_that_was_lost_makes_itself_another_key(inst, cert):
    first = responder(openssl(inst, "-cert", cert))
    assert responder(openssl(inst, "-cert", cert)) == first
    assert inst.stop() == 0, inst.log_text()
    inst.start()
    text = openssl(inst, "-cert", cert)
    assert good(text) and responder(text) != first


def responder(text):
    return re.search(r"Responder Id: (\w+)", text).group(1)
