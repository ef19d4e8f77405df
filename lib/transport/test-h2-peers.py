#!/usr/bin/python3
"""Other people's clients of HTTP/2 at our server: curl, nghttp, h2load. usage: test-h2-peers.py TEST-H2-SERVE"""
import re
import subprocess
import sys

SECONDS = 120
count = failed = 0


def check(good, name, what=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}")
    if not good:
        print("\n".join(f"# {line}" for line in str(what).splitlines()[-60:]))


def run(*args, octets=None):
    done = subprocess.run([str(a) for a in args], capture_output=True, timeout=SECONDS, input=octets, check=False)
    return done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


with subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
    url = f"https://127.0.0.1:{int(server.stdout.readline())}"
    write = "\n%{http_version} %{http_code} %{size_download}"
    for how, version in (("--http2", "2"), ("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")):
        out, err = run("curl", "-sSk", how, "-w", write, f"{url}/5")
        check(out == f"xxxxx\n{version} 200 5", f"curl {how}", out + err)
    out, err = run("curl", "-sSk", "--http2", "-o", "/dev/null", "-w", write, "--data-binary", "@-", f"{url}/x", octets=b"y" * 150000)
    check(out == "\n2 200 150000", "curl: a body that is longer than the windows, both ways", out + err)
    out, err = run("curl", "-sSk", "--http2", "--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-SHA256", "-w", write, f"{url}/1")
    check(out == "x\n1.1 200 1", "a suite that is no AEAD gets HTTP/1.1", out + err)
    out, err = run("curl", "-sSk", "--http2", "--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256", "-w", write, f"{url}/1")
    check(out == "x\n2 200 1", "TLS 1.2 with AES-GCM gets HTTP/2", out + err)
    out, err = run("nghttp", "-v", "-n", "-w", "10", "-m", "20", f"{url}/2000")
    check(out.count(":status: 200") == 20 and "error_code=NO_ERROR" in out, "nghttp: 20 streams, small windows", out)
    out, err = run("h2load", "-n", "4000", "-c", "8", "-m", "32", f"{url}/100")
    done = re.search(r"(\d+) total, .* (\d+) succeeded, (\d+) failed", out)
    check(done and done.groups() == ("4000", "4000", "0"), "h2load: 4000 requests, 8 connections, 32 at a time", out + err)
    out, err = run("h2load", "-n", "200", "-c", "2", "-m", "64", f"{url}/100000")
    done = re.search(r"(\d+) total, .* (\d+) succeeded, (\d+) failed", out)
    check(done and done.groups() == ("200", "200", "0"), "h2load: as many streams as there may be, 20 MB", out + err)
    server.stdin.close()
    check(server.wait(SECONDS) == 0, "and the server has lost nothing", server.returncode)
print(f"1..{count}")
sys.exit(failed > 0)
