"""tools/bench --postgresql: the same enrolments with each database, round by round."""
import measure
from postgres import Postgres


def run(bench):
    n, apart = bench.plan["n"], measure.cores(True)
    pool = bench.plan["rounds"] * n
    with Postgres() as pg:
        insts = {"sqlite": bench.installation("sqlite", pool), "postgresql": bench.installation("postgresql", pool)}
        text = insts["postgresql"].config.read_text()
        insts["postgresql"].config.write_text(text.replace("sqlite:store/muster.db", pg.create("muster")))
        for inst in insts.values():
            bench.start(inst, apart[0])
            bench.fill(inst)
        # the server has the core of the daemon, as the file has
        pids = {name: inst.pids for name, inst in insts.items()}
        pids["postgresql"] = pids["postgresql"] + measure.tree(pg.process.pid)
        measure.pin(pids["postgresql"], apart[0])
        for r in range(bench.plan["rounds"]):
            measure.say(f"databases, round {r + 1} of {bench.plan['rounds']}")
            for name, inst in insts.items():
                bench.note(name, measure.timed(lambda i=inst: bench.tools.enrol(i, apart[1], n, nodes=n, first=r * n, tls=bench.args.tls),
                                               pids[name], n))
        bench.end_all()


def show(report):
    report.row("   complete certificate enrolment, SQLite", "sqlite")
    report.row("   the same, PostgreSQL (its server's time, too)", "postgresql")
    report.b.result["postgresql_of_sqlite"] = report.ratio("postgresql", "sqlite")
    print(f"\n  PostgreSQL gives {report.b.result['postgresql_of_sqlite'] * 100:.0f} % of the rate of SQLite, on this machine.")
