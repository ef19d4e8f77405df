"""Figures 2 and 3 of the seed document as a world: a maker and an owner with a briefing node each, two providers. All are
real installations on loopback. Nodes carry the maker's certificate (figure 2) or the owner's (figure 3).
"""
import json
import shutil

from support import MUSTER, Installation, Node, run

NORTH_SITE, SOUTH_PLACE = ("--site", "north-gate"), ("--at", "48.1000,11.5000,20")
SOUTH = "47.9,11.2 47.9,11.9 48.4,11.9 48.4,11.2"


class World:
    def __init__(self, path, processes="single"):
        self.dir = path
        self.cas = path / "cas"
        self.cas.mkdir()
        for name in ("acme", "owner"):
            run(MUSTER, "cert", "ca", name, cwd=self.cas)
        self.maker, self.owner, self.north, self.south = self.all = [
            Installation(path / name, processes=processes, sp=f"{name}.example.com") for name in ("acme", "owner", "north", "south")]
        for inst in self.all:
            for old in (inst.dir / "anchors").iterdir():
                old.unlink()
            for name in ("acme",) if inst is self.maker else ("acme", "owner"):
                shutil.copy(self.cas / f"{name}.pem", inst.dir / "anchors")
        try:
            for inst in self.all:
                inst.start()
            for inst in (self.north, self.south):
                inst.subscription()
            self.maker.muster("rule", "add", "lot-7", "--batch", "lot-7", "--redirect", self.uri(self.owner), "--anchor", self.ca(self.owner))
            self.rule("north-sites", self.north, "--site", "north*")
            self.rule("south-fields", self.south, "--polygon", SOUTH)
        except BaseException:
            self.stop()
            raise

    def stop(self):
        for inst in self.all:
            inst.stop()

    def logs(self):
        return "\n".join(f"{inst.sp}:\n{inst.log_text()}" for inst in self.all)

    @staticmethod
    def uri(inst):
        return f"https://{inst.bbn}:{inst.bbn_port}"

    @staticmethod
    def ca(inst):
        return inst.dir / "keeper/ca.pem"

    def rule(self, name, provider, *when):
        """A rule of the owner's that sends nodes to `provider`; the CA of its MEF travels along."""
        self.owner.muster("rule", "add", name, *when, "--mef-uri", f"https://{provider.mef}:{provider.mef_port}", "--method", "cert",
                          "--sp", provider.sp, "--maf", provider.maf, "--maf-uri", f"https://{provider.maf}:{provider.maf_port}",
                          "--anchor", self.ca(provider))

    def node(self, number, figure, **more):
        return FieldNode(self, number, figure, **more)


class FieldNode(Node):
    """Known to the owner, to both providers, and to its maker when that briefs it; told of one briefing node and no provider."""

    def __init__(self, world, number, figure, lot="lot-7", signer=None, settings=""):     # pylint: disable=super-init-not-called
        self.world = world
        self.ca = "acme" if figure == 2 else "owner"
        maker = "acme" if figure == 2 else "globex"
        self.id = f"urn:dev:ops:00004C-{maker}-{number:06d}"
        self.dir = world.dir / "nodes" / self.id.rsplit(":", 1)[1]
        self.dir.mkdir(parents=True)
        self.home = world.maker if figure == 2 else world.owner
        run(MUSTER, "cert", "issue", "--ca", signer or self.ca, "--out", self.dir / "node", "--node-id", self.id, cwd=world.cas)
        shutil.copy(world.ca(self.home), self.dir / "anchors.pem")
        for inst in world.all if figure == 2 else world.all[1:]:
            more = ("--cse-id", f"//{inst.sp}/CSE{number:06d}", "--subscription", "sub-1") if inst in world.all[2:] else ()
            inst.muster("node", "add", self.id, "--maker", maker, "--batch", lot, "--anchor", world.cas / f"{self.ca}.pem", *more)
        self.instruct({"kind": "discovery", "method": "bbn", "uri": world.uri(self.home)})
        dial = ",\n".join(f'  {{ name = "{name}:{port}"; address = "127.0.0.1:{port}"; }}' for inst in world.all
                          for name, port in ((inst.bbn, inst.bbn_port), (inst.mef, inst.mef_port), (inst.maf, inst.maf_port)))
        (self.dir / "muster-agent.conf").write_text(
            'state = "state";\nkey_file = "state.key";\ncertificate = "node.pem";\nkey = "node.key";\nanchors = "anchors.pem";\n'
            f'bootstrap = "instructions.json";\nrun = "run";\nbackoff_first = "1s";\nconnect_to = (\n{dial}\n);\n{settings}')

    def reasons(self):
        return [(r["method"], r["reason"]) for r in self.status()["reports"]]

    def enrolled_with(self, provider):
        """With that provider, and with nobody else, as node and servers see it; returns the node's status."""
        done = self.run_once()
        assert done.returncode == 0, done.stderr + self.world.logs()
        status = self.status()
        assert status["credential"]["mafFQDN"] == provider.maf, status
        states = {inst.sp: inst.ask("node", "show", self.id)["state"] for inst in (self.world.north, self.world.south)}
        assert states == {inst.sp: "enrolled" if inst is provider else "known" for inst in (self.world.north, self.world.south)}
        return status

    def tried(self):
        """What `muster rule try` says: in words, and as data."""
        return self.world.owner.muster("rule", "try", self.id, check=False).stdout, \
            json.loads(self.world.owner.muster("--json", "rule", "try", self.id, check=False).stdout)
