"""A file as a service manager gives a credential: its owner's, and one more user's by an access control list (acl(5), acl/libacl.h's form of
the extended attribute)."""
import os
import struct

USER_OBJ, USER, GROUP_OBJ, MASK, OTHER, NOBODY = 0x01, 0x02, 0x04, 0x10, 0x20, 0xFFFFFFFF


def give(path, *users):
    entries = [(USER_OBJ, 4, NOBODY), *((USER, 4, u) for u in sorted(users)), (GROUP_OBJ, 0, NOBODY), (MASK, 4, NOBODY), (OTHER, 0, NOBODY)]
    os.chmod(path, 0o400)
    os.setxattr(path, "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries))
    assert os.stat(path).st_mode & 0o777 == 0o440
