"""Story: the revocation list of the installation's own CA (TS-0003 8.1.2.5: whoever receives a MEF's certificate shall
check its status). It is there from the beginning, musterd keeps it fresh, and everybody takes a new one over without
being told.
"""
import datetime
import json
import os
import re
import signal

from support import MUSTER, RUN_SECONDS, run, until

OWN = 'crl = { file = "crls/ca.crl"; lifetime = "7d"; };'


def listed(inst, *what):
    return run("openssl", "crl", "-in", inst.dir / "crls/ca.crl", "-noout", *what).stdout


def number(inst):
    return int(listed(inst, "-crlnumber").split("=")[1], 16)


def ends(inst):
    text = listed(inst, "-nextupdate").split("=")[1].strip()
    return datetime.datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=datetime.timezone.utc)


def oracle(inst, name):
    """What OpenSSL says of a certificate of ours and our list."""
    done = run("openssl", "verify", "-x509_strict", "-crl_check", "-CAfile", inst.dir / "keeper/ca.pem", "-CRLfile",
               inst.dir / "crls/ca.crl", inst.dir / f"tls/{name}.pem", check=False)
    return done.returncode, done.stdout + done.stderr


def reloads(inst, process, since=0):
    return len(re.findall(rf"debug {process}: reloaded", inst.log.read_text(errors="replace")[since:]))


def restart(inst, **changes):
    inst.stop()
    inst.configure(replace={'level = "info"': 'level = "debug"', **changes.pop("replace", {})}, **changes)
    inst.start()


def test_a_revoked_mef_is_not_asked(installation):
    inst = installation
    restart(inst)
    inst.maker("acme")
    inst.subscription()
    assert inst.node(1).run_once().returncode == 0
    assert oracle(inst, "mef")[0] == 0 and "No Revoked Certificates" in listed(inst, "-text")
    first, before = number(inst), reloads(inst, "connector")
    said = inst.ask("cert", "revoke", inst.dir / "tls/mef.pem", "--reason", "key-compromise")
    assert said["reason"] == 1 and said["subject"] == inst.mef
    until("the connector takes the new list over", lambda: reloads(inst, "connector") > before)
    status, text = oracle(inst, "mef")
    assert status != 0 and "certificate revoked" in text
    assert oracle(inst, "maf")[0] == 0, "the list names one certificate"
    assert number(inst) > first and "Key Compromise" in listed(inst, "-text") and said["serial"] in listed(inst, "-text")
    node = inst.node(2)
    assert node.run_once().returncode == 1
    event = inst.wait_event("maf.mef-revoked")
    assert "the MEF's certificate is revoked" in event["why"], event
    # again: the same answer, and no other list for it
    made = number(inst)
    assert inst.ask("cert", "revoke", inst.dir / "tls/mef.pem")["revoked"] == said["revoked"]
    assert len(inst.events("--what", "certificate.revoked")) == 1
    assert number(inst) == made


def test_a_list_is_renewed_and_taken_over_by_itself(installation):
    inst = installation
    inst.maker("acme")
    inst.subscription()
    # each is renewed when half of its time is over; a machine that cannot take it over in the other half gets more
    for n, lifetime in enumerate(("8s", "24s", "80s"), 1):
        first = number(inst)
        restart(inst, replace={OWN: OWN.replace("7d", lifetime)})
        until("a list of such a lifetime, and its successor", lambda: number(inst) >= first + 2, 40 + RUN_SECONDS)
        before = reloads(inst, "connector")
        until("and taken over", lambda: reloads(inst, "connector") > before, 40 + RUN_SECONDS)
        if inst.node(n).run_once().returncode == 0:
            assert n > 1 or not inst.events("--what", "maf.mef-")
            return
        assert {e["what"] for e in inst.events("--what", "maf.mef-")} == {"maf.mef-list-stale"}, inst.events()
    raise AssertionError(inst.log_text())


def test_an_expired_list_is_refused_in_its_own_words(installation):
    inst = installation
    restart(inst, replace={OWN: OWN.replace("7d", "4s")})
    inst.maker("acme")
    inst.subscription()
    node = inst.node(1)
    until("a list that is good for seconds", lambda: (ends(inst) - datetime.datetime.now(datetime.timezone.utc)).days < 1)
    restart(inst, replace={OWN: ""})       # nobody renews it now
    # good to the end of that second
    until("it ends", lambda: ends(inst) + datetime.timedelta(seconds=1) <= datetime.datetime.now(datetime.timezone.utc))
    assert node.run_once().returncode == 1
    event = inst.wait_event("maf.mef-list-stale")
    assert "revocation list is out of date" in event["why"] and "maf.require_mef_crl" in event["why"], event
    # a makers' CA without a list is nobody's obstacle: the node's own certificate was accepted by the MEF
    assert inst.events("--what", "mef.", "--node", node.id), inst.events()
    # lesson 6: no verdict about the key; with a fresh list the same node goes on, without a restart
    seen = inst.log.stat().st_size
    inst.configure(replace={'level = "info"': 'level = "debug"'})
    inst.process.send_signal(signal.SIGHUP)
    until("a new list", lambda: reloads(inst, "connector", seen) >= 2)
    assert node.run_once().returncode == 0, node.status()


def test_a_list_that_was_lost_comes_back(split):
    os.unlink(split.dir / "crls/ca.crl")
    split.configure(replace={'level = "info"': 'level = "debug"'})
    split.start()
    until("a new list", lambda: (split.dir / "crls/ca.crl").exists())
    assert oracle(split, "mef")[0] == 0
    found = {f["check"]: f["ok"] for f in split.ask("doctor")}
    assert found["revocation list"], found


def test_doctor_tells_of_lists(split):
    inst = split
    own = inst.dir / "crls/ca.crl"
    makers = inst.maker("acme")

    def told():
        done = inst.muster("--json", "doctor", check=False)
        return {f["check"]: f for f in json.loads(done.stdout) if f["check"].startswith("revocation")}
    assert told()["revocation list"]["ok"]
    run(MUSTER, "cert", "crl", "--ca", "acme", "--out", inst.dir / "crls/acme.crl", "--days", "1", cwd=makers)
    soon = told()["revocation list of others"]
    assert not soon["ok"] and "acme.crl" in soon["detail"] and "fresh one from its issuer" in soon["remedy"], soon
    own.write_bytes((inst.dir / "crls/acme.crl").read_bytes())
    assert "not of this installation" in told()["revocation list"]["remedy"]
    own.unlink()
    assert "absent" in told()["revocation list"]["remedy"]
