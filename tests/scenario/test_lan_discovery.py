"""Discovery on the LAN (architecture 3.4): the real daemons, each host in a network namespace of its own.
What the LAN says is where, never whom to trust: it becomes `bbn` instructions without anchors.
"""
import json
import os
import pathlib
import re
import shutil
import signal

import pytest

from lan import Lan
from support import AGENT, Installation, run, until


@pytest.fixture
def installation(tmp_path):
    """Only its CA and its makers: nobody has to serve for these tests."""
    return Installation(tmp_path / "inst")


@pytest.fixture
def lan(tmp_path):
    with Lan(tmp_path / "lan", ("node", "owner", "liar")) as made:
        yield made


def discover(installation, lan, method, uri, add=""):
    """The agent on host `node`, once; its status."""
    node = installation.node(1, known=False)
    node.instruct({"kind": "discovery", "method": method, "uri": uri})
    node.configure(add)
    host = lan["node"]
    done = run(*host.inside(AGENT, "-c", node.dir / "muster-agent.conf", "run", "--once"), check=False, env=host.env)
    return done, json.loads(node.agent("status", "--json", check=True).stdout)


def again(done, status, installation, lan):
    """An agent that found nobody in its ten seconds, on a busy machine, looks again later; so does this, three times at most."""
    node = next((installation.dir / "nodes").iterdir())
    for _ in range(3):
        if tried(status):
            break
        done = run(*lan["node"].inside(AGENT, "-c", node / "muster-agent.conf", "run", "--once"), check=False, env=lan["node"].env)
        status = json.loads(run(AGENT, "-c", node / "muster-agent.conf", "status", "--json").stdout)
    return done, status


def tried(status):
    """Briefing nodes, in the order in which they had their turn."""
    return [r["resource"] for r in status["reports"] if "://" in r["resource"]]


def ended(status):
    return [(r["resource"], r["reason"]) for r in status["reports"]]


def test_dns_sd_yields_where(installation, lan):
    for name in ("node", "owner"):
        lan[name].avahi()
    lan["owner"].publish("owner's briefing", "_muster-bbn._tcp", 8445, "fqdn=bbn.owner.example.com", "path=/briefing")
    done, status = discover(installation, lan, "dns-sd", "_muster-bbn._tcp.local")
    done, status = again(done, status, installation, lan)
    assert tried(status), done.stderr
    assert set(tried(status)) == {"https://bbn.owner.example.com:8445/briefing"}
    # at each address that was said (by IPv4 and IPv6), and with the name resolved: an address that lies costs one try
    assert len(tried(status)) in (2, 3)


def test_a_liar_cannot_hide_the_owner(installation, lan):
    """Useless answers are left out with their reason; the names that the owner expects are kept, whatever the liar says."""
    for name in ("node", "owner", "liar"):
        lan[name].avahi()
    lan["owner"].publish("owner's briefing", "_muster-bbn._tcp", 8445, "fqdn=bbn.owner.example.com")
    for i in range(12):
        lan["liar"].publish(f"a{i}", "_muster-bbn._tcp", 1000 + i, f"fqdn=bbn{i}.evil.example.net")
    lan["liar"].publish("no name", "_muster-bbn._tcp", 99)                       # liar.local: no certificate has it
    lan["liar"].publish("odd path", "_muster-bbn._tcp", 98, "fqdn=bbn.owner.example.com", "path=relative\x1b[2J")
    done, status = again(*discover(installation, lan, "dns-sd", "_muster-bbn._tcp.local", 'lan_names = "*.example.com";\n'), installation, lan)
    assert set(tried(status)) == {"https://bbn.owner.example.com:8445"}, status["reports"]
    assert "lan-name-refused" in done.stderr or "lan-answer-useless" in done.stderr
    assert "\x1b" not in done.stderr


def test_a_crowd_that_cannot_be_resolved_hides_nobody(installation, lan):
    """Two hundred instances of which nobody can say where they are, told of in front of the owner's: each of them would be waited for."""
    for name in ("node", "owner"):
        lan[name].avahi()
    lan["owner"].publish("owner's briefing", "_muster-bbn._tcp", 8445, "fqdn=bbn.owner.example.com")
    lan["owner"].publish("of somebody else", "_muster-bbn._tcp", 8445, "fqdn=bbn.evil.example.net")
    lan["liar"].start("python3", pathlib.Path(__file__).parent / "mdns_crowd.py", 200, "_muster-bbn._tcp.local",
                      log="crowd.log", ready="told")
    done, status = again(*discover(installation, lan, "dns-sd", "_muster-bbn._tcp.local", 'lan_names = "bbn.owner.example.com";\n'),
                         installation, lan)
    assert set(tried(status)) == {"https://bbn.owner.example.com:8445"}, (status["reports"], done.stderr)


def serve_on(inst, address):
    """All roles of this installation at that address instead of loopback."""
    text = inst.plain_config
    for port in (inst.mef_port, inst.maf_port, inst.bbn_port):
        assert f"127.0.0.1:{port}" in text
        text = text.replace(f"127.0.0.1:{port}", f"{address}:{port}")
    inst.config.write_text(text)


def test_a_liar_makes_nobody_trust_it(lan, tmp_path):
    """End to end: the liar says that it is the owner's briefing node, by the owner's very name, and serves there with a
    certificate of its own. The node finds it untrusted and goes on to the real one."""
    node, owner, liar = lan["node"], lan["owner"], lan["liar"]
    for host in (node, owner, liar):
        host.avahi()
    inst = Installation(tmp_path / "real")
    serve_on(inst, owner.address)
    inst.wrap = owner.inside("env")
    inst.start()
    try:
        inst.subscription()
        made = inst.node(1)
        inst.muster("rule", "add", "everybody", "--method", "cert", "--mef-uri", f"https://{inst.mef}:{inst.mef_port}")
        for command in (("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", "liar.key", "-out",
                         "liar.pem", "-days", "30", "-subj", f"/CN={inst.bbn}", "-addext", f"subjectAltName=DNS:{inst.bbn}"),):
            run("openssl", *command, cwd=liar.dir)
        liar.start("openssl", "s_server", "-accept", f"{liar.address}:{inst.bbn_port}", "-cert", "liar.pem", "-key", "liar.key", "-www",
                   log="s_server.log", ready="ACCEPT")
        for i in range(3):
            liar.publish(f"better {i}", "_muster-bbn._tcp", inst.bbn_port, f"fqdn={inst.bbn}", "path=/briefing")
        owner.publish("the real one", "_muster-bbn._tcp", inst.bbn_port, f"fqdn={inst.bbn}", "path=/briefing")
        made.instruct({"kind": "discovery", "method": "dns-sd", "uri": "_muster-bbn._tcp.local"})
        conf = made.dir / "muster-agent.conf"
        conf.write_text(conf.read_text().replace('address = "127.0.0.1:', f'address = "{owner.address}:'))
        missed = 0
        for _ in range(20):          # the order is by chance: until the liar had its turn first
            done = run(*node.inside(AGENT, "-c", conf, "run", "--once"), check=False, env=node.env)
            status = json.loads(made.agent("status", "--json", check=True).stdout)
            if status["state"] != "enrolled" and missed < 3:        # ten seconds may be short on a busy machine; an agent looks again, too
                missed += 1
                continue
            assert done.returncode == 0 and status["state"] == "enrolled", done.stderr + inst.log_text()
            ways = [r for where, r in ended(status) if where.startswith(f"https://{inst.bbn}")]
            assert ways[-1] == "ok" and set(ways[:-1]) <= {"untrusted", "unreachable"}, ways
            if "untrusted" in ways:
                break
            shutil.rmtree(made.dir / "state")
        else:
            raise AssertionError(done.stderr + inst.log_text())
        assert status["credential"]["mafFQDN"] == inst.maf
    finally:
        inst.stop()


def test_the_coap_variant_leads_there(lan, tmp_path):
    """musterd tells of its CoAP by `_muster-bbn._udp`; the node finds it, is briefed over it, and enrols. A liar says that it is
    the same, and serves DTLS there with a certificate of its own: it is never believed, whenever it has its turn."""
    node, owner, liar = lan["node"], lan["owner"], lan["liar"]
    for host in (node, owner, liar):
        host.avahi()
    inst = Installation(tmp_path / "coap")
    serve_on(inst, owner.address)
    text = inst.config.read_text()
    inst.config.write_text(text.replace("bbn = {", f'bbn = {{\n    publish = "the owner\'s";\n    coap_listen = ["{owner.address}:5684"];', 1))
    inst.wrap = owner.inside("env", f"DBUS_SYSTEM_BUS_ADDRESS={owner.env['DBUS_SYSTEM_BUS_ADDRESS']}")
    inst.start()
    try:
        inst.subscription()
        made = inst.node(1)
        inst.muster("rule", "add", "everybody", "--method", "cert", "--mef-uri", f"https://{inst.mef}:{inst.mef_port}")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", "liar.key", "-out",
            "liar.pem", "-days", "30", "-subj", f"/CN={inst.bbn}", "-addext", f"subjectAltName=DNS:{inst.bbn}", cwd=liar.dir)
        liar.start("openssl", "s_server", "-dtls1_2", "-accept", f"{liar.address}:5684", "-cert", "liar.pem", "-key", "liar.key",
                   log="s_server.log", ready="ACCEPT")
        liar.publish("better", "_muster-bbn._udp", 5684, f"fqdn={inst.bbn}", "path=/briefing")
        conf = made.dir / "muster-agent.conf"
        conf.write_text(conf.read_text().replace('address = "127.0.0.1:', f'address = "{owner.address}:') + 'open_timeout = "5s";\n')
        made.instruct({"kind": "discovery", "method": "dns-sd", "uri": "_muster-bbn._udp.local"})
        for _ in range(4):          # ten seconds may be short on a busy machine; an agent looks again, too
            done = run(*node.inside(AGENT, "-c", conf, "run", "--once"), check=False, env=node.env)
            status = json.loads(made.agent("status", "--json", check=True).stdout)
            if status["state"] == "enrolled":
                break
        assert status["state"] == "enrolled", done.stderr + inst.log_text()
        ways = [r for where, r in ended(status) if where == f"coaps://{inst.bbn}/briefing"]
        assert ways[-1] == "ok" and set(ways[:-1]) <= {"untrusted", "unreachable", "timeout"}, ended(status)
        assert status["credential"]["mafFQDN"] == inst.maf
        assert "service=_muster-bbn._tcp" in inst.log.read_text() and "service=_muster-bbn._udp" in inst.log.read_text()
    finally:
        assert inst.stop() == 0


def test_without_a_daemon_the_reason_says_so(installation, lan):
    lan["node"].bus()
    done, status = discover(installation, lan, "dns-sd", "_muster-bbn._tcp.local")
    assert done.returncode == 1
    assert any("avahi-daemon" in r["detail"] and r["reason"] == "unreachable" for r in status["reports"]), status["reports"]


def test_nobody_answers(installation, lan):
    lan["node"].avahi()
    _, status = discover(installation, lan, "dns-sd", "_muster-bbn._tcp.local")
    assert ended(status) == [("_muster-bbn._tcp.local", "empty")]


def test_dns_srv_by_priority(installation, lan):
    owner = lan["owner"]
    owner.start("dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--port=53", f"--listen-address={owner.address}",
                "--bind-interfaces", "--conf-file=/dev/null", "--pid-file=",
                "--srv-host=_muster-bbn._tcp.example.com,second.example.com,8446,20",
                "--srv-host=_muster-bbn._tcp.example.com,first.example.com,8445,10",
                "--srv-host=_gone._tcp.example.com", log="dnsmasq.log", ready="started")
    add = f'dns_server = "{owner.address}";\n'
    _, status = discover(installation, lan, "dns-srv", "_muster-bbn._tcp.example.com", add)
    assert tried(status) == ["https://first.example.com:8445", "https://second.example.com:8446"]


def test_unwanted_names_in_dns_srv_take_no_places(installation, lan):
    """A hundred names with the best priority, of which lan_names leaves nothing; the owner's is the last one."""
    owner = lan["owner"]
    owner.start("dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--port=53", f"--listen-address={owner.address}",
                "--bind-interfaces", "--conf-file=/dev/null", "--pid-file=",
                *[f"--srv-host=_muster-bbn._tcp.example.com,bbn{i}.evil.example.net,8445,1" for i in range(100)],
                "--srv-host=_muster-bbn._tcp.example.com,bbn.owner.example.com,8445,50", log="dnsmasq.log", ready="started")
    add = f'dns_server = "{owner.address}";\nlan_names = "*.owner.example.com";\n'
    done, status = discover(installation, lan, "dns-srv", "_muster-bbn._tcp.example.com", add)
    assert tried(status) == ["https://bbn.owner.example.com:8445"], done.stderr
    assert 0 < done.stderr.count("lan-name-refused") < 10, "1st, 2nd, 4th, 8th …"


def test_dns_srv_that_is_decidedly_not_there(installation, lan):
    owner = lan["owner"]
    owner.start("dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--port=53", f"--listen-address={owner.address}",
                "--bind-interfaces", "--conf-file=/dev/null", "--pid-file=", "--srv-host=_gone._tcp.example.com",
                "--srv-host=_odd._tcp.example.com,no_host.example.com,8445,1", "--srv-host=_other._tcp.example.com,bbn.example.net,8445,1",
                "--local=/example.com/", log="dnsmasq.log", ready="started")
    add = f'dns_server = "{owner.address}";\nlan_names = "*.example.com";\n'
    node = installation.node(1, known=False)
    node.instruct(*[{"kind": "discovery", "method": "dns-srv", "uri": f"_{name}._tcp.example.com"} for name in ("gone", "never", "odd", "other")])
    node.configure(add)
    run(*lan["node"].inside(AGENT, "-c", node.dir / "muster-agent.conf", "run", "--once"), check=False, env=lan["node"].env)
    reports = node.status()["reports"]
    assert [r["reason"] for r in reports] == ["empty", "empty", "malformed", "empty"], reports
    assert all(words in r["detail"] for r, words in zip(reports, ("nobody", "not found", "no name", "lan_names"))), reports


def test_a_name_server_that_is_silent(installation, lan):
    _, status = discover(installation, lan, "dns-srv", "_muster-bbn._tcp.example.com", 'dns_server = "10.77.0.2";\n')
    assert ended(status) == [("_muster-bbn._tcp.example.com", "unreachable")]


GARBLER = """import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind((sys.argv[1], 53))
    print("listens", flush=True)
    while True:
        q, peer = s.recvfrom(512)
        s.sendto(q[:2] + b"\\x81\\x80" + q[4:6] + b"\\0\\1\\0\\0\\0\\0" + q[12:] + b"\\xc0\\x0c\\0\\x21\\0\\1\\0\\0\\0\\1\\0\\x64abc", peer)
"""


def test_a_name_server_that_talks_nonsense(installation, lan):
    """An SRV record that says it is longer than the message: it has answered, and is not unreachable."""
    liar = lan["liar"]
    liar.start("python3", "-c", GARBLER, liar.address, log="garbler.log", ready="listens")
    _, status = discover(installation, lan, "dns-srv", "_muster-bbn._tcp.example.com", f'dns_server = "{liar.address}";\n')
    assert ended(status) == [("_muster-bbn._tcp.example.com", "malformed")], status["reports"]
    assert "DNS: " in status["reports"][0]["detail"]


HOOKS = pathlib.Path(__file__).resolve().parents[2] / "conf/dhcp"


def test_a_dhcp_option_through_dhclient(installation, lan):
    """A real DHCP server and the real client with our hook: the text that it writes is what the agent reads."""
    node, owner = lan["node"], lan["owner"]
    owner.start("dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--port=0", "--conf-file=/dev/null", "--pid-file=",
                "--interface=eth0", "--bind-interfaces", "--dhcp-range=10.77.0.50,10.77.0.60,1h", "--leasefile-ro",
                "--dhcp-option-force=224,bbn.owner.example.com:8445", log="dhcp.log", ready="DHCP, IP range")
    (node.dir / "dhclient.conf").write_text("option muster-bbn code 224 = text;\nrequest subnet-mask, muster-bbn;\n")
    # Debian's own script would touch the machine's resolv.conf; this one only calls our hook, as its directory would
    script = node.dir / "script"
    script.write_text(f"#!/bin/sh\n. {HOOKS}/muster-dhclient-hook\n")
    script.chmod(0o755)
    made = installation.node(1, known=False)
    client = node.start("dhclient", "-4", "-d", "-cf", node.dir / "dhclient.conf", "-lf", node.dir / "leases", "-pf",
                        node.dir / "pid", "-sf", script, "-e", f"MUSTER_RUN={made.dir / 'run'}",
                        "-e", f"MUSTER_DHCP_PUT={HOOKS}/muster-dhcp-put", "eth0", log="dhclient.log",
                        ready="bound to")
    assert client.poll() is None
    made.instruct({"kind": "discovery", "method": "dhcp", "uri": "eth0"})
    run(*node.inside(AGENT, "-c", made.dir / "muster-agent.conf", "run", "--once"), check=False)
    status = json.loads(made.agent("status", "--json", check=True).stdout)
    assert tried(status) == ["https://bbn.owner.example.com:8445"]


def networkd(tmp_path, lease):
    (tmp_path / "leases").mkdir(exist_ok=True)
    (tmp_path / "leases/7").write_text(lease)
    run(HOOKS / "muster-networkd-hook", env={"IFACE": "eth7", "MUSTER_RUN": str(tmp_path), "MUSTER_DHCP_PUT": HOOKS / "muster-dhcp-put", "MUSTER_IFINDEX": "7",
                                             "MUSTER_LEASES": str(tmp_path / "leases"), "PATH": os.environ["PATH"]})
    path = tmp_path / "dhcp/eth7"
    return path.read_text() if path.exists() else None


def test_a_dhcp_option_through_networkd(tmp_path):
    """The lease file as systemd-networkd writes it; a lease without the option takes back what an earlier one said."""
    assert networkd(tmp_path, f"ADDRESS=10.0.0.2\nOPTION_224={b'bbn.owner.example.com'.hex()}\n") == "bbn.owner.example.com\n"
    assert networkd(tmp_path, "ADDRESS=10.0.0.2\n") is None
    assert networkd(tmp_path, "OPTION_224=zz\n") is None


def test_root_writes_nothing_for_the_agents_user(tmp_path):
    """The run directory is the agent's own. A link that this user has put there leads root nowhere; a good one is served."""
    os.chmod(tmp_path, 0o755)
    for parent in list(tmp_path.parents)[:3]:
        os.chmod(parent, parent.stat().st_mode | 0o011)
    run_dir, etc = tmp_path / "run", tmp_path / "etc"
    for path in (run_dir, etc):
        path.mkdir(mode=0o755)
    os.chown(run_dir, 65534, 65534)
    put = (HOOKS / "muster-dhcp-put", "eth0")
    (run_dir / "dhcp").symlink_to(etc)
    assert run(*put, "* * * * * root evil", env={**os.environ, "MUSTER_RUN": str(run_dir)}, check=False).returncode != 0
    assert not list(etc.iterdir())
    (run_dir / "dhcp").unlink()
    run(*put, "bbn.owner.example.com", env={**os.environ, "MUSTER_RUN": str(run_dir)})
    assert (run_dir / "dhcp/eth0").read_text() == "bbn.owner.example.com\n" and (run_dir / "dhcp/eth0").stat().st_uid == 65534
    run(*put, env={**os.environ, "MUSTER_RUN": str(run_dir)})
    assert not (run_dir / "dhcp/eth0").exists()
    # before the agent's first start
    run(*put, "bbn.owner.example.com", env={**os.environ, "MUSTER_RUN": str(tmp_path / "new")})
    assert (tmp_path / "new/dhcp/eth0").read_text() == "bbn.owner.example.com\n"
    assert run(HOOKS / "muster-dhcp-put", "../x", "t", env={**os.environ, "MUSTER_RUN": str(run_dir)}, check=False).returncode == 1


@pytest.mark.parametrize("text", ["", "two words", "http://bbn.example.com", "192.0.2.1", "https://u@bbn.example.com/",
                                  "x" * 400 + ".example.com", "bbn..example.com", "https://bbn.example.com/\x1b[2J"])
def test_a_dhcp_option_that_is_no_name(installation, text):
    node = installation.node(1, known=False)
    (node.dir / "run/dhcp").mkdir(parents=True)
    (node.dir / "run/dhcp/eth0").write_text(text + "\nbbn.owner.example.com\n")
    node.instruct({"kind": "discovery", "method": "dhcp", "uri": "any"})
    done = node.run_once()
    assert tried(node.status()) == ["https://bbn.owner.example.com"], "the next line is still served"
    assert text == "" or "dhcp-option-malformed" in done.stderr


def test_a_dhcp_option_with_nothing_in_it_that_is_a_name(installation):
    """What is wrong with it is the attempt's reason, not only a line of the log: no server was silent here."""
    node = installation.node(1, known=False)
    option = node.dir / "run/dhcp/eth0"
    option.parent.mkdir(parents=True)
    rows = [("two words\n", 0o644, "malformed", "told is no FQDN"), ("two words\nbbn.evil.example.net\n", 0o644, "malformed", "lan_names"),
            ("bbn.owner.example.com\n" * 100, 0o644, "oversized", "too large"), ("bbn.owner.example.com\n", 0o666, "unreachable", "written by others"),
            ("\n", 0o644, "empty", "no DHCP server"), (None, 0, "empty", "no DHCP server")]
    node.instruct({"kind": "discovery", "method": "dhcp", "uri": "eth0"}, {"kind": "discovery", "method": "dhcp", "uri": "any"})
    node.configure('lan_names = "*.owner.example.com";\n')
    for text, mode, reason, words in rows:
        option.unlink() if text is None else option.write_text(text)
        if text:
            option.chmod(mode)
        assert node.run_once().returncode == 1
        reports = node.status()["reports"]
        assert [r["reason"] for r in reports] == [reason] * 2 and all(words in r["detail"] and r["remedy"] for r in reports), (text, reports)
    option.write_text("two words\nbbn.owner.example.com\n")
    node.run_once()
    assert tried(node.status())[0] == "https://bbn.owner.example.com", "one line that is a name, and it is followed"


def test_unwanted_names_in_a_dhcp_option_take_no_places(installation):
    node = installation.node(1, known=False)
    (node.dir / "run/dhcp").mkdir(parents=True)
    (node.dir / "run/dhcp/eth0").write_text("".join(f"bbn{i}.evil.example.net\n" for i in range(20)) + "bbn.owner.example.com\n")
    node.instruct({"kind": "discovery", "method": "dhcp", "uri": "any"})
    node.configure('lan_names = "*.owner.example.com";\n')
    done = node.run_once()
    assert tried(node.status()) == ["https://bbn.owner.example.com"], done.stderr
    node.configure('lan_names = "*.elsewhere.example";\n')
    assert node.run_once().returncode == 1
    assert [(r["reason"], "lan_names" in r["detail"]) for r in node.status()["reports"]] == [("empty", True)]


def test_nobody_else_may_write_the_option(installation):
    node = installation.node(1, known=False)
    (node.dir / "run/dhcp").mkdir(parents=True)
    (node.dir / "run/dhcp/eth0").write_text("bbn.owner.example.com\n")
    (node.dir / "run/dhcp/eth0").chmod(0o666)
    node.instruct({"kind": "discovery", "method": "dhcp", "uri": "eth0"})
    done = node.run_once()
    assert not tried(node.status())
    assert "can be written by others" in done.stderr


@pytest.mark.parametrize("name", ["../etc", ".hidden", "a-name-of-20-octets."])
def test_no_interface_name(installation, name):
    node = installation.node(1, known=False)
    node.instruct({"kind": "discovery", "method": "dhcp", "uri": name})
    node.run_once()
    assert ended(node.status()) == [(name, "malformed")]


def test_musterd_tells_of_itself(lan, tmp_path):
    """`bbn.publish`: while the daemon serves, the LAN knows; when it stops, no longer. The agent finds it."""
    owner, node = lan["owner"], lan["node"]
    for host in (owner, node):
        host.avahi()
    inst = Installation(tmp_path / "told")
    text = inst.plain_config
    assert "bbn = {" in text, "muster init makes a briefing node"
    inst.config.write_text(text.replace("bbn = {", 'bbn = {\n    publish = "the owner\'s";', 1))
    inst.wrap = owner.inside("env", f"DBUS_SYSTEM_BUS_ADDRESS={owner.env['DBUS_SYSTEM_BUS_ADDRESS']}")
    inst.start()
    try:
        made = inst.node(1, known=False)
        made.instruct({"kind": "discovery", "method": "dns-sd", "uri": "_muster-bbn._tcp.local"})
        for _ in range(4):          # ten seconds may be short on a busy machine; an agent looks again, too
            run(*node.inside(AGENT, "-c", made.dir / "muster-agent.conf", "run", "--once"), check=False, env=node.env)
            status = json.loads(made.agent("status", "--json", check=True).stdout)
            if tried(status):
                break
        port = re.search(r"bbn=\S+?:(\d+)", inst.log_text()).group(1)
        assert f"https://bbn.{inst.sp}:{port}/briefing" in tried(status), inst.log_text()
        # a reload moves it: the LAN hears that, too
        inst.config.write_text(inst.config.read_text().replace("bbn = {", 'bbn = {\n    base = "/moved";', 1))
        inst.process.send_signal(signal.SIGHUP)
        until("the LAN knows", lambda: '"path=/moved"' in run(*node.inside("avahi-browse", "-tpr", "_muster-bbn._tcp"), env=node.env).stdout,
              context=inst.log_text)
    finally:
        assert inst.stop() == 0
    # a goodbye is kept for a second (RFC 6762 10.1)
    until("the LAN has forgotten", lambda: "owner" not in run(*node.inside("avahi-browse", "-tp", "_muster-bbn._tcp"),
                                                              env=node.env).stdout)


def test_musterd_serves_without_avahi(tmp_path):
    """Nor is avahi-publish an administrator, which runs as the same user: what it takes for the bus is the socket of administration here."""
    inst = Installation(tmp_path / "untold")
    inst.config.write_text(inst.plain_config.replace("bbn = {", 'bbn = {\n    publish = "x";', 1))
    inst.wrap = ["env", f"DBUS_SYSTEM_BUS_ADDRESS=unix:path={inst.dir}/run/admin.sock"]
    inst.start()
    try:
        until("the log says so", lambda: "not told on the LAN" in inst.log_text(), context=inst.log_text)
        until("it is turned away", lambda: re.search("turned away.*pid=", inst.log_text()), context=inst.log_text)
        assert inst.muster("status").returncode == 0
    finally:
        assert inst.stop() == 0
