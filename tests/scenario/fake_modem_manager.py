#!/usr/bin/python3
"""ModemManager as far as text messages go, on the bus named by its argument; org.freedesktop.ModemManager1's own names
and signatures. Reads lines: "text WORDS", "data HEX", "receiving WORDS" (a message of which parts are missing), "quit";
writes "ready", then "added PATH", "deleted PATH".
"""
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

MM = "org.freedesktop.ModemManager1"
ROOT = "/org/freedesktop/ModemManager1"
RECEIVING, RECEIVED = 2, 3


def say(*words):
    print(*words, flush=True)


class Sms(dbus.service.Object):
    def __init__(self, bus, path, state, text, data):
        super().__init__(bus, path)
        self.properties = {"State": dbus.UInt32(state), "PduType": dbus.UInt32(1), "Number": "+49800", "Text": text,
                           "Data": dbus.Array([dbus.Byte(b) for b in data], signature="y"), "SMSC": "", "Class": dbus.Int32(-1),
                           "Validity": dbus.Struct((dbus.UInt32(0), dbus.UInt32(0)), signature=None, variant_level=1)}

    @dbus.service.method("org.freedesktop.DBus.Properties", in_signature="s", out_signature="a{sv}")
    def GetAll(self, interface):
        assert interface == MM + ".Sms", interface
        return self.properties


class Modem(dbus.service.Object):
    def __init__(self, bus):
        super().__init__(bus, ROOT + "/Modem/0")
        self.bus, self.sms, self.made = bus, {}, 0

    def put(self, text="", data=b"", state=RECEIVED):
        path = f"{ROOT}/SMS/{self.made}"
        self.made += 1
        self.sms[path] = Sms(self.bus, path, state, text, data)
        say("added", path)
        self.Added(path, True)

    @dbus.service.signal(MM + ".Modem.Messaging", signature="ob")
    def Added(self, path, received):
        pass

    @dbus.service.method(MM + ".Modem.Messaging", in_signature="", out_signature="ao")
    def List(self):
        return dbus.Array(self.sms, signature="o")

    @dbus.service.method(MM + ".Modem.Messaging", in_signature="o", out_signature="")
    def Delete(self, path):
        self.sms.pop(path).remove_from_connection()
        say("deleted", path)


class Manager(dbus.service.Object):
    @dbus.service.method("org.freedesktop.DBus.ObjectManager", in_signature="", out_signature="a{oa{sa{sv}}}")
    def GetManagedObjects(self):
        return {dbus.ObjectPath(ROOT + "/Modem/0"): {
            MM + ".Modem": dbus.Dictionary({"Model": "fake"}, signature="sv"),
            MM + ".Modem.Messaging": dbus.Dictionary({"DefaultStorage": dbus.UInt32(2)}, signature="sv")}}


def main():
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.bus.BusConnection(sys.argv[1])
    loop = GLib.MainLoop()
    modem = Modem(bus)
    manager = Manager(bus, ROOT)
    for line in sys.argv[2:]:
        modem.put(text=line)
    name = dbus.service.BusName(MM, bus)

    def on_line(source, condition):
        line = sys.stdin.readline()
        word, _, rest = line.rstrip("\n").partition(" ")
        if not line or word == "quit":
            loop.quit()
            return False
        if word == "data":
            modem.put(data=bytes.fromhex(rest))
        else:
            modem.put(text=rest, state=RECEIVING if word == "receiving" else RECEIVED)
        return True

    GLib.io_add_watch(0, GLib.IO_IN | GLib.IO_HUP, on_line)
    say("ready", name.get_name(), manager._object_path)
    loop.run()


main()
