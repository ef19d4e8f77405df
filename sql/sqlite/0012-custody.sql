-- Seals of the audit log: the keeper's signature over number and hash of an entry. The newest covers all that stands before it.
CREATE TABLE event_seal (
	seq INTEGER PRIMARY KEY,
	hash BLOB NOT NULL CHECK (length(hash) = 32),
	at INTEGER NOT NULL,
	signature BLOB NOT NULL
) STRICT;
CREATE TRIGGER event_seal_fits BEFORE INSERT ON event_seal
WHEN NOT EXISTS (SELECT 1 FROM event WHERE seq = NEW.seq AND hash = NEW.hash) BEGIN
	SELECT RAISE(ABORT, 'a seal of the audit log is that of an entry that is there');
END;
-- Wrapping every key anew with another generation of the key-encryption key: how far it is, so that it goes on after a restart.
CREATE TABLE rotation (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	generation INTEGER NOT NULL,
	part INTEGER NOT NULL,
	after INTEGER NOT NULL,
	rows INTEGER NOT NULL,
	changed INTEGER NOT NULL,
	bad INTEGER NOT NULL,
	bad_key TEXT NOT NULL,
	begun INTEGER NOT NULL
) STRICT;
