"""What makers of devices get: libmuster as it is installed. The examples are built against the installed headers by
pkg-config, as their heads say, and enrol with real daemons: to a KmID, and so that muster-agent can go on from there.
"""
import json
import os
import pathlib
import re

import pytest

from support import AGENT, Installation, secret_text
from test_card import Reader
from fig1 import SimNode
from test_install import run
from usim import Usim

SOURCE = pathlib.Path(os.environ["MST_SOURCE"])
EXAMPLES = sorted(p.name for p in (SOURCE / "examples").iterdir() if p.is_dir())
KPM = "5a17" * 16


@pytest.fixture(scope="module")
def inst(tmp_path_factory):
    one = Installation(tmp_path_factory.mktemp("library") / "inst", processes="single")
    one.start()
    one.subscription()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def pkg(root):
    """The environment of a maker: nothing of ours but what was installed."""
    found = next(root.rglob("pkgconfig/muster.pc")).parent
    return {**os.environ, "PKG_CONFIG_PATH": str(found), "PKG_CONFIG_SYSROOT_DIR": str(root), "LD_LIBRARY_PATH": str(found.parent)}


@pytest.fixture(scope="module")
def built(pkg, tmp_path_factory):
    """Every example, by the command line in its own head, with all warnings."""
    where = tmp_path_factory.mktemp("examples")
    for name in EXAMPLES:
        said = re.search(r"^ \*   (cc .*)$", (SOURCE / "examples" / name / f"{name}.c").read_text(), re.M).group(1)
        command = said.replace("cc ", "cc -std=gnu11 -Wall -Wextra -Wshadow -Werror ").replace(f"-o {name}", f"-o {where}/{name}")
        done = run("sh", "-c", command, cwd=SOURCE / "examples" / name, env=pkg)
        assert done.returncode == 0, done.stderr
    return where


def test_the_manual_page_builds_them_so(built):
    page = (SOURCE / "man/libmuster.3.scd").read_text()
    heads = [re.search(r"^ \*   (cc .*)$", (SOURCE / "examples" / n / f"{n}.c").read_text(), re.M).group(1) for n in EXAMPLES]
    assert sorted(re.findall(r"^\t(cc .*)$", page, re.M)) == sorted(heads)
    assert all((built / name).exists() for name in EXAMPLES)


def enrolled(inst, node, state):
    """Both sides hold the same key, and muster-agent reads what the library left."""
    theirs = [c["keyID"] for c in inst.ask("node", "show", node.id)["credentials"] if c["role"] == "maf" and c["state"] == "active"]
    node.configure(add="")
    conf = node.dir / "muster-agent.conf"
    conf.write_text(conf.read_text().replace('state = "state"', f'state = "{state}"').replace('"state.key"', '"seal.key"'))
    shown = json.loads(run(AGENT, "-c", conf, "status", "--json").stdout)
    assert [shown["credential"]["keyID"]] == theirs and shown["state"] == "enrolled", (shown, theirs)
    assert theirs[0].endswith("@" + inst.maf)
    assert run(AGENT, "-c", conf, "check").returncode == 0, "the MAF takes the key from the agent as well"
    return theirs[0]


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_short(name):
    for path in (SOURCE / "examples" / name).glob("*.c"):
        assert len(path.read_text().splitlines()) <= 100, path


def test_minimal_enrolee(inst, built, pkg):
    node = inst.node(1)
    command = [built / "minimal-enrolee", "s", "seal.key", "instructions.json", "node.pem", "node.key", "anchors.pem", "127.0.0.1"]
    done = run(*command, cwd=node.dir, env=pkg)
    assert done.returncode == 0, done.stderr + inst.log_text()
    arrows = ["mef.open", "mef.register", "mef.command", "mef.config", "mef.key-register", "node.save", "maf.open", "maf.register", "node.save",
              "maf.activated", "maf.registration", "node.save", "node.promote"]
    assert done.stdout.splitlines()[:len(arrows)] == arrows
    first = enrolled(inst, node, "s")
    assert f"{node.cse_id} has key {first} at https://{inst.maf}:{inst.maf_port} until " in done.stdout, done.stdout
    # once more: a new key in the place of the old one, which is dead then
    assert run(*command, cwd=node.dir, env=pkg).returncode == 0
    assert enrolled(inst, node, "s") != first


@pytest.mark.parametrize("name,more", [("minimal-enrolee", ()), ("custom-transport", ("urn:dev:ops:1", "127.0.0.1"))])
def test_a_key_for_everybody_is_refused(tmp_path, built, pkg, name, more):
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=node", "-addext",
        "subjectAltName=URI:urn:dev:ops:1", "-keyout", "node.key", "-out", "node.pem", cwd=tmp_path)
    (tmp_path / "node.key").chmod(0o644)
    done = run(built / name, "s", "seal.key", "no-instructions", "node.pem", "node.key", "node.pem", *more, cwd=tmp_path, env=pkg)
    assert done.returncode == 1 and "node.key: may be read or changed by others; chmod 600" in done.stderr, done.stderr
    assert not (tmp_path / "s").exists()


def test_custom_transport(inst, built, pkg):
    node = inst.node(2)
    done = run(built / "custom-transport", "s", "seal.key", "instructions.json", "node.pem", "node.key", "anchors.pem", node.id, "127.0.0.1",
               cwd=node.dir, env=pkg)
    assert done.returncode == 0, done.stderr + inst.log_text()
    enrolled(inst, node, "s")


def test_custom_crypto(inst, built, pkg):
    node = inst.node(3)
    (node.dir / "kpm").write_text(secret_text(KPM))
    (node.dir / "kpm").chmod(0o600)
    identity = json.loads(inst.muster("--json", "node", "secret", node.id, "--file", node.dir / "kpm").stdout)["identity"]
    node.instruct(inst.instruction(method="psk"))
    command = [built / "custom-crypto", "s", "seal.key", "instructions.json", identity, "hex", "127.0.0.1"]
    (node.dir / "hex").touch(0o600)
    for wrong in ("", KPM + "5", KPM[:-1] + "g", "5a" * 65, "5a" * 15, "0x" + KPM):
        (node.dir / "hex").write_text(wrong)
        done = run(*command, cwd=node.dir, env=pkg)
        assert done.returncode == 1 and "hex: expected 32 to 128 hexadecimal digits" in done.stderr, (wrong, done.stderr)
    (node.dir / "hex").write_text(KPM + "\n")
    (node.dir / "hex").chmod(0o640)
    done = run(*command, cwd=node.dir, env=pkg)
    assert done.returncode == 1 and "hex: may be read or changed by others; chmod 600" in done.stderr, done.stderr
    (node.dir / "hex").chmod(0o600)
    done = run(*command, cwd=node.dir, env=pkg)
    assert done.returncode == 0, done.stderr + inst.log_text()
    assert "derived by our own crypto: 1" in done.stdout, "Km, and nothing else is derived"
    enrolled(inst, node, "s")


def test_sim_enrolee(built, pkg, tmp_path):
    """A SIM in a reader, pcscd between, the card itself virtual; the operator's BSF and HSS, and the MAF as NAF. Ks stays in the card, or does not."""
    inst, reader = Installation(tmp_path / "inst", processes="single", gba="00101"), Reader(tmp_path)
    inst.others = ()
    inst.start()
    inst.subscription()

    def program(node):           # nsenter begins in another directory
        return (*reader.beside(), built / "sim-enrolee", node.dir / "s", node.dir / "seal.key", node.dir / "instructions.json", "Virtual PCD 00 00",
                "127.0.0.1")
    try:
        for uicc in ("GBA_U", None):
            node = SimNode(inst, uicc=uicc)
            node.instruct({"kind": "bootstrap", "method": "gba", "uri": f"http://{inst.bsf}:{inst.bsf_port}", "target": inst.maf,
                           "adminFQDN": inst.sp, "mafURI": f"https://{inst.maf}:{inst.maf_port}"})
            usim = Usim(imsi=node.imsi, k=node.k, opc=node.opc)
            with reader.card(usim):
                done = run(*program(node), env=pkg)
            assert done.returncode == 0, done.stderr + inst.log_text()
            assert re.search(rf"^{node.cse_id} has key \S+@{inst.bsf} after \d+ commands to the card$", done.stdout, re.M), done.stdout
            assert list(node.at_the_maf().values()) == ["active"]
            contexts = {command[6:8] for command, _ in usim.log if command.startswith("0088")}
            assert ("84" in contexts) and (("81" in contexts) == (uicc is None)), "GBA context first; the 3G context when the operator means that"
        # without a card in it
        done = run(*program(node), env=pkg)
        assert done.returncode == 1 and "no card in it" in done.stderr
    finally:
        reader.close()
        assert inst.stop() == 0, inst.log_text()


def test_every_reason_is_told(inst, built, pkg):
    """A sequence of which nothing can be done: each instruction's own reason, and nothing is stored."""
    node = inst.node(4)
    node.instruct(inst.instruction(method="psk"), inst.instruction(uri=f"https://{inst.mef}:1"),
                  {"kind": "discovery", "method": "bbn", "uri": f"https://{inst.bbn}:{inst.bbn_port}"})
    done = run(built / "minimal-enrolee", "s", "seal.key", "instructions.json", "node.pem", "node.key", "anchors.pem", "127.0.0.1", cwd=node.dir, env=pkg)
    said = done.stderr.splitlines()
    assert done.returncode == 1 and len(said) == 4, done.stderr
    assert "unsupported" in said[0] and "no maker's secret" in said[0]
    assert "unreachable at mef.open" in said[1]
    assert "unsupported" in said[2] and said[3].startswith("not enrolled: unsupported")


def test_statically_too(built, pkg, tmp_path):
    """The pure core links into a program without anything else, and says who it is."""
    (tmp_path / "x.c").write_text('#include <muster/enrolee.h>\n#include <muster/version.h>\n#include <stdio.h>\nint main(void)\n{\n'
                                  '\tprintf("%s %d\\n", muster_version(), muster_enrolee_size() <= MUSTER_ENROLEE_SIZE);\n\treturn 0;\n}\n')
    done = run("sh", "-c", "cc -static x.c $(pkg-config --static --cflags --libs muster) -o x && ./x", cwd=tmp_path, env=pkg)
    version = re.search(r"version: '([^']+)'", (SOURCE / "meson.build").read_text()).group(1)
    assert done.stdout == f"{version} 1\n", done.stderr


@pytest.mark.parametrize("header", sorted(p.name for p in (SOURCE / "include/muster").glob("*.h")))
@pytest.mark.parametrize("language", ["c -std=c11", "c++ -std=c++11"])
def test_headers_stand_alone(header, language, pkg, tmp_path):
    """In strict C11 and in C++, each by itself."""
    done = run("sh", "-c", f"echo '#include <muster/{header}>' | clang -x {language} -Wall -Wextra -pedantic -Werror -fsyntax-only "
               "$(pkg-config --cflags muster) -", env=pkg)
    assert done.returncode == 0, done.stderr


def test_symbols():
    done = run(SOURCE / "tools/check-library", os.environ["MST_BUILD"])
    assert done.returncode == 0, done.stderr
