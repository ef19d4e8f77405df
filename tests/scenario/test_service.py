"""Story: musterd as its unit runs it, from the empty directory that systemd-tmpfiles makes: nobody but its user gets into that, everybody reaches the
socket, and who asks is told by the user id, in the numbers of the user namespace that it runs in."""
import os
import signal
import subprocess

from support import BUILD, MUSTERD, Installation, run, until
from waiting import free_port

# a mount namespace with a /var/lib and a /run of its own; in them what systemd does for tmpfiles.d/muster.conf and RuntimeDirectory=
PLACE = """
umask 022
mount -t tmpfs none /var/lib && mount -t tmpfs none /run && mkdir /run/b && mount --bind "$B" /run/b && chmod 755 /var/lib /run
install -d -m 700 -o 993 -g 993 /var/lib/muster && install -d -m 755 -o 993 -g 993 /run/muster
as() { who=$1; shift; setpriv --reuid "$who" --regid "$who" --clear-groups --bounding-set=-all -- "$@"; }
m=/run/b/src/muster/muster conf=/var/lib/muster/musterd.conf
begin() { setpriv --reuid 993 --regid 993 --clear-groups --bounding-set=-all -- /run/b/src/musterd/musterd -c $conf >/run/log 2>&1 & }
cd /
as 993 $m init /var/lib/muster --processes single $PORTS
"""
STORY = """
sed -i 's/^admin = { /&providers = ( { sp = "sp.example.com"; uid = 1201; } ); /' $conf
echo 'four_eyes = { keeper = true; people = ( { uid = 0; }, { uid = 1301; } ); };' >>$conf
begin
as 993 $m status --wait 60 >/run/out
for who in 0 993 1301 1201 1400; do as $who $m node list >/run/out 2>&1 && echo $who in || echo $who $(cat /run/out); done
as 1301 ls /var/lib/muster >/run/out 2>&1 && echo open || echo closed
cd /var/lib/muster; $m status >/run/out && echo from within; cd /
$m doctor >/run/out || grep -A1 'admin socket' /run/out
kill $! && wait $!
ls /run/muster
sed -i 's|unix:/run/muster/admin.sock|unix:run/admin.sock|' $conf
begin
as 993 $m -C /var/lib/muster status --wait 60 >/run/out && echo old place
as 1301 $m node list >/run/out 2>&1 || echo 1301 out
$m -C /var/lib/muster doctor >/run/out || grep -A1 'admin socket' /run/out
kill $! && wait $!
"""
FOUR = "four_eyes = { people = ( { uid = 0; },\n{ uid = 1301; } ); };\n"


def test_everybody_reaches_musterd_and_is_told_by_the_user_id():
    """With no option and from anywhere, while the directory is closed; and a configuration from before, with the socket inside of it, goes on working."""
    ports = " ".join(f"--{name}-port {free_port()}" for name in ("mef", "maf", "bbn"))
    done = subprocess.run(["unshare", "-m", "sh", "-euc", PLACE + STORY], env={"B": str(BUILD), "PORTS": ports, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                          capture_output=True, text=True, timeout=120, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and "only this machine" in lines.pop(1) and "systemctl enable --now musterd" in lines[1], done
    assert lines[2:6] == ["0 in", "993 in", "1301 in", "1201 in"], lines
    assert lines[6].startswith("1400 ") and "refused" in lines[6], lines
    assert lines[7:9] == ["closed", "from within"], lines
    # the old place: nothing is worse than it was, and doctor says why the one gets nowhere
    assert lines[9:11] == ["old place", "1301 out"], lines
    assert "/var/lib/muster" in lines[11] and "unix:/run/muster/admin.sock" in lines[12] and not lines[13:], lines


def test_people_whom_the_kernel_does_not_tell_by_their_numbers(tmp_path):
    """As with PrivateUsers=yes: said by --check, at a start and at a reload, with the place and what would be right; nothing else is in the way."""
    inst = Installation(tmp_path / "inst", processes="single")
    inst.wrap = ["unshare", "-r"]                   # root alone is mapped
    inst.start()
    inst.configure(replace={"admin = {": 'admin = { providers = ( { sp = "sp.example.com"; uid = 1201; } );'}, add=FOUR)
    inst.process.send_signal(signal.SIGHUP)
    until("the reload is refused", lambda: "not reloaded" in inst.log_text())
    assert inst.stop() == 0
    told = [run(*inst.wrap, MUSTERD, "-c", inst.config, *flags, check=False) for flags in (["--check"], [])]
    assert [t.returncode for t in told] == [2, 3], told
    for text in (inst.log_text(), *(t.stderr for t in told)):
        assert "four_eyes.people[1].uid: 1301 is none of the users of this user namespace" in text and "PrivateUsers=no" in text, text
        assert "admin.providers[0].uid: 1201 is none of the users of this user namespace" in text, text
    assert f"{inst.config}:{len(inst.config.read_text().splitlines())}: four_eyes.people[1].uid" in told[0].stderr and "2 errors" in told[0].stderr, told[0]
    if os.geteuid() == 0:
        assert run(MUSTERD, "-c", inst.config, "--check").stdout == "good\n"
