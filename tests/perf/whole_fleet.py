"""tools/bench --fleet: briefings out of a provider's whole fleet, by many rules, beside a small fleet with one rule."""
import http.client
import json
import socket
import time

import measure

SECONDS = 3600                          # for the import of a large fleet
REPEATING = 200                         # nodes that ask again and again


class Admin:
    """The operator's interface, by one connection."""

    def __init__(self, path):
        self.http = http.client.HTTPConnection("admin")
        self.http.sock = socket.socket(socket.AF_UNIX)
        self.http.sock.settimeout(60)
        self.http.sock.connect(str(path))

    def post(self, path, body):
        self.http.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = self.http.getresponse()
        said = answer.read()
        if answer.status != 201:
            raise measure.Failed(f"{path}: {answer.status} {said[:300]}")


def add_rules(inst, count):
    """Owner's rules with conditions on names, sites, models and places, none of which a node of the benchmark meets; the rule
    for all is the last one. Answers how many a second were taken in."""
    admin, begun = Admin(inst.dir / "run/admin.sock"), time.monotonic()
    then = {"instructions": [{"kind": "bootstrap", "method": "cert", "uri": f"https://{inst.mef}:{inst.mef_port}"}]}
    for i in range(count - 1):
        when = ({"nodePrefixes": [f"urn:dev:ops:00004C-other-{i:06d}"]}, {"sites": [f"site-{i}"]}, {"makers": ["bench"], "models": [f"model-{i}"]},
                {"circle": {"latitude": i * 7919 % 170 * 10000000 - 850000000, "longitude": i * 104729 % 359 * 10000000 - 1790000000,
                            "radius": 5000}})[i % 4]
        admin.post("/v1/rules", {"rule": {"name": f"rule-{i}", "when": when, "then": then}})
    admin.post("/v1/rules", {"rule": {"name": "all", "then": then}})
    return count / (time.monotonic() - begun)


def run(bench):
    apart, n, insts = measure.cores(True), bench.plan["flat_n"], []
    for name, nodes, rules in (("small", REPEATING, 1), ("fleet", bench.args.fleet, bench.args.rules)):
        inst = bench.installation(name, nodes)
        bench.start(inst, apart[0])
        measure.say(f"{name}: {nodes} nodes, {rules} rules")
        inst.rules, inst.import_rate, inst.rule_rate = rules, bench.fill(inst, SECONDS), add_rules(inst, rules)
        bench.tools.brief(inst, apart[1], REPEATING, nodes=REPEATING, tls=bench.args.tls)
        insts.append(inst)
    for _ in range(bench.plan["flat_rounds"]):
        for inst in insts:
            bench.note(f"briefing-{inst.known}", measure.timed(lambda i=inst: bench.tools.brief(
                i, apart[1], n, nodes=REPEATING, tls=bench.args.tls), inst.pids, n))
    bench.result["fleets"] = [{"nodes": i.known, "rules": i.rules, "import_rate": i.import_rate, "rule_rate": i.rule_rate,
                               "memory": measure.memory(i.pids),
                               "store_octets": sum(f.stat().st_size for f in (i.dir / "store").iterdir())} for i in insts]
    bench.end_all()


def show(report):
    print("\nbriefings by certificate, 200 nodes that ask again and again out of a fleet:")
    print(f"  {'nodes':>8} {'rules':>6} {'per s':>7} {'low–high':>15} {'cpu ms':>7} {'p99 ms':>7}   nodes/s imported, rules/s added, MiB stored, MiB resident")
    for f in report.b.result["fleets"]:
        name = f"briefing-{f['nodes']}"
        r = report.all(name)
        print(f"  {f['nodes']:8} {f['rules']:6} {report.median(name):7.0f} {min(r):7.0f}–{max(r):<7.0f} {report.median(name, 'server_cpu_ms'):7.3f} "
              f"{report.median(name, 'p99_ms'):7.1f}   {f['import_rate']:.0f}, {f['rule_rate']:.0f}, {f['store_octets'] / 2**20:.0f}, "
              f"{sum(m['rss'] for m in f['memory'].values()) / 1024:.0f}")
