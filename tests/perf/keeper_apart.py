"""tools/bench --keeper: what it costs an enrolment that keys are in a process of their own, at most: musterd in its processes beside musterd in one, in turn.
By certificate, where the keeper is asked behind the handshake, and by a maker's secret, where the handshake waits for it."""
import statistics

import measure

GOAL = 0.10                             # of the processor time of an enrolment
ROWS = {"c": "by certificate", "g": "by maker's secret"}
HOW = {"apart": "split", "one": "single"}


def run(bench):
    n, rounds, cores = 2 * bench.plan["n"], 2 * bench.plan["rounds"], measure.cores(True)
    insts = {how: bench.installation(how, bench.repeating, processes=processes) for how, processes in HOW.items()}
    again = {"nodes": bench.repeating, "tls": bench.args.tls}
    for how, inst in insts.items():
        bench.start(inst, cores[0])
        bench.fill(inst)
        inst.secrets = bench.briefing(inst, f"secrets-{how}")
        bench.tools.enrol(inst, cores[1], bench.repeating, **again)
    for r in range(rounds):
        measure.say(f"keeper, round {r + 1} of {rounds}")
        for how in sorted(insts, reverse=r % 2):
            inst = insts[how]
            bench.note(f"c-{how}", measure.timed(lambda i=inst: bench.tools.enrol(i, cores[1], n, **again), inst.pids, n))
            bench.note(f"g-{how}", measure.timed(lambda i=inst: bench.tools.enrol_psk(i, cores[1], n, i.secrets, **again), inst.pids, n))
    bench.end_all()


def show(report):
    print(f"{2 * report.b.plan['rounds']} rounds of {2 * report.b.plan['n']}, by nodes that enrol again and again")
    for row, text in ROWS.items():
        report.row(f"{row}  enrolment {text}, processes apart", f"{row}-apart")
        report.row("   the same in one process", f"{row}-one")
    print()
    for row, text in ROWS.items():
        apart, one = report.all(f"{row}-apart", "server_cpu_ms"), report.all(f"{row}-one", "server_cpu_ms")
        low, more, high = statistics.quantiles([a / b - 1 for a, b in zip(apart, one)], n=4)
        own = statistics.median(a["server_cpu_ms_by_process"].get("keeper", 0) for a in report.b.rounds[f"{row}-apart"]) / statistics.median(apart)
        report.b.result[f"keeper_{row}"] = {"more": more, "quartiles": [low, high], "process": own}
        print(f"  {text}: processes apart take {more * 100:+.1f} % (quartiles {low * 100:+.1f} to {high * 100:+.1f}) of processor time beside one; the keeper's alone "
              f"is {own * 100:.1f} %; goal for the keeper at most {GOAL * 100:.0f} %: {'reached' if more <= GOAL else 'not shown'}")
