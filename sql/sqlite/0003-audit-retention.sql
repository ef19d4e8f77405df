-- The audit log may lose its beginning: `event_anchor` holds number and hash of the last entry that was removed, and
-- the number of the entry that tells so. What stands behind the anchor is never deleted.
CREATE TABLE event_anchor (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	seq INTEGER NOT NULL,
	hash BLOB NOT NULL CHECK (length(hash) = 32),
	told INTEGER NOT NULL CHECK (told > seq OR seq = 0)
) STRICT;
INSERT INTO event_anchor (id, seq, hash, told)
VALUES (1, 0, x'0000000000000000000000000000000000000000000000000000000000000000', 0);
CREATE TRIGGER event_anchor_one BEFORE INSERT ON event_anchor BEGIN
	SELECT RAISE(ABORT, 'the audit log has one anchor');
END;
CREATE TRIGGER event_anchor_stays BEFORE DELETE ON event_anchor BEGIN
	SELECT RAISE(ABORT, 'the anchor of the audit log is never deleted');
END;
CREATE TRIGGER event_anchor_moves_on BEFORE UPDATE ON event_anchor
WHEN NEW.seq <= OLD.seq OR
	NOT EXISTS (SELECT 1 FROM event WHERE seq = NEW.seq AND hash = NEW.hash) OR
	NOT EXISTS (SELECT 1 FROM event WHERE seq = NEW.told AND what = 'audit.shortened') BEGIN
	SELECT RAISE(ABORT, 'the anchor of the audit log moves to an entry that is there, and an entry tells it');
END;
DROP TRIGGER event_never_deleted;
CREATE TRIGGER event_never_deleted BEFORE DELETE ON event
WHEN OLD.seq > (SELECT seq FROM event_anchor WHERE id = 1) BEGIN
	SELECT RAISE(ABORT, 'entries of the audit log behind its anchor are never deleted');
END;
